"""A model whose vectors mean nothing is refused, with the layer where that begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from clipprobe.errors import BrokenModelError
from clipprobe.testing import checkpoints as tiny

IMAGES = tiny.pictures()


@pytest.fixture
def model(checkpoint: Callable[[str], Path]) -> Any:
    """A tiny model of the test's own."""
    return clipprobe.load(checkpoint("clip"))


def plant(clip: Any, tower: str, value: float) -> None:
    """Spoil the second layer of the MLP of block 1."""
    layers = getattr(clip.module, f"{tower}_model").encoder.layers
    layers[1].mlp.fc2.weight.data[3, 5] = value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("tower", ["vision", "text"])
def test_the_tower_and_the_layer_are_named(model: Any, tower: str, value: float) -> None:
    plant(model, tower, value)
    encode = {
        "vision": lambda: model.encode_images(IMAGES, batch_size=2),
        "text": lambda: model.encode_texts(["a dog", "a cat on a mat"]),
    }
    with pytest.raises(BrokenModelError) as caught:
        encode.pop(tower)()
    said = str(caught.value)
    assert f"The {tower} tower of" in said and "not finite" in said
    assert f"from {tower}.blocks.1.mlp.out on" in said
    (other,) = encode.values()
    assert np.isfinite(other()).all()


def test_a_zero_vector_has_no_direction(model: Any) -> None:
    model.module.visual_projection.weight.data.zero_()
    with pytest.raises(BrokenModelError, match=r"are zero, from vision\.projected on"):
        model.encode_images(IMAGES)


def test_half_precision_is_named(checkpoint: Callable[[str], Path]) -> None:
    half = clipprobe.load(checkpoint("clip"), dtype="float16")
    half.module.vision_model.encoder.layers[0].mlp.fc1.weight.data.fill_(6e4)
    with pytest.raises(BrokenModelError, match=r"blocks\.0\.mlp\.\w+ on: load it with dtype="):
        half.encode_images(IMAGES)


def test_what_an_intervention_does_is_not_blamed_on_the_model(model: Any) -> None:
    seen: list[int] = []
    with (
        pytest.raises(BrokenModelError, match="Under the interventions"),
        clipprobe.capture(
            model, "vision.projected", sink=lambda name, values, rows, tokens: seen.extend(rows)
        ),
        clipprobe.intervene(model, {"vision.projected": "zero"}),
    ):
        model.encode_images(IMAGES)
    assert seen == list(range(len(IMAGES)))  # the look for the layer is not a pass of the user's


def test_a_broken_model_is_one_sentence_of_every_audit(
    model: Any, tmp_path: Path, checkpoint: Callable[[str], Path]
) -> None:
    from typer.testing import CliRunner

    from clipprobe.cli import app
    from clipprobe.testing import image_folder

    plant(model, "vision", float("nan"))
    model.module.save_pretrained(tmp_path / "broken")
    for file in checkpoint("clip").iterdir():
        if not (tmp_path / "broken" / file.name).exists():
            (tmp_path / "broken" / file.name).write_bytes(file.read_bytes())
    images = image_folder(tmp_path / "images", n=12)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    for command in (
        ["audit", "typographic", "--classes", str(tmp_path / "classes.txt")],
        ["audit", "bias", "--groups", "gender"],
    ):
        done = CliRunner().invoke(
            app,
            [*command, "--images", str(images), "--model", str(tmp_path / "broken"),
             "--out", str(tmp_path / command[1])],
        )  # fmt: skip
        assert done.exit_code == 2, done.output
        assert "The vision tower of" in done.stderr and "vision.blocks.1.mlp.out" in done.stderr


def test_finite_vectors_cost_no_second_pass(model: Any) -> None:
    calls: list[int] = []
    model.module.vision_model.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        model.encode_images(IMAGES, batch_size=len(IMAGES))
    assert calls == [1]
