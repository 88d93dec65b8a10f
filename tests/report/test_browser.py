"""A report in a real browser, opened from disk: charts are drawn, nothing else runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report.pages import hostile_page, watched
from report.shell import too_wide

from clipprobe.figures.common import interval_bars
from clipprobe.report import (
    Chart,
    Intervals,
    Lead,
    Page,
    Paragraph,
    Section,
    Table,
    write_html,
)
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
    for part in page.locator("tbody .i span").all():
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


@pytest.fixture
def folded(tmp_path: Path) -> Path:
    """A report with a verdict, a chart inside a fold and a long table."""
    rows = [[f"vision.blocks.{i}.mlp.post:{i}", wilson(i, 40), i / 1e6] for i in range(40)]
    sections = [
        Section("Charts", [Chart(interval_bars(["a"], {"x": [wilson(3, 9)]}), "a chart")]),
        Section("All", [Table(["unit", "share", "p"], rows, "All units.")]),
        Section("How to read this", [Paragraph("Only these images.")]),
    ]
    figure = Intervals(rows=[("attack", "", [wilson(3, 9)])], axis="share", alt="a share")
    lead = Lead(verdict="It reads the word on 3 of 9", evidence="n = 9.", figure=figure)
    page = Page("Audit", sections=sections, lead=lead, provenance={"seed": 0})
    return write_html(page, tmp_path / "report.html")


def test_a_link_opens_the_fold_that_it_leads_into(browser: Any, folded: Path) -> None:
    page, said, _ = watched(browser)
    page.goto(folded.as_uri())
    assert page.locator("details[open]").count() == 0
    assert not page.locator("#chart_1 svg.main-svg").first.is_visible()
    page.locator("nav a", has_text="Charts").click()
    page.locator("#chart_1 svg.main-svg").first.wait_for()
    width = page.locator("#chart_1 svg.main-svg").first.bounding_box()["width"]
    assert width > 600  # as wide as its room, though it was closed when the page opened
    page.goto(f"{folded.as_uri()}#all-table")
    assert page.locator("#all-table").is_visible()
    # The keyboard opens and closes.
    summary = page.locator("summary", has_text="How to read this")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("Only these images.").is_visible()
    page.keyboard.press("Enter")
    assert not page.get_by_text("Only these images.").is_visible()
    assert said == []
    page.close()


def test_a_long_table_shows_ten_rows_until_it_is_asked(browser: Any, folded: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{folded.as_uri()}#all")
    rows = page.locator("#all-table tbody tr")
    assert rows.count() == 40 and sum(row.is_visible() for row in rows.all()) == 10
    page.get_by_text("Show all 40 rows").click()
    assert sum(row.is_visible() for row in rows.all()) == 40
    page.close()


def test_paper_shows_everything_and_cuts_nothing(browser: Any, folded: Path) -> None:
    page = browser.new_page(viewport={"width": 703, "height": 1000}, color_scheme="dark")
    page.goto(folded.as_uri())
    page.evaluate(
        "addEventListener('beforeprint', () => {"
        " window.shut = document.querySelectorAll('details:not([open])').length; })"
    )
    assert page.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF")
    assert page.evaluate("window.shut") == 0
    assert page.locator("details[open]").count() == 0  # as it was before
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert all(row.is_visible() for row in page.locator("#all-table tbody tr").all())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_the_helper_that_finds_what_is_cut_can_fail(browser: Any, tmp_path: Path) -> None:
    cells = ["x" * 60] * 12
    wide = Page("Wide", sections=[Section("T", [Table(list("abcdefghijkl"), [cells], "Wide.")])])
    report = write_html(wide, tmp_path / "wide.html")
    assert any("px in" in one for one in too_wide(browser, report, 1280))
    report.write_text("<body><div style='width: 900px'>wide</div></body>", encoding="utf-8")
    assert any("the page is" in one for one in too_wide(browser, report, 390))


def test_on_a_phone_the_legend_leaves_the_axis_its_title_and_prose_its_width(
    browser: Any, tmp_path: Path
) -> None:
    chart = interval_bars(
        ["a", "b"],
        {f"answers the true class, written word {i}": [wilson(3, 10)] * 2 for i in range(5)},
        axis="share of images",
    )
    chart.update_xaxes(title_text="size of the letters")
    prose = "answers that are the written word, beyond those with a nonsense word in its place"
    rows = [["reading effect", *[wilson(3, 10)] * 2, 0.5, prose]]
    table = Table(["effect", "a", "b", "p", "meaning"], rows, "One row.")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    narrow = Page(title="Narrow", sections=[Section("All", [Chart(chart, "Bars."), table])])
    page.goto(write_html(narrow, tmp_path / "report.html").as_uri())
    page.locator("#chart_1 .legend").wait_for()
    legend, title = (page.locator(f"#chart_1 .{c}").bounding_box() for c in ("legend", "xtitle"))
    assert title["y"] + title["height"] <= legend["y"] + 1, (title, legend)
    assert legend["x"] + legend["width"] <= 390, legend
    plot = page.locator("#chart_1").bounding_box()
    assert legend["y"] + legend["height"] <= plot["y"] + plot["height"] + 1, (legend, plot)
    assert page.locator("tbody tr").first.bounding_box()["height"] < 140
    page.close()
