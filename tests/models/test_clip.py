"""`Clip` equals transformers' own pipeline, in input order, whatever the batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from clipprobe.data.records import ImageRecord
from clipprobe.errors import ConfigError, DataError, UnreadableImageError
from clipprobe.testing import checkpoints as tiny

FAMILIES = sorted(tiny.BUILDERS)
TEXTS = [
    "a photo of a dog",
    "x",
    "the red square on a table",
    "cat dog",
    "",
    "A Photo of the PLAIN word",
    "x",
]


def reference(folder: Path, images: Any, texts: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image vectors, text vectors and logits of transformers' own pipeline, padded as it pads."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    siglip = model.config.model_type.startswith("siglip")
    padding = "max_length" if siglip else True
    limit = tiny.SIGLIP_CONTEXT if siglip else tiny.CONTEXT
    tokens = tokenizer(
        texts, padding=padding, truncation=True, max_length=limit, return_tensors="pt"
    )
    pixels = AutoImageProcessor.from_pretrained(folder, backend="pil")(
        images=images, return_tensors="pt"
    )
    with torch.no_grad():
        image = model.get_image_features(**pixels).pooler_output
        text = model.get_text_features(**tokens).pooler_output
        logits = model(**pixels, **tokens).logits_per_image
    image, text = (x / x.norm(dim=-1, keepdim=True) for x in (image, text))
    return image.numpy(), text.numpy(), logits.numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_transformers_own_pipeline(
    family: str, checkpoint: Callable[[str], Path], load_tiny: Callable[..., Any]
) -> None:
    clip = load_tiny(family)
    # NaFlex's own processor converts no modes, so it is compared on RGB.
    images = (
        [image.convert("RGB") for image in tiny.pictures()]
        if family == "siglip2"
        else tiny.pictures()
    )
    image, text, logits = reference(checkpoint(family), images, TEXTS)
    assert np.abs(clip.encode_images(images, batch_size=4) - image).max() <= 1e-6
    assert np.abs(clip.encode_texts(TEXTS) - text).max() <= 1e-6
    # Logits are of order 10, so float32 leaves 1e-5 of room.
    assert np.abs(clip.logits(images, TEXTS) - logits).max() <= 2e-5
    # The comparison can fail: other images and texts are far away.
    assert np.abs(image[0] - image[1]).max() > 0.05
    assert np.abs(text[0] - text[1]).max() > 0.05


@pytest.mark.parametrize("family", FAMILIES)
def test_result_is_in_input_order_for_any_batch_size(
    family: str, load_tiny: Callable[..., Any]
) -> None:
    clip = load_tiny(family)
    images = tiny.pictures()
    alone = np.concatenate([clip.encode_images([image]) for image in images])
    assert np.abs(clip.encode_images(iter(images), batch_size=5) - alone).max() <= 1e-6
    alone = np.concatenate([clip.encode_texts([text]) for text in TEXTS])
    assert np.abs(clip.encode_texts(TEXTS, batch_size=2) - alone).max() <= 1e-6
    assert np.abs(np.linalg.norm(alone, axis=1) - 1).max() <= 1e-6


@pytest.mark.parametrize("family", ["clip", "metaclip_2", "altclip", "chinese_clip"])
def test_groups_of_equal_length_equal_padding_to_77(
    family: str, load_tiny: Callable[..., Any]
) -> None:
    clip = load_tiny(family)
    pad = clip.tokens.tokenizer.pad_token_id
    rows = [row + [pad] * (77 - len(row)) for row in clip.tokenize(TEXTS)]
    if family == "altclip":
        # Its tower has no position for a 77th token where pads count none.
        rows = [row[:60] for row in rows]
    with torch.no_grad():
        padded = clip.text_embeddings(torch.tensor(rows)).numpy()
    assert np.abs(clip.encode_texts(TEXTS) - padded).max() <= 1e-6


@pytest.mark.parametrize("family", ["siglip", "siglip2"])
def test_siglip_always_gets_its_full_context(family: str, load_tiny: Callable[..., Any]) -> None:
    clip = load_tiny(family)
    assert {len(row) for row in clip.tokenize(TEXTS)} == {tiny.SIGLIP_CONTEXT}
    # It attends to its padding, so without it the vectors are others: the rule is needed.
    short = torch.tensor([[token for token in clip.tokenize(["x"])[0] if token != 0]])
    with torch.no_grad():
        assert np.abs(clip.text_embeddings(short).numpy() - clip.encode_texts(["x"])).max() > 1e-3


def test_similarity_and_logits_take_items_and_encodings(clip: Any) -> None:
    images, texts = tiny.pictures()[:3], ["a dog", "a cat"]
    encoded = clip.encode_images(images), clip.encode_texts(texts)
    cosines = clip.similarity(images, texts)
    assert cosines.shape == (3, 2)
    assert np.abs(cosines - encoded[0] @ encoded[1].T).max() <= 1e-6
    assert np.array_equal(clip.similarity(*encoded), cosines)
    assert clip.scale == pytest.approx(np.exp(2.5))
    assert np.allclose(clip.logits(*encoded), np.exp(2.5) * cosines, atol=1e-5)


def test_siglip_logits_have_a_bias(load_tiny: Callable[..., Any]) -> None:
    clip = load_tiny("siglip")
    images, texts = clip.encode_images(tiny.pictures()[:2]), clip.encode_texts(["x"])
    assert clip.bias == -1.5
    expected = np.exp(2.5) * images @ texts.T - 1.5
    assert np.allclose(clip.logits(images, texts), expected, atol=1e-5)


def test_every_form_of_an_image_gives_the_same_vector(clip: Any, tmp_path: Path) -> None:
    image = tiny.pictures()[0]
    path = tmp_path / "picture.png"
    image.save(path)
    forms = [image, np.asarray(image), path, str(path), ImageRecord("x", path)]
    encoded = clip.encode_images(forms)
    assert np.abs(encoded - encoded[0]).max() == 0


def test_empty_input_gives_no_rows(clip: Any) -> None:
    assert clip.encode_images([]).shape == (0, tiny.D_EMBED)
    assert clip.encode_texts([]).shape == (0, tiny.D_EMBED)
    assert clip.similarity([], ["x"]).shape == (0, 1)


def test_progress_counts_the_images_of_each_batch(clip: Any) -> None:
    seen: list[int] = []
    clip.encode_images(tiny.pictures()[:5], batch_size=2, progress=seen.append)
    assert seen == [2, 2, 1]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_runs_and_gives_float32(dtype: str, load_tiny: Callable[..., Any]) -> None:
    clip, exact = load_tiny("clip", dtype=dtype), load_tiny("clip")
    assert str(clip.dtype) == f"torch.{dtype}"
    for ours, theirs in (
        (clip.encode_images(tiny.pictures()), exact.encode_images(tiny.pictures())),
        (clip.encode_texts(TEXTS), exact.encode_texts(TEXTS)),
    ):
        assert ours.dtype == np.float32
        assert 0 < np.abs(ours - theirs).max() < (0.05 if dtype == "bfloat16" else 0.01)
        assert np.abs(np.linalg.norm(ours, axis=1) - 1).max() <= 1e-6


def test_eager_and_sdpa_agree(load_tiny: Callable[..., Any]) -> None:
    eager, sdpa = load_tiny("clip", attn_implementation="eager"), load_tiny("clip")
    assert eager.provenance()["model"]["attention"] == "eager"
    difference = eager.encode_images(tiny.pictures()) - sdpa.encode_images(tiny.pictures())
    assert np.abs(difference).max() <= 1e-6


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_reach_the_pixels_and_not_the_weights(
    family: str, load_tiny: Callable[..., Any]
) -> None:
    clip = load_tiny(family)
    pixels = clip.preprocess([tiny.pictures()[1]]).requires_grad_()
    text = torch.from_numpy(clip.encode_texts(["a dog"]))
    score = (clip.image_embeddings(pixels) * text).sum()
    (gradient,) = torch.autograd.grad(score, pixels)
    # A finite difference along the gradient agrees with it.
    step = 1e-2 * gradient / gradient.norm()
    with torch.no_grad():
        moved = [(clip.image_embeddings(pixels + sign * step) * text).sum() for sign in (1, -1)]
    slope = float(moved[0] - moved[1]) / 2e-2
    assert slope == pytest.approx(float(gradient.norm()), rel=0.02)
    assert not any(parameter.requires_grad for parameter in clip.module.parameters())


def test_encoding_builds_no_graph_even_where_gradients_are_on(clip: Any) -> None:
    seen: list[bool] = []
    handle = clip.module.visual_projection.register_forward_hook(
        lambda module, args, output: seen.append(output.requires_grad)
    )
    try:
        clip.encode_images(tiny.pictures()[:1])
    finally:
        handle.remove()
    assert seen == [False]


def test_provenance_names_model_and_versions(clip: Any) -> None:
    found = clip.provenance()
    assert found["model"]["id"] == "tiny-clip"
    assert found["model"]["revision"] is None
    assert found["model"]["family"] == "clip"
    assert found["model"]["dtype"] == "float32"
    assert len(found["model"]["weights_sha256"]) == 64
    assert found["model"]["preprocessing"].startswith("pil:")
    assert found["versions"]["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda c: c.encode_texts("a dog"), DataError, "single text 'a dog'"),
        (lambda c: c.encode_texts(["a", 3]), DataError, "Text 1 is a int"),
        (lambda c: c.encode_texts(["x", "a \ud800"]), DataError, "Text 1 .* half a character"),
        (lambda c: c.encode_images("a.png"), DataError, "single str"),
        (lambda c: c.encode_images(Path("a.png")), DataError, "single PosixPath"),
        (lambda c: c.encode_images(Image.new("RGB", (3, 3))), DataError, "single Image"),
        (lambda c: c.encode_images(np.zeros((4, 4, 3), np.uint8)), DataError, "single ndarray"),
        (lambda c: c.encode_images([np.zeros((4, 4, 3))]), DataError, "float64 of shape"),
        (lambda c: c.encode_images([np.zeros((4, 4), np.uint8)]), DataError, r"shape \(4, 4\)"),
        (lambda c: c.encode_images([3]), DataError, "this one is a int"),
        (lambda c: c.encode_images(["no.png"]), UnreadableImageError, "'no.png' cannot be read"),
        (lambda c: c.encode_images([], batch_size=0), ConfigError, "batch_size must be"),
        (lambda c: c.similarity(np.zeros((2, 3), np.float32), ["x"]), DataError, r"\(n, 16\)"),
        (lambda c: c.similarity(np.zeros((2, 16), np.uint8), ["x"]), DataError, "uint8"),
    ],
)
def test_wrong_use_gets_one_sentence(clip: Any, call: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says) as raised:
        call(clip)
    assert "\n" not in str(raised.value)
