"""In a real browser units are found, opened by their addresses, and left by Back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from browsing import PATIENCE_MS, settled

pytestmark = pytest.mark.browser


def test_a_unit_is_found_by_a_word_opened_by_its_address_and_left_by_back(
    browser: Any, page: Any, address: str, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(address)
    page.get_by_role("link", name="Units", exact=True).click()  # the first click
    page.get_by_role("heading", name="Which units are there").wait_for()
    find = page.get_by_label("Find", exact=True)
    find.fill("dog")
    find.press("Enter")
    page.wait_for_url("**/units?*find=dog*")
    tiles = page.locator("a.tile", has_text="label of images: dog")
    tiles.first.wait_for()
    settled(page)
    n_tiles = tiles.count()
    link = tiles.first.get_attribute("href")
    page.screenshot(path=tmp_path / "1-units.png")
    tiles.first.click()  # the second
    heading = page.get_by_role("heading", level=1, name=re.compile(r"^vision\.blocks\.\d"))
    heading.wait_for()
    unit = heading.inner_text()
    page.wait_for_url(f"**{link}")
    settled(page)
    image = page.locator(".tile img").first.bounding_box()
    assert image["y"] + image["height"] < 900
    assert page.title().startswith(unit.rpartition("mlp.")[2].join(["mlp.", " · block "]))

    tab = browser.new_page()
    tab.goto(page.url)
    tab.get_by_role("heading", level=1, name=unit, exact=True).wait_for(timeout=PATIENCE_MS)
    tab.close()

    page.get_by_role("link", name="Next ›").click()
    page.wait_for_url(lambda url: not url.endswith(str(link)))
    page.wait_for_function("unit => document.querySelector('h1').innerText !== unit", arg=unit)
    page.go_back()
    page.get_by_role("heading", level=1, name=unit, exact=True).wait_for()
    page.go_back()
    tiles.first.wait_for()
    settled(page)
    assert find.input_value() == "dog" and tiles.count() == n_tiles


def test_a_point_of_the_map_opens_its_unit(page: Any, address: str) -> None:
    page.goto(f"{address}/units?run=demo/atlas")
    canvas = page.locator('canvas[role="img"]')
    canvas.wait_for()
    settled(page)
    box, said = canvas.bounding_box(), page.locator(".said")
    places = [(x, y) for y in range(10, 410, 12) for x in range(10, int(box["width"]), 12)]
    for x, y in places:
        page.mouse.move(box["x"] + x, box["y"] + y)
        if said.is_visible():
            break
    unit = said.inner_text()
    page.mouse.down()
    page.mouse.up()
    page.get_by_role("heading", level=1, name=unit, exact=True).wait_for()
    settled(page)


@pytest.mark.parametrize(("link", "name"), [("Units", "units"), ("Unit", "unit")])
def test_a_page_that_chooses_its_run_is_one_step_of_the_history(
    page: Any, address: str, link: str, name: str
) -> None:
    page.goto(f"{address}/similarity")
    page.get_by_role("heading", name="How alike").wait_for()
    settled(page)
    before = page.evaluate("history.length")
    page.get_by_role("link", name=link, exact=True).click()
    page.wait_for_url(f"**/{name}?*run=*")
    settled(page)
    page.wait_for_timeout(500)
    assert page.evaluate("history.length") == before + 1
    run = page.get_by_role("combobox", name="Atlas").input_value()
    page.reload()  # the address says it all
    page.wait_for_url(f"**/{name}?*run=*")
    settled(page)
    assert page.get_by_role("combobox", name="Atlas").input_value() == run
    page.go_back()
    page.wait_for_url("**/similarity*")
    page.get_by_role("heading", name="How alike").wait_for()
    settled(page)
