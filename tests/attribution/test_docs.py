"""The pages of attribution methods: their pictures are those of these weights, methods and all."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from docs import renew


@pytest.mark.parametrize("page", renew.MAPPED)
def test_a_page_shows_the_maps_of_the_methods_that_it_defines(page: str) -> None:
    text = (renew.METHODS / f"{page}.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, flags=re.MULTILINE)
    defined = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert tuple(defined) == renew.MAPPED[page]
    assert f"](../images/maps-{page}.webp)" in text


@pytest.mark.parametrize("page", ["patch-text", "relevance"])
def test_a_picture_is_that_of_these_weights(page: str) -> None:
    drawn = renew.maps_of(page)
    with Image.open(renew.ROOT / "docs" / "images" / f"maps-{page}.webp") as opened:
        shown = opened.convert("RGB")
    assert shown.size == drawn.size
    off = np.abs(np.asarray(shown, int) - np.asarray(drawn.convert("RGB"), int))
    assert off.mean() < 0.5, "run docs/renew.py --draw"
    assert np.abs(np.asarray(shown, int)[:, ::-1] - np.asarray(drawn, int)).mean() > 5
