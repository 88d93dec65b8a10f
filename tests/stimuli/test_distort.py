"""Stretched and slanted labels: width, lean and ink follow the geometry."""

from __future__ import annotations

import numpy as np
import pytest

from clipprobe.stimuli import Scene, Word, render
from clipprobe.stimuli.text import distorted, label


def test_nothing_asked_is_nothing_done() -> None:
    made = label("dog", font="DejaVuSans", size=20, room=(200, 200))
    assert distorted(made) is made


@pytest.mark.parametrize("stretch", [0.7, 1.5])
def test_a_stretched_label_is_as_much_wider(stretch: float) -> None:
    made = label("camera", font="DejaVuSans", size=30, room=(400, 400))
    wide = distorted(made, stretch=stretch)
    assert wide.size[1] == made.size[1]
    assert wide.size[0] == pytest.approx(made.size[0] * stretch, abs=2)
    coverage = [float(np.asarray(m.fill, dtype=float).sum()) for m in (made, wide)]
    assert coverage[1] == pytest.approx(coverage[0] * stretch, rel=0.05)


def test_a_slanted_letter_leans_right() -> None:
    made = label("l", font="DejaVuSans", size=40, room=(400, 400))
    lean = distorted(made, slant=20)
    columns = [np.flatnonzero(row).mean() for row in lean.ink]
    slope = np.polyfit(np.arange(len(columns)), columns, 1)[0]
    assert slope == pytest.approx(-np.tan(np.radians(20)), abs=0.05)
    assert lean.ink.sum() == pytest.approx(made.ink.sum(), rel=0.35)


def test_a_wide_slanted_word_stays_on_the_image() -> None:
    word = Word(text="pancakes", size=0.4, stretch=1.3, slant=15.0, center=(0.9, 0.5))
    rendered = render(Scene(items=(word,)))
    (box,) = rendered.boxes
    assert box is not None and box[2] - box[0] > 40
    assert rendered.masks[0].any()
