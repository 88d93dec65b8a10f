"""open_clip names: the adapter against the (stand-in) library's own encoders, and its refusals."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_open_clip
import torch

import clipprobe
from clipprobe.errors import (
    ConfigError,
    MissingExtraError,
    UnknownModelError,
    UnsafeWeightsError,
    UnsupportedModelError,
)
from clipprobe.testing import checkpoints as tiny

TEXTS = ["dog", "a cat", "", "bird", "dog"]
Loader = Callable[..., Any]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Loader:
    """Loads NAME/TAG of the stand-in, its weights coming from a folder instead of the hub."""
    monkeypatch.setitem(sys.modules, "open_clip", tiny_open_clip.library())

    def fetch(name: str, **options: Any) -> Any:
        architecture, wanted = name.split("/")

        def download(repository: str, filename: str) -> str:
            assert repository == "timm/tiny"
            assert filename == "open_clip_model.safetensors"
            quick = wanted in ("openai", "quick")
            return str(tiny_open_clip.save_weights(tmp_path / name, architecture, quick))

        monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
        return clipprobe.load(f"open_clip:{name}", **options)

    return fetch


def own(name: str, quick: bool) -> tuple[Any, np.ndarray, np.ndarray]:
    """The stand-in's own image and text vectors."""
    model = tiny_open_clip.seeded({**tiny_open_clip.CONFIGS[name], "quick_gelu": quick})
    size = model.visual.image_size
    prepare = tiny_open_clip.transform(size if isinstance(size, int) else size[0], False)
    with torch.no_grad():
        images = torch.stack([prepare(image.convert("RGB")) for image in pictures()])
        texts = tiny_open_clip.SimpleTokenizer()(TEXTS)
        return model, model.encode_image(images).numpy(), model.encode_text(texts).numpy()


def pictures() -> list[Any]:
    return [image for image in tiny.pictures() if image.mode == "RGB"]


@pytest.mark.parametrize(
    ("name", "quick"),
    [
        ("RN50/openai", True),
        ("RN50/laion", False),
        ("ViT-T/openai", True),
        ("ViT-T-quickgelu/quick", True),
        ("ViT-T/laion", False),
        ("ViT-T-scaled/laion", False),
        ("ViT-T-eos/laion", False),
    ],
)
def test_equals_the_librarys_own_encoders(load: Loader, name: str, quick: bool) -> None:
    clip = load(name)
    _, image, text = own(name.split("/")[0], quick)
    assert np.abs(clip.encode_images(pictures()) - image).max() <= 1e-6
    assert np.abs(clip.encode_texts(TEXTS) - text).max() <= 1e-6
    assert np.abs(image[0] - image[1]).max() > 1e-3
    assert clip.id == f"open_clip:{name}"
    assert clip.revision == "0123abc"
    assert clip.scale == pytest.approx(np.exp(2.5))


def test_quick_gelu_changes_the_numbers_so_a_mismatch_must_not_pass(load: Loader) -> None:
    _, _, with_quick = own("ViT-T", True)
    _, _, without = own("ViT-T", False)
    assert np.abs(with_quick - without).max() > 1e-4
    with pytest.raises(UnsupportedModelError, match="use open_clip:ViT-T-quickgelu/quick"):
        load("ViT-T/quick")
    with pytest.raises(UnsupportedModelError, match="use open_clip:ViT-T/laion"):
        load("ViT-T-quickgelu/laion")
    with pytest.raises(UnsupportedModelError, match="use another tag"):
        load("ViT-T-eos/quick")


def test_a_resnet_has_channels_for_blocks(load: Loader) -> None:
    clip = load("RN50/openai")
    vision = clip.anatomy.vision
    assert vision.blocks == ()
    assert clip.grid == (2, 2)
    names = [
        f"{layer}.{i}.{at}"
        for layer, n in (("layer1", 2), ("layer4", 2))
        for i in range(n)
        for at in ("add", "post")
    ]
    assert set(names) <= set(vision.channels)
    seen: dict[str, torch.Tensor] = {}
    add, post = vision.channels["layer4.1.add"], vision.channels["layer4.1.post"]
    assert (add.at, post.at, add.n_channels) == ("input", "output", 32)
    handles = [
        add.module.register_forward_pre_hook(lambda m, a: seen.update(add=a[0].clone())),
        post.module.register_forward_hook(lambda m, a, o: seen.update(post=o.clone())),
    ]
    try:
        clip.encode_images(pictures()[:1])
    finally:
        for handle in handles:
            handle.remove()
    # The Distill article's layer: before the ReLU, so it has negative values.
    assert seen["add"].shape == (1, 32, 2, 2)
    assert float(seen["add"].min()) < 0
    assert torch.equal(seen["add"].relu(), seen["post"])


@pytest.mark.parametrize("name", ["ViT-T/laion", "ViT-T-scaled/laion"])
def test_the_fused_blocks_parts_add_up(load: Loader, name: str) -> None:
    clip = load(name)
    for tower in (clip.anatomy.vision, clip.anatomy.text):
        block = tower.blocks[1]
        assert block.q is None
        assert block.out is None
        seen: dict[str, torch.Tensor] = {}

        def keep(name: str, seen: dict[str, torch.Tensor] = seen) -> Any:
            def hook(module: Any, args: Any, output: Any) -> None:
                first = output[0] if isinstance(output, tuple) else output
                seen[f"{name} in"], seen[name] = args[0].clone(), first.clone()

            return hook

        parts = {"block": block.module, "attention": block.attention, "mlp": block.mlp_out}
        handles = [part.register_forward_hook(keep(key)) for key, part in parts.items()]
        try:
            clip.encode_images(pictures()[:1])
            clip.encode_texts(["dog"])
        finally:
            for handle in handles:
                handle.remove()
        total = seen["block in"] + seen["attention"] + seen["mlp"]
        assert float((total - seen["block"]).abs().max()) <= 1e-5


def test_texts_are_cut_like_the_librarys(load: Loader) -> None:
    clip = load("ViT-T/laion")
    long = "abcdefghijklmnop"
    with pytest.warns(UserWarning, match="1 of 2 texts have more than the 12 tokens"):
        rows = clip.tokenize([long, "dog"])
    assert rows[0] == tiny_open_clip.SimpleTokenizer()([long])[0].tolist()
    assert len(rows[1]) == 5


def test_the_twin_crops_like_torchvision(load: Loader) -> None:
    clip = load("ViT-T/laion")
    image = tiny.pictures()[2]  # 17 x 90 pixels: an odd margin, which torchvision rounds
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    error = (clip.preprocess.differentiable(pixels) - clip.preprocess([image])).abs()
    assert error.max() <= 0.017
    squashed = load("ViT-T/squash").preprocess
    error = (squashed.differentiable(pixels) - squashed([image])).abs()
    assert error.max() <= 0.017


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(load: Loader, dtype: str) -> None:
    found = load("ViT-T/laion", dtype=dtype).encode_texts(TEXTS)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - own("ViT-T", False)[2]).max() < 0.03


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("ViT-T/none", UnknownModelError, "its tags are laion, openai, padded"),
        ("ViT-X/openai", UnknownModelError, "knows no pretrained model 'ViT-X'"),
        ("/openai", UnknownModelError, "names no tag"),
        ("ViT-T/pickle", UnsafeWeightsError, "has pickled weights only"),
        ("ViT-T/padded", UnsupportedModelError, r"pads its images \(longest\)"),
        ("ViT-T-last/laion", UnsupportedModelError, "pools its VisionTransformer or its texts"),
        (
            "ViT-T-wide/laion",
            UnsupportedModelError,
            r"\(32, 64\) pixels, and clipprobe runs square",
        ),
        ("timm-T/laion", UnsupportedModelError, "a vision tower of timm"),
        ("bert-T/laion", UnsupportedModelError, "a text tower of transformers"),
        ("coca-T/laion", UnsupportedModelError, "a caption decoder"),
    ],
)
def test_refusals(load: Loader, name: str, error: Any, says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        load(name)
    assert "\n" not in str(raised.value)


def test_options_that_open_clip_models_do_not_have(load: Loader) -> None:
    with pytest.raises(UnsupportedModelError, match="one attention implementation"):
        load("ViT-T/laion", attn_implementation="eager")
    with pytest.raises(ConfigError, match="has none: leave it out"):
        load("ViT-T/laion", revision="main")


def test_a_name_without_a_tag(load: Loader) -> None:
    with pytest.raises(UnknownModelError, match=r"open_clip:RN50x4 names no tag"):
        clipprobe.load("open_clip:RN50x4")


@pytest.mark.parametrize(
    ("raised", "error", "says"),
    [
        ("LocalEntryNotFoundError", UnknownModelError, "run `hf download timm/tiny`"),
        ("EntryNotFoundError", UnsafeWeightsError, "has pickled weights only"),
    ],
)
def test_weights_that_cannot_be_fetched(
    load: Loader, monkeypatch: pytest.MonkeyPatch, raised: str, error: Any, says: str
) -> None:
    from huggingface_hub import errors

    def download(repository: str, filename: str) -> str:
        raise getattr(errors, raised)("no")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    with pytest.raises(error, match=says):
        clipprobe.load("open_clip:ViT-T/laion")


def test_weights_of_another_architecture(
    load: Loader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    weights = tiny_open_clip.save_weights(tmp_path / "wrong", "RN50", False)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *names: str(weights))
    with pytest.raises(UnsupportedModelError, match="cannot load the weights of ViT-T/laion"):
        clipprobe.load("open_clip:ViT-T/laion")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'clipprobe\[openclip\]'"):
        clipprobe.load("open_clip:RN50/openai")


def test_an_open_clip_that_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "open_clip.py").write_text("raise RuntimeError('operator torchvision::nms')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnsupportedModelError, match="installed but cannot be imported"):
        clipprobe.load("open_clip:RN50/openai")
    sys.modules.pop("open_clip", None)
