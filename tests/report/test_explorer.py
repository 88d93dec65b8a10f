"""Maps to click through: what the page holds, that it is harmless, and that it works from disk."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from report.pages import HOSTILE, watched

from clipprobe.errors import ConfigError
from clipprobe.report import MapExplorer, MapLayer, Page, Section, render_html, render_markdown
from clipprobe.report.html import write_html

MAPS = {
    "first": [[1.0, -2.0, 0.0], [0.5, 0.25, 1.5]],
    "of a word": [[0.0, 0.0, 4.0], [0.0, -1.0, 0.0]],
}


def explorer_page(text: str) -> Page:
    """Two maps of 2 x 3 patches, the second of the second word."""
    layers = [
        MapLayer(f"first {text}", MAPS["first"], text),
        MapLayer(f"word {text}", MAPS["of a word"], text, word=1),
    ]
    words = [(f"one {text}", None), (f"two {text}", -0.5)]
    block = MapExplorer(Image.new("RGB", (30, 20), (90, 160, 90)), layers, f"seen {text}", words)
    return Page(f"title {text}", sections=[Section("maps", [block])])


def test_hostile_text_stays_text() -> None:
    page, harmless = (render_html(explorer_page(text)) for text in (HOSTILE, "harmless"))
    tags = [re.findall(r"<([a-z]+)", one) for one in (page, harmless)]
    data = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert len(data) == 1 and not set("<>&") & set(data[0])
    assert json.loads(data[0])["words"][1] == {"text": f"two {HOSTILE}", "value": -0.5}
    assert [one for one in tags[0] if one in ("script", "img")] == [
        one for one in tags[1] if one in ("script", "img")
    ]
    assert "innerHTML" not in page
    assert "<script" not in render_markdown(explorer_page(HOSTILE))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([], "no map"),
        ([MapLayer("a", [[1.0]]), MapLayer("b", [[1.0, 2.0]])], "one shape"),
        ([MapLayer("a", [[1.0]], word=3)], "word 3"),
    ],
)
def test_maps_that_do_not_fit_are_refused(layers: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        picture = Image.new("RGB", (4, 4))
        render_html(Page("t", sections=[Section("s", [MapExplorer(picture, layers, "alt")])]))


@pytest.mark.browser
def test_map_word_and_patch_are_chosen_without_a_server(browser: Any, tmp_path: Path) -> None:
    report = write_html(explorer_page(HOSTILE), tmp_path / "map.html")
    page, said, asked = watched(browser, viewport={"width": 1000, "height": 800})
    page.goto(report.as_uri())
    assert page.locator("select option").all_text_contents()[0] == f"first {HOSTILE}"
    scale = page.locator(".scale").text_content()
    assert "-2" in scale and "+2" in scale  # the map's own scale
    assert _pixel(page, 1, 0) == _colour(0, 90, 170, 0.75)  # the strongest patch lowers
    assert _pixel(page, 2, 0)[3] == 0  # zero is not a colour

    first, second = page.locator(".words button").all()
    assert first.is_disabled() and "-0.5" in second.text_content()
    second.click()  # the word's own map
    assert page.locator("select").input_value() == "1"
    assert second.get_attribute("aria-pressed") == "true"
    assert _pixel(page, 2, 0) == _colour(213, 94, 0, 0.75)

    box = page.locator("canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.75)
    assert "row 1, column 1" in page.locator(".patch-note").text_content()
    rows = page.locator(".of-patch tr").all()
    assert [row.locator("td").first.text_content() for row in rows] == ["+0.25", "-1"]
    assert "rank 4 of 6" in rows[0].text_content()
    assert "-1" in second.text_content()  # what the word makes with the patch
    page.keyboard.press("ArrowRight")
    assert "row 1, column 2" in page.locator(".patch-note").text_content()
    # Chromium has a hint for whoever reads pixels back, which is this test alone.
    assert [text for text in said if "getImageData" not in text] == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    page.close()


def _pixel(page: Any, column: int, row: int) -> list[int]:
    """Of the middle of a patch of the canvas."""
    found: list[int] = page.evaluate(
        "([x, y]) => Array.from(document.querySelector('canvas').getContext('2d')"
        ".getImageData(x, y, 1, 1).data)",
        [column * 32 + 16, row * 32 + 16],
    )
    return found


def _colour(red: int, green: int, blue: int, alpha: float) -> list[Any]:
    near = [pytest.approx(one, abs=2) for one in (red, green, blue)]
    return [*near, pytest.approx(255 * alpha, abs=2)]
