"""In a real browser an answer is attacked, explained and repaired; the word is dragged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from browsing import PATIENCE_MS, choose, everything_has_a_text, settled, until

pytestmark = pytest.mark.browser


def misread(clip: Any) -> tuple[str, str, str]:
    """A bundled image, a word and a place: misread, and repaired by at most four heads."""
    from attacks.typographic import TypographicAttack
    from attacks.typographic.reading.repair import Contest, fewest_heads, repair
    from clipprobe.stimuli import Picture, Scene, render
    from clipprobe.zeroshot import TEMPLATES, build_classifier
    from clipprobe.zeroshot.classes import Classes
    from dashboard.texts import STARTING_CLASSES

    names = list(STARTING_CLASSES)
    vectors = build_classifier(clip, names, TEMPLATES)
    for concept in names:
        scene = Scene(items=(Picture(concept=concept),), size_px=clip.image_size)
        clean = clip.preprocess.to_grid(render(scene).image)
        for word in names:
            for place in ("bottom", "center") if word != concept else ():
                attack = TypographicAttack(
                    word=word, size=0.3, position=place, color="black", outline=None,
                    background="white",
                )  # fmt: skip
                images = {"clean": clean, "attack": attack(clean).image}
                contest = Contest(
                    classes=Classes(names), vectors=vectors, label=names.index(concept),
                    target=names.index(word),
                )  # fmt: skip
                before = repair(clip, images, contest, ()).before
                if not (before["clean"].right and before["attack"].fooled):
                    continue
                heads = fewest_heads(clip, *images.values(), contest)
                after = repair(clip, images, contest, heads, n_random=0).after
                if after["attack"].right and after["clean"].right:
                    return concept, word, place
    pytest.fail("no image of the lab is misread and repaired by four heads")


def test_an_attack_is_made_understood_and_undone(
    page: Any, browser: Any, address: str, tmp_path: Path
) -> None:
    import clipprobe

    concept, word, place = misread(clipprobe.load())
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto(f"{address}/typographic?concept={concept}&place={place}")
    page.get_by_text("Reading effect").first.wait_for()
    page.get_by_role("button", name=re.compile("^Model")).or_(
        page.locator('[data-testid="stPopover"] button')
    ).first.click()
    typed = page.get_by_role("textbox", name="Or a checkpoint folder")
    typed.fill("/no/such/folder")
    typed.press("Enter")
    page.get_by_role("button", name="Load it").click()
    page.get_by_text("there is no such folder").wait_for()
    typed.fill("")
    typed.press("Enter")
    choose(page, "Known models", "emoji-clip, bundled")
    page.get_by_role("button", name="Load it").click()
    page.wait_for_url("**/typographic?*model=emoji-clip*")
    settled(page)
    page.keyboard.press("Escape")

    box = page.get_by_label("Write", exact=True)
    box.fill(word)
    box.press("Enter")
    page.get_by_alt_text(re.compile(f"attack word “{word}”; the model answers {word}")).wait_for()
    frame = page.get_by_role("application", name=re.compile(f"The word “{word}”"))
    frame.focus()
    frame.press("ArrowUp")
    page.wait_for_url("**/typographic?*place=where*")
    settled(page)
    choose(page, "Place", place)
    page.get_by_alt_text(re.compile(f"attack word “{word}”; the model answers {word}")).wait_for()

    page.get_by_role("radio", name="Why, and repair").or_(
        page.get_by_role("button", name="Why, and repair")
    ).first.click()
    cell = page.get_by_role("button", name=re.compile(r"^block 3, head 3"))
    cell.wait_for()
    cell.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("Neurons of block 3").wait_for()
    page.get_by_role("button", name=re.compile("^Find the fewest heads")).click()
    page.get_by_text("The right answer is back.").wait_for()
    page.get_by_text(f"“{word}” → “{concept}”").first.wait_for()
    settled(page)
    assert 1 <= page.url.count("heads=") <= 4
    everything_has_a_text(page, charts=False)
    for name, width, scheme in (("light", 1280, "light"), ("dark", 1280, "dark"),
                                ("phone", 390, "light")):  # fmt: skip
        view = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
        view.set_default_timeout(PATIENCE_MS)
        view.goto(page.url)  # the address alone says it all
        view.get_by_text("The right answer is back.").wait_for()
        settled(view)
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        view.screenshot(path=tmp_path / f"repair-{name}.png", full_page=True)
        view.close()


def test_an_address_that_lost_a_word_gets_it_back(page: Any, address: str) -> None:
    """A run that began before the word was typed may write the address of before."""

    def shown(attack: str) -> None:
        page.get_by_alt_text(re.compile(f"attack word “{attack}”")).first.wait_for()
        settled(page)
        until(page, lambda: page.evaluate("[...document.images].every((one) => one.complete)"))

    page.goto(f"{address}/typographic?place=bottom")
    page.get_by_text("Reading effect").first.wait_for()
    shown("guitar")
    box = page.get_by_label("Write", exact=True)
    box.fill("cat")
    box.press("Enter")
    shown("cat")
    page.get_by_role("radio", name="Least text").or_(
        page.get_by_role("button", name="Least text")
    ).first.click()
    page.get_by_role("button", name="Search").wait_for()
    shown("cat")
    page.evaluate("history.replaceState({}, '', `${location.pathname}?place=bottom`)")
    choose(page, "Place", "top")
    page.wait_for_url("**/typographic?*word=cat*")
    page.wait_for_url("**/typographic?*part=Least*")
    shown("cat")
    assert "place=top" in page.url
    assert "size=" not in page.url  # it is what it was when the page opened


def test_the_word_is_dragged_and_resized(page: Any, address: str) -> None:
    def knobs() -> dict[str, float]:
        found = re.findall(r"[?&](across|down|size)=([\d.]+)", page.url)
        return {name: float(value) for name, value in found}

    def centre() -> float:
        place = frame.bounding_box()
        return float(place["x"] + place["width"] / 2)

    page.goto(f"{address}/typographic?word=cat&place=center&size=0.25")
    frame = page.get_by_role("application", name=re.compile("The word “cat”"))
    frame.wait_for()
    settled(page)
    picture = page.locator(".stage img").first
    before, box = picture.get_attribute("src"), frame.bounding_box()
    stage = picture.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 0.1 * stage["width"], middle[1] - 0.2 * stage["height"], steps=5)
    page.mouse.up()
    page.wait_for_url("**/typographic?*across=*")
    settled(page)
    assert knobs()["across"] == pytest.approx(0.6, abs=0.03)
    assert knobs()["down"] == pytest.approx(0.3, abs=0.03)
    until(page, lambda: picture.get_attribute("src") != before)  # drawn there by the server
    until(page, lambda: abs(centre() - middle[0] - 0.1 * stage["width"]) <= 10)
    box = frame.bounding_box()

    corner = frame.locator(".corner").bounding_box()
    page.mouse.move(corner["x"] + 8, corner["y"] + 8)
    page.mouse.down()
    page.mouse.move(corner["x"] + 8 - 0.15 * box["width"], corner["y"] - 6, steps=5)
    page.mouse.up()
    size = "new URLSearchParams(location.search).get('size')"
    page.wait_for_function(f"{size} && {size} !== '0.25'")
    settled(page)
    assert 0.05 <= knobs()["size"] < 0.25
    until(page, lambda: frame.bounding_box()["width"] < box["width"])
    assert frame.bounding_box()["height"] < box["height"]
    frame.focus()
    frame.press("+")
    page.wait_for_function("url => location.href !== url", arg=page.url)
    settled(page)


def test_the_settings_stay_in_sight_beside_long_answers(page: Any, address: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 700})
    page.goto(f"{address}/typographic?word=dog&part=Why%2C+and+repair")
    page.get_by_role("heading", name="Repair").wait_for()
    settled(page)
    assert page.title() == "Typographic lab · clipprobe"
    panel, head = page.locator(".st-key-lab-settings"), page.locator("header").first
    down = "main => { main.scrollTo(0, 500); return main.scrollTop }"  # what is below comes late
    until(page, lambda: page.get_by_test_id("stMain").evaluate(down) >= 499)
    box, above = panel.bounding_box(), head.bounding_box()
    assert above["y"] + above["height"] <= box["y"] < 100
    assert box["y"] + box["height"] <= 700


def test_a_line_of_a_chart_is_seen_in_the_dark(page: Any, address: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"{address}/zeroshot?calibrate=bundled+things")
    line = page.locator('[data-testid="stPlotlyChart"] .shapelayer path').first
    line.wait_for(state="attached")
    ink = "path => getComputedStyle(path).stroke.match(/[0-9]+/g).slice(0, 3).map(Number)"
    until(page, lambda: min(line.evaluate(ink)) > 200)
