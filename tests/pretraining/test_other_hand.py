"""The second renderer: written apart, deterministic, and honest about what its labels change."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clipprobe
from clipprobe.pretraining.evaluation.other_hand import images, letters
from clipprobe.pretraining.evaluation.other_hand.asking import rng_of
from clipprobe.pretraining.evaluation.other_hand.canvas import SIDE, luminance
from clipprobe.stimuli.splits import TRAINED_FONTS

PACKAGE = Path(clipprobe.__file__).parent
OTHER_HAND = PACKAGE / "pretraining" / "evaluation" / "other_hand"
#: What both renderers may share: the sprites, the list of names, and what training never uses.
SHARED = {
    "clipprobe.stimuli.concepts",
    "clipprobe.stimuli.sprites",
    "clipprobe.stimuli.splits",
}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def test_nothing_but_the_evaluation_imports_it() -> None:
    allowed = {*OTHER_HAND.glob("*.py"), OTHER_HAND.parent / "__init__.py"}
    users = {
        path
        for path in PACKAGE.rglob("*.py")
        if any("other_hand" in name for name in _imports(path))
    }
    assert users <= allowed
    assert OTHER_HAND.parent / "__init__.py" in users


def test_it_shares_no_drawing_with_the_first_renderer() -> None:
    used = {
        name
        for path in OTHER_HAND.glob("*.py")
        for name in _imports(path)
        if name.startswith("clipprobe.stimuli") or name == "clipprobe.pretraining.captions"
    }
    assert used <= SHARED


def test_its_typefaces_are_never_trained_on() -> None:
    assert not set(letters.TYPEFACES) & set(TRAINED_FONTS)
    assert len(letters.TYPEFACES) >= 4


def _bytes(image: Image.Image) -> bytes:
    assert image.size == (SIDE, SIDE) and image.mode == "RGB"
    return image.tobytes()


def test_an_image_depends_on_its_number_alone() -> None:
    def draw(index: int) -> bytes:
        return _bytes(images.thing("dog", "noto", rng_of(1, index)))

    first = draw(5)
    draw(6)
    assert draw(5) == first != draw(6)


def test_the_four_conditions_differ_in_the_box_alone() -> None:
    shown = images.labelled("dog", "noto", "guitar", "qzvkwp", rng_of(10, 3))
    plain, blank, nonsense, word = (
        np.asarray(getattr(shown, name), dtype=int)
        for name in ("plain", "blank", "nonsense", "word")
    )
    hidden = (plain != blank).any(axis=2)
    rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
    outside = np.ones((SIDE, SIDE), dtype=bool)
    outside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = False
    assert 0.02 < (~outside).mean() < 0.5
    for changed in (nonsense, word):
        assert (changed == plain).all(axis=2)[outside].all()
        assert (changed != blank).any()
    assert (nonsense != word).any()


@pytest.mark.parametrize("index", range(12))
def test_letters_can_be_told_from_what_lies_behind(index: int) -> None:
    rng = rng_of(2, index)
    behind = tuple(int(c) for c in rng.integers(0, 256, size=3))
    ink = letters.readable(rng, (behind[0], behind[1], behind[2]))
    difference = luminance(ink) - luminance((behind[0], behind[1], behind[2]))
    assert abs(difference) >= letters.LEAST_CONTRAST


@pytest.mark.parametrize("font", letters.TYPEFACES)
def test_the_longest_name_fits_every_typeface(font: str) -> None:
    face = letters.fitted("MUSHROOM", font, height=0.42 * 192, width=0.92 * 192)
    left, _, right, _ = face.getbbox("MUSHROOM")
    assert right - left <= 0.92 * 192
    assert face.size >= 12


def test_ink_is_the_colour_that_its_name_says() -> None:
    for index, (name, colour) in enumerate(images.INKS.items()):
        pixels = np.asarray(images.inked("wwww", name, rng_of(30, index)), dtype=int)
        distance = np.abs(pixels - np.array(colour)).sum(axis=2)
        assert (distance < 30).sum() > 20, name
