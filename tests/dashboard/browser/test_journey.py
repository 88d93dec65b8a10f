"""A journey through the app in a real browser, as a user makes it.

What only a browser shows: that the command serves the app, that addresses open what they name,
that nothing is fetched from elsewhere, that images and charts have texts, that a report works in
its frame and one from a stranger reaches nobody, and that the console stays free of errors.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from browsing import (
    CALLS_HOME,
    PATIENCE_MS,
    choose,
    everything_has_a_text,
    settled,
    tiles_have_texts,
)

pytestmark = pytest.mark.browser


def test_a_journey(page: Any, address: str, tmp_path: Path) -> None:
    page.goto(address)
    page.get_by_role("heading", name="What has been run?").wait_for()
    page.get_by_text(f"{7 + len(CALLS_HOME)} complete, 2 not").wait_for()
    name = page.get_by_label("Name contains")
    name.fill("odd")
    name.press("Enter")
    page.get_by_role("heading", name="odd").wait_for()
    page.get_by_text("![x](http").nth(2).wait_for()  # kind, name, reason
    assert page.locator('script:text("alert(1)"), a[href*="example.invalid"]').count() == 0
    settled(page)
    name.fill("demo/atlas")
    name.press("Enter")
    page.get_by_role("heading", name="demo/atlas").wait_for()
    page.screenshot(path=tmp_path / "1-overview.png")

    page.locator('a[href*="units?run=demo%2Fatlas"]').click()
    page.get_by_role("heading", name="Which units are there").wait_for()
    page.locator("a.tile").first.click()
    page.wait_for_url("**/unit?*unit=vision.blocks.*")
    heading = page.get_by_role("heading", name=re.compile(r"^vision\.blocks\.\d\.mlp\.post:\d+$"))
    heading.wait_for()
    unit = heading.inner_text()
    settled(page)
    tiles_have_texts(page)
    page.screenshot(path=tmp_path / "2-unit.png", full_page=True)

    shared = page.url
    assert "run=demo%2Fatlas" in shared
    page.goto(address)
    page.goto(shared)  # as somebody else would open it
    page.get_by_role("heading", name=unit, exact=True).wait_for()
    page.get_by_text("Where", exact=True).click()
    page.get_by_text("Pooled as in the atlas").first.wait_for()

    page.get_by_role("link", name="Typographic lab").click()
    page.get_by_text("Reading effect").first.wait_for()
    attacked = page.get_by_alt_text(re.compile("attack word “guitar”"))
    attacked.wait_for()
    before = attacked.get_attribute("src")
    parts = [page.get_by_text(name, exact=True) for name in ("Lettering", "All classes")]
    for part in parts:
        part.click()
    unfolded = page.locator('[data-testid="stMain"] details[open]')
    choose(page, "Place", "where the sliders say")
    page.get_by_role("slider", name="Across").first.wait_for()
    box = page.get_by_label("Write", exact=True)
    for word in ("猫", "—…—", "cat"):  # an error, a word without an effect, a word
        box.fill(word)
        box.press("Enter")
        settled(page)
        assert unfolded.count() == len(parts)
    choose(page, "Place", "center")
    attacked = page.get_by_alt_text(re.compile("attack word “cat”"))
    attacked.wait_for()
    assert attacked.get_attribute("src") != before
    page.wait_for_url("**/typographic?*word=cat*")
    slider = page.get_by_role("slider", name="Size").first
    slider.press("ArrowRight")
    page.wait_for_url("**/typographic?*size=0.31*")
    settled(page)
    everything_has_a_text(page)
    page.screenshot(path=tmp_path / "3-lab.png", full_page=True)

    page.get_by_role("link", name="Reports").click()
    page.get_by_role("heading", name="What does the report say?").wait_for()
    report = page.frame_locator("iframe").frame_locator('iframe[title="report"]')
    report.get_by_text("Neuron atlas").first.wait_for()
    report.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true })")
    report.locator(".plot-container").first.wait_for()  # its charts are drawn
    frame = page.frames[-1]
    assert frame.evaluate("origin") == "null"
    reached = "() => { try { return !!window.top.document } catch (error) { return false } }"
    assert frame.evaluate(reached) is False
    report.locator("nav a").last.click()
    assert frame.url.startswith("about:srcdoc#") and frame.evaluate("scrollY") > 0
    report.get_by_text("Neuron atlas").first.wait_for()
    page.screenshot(path=tmp_path / "4-reports.png", full_page=True)


def test_a_view_keeps_its_run(page: Any, address: str) -> None:
    def shown(label: str, run: str) -> None:
        chosen = page.get_by_role("combobox", name=label)
        chosen.and_(page.locator(f'[value="{run}"]')).wait_for()

    unit = "vision.blocks.1.mlp.post:5"
    page.goto(f"{address}/unit?run=later/atlas&unit={unit}")
    shown("Atlas", "later/atlas")
    page.get_by_role("heading", name=unit, exact=True).wait_for()  # the page was seen, then left
    page.get_by_role("link", name="Reports").click()
    shown("Run", "demo/atlas")
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_role("heading", name="What has been run?").wait_for()
    page.get_by_role("link", name="Unit", exact=True).click()
    shown("Atlas", "later/atlas")
    page.get_by_role("heading", name=unit, exact=True).wait_for()
    page.wait_for_url("**/unit?*run=later%2Fatlas*")

    page.goto(f"{address}/unit?run=gone&unit={unit}")
    page.get_by_text("There is no run 'gone' to show here.").wait_for()
    settled(page)
    assert page.get_by_role("heading", name=unit).count() == 0 and "run=gone" in page.url
    choose(page, "Atlas", "demo/atlas")
    page.get_by_role("heading", name=unit, exact=True).wait_for()
    page.wait_for_url("**/unit?*run=demo%2Fatlas*")


def test_what_is_chosen_again_and_again_stays(page: Any, address: str) -> None:
    """The strip writes the last choice into the address, which must not undo the next one."""

    def shown(run: str) -> None:
        chosen = page.get_by_role("combobox", name="Run", exact=True)
        chosen.and_(page.locator(f'[value="{run}"]')).wait_for()
        page.wait_for_url(f"**/reports?run={run.replace('/', '%2F')}")

    page.goto(f"{address}/reports")
    page.get_by_role("heading", name="What does the report say?").wait_for()
    for run in ("later/atlas", "demo/atlas", "later/atlas", "demo/typographic"):
        choose(page, "Run", run)
        shown(run)
    follow = (
        "href => { history.pushState({}, '', href); dispatchEvent(new PopStateEvent('popstate')) }"
    )
    page.evaluate(follow, "/reports?run=later%2Fatlas")  # as links of the pages do
    shown("later/atlas")
    page.go_back()
    shown("demo/typographic")

    page.get_by_role("link", name="Runs", exact=True).click()
    name = page.get_by_label("Name contains")
    for run in ("later/atlas", "demo/atlas", "demo/typographic", "later/atlas"):
        name.fill(run)
        name.press("Enter")
        page.get_by_role("heading", name=run, exact=True).wait_for()
        page.wait_for_url(f"**/?shown={run.replace('/', '%2F')}")
        settled(page)


@pytest.mark.parametrize("name", CALLS_HOME)
def test_a_stranger_s_report_calls_nobody(
    browser: Any, address: str, stranger: tuple[str, list[str]], name: str
) -> None:
    home, asked = stranger
    window = browser.new_page()
    window.set_default_timeout(PATIENCE_MS)
    said: list[str] = []
    window.on("console", lambda message: said.append(message.text))
    sent: list[str] = []
    # What the policy blocks is announced as a request too, and then as one that failed by it.
    window.on("requestfinished", lambda request: sent.append(request.url))
    failed: dict[str, str | None] = {}
    window.on("requestfailed", lambda request: failed.update({request.url: request.failure}))
    window.goto(f"{address}/reports?run={name}")
    window.locator("iframe").wait_for()
    for _ in range(PATIENCE_MS // 100):
        if any(re.search("Content Security Policy|is sandboxed", text) for text in said):
            break
        window.wait_for_timeout(100)
    else:
        pytest.fail(f"the browser blocked nothing: {said}")
    settled(window)
    window.close()
    assert sent and not any(url.startswith(home) for url in sent)
    assert {why for url, why in failed.items() if url.startswith(home)} <= {"csp"}
    assert asked == []
