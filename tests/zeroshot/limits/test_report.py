"""The page of an audit of limits: it fits a screen, and says what the summary says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from report.conftest import browser  # noqa: F401  (a fixture)

from clipprobe.report import Page, Paragraph, Table, write_html
from clipprobe.zeroshot.limits.report import build_page
from clipprobe.zeroshot.limits.tasks import TASKS

NUMBERS = ("zero_shot", "image", "text", "mapped", "blind")


class StoredRun:
    """A finished run of every task, with the longest words and numbers that there are."""

    config: ClassVar[dict[str, Any]] = {}

    def read_json(self, name: str) -> dict[str, Any]:
        assert name == "summary.json"
        one = {"value": 0.713, "low": 0.655, "high": 0.765, "n": 1240, "method": "", "reason": ""}
        numbers = {which: one for which in NUMBERS}
        wordings = ("the large thing, first", "second thing first")
        tasks = [
            {
                "task": name, "question": task.question, "taught": True, "n": 1240, "groups": 66,
                "chance": 0.25, "matched": {}, "twin": numbers, "not_above_twin": ["text"],
                "verdict": {
                    "verdict": "no linear map aligns", "reason": "", "floor": 0.4,
                    "numbers": numbers, "gain": one,
                },
                "by_wording": {which: dict.fromkeys(wordings, one) for which in NUMBERS},
            }
            for name, task in TASKS.items()
        ]  # fmt: skip
        return {"tasks": tasks, "n": {"items": 1240 * len(tasks), "tasks": len(tasks)}}


@pytest.fixture(scope="module")
def page() -> Page:
    return build_page(StoredRun(), {})  # type: ignore[arg-type]


def test_every_task_has_its_verdict_numbers_and_n(page: Page) -> None:
    said, table = page.sections[0].blocks
    assert isinstance(said, Paragraph) and isinstance(table, Table)
    assert said.text == f"No linear map aligns: {', '.join(TASKS)}."
    assert [row[0] for row in table.rows] == [f"{name} (taught)" for name in TASKS]
    assert list(table.columns[:3]) == ["task", "verdict", "chance"]
    for row in table.rows:
        assert row[1:3] == ["no linear map aligns", "0.25"]
        assert row[3:] == [*["0.71 [0.66,\u00a00.77]"] * 5, 1240]


@pytest.mark.browser
def test_no_table_scrolls_sideways_on_a_screen_of_1280(
    browser: Any,  # noqa: F811
    page: Page,
    tmp_path: Path,
) -> None:
    report = write_html(page, tmp_path / "report.html")
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(report.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    widths = tab.locator(".scroll").evaluate_all(
        "all => all.map(e => [e.scrollWidth, e.clientWidth])"
    )
    assert len(widths) == 1 + 2 * len(TASKS)
    assert all(inner <= outer for inner, outer in widths)
    tab.close()
