"""A report in a real browser, opened from disk: charts are drawn, nothing else runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report.pages import hostile_page, watched

from clipprobe.report import Page, Section, Table, write_html
from clipprobe.statistics import undefined, wilson

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_hostile_report_is_drawn_and_harmless(browser: Any, tmp_path: Path, scheme: str) -> None:
    report = write_html(hostile_page(), tmp_path / "report.html")
    page, said, asked = watched(browser, color_scheme=scheme)
    page.goto(report.as_uri())
    page.locator("#chart_4 svg.main-svg").first.wait_for()
    assert page.locator(".plot").count() == 4
    for i in range(1, 5):
        assert page.locator(f"#chart_{i} svg.main-svg").count() > 0
    ticks = page.locator("#chart_4 .xtick text").all_text_contents()
    assert any("<script>alert(1)</script>" in tick for tick in ticks), ticks
    page.locator("#chart_4 .bars .point").first.hover(force=True)
    page.locator("#chart_4 .hovertext").first.wait_for()
    assert "<script>alert(1)" in (page.locator("#chart_4 .hoverlayer").text_content() or "")
    assert said == []
    # Pictures inside the page may show up as requests of data:, which reach nobody.
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 24, 28)"
    )
    page.close()


def test_the_policy_stops_a_script_that_slipped_in(browser: Any, tmp_path: Path) -> None:
    report = write_html(hostile_page(), tmp_path / "report.html")
    text = report.read_text(encoding="utf-8")
    worse = text.replace("<footer>", "<script>document.title='owned'</script><footer>", 1)
    assert worse != text
    report.write_text(worse, encoding="utf-8")
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(report.as_uri())
    page.locator("#chart_1 svg.main-svg").first.wait_for()
    assert page.title() != "owned" and any("script" in text for text in refused)
    page.close()


def test_words_of_a_wide_table_stay_whole(browser: Any, tmp_path: Path) -> None:
    numbers = [wilson(3, 10)] * 7
    rows = [["vision.blocks.4.attn.head_out:4", "incongruent", *numbers]]
    columns = ["head", "kind", *(f"measure {i}" for i in range(7))]
    wide = Page(title="Wide", sections=[Section("Table", [Table(columns, rows, "One row.")])])
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.goto(write_html(wide, tmp_path / "report.html").as_uri())
    # The name breaks after a dot at most; an interval stands under its number, whole.
    row = page.locator("tbody tr").first.bounding_box()
    assert row["height"] < 90, row
    for part in page.locator("tbody .i").all():
        assert part.bounding_box()["height"] < 20
    # What does not fit scrolls inside its frame, not the page.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_the_reason_of_an_undefined_number_stays_in_its_cell(browser: Any, tmp_path: Path) -> None:
    gone = undefined("no labelled pictures were given to measure it on, which nobody can make up")
    table = Table(["measure", "before", "after"], [["accuracy", gone, gone]], "One row.")
    page = browser.new_page(viewport={"width": 900, "height": 700})
    report = write_html(Page(title="Gone", sections=[Section("T", [table])]), tmp_path / "r.html")
    page.goto(report.as_uri())
    for cell in page.locator("tbody td").all():
        assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth + 1")
    page.close()
