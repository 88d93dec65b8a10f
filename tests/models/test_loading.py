"""Loading: every way in, and one clear sentence for everything that would load wrongly."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import clipprobe
from clipprobe.errors import (
    ClipprobeError,
    ConfigError,
    UnknownModelError,
    UnsafeWeightsError,
    UnsupportedModelError,
)
from clipprobe.models.checkpoints import bundled
from clipprobe.testing import checkpoints as tiny
from clipprobe.testing.tokenizers import byte_vocabulary

Checkpoint = Callable[[str], Path]


@pytest.fixture
def folder(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """A copy of the tiny CLIP that the test may damage."""
    return Path(shutil.copytree(checkpoint("clip"), tmp_path / "copy"))


def edit_config(folder: Path, tower: str, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    (config[tower] if tower else config).update(changes)
    path.write_text(json.dumps(config))


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    path = folder / "model.safetensors"
    weights = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def refused(folder: Path, error: type[ClipprobeError] = UnsupportedModelError) -> str:
    """The message with which the folder is refused; one sentence on one line."""
    with pytest.raises(error) as raised:
        clipprobe.load(folder)
    message = str(raised.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


@pytest.mark.parametrize("family", sorted(tiny.BUILDERS))
def test_every_family_loads_from_a_folder(
    family: str, checkpoint: Checkpoint, load_tiny: Callable[..., Any]
) -> None:
    clip = load_tiny(family)
    assert clip.family == family
    assert clip.image_size == tiny.IMAGE_SIZE
    assert clip.grid == (4, 4)
    assert not clip.module.training
    weights = (checkpoint(family) / "model.safetensors").read_bytes()
    assert clip.weights_sha256 == hashlib.sha256(weights).hexdigest()


def test_a_path_with_a_home_or_a_dot_is_a_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert clipprobe.load("~/copy").id == "copy"
    monkeypatch.chdir(folder)
    assert clipprobe.load(".").id == "copy"


def test_the_bundled_model_is_loaded_without_a_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipprobe.models.checkpoints.loading.bundled_folder", lambda: folder)
    for name in (None, bundled.BUNDLED_NAME):  # messages say `clipprobe hooks emoji-clip`
        assert clipprobe.load(name).id == bundled.BUNDLED_NAME


def test_an_installation_without_a_bundled_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundled, "files", lambda package: tmp_path)
    with pytest.raises(UnknownModelError, match="this installation holds no bundled one"):
        clipprobe.load()


def test_shards_load_like_one_file(folder: Path, clip: Any) -> None:
    from transformers import CLIPModel

    CLIPModel.from_pretrained(folder).save_pretrained(folder, max_shard_size="100KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    loaded = clipprobe.load(folder)
    whole = clip.module.state_dict()
    assert all(value.equal(whole[name]) for name, value in loaded.module.state_dict().items())
    hashes = sorted(hashlib.sha256(shard.read_bytes()).hexdigest() for shard in shards)
    assert loaded.weights_sha256 == hashlib.sha256("".join(hashes).encode()).hexdigest()
    shards[0].unlink()
    assert f"lacks 1 of its {len(shards)} weight shards ({shards[0].name})" in refused(folder)


def test_pickled_weights_are_refused_with_a_command_that_converts_them(
    folder: Path, clip: Any
) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    torch.save({name: weights[name] for name in names[:9]}, folder / "pytorch_model-1-of-2.bin")
    torch.save({name: weights[name] for name in names[9:]}, folder / "pytorch_model-2-of-2.bin")
    message = refused(folder, UnsafeWeightsError)
    assert "pytorch_model-1-of-2.bin" in message
    assert "can run code" in message
    words = shlex.split(message[message.index("python -c") :])
    assert "weights_only=True" in words[2]
    subprocess.run([sys.executable, *words[1:]], check=True, capture_output=True)
    assert np.array_equal(clipprobe.load(folder).encode_texts(["x"]), clip.encode_texts(["x"]))


def test_the_conversion_refuses_a_pickle_that_holds_code(folder: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"weight": Bomb()}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    words = shlex.split(refused(folder, UnsafeWeightsError).split("everything else: ")[1])
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
    assert done.returncode != 0
    assert "UnpicklingError" in done.stderr
    assert not (tmp_path / "exploded").exists()
    assert not (folder / "model.safetensors").exists()


def test_the_conversion_stops_where_weights_only_can_run_code(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    message = refused(folder, UnsafeWeightsError)
    assert "needs torch 2.6 or newer (CVE-2025-32434)" in message
    code = shlex.split(message.split("everything else: ")[1])[2]
    for version, stops in (("2.5.1", True), ("2.10.0+cpu", False)):
        older = f"import torch; torch.__version__ = type(torch.__version__)({version!r})"
        done = subprocess.run(
            [sys.executable, "-c", f"{older}; {code}"], capture_output=True, text=True
        )
        assert (done.returncode != 0) is stops and ("torch 2.6 or newer" in done.stderr) is stops
        assert (folder / "model.safetensors").exists() is not stops


def test_safetensors_beside_a_pickle_is_used(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    assert clipprobe.load(folder).id == "copy"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"garbage" * 99, "cannot be read as safetensors"),
        (b"", "cannot be read as safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a Git LFS pointer"),
    ],
)
def test_damaged_weights(folder: Path, content: bytes, says: str) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert says in refused(folder)


def test_truncated_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    assert "damaged or incomplete: download it again" in refused(folder)


def test_no_weights_at_all(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "holds no weights" in refused(folder)


def test_missing_weights_are_named_not_drawn_at_random(folder: Path) -> None:
    edit_weights(folder, lambda weights: weights.pop("visual_projection.weight"))
    assert "visual_projection.weight are missing" in refused(folder)


def test_surplus_weights_are_named(folder: Path) -> None:
    edit_weights(folder, lambda weights: weights.update({"adapter.up": torch.zeros(2)}))
    assert "adapter.up are unknown to this architecture" in refused(folder)


def test_position_ids_of_old_checkpoints_are_no_surplus(folder: Path, clip: Any) -> None:
    ids = {
        "text_model.embeddings.position_ids": torch.arange(tiny.CONTEXT)[None],
        "vision_model.embeddings.position_ids": torch.arange(17)[None],
    }
    edit_weights(folder, lambda weights: weights.update(ids))
    loaded = clipprobe.load(folder)
    assert np.array_equal(loaded.encode_texts(["x"]), clip.encode_texts(["x"]))


def test_weights_of_another_shape_are_named(folder: Path) -> None:
    edit_config(folder, "vision_config", hidden_size=48)
    message = refused(folder)
    assert "vision_model.embeddings.class_embedding" in message
    assert "in another shape than config.json says" in message


def test_an_adapter_is_no_model(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")
    assert "holds an adapter, not a whole model" in refused(folder)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_scale_keeps_its_precision(folder: Path, dtype: str) -> None:
    scale = torch.tensor(4.6052)
    edit_weights(folder, lambda weights: weights.update({"logit_scale": scale}))
    clip = clipprobe.load(folder, dtype=dtype)
    assert clip.scale == pytest.approx(100.0, abs=0.01)
    assert float(torch.tensor(4.6052).to(torch.bfloat16).exp()) != pytest.approx(100.0, abs=0.5)
    assert str(clip.dtype) == f"torch.{dtype}"


def test_a_siglip_without_its_pooling_head(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint("siglip"), tmp_path / "headless"))
    edit_config(folder, "vision_config", vision_use_head=False)

    def drop(weights: dict[str, torch.Tensor]) -> None:
        for name in [name for name in weights if name.startswith("vision_model.head")]:
            del weights[name]

    edit_weights(folder, drop)
    with pytest.raises(UnsupportedModelError, match="has no pooling head"):
        clipprobe.load(folder)


def test_no_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    assert "has no config.json" in refused(folder)


@pytest.mark.parametrize("content", ["{bad", "[1]", ""])
def test_damaged_config(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    assert "is not a JSON object" in refused(folder)


@pytest.mark.parametrize("kind", ["bert", None])
def test_unsupported_architecture(folder: Path, kind: str | None) -> None:
    edit_config(folder, "", model_type=kind)
    message = refused(folder)
    assert f"a model of type {kind!r}" in message
    assert "altclip, chinese_clip, clip" in message


@pytest.mark.parametrize("change", [{"hidden_size": "x"}, {"hidden_act": "no_such_activation"}])
def test_impossible_config(folder: Path, change: dict[str, Any]) -> None:
    edit_config(folder, "vision_config", **change)
    assert "cannot be built as CLIPModel" in refused(folder)


@pytest.mark.parametrize(
    ("tower", "change"),
    [
        ("vision_config", {"num_hidden_layers": 100_000}),
        ("text_config", {"num_hidden_layers": 100_000}),
        ("vision_config", {"hidden_size": 1_000_000}),
        ("text_config", {"intermediate_size": 1_000_000_000}),
        ("text_config", {"vocab_size": 1_000_000_000}),
        ("vision_config", {"image_size": 10_000_000}),
    ],
)
def test_a_tower_that_its_weights_cannot_fill_is_not_built(
    folder: Path, tower: str, change: dict[str, Any]
) -> None:
    edit_config(folder, tower, **change)
    start = time.monotonic()
    message = refused(folder)
    assert f"The {tower} of" in message and "belongs to another checkpoint" in message
    assert time.monotonic() - start < 5


def test_code_in_a_checkpoint_is_never_run(folder: Path, tmp_path: Path, clip: Any) -> None:
    code = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\nclass A: pass\n"
    (folder / "evil.py").write_text(code)
    edit_config(folder, "", auto_map={"AutoModel": "evil.A"})
    tokenizer = folder / "tokenizer_config.json"
    settings = json.loads(tokenizer.read_text())
    settings |= {"auto_map": {"AutoTokenizer": ["evil.A", None]}, "tokenizer_class": "A"}
    tokenizer.write_text(json.dumps(settings))
    assert clipprobe.load(folder).tokenize(["a dog"]) == clip.tokenize(["a dog"])
    assert not (tmp_path / "ran").exists()


def test_a_missing_tokenizer_is_not_replaced_by_an_empty_one(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer (none of tokenizer.json, vocab.json" in refused(folder)


def test_a_damaged_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{bad")
    assert "The tokenizer of" in refused(folder)


def test_a_tokenizer_of_another_model(folder: Path, checkpoint: Checkpoint) -> None:
    tokenizer = tiny.clip_tokenizer()
    tokenizer.add_tokens(["one", "two"])
    bigger = {**byte_vocabulary(), **{f"word{i}": 600 + i for i in range(50)}}
    type(tokenizer)(vocab=bigger, merges=[]).save_pretrained(folder)
    assert "knows 564 tokens, but the model has 514" in refused(folder)


def test_a_wrong_end_token_is_not_pooled_silently(folder: Path) -> None:
    edit_config(folder, "text_config", eos_token_id=7)
    message = refused(folder)
    assert "would pool token 512 of each text, not the end token 513" in message


def test_no_image_processor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    assert "has no readable image processor" in refused(folder)


def test_the_image_processor_of_openais_first_uploads(folder: Path, clip: Any) -> None:
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    steps = {"do_center_crop": True, "do_normalize": True, "do_resize": True}
    old = {**steps, "feature_extractor_type": "CLIPFeatureExtractor", "size": 32}
    old |= {"crop_size": 32, "image_mean": mean, "image_std": std, "resample": 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(old))
    loaded = clipprobe.load(folder)
    images = tiny.pictures()
    assert np.array_equal(loaded.encode_images(images), clip.encode_images(images))


def test_a_tokenizer_as_vocabulary_and_merges(folder: Path, clip: Any) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(byte_vocabulary()))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    assert clipprobe.load(folder).tokenize(["a dog"]) == clip.tokenize(["a dog"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"device": "gpu7"}, "device 'gpu7' cannot be used here"),
        ({"device": "meta"}, "device 'meta' cannot be used here"),
        ({"dtype": "int8"}, "dtype 'int8' is not one of float32, float16, bfloat16"),
        ({"attn_implementation": "flash"}, "'flash' is not one of sdpa, eager"),
        ({"revision": "main"}, "the folder .* has none"),
    ],
)
def test_unknown_options(checkpoint: Checkpoint, options: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        clipprobe.load(checkpoint("clip"), **options)


def test_a_device_that_this_machine_lacks(checkpoint: Checkpoint) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ConfigError, match="device 'cuda' cannot be used here"):
        clipprobe.load(checkpoint("clip"), device="cuda")


def test_a_file_is_no_model(checkpoint: Checkpoint) -> None:
    with pytest.raises(UnknownModelError, match="that is a file"):
        clipprobe.load(checkpoint("clip") / "config.json")


def test_an_absent_folder_is_not_looked_up_on_the_hub(tmp_path: Path) -> None:
    for model in (tmp_path / "no", str(tmp_path / "no"), "./no", "a/b/c"):
        with pytest.raises(UnknownModelError, match="there is no such folder"):
            clipprobe.load(model)


def test_loading_prints_nothing(checkpoint: Checkpoint, capfd: pytest.CaptureFixture[str]) -> None:
    clipprobe.load(checkpoint("clip"))
    assert capfd.readouterr() == ("", "")
