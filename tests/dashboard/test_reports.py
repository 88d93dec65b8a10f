"""A report is shown as it was written, and cannot reach the app."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from clipprobe.runs import load_run

VIEW = "views/reports.py"


def inner(test: Any) -> str:
    """The page inside the inner frame."""
    (frame,) = test.get("iframe")
    (found,) = re.findall(r'srcdoc="([^"]*)"', frame.proto.srcdoc)
    return html.unescape(found)


def test_the_report_is_shown_whole(app: Any, scenery: Any) -> None:
    test = app(VIEW, run="demo/typographic")
    written = (scenery.runs / "demo" / "typographic" / "report.html").read_text(encoding="utf-8")
    assert inner(test) == written


def test_the_report_stands_in_an_origin_of_its_own(app: Any) -> None:
    (frame,) = app(VIEW, run="demo/typographic").get("iframe")
    (rights,) = re.findall(r'sandbox="([^"]*)"', frame.proto.srcdoc)
    assert set(rights.split()) == {"allow-scripts", "allow-downloads"}
    assert frame.proto.alt


def test_another_run_shows_its_own_report(app: Any, scenery: Any) -> None:
    test = app(VIEW, run="demo/typographic")
    test.selectbox(key="report_run").set_value("demo/atlas").run()
    assert inner(test) == (scenery.runs / "demo/atlas/report.html").read_text(encoding="utf-8")
    assert test.query_params["run"] == "demo/atlas"


def test_summary_and_manifest_are_those_of_the_run(app: Any, scenery: Any) -> None:
    test = app(VIEW, run="demo/typographic")
    run = load_run(scenery.runs / "demo" / "typographic")
    summary, manifest = (json.loads(item.value) for item in test.json)
    assert summary == run.summary
    assert manifest == run.manifest


def test_a_run_without_report_says_so_and_lists_failures(app: Any) -> None:
    test = app(VIEW, run="odd")
    assert "no report" in test.info[0].value
    table = test.dataframe[0].value
    assert table["reason"].tolist() == ["the file is empty"]
    assert table["id"].tolist()[0].startswith("<script>")


def test_a_page_cannot_break_out_of_its_frame() -> None:
    from dashboard.components import framed

    page = '"></iframe><script>parent.alert(1)</script><iframe srcdoc="'
    made = framed(page)
    assert made.count("<iframe") == 1 and "<script" not in made
    (found,) = re.findall(r'srcdoc="([^"]*)"', made)
    assert html.unescape(found) == page
