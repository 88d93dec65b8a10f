"""On a wide screen lines of text stay short enough to read, and tiles stand in even rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from browsing import settled

pytestmark = pytest.mark.browser

CHARACTERS = """() => [...document.querySelectorAll('[data-testid="stMarkdownContainer"] p')]
  .filter((line) => line.offsetWidth && line.textContent.trim()).map((line) => {
    const pen = document.createElement("canvas").getContext("2d")
    pen.font = getComputedStyle(line).font
    const whole = pen.measureText(line.textContent).width, n = line.textContent.length
    return [Math.round(n * Math.min(1, line.offsetWidth / whole)), line.textContent]
  })"""
"""Of each line of text: its characters, at most as many as fit its box, and the text."""


def test_a_units_page_can_be_read_at_1920_px(page: Any, address: str) -> None:
    page.set_viewport_size({"width": 1920, "height": 1200})
    page.goto(f"{address}/unit?run=demo/atlas&unit=vision.blocks.1.mlp.post:3&part=Similar")
    page.get_by_role("heading", name="Units with the same strongest images").wait_for()
    settled(page)
    tiles = page.locator("a.tile")
    tiles.first.wait_for()
    rows = Counter(tiles.nth(i).bounding_box()["y"] for i in range(tiles.count()))
    assert tiles.count() > 4 and max(rows.values()) == 4
    lines = page.evaluate(CHARACTERS)
    assert max(n for n, _ in lines) < 100, max(lines)
    assert any(len(text) > 200 and n > 60 for n, text in lines)  # a long one fills its line
