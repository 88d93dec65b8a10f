"""A report is shown as it was written, and cannot reach the app."""

from __future__ import annotations

import html
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from clipprobe.runs import Run, load_run

VIEW = "views/reports.py"
BASE = '<base href="about:srcdoc">'


def within(outer: str) -> str:
    """The page inside the inner frame, as it was written."""
    (found,) = re.findall(r'srcdoc="([^"]*)"', outer)
    return html.unescape(found).replace(BASE, "", 1)


def inner(test: Any) -> str:
    """The page inside the inner frame of the app."""
    (frame,) = test.get("iframe")
    return within(frame.proto.srcdoc)


def test_the_report_is_shown_whole(app: Any, scenery: Any) -> None:
    test = app(VIEW, run="demo/typographic")
    written = (scenery.runs / "demo" / "typographic" / "report.html").read_text(encoding="utf-8")
    assert inner(test) == written


def test_the_report_stands_in_an_origin_of_its_own(app: Any) -> None:
    (frame,) = app(VIEW, run="demo/typographic").get("iframe")
    (rights,) = re.findall(r'sandbox="([^"]*)"', frame.proto.srcdoc)
    assert set(rights.split()) == {"allow-scripts", "allow-downloads"}
    assert frame.proto.alt


def test_another_run_shows_its_own_report(app: Any, scenery: Any, elements: Any) -> None:
    test = app(VIEW, run="demo/typographic")
    test.selectbox(key="report_run").set_value("demo/atlas").run()
    assert inner(test) == (scenery.runs / "demo/atlas/report.html").read_text(encoding="utf-8")
    assert elements(test, "strip")[0]["kept"]["run"] == ["demo/atlas"]


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


def test_links_that_lead_out_become_text_and_scripts_keep_their_bytes() -> None:
    from dashboard.framing import framed

    page = (
        '<a id="x" href="atlas/report.html">one</a> <a href="#here">two</a> '
        "<A class=y HREF='https://example.invalid'>three</A> <a href=z>four</a>"
        "<script>const a = '<a href=\"z\">'</script>"
    )
    assert within(framed(page)) == (
        '<a id="x">one</a> <a href="#here">two</a> <A class=y>three</A> <a>four</a>'
        "<script>const a = '<a href=\"z\">'</script>"
    )


def test_a_report_is_framed_under_a_policy_and_keeps_its_own_links() -> None:
    from dashboard.framing import framed

    made = framed("<!-- saved --> <!DOCTYPE html>\n<html><head><meta charset=utf-8></head></html>")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', made)
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(policy).split(";"))
    assert rules["default-src"] == rules["form-action"] == "'none'"
    assert not re.search("http|[*]|self|ws:", policy)
    assert made.index("Content-Security-Policy") < made.index("<iframe")
    (found,) = re.findall(r'srcdoc="([^"]*)"', made)
    assert html.unescape(found).startswith(f"<!-- saved --> <!DOCTYPE html>{BASE}\n<html>")
    (bare,) = re.findall(r'srcdoc="([^"]*)"', framed("\ufeff<p>hello"))
    assert html.unescape(bare) == f"{BASE}<p>hello"


def test_a_page_made_to_take_long_does_not() -> None:
    from dashboard.framing import framed

    started = time.process_time()
    for piece in ("<script ", "<a ", "<!-- "):
        framed(piece * 40_000)
    assert time.process_time() - started < 2.0


def test_a_report_that_is_a_link_is_not_followed(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any
) -> None:
    (tmp_path / "secret.html").write_text("a secret")
    run = Run.open(tmp_path / "runs" / "linked", kind="note", config={})
    run.finish(counts={"used": 0}, seed=0)
    (run.path / "report.html").symlink_to(tmp_path / "secret.html")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
    test = app(VIEW, run="linked")
    assert "links are not followed" in markup(test.warning[0].value)
    assert not test.get("iframe") and "secret" not in str(test.get("download_button"))


def test_a_very_large_report_is_not_sent(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any
) -> None:
    from dashboard.framing import MAX_BYTES

    run = Run.open(tmp_path / "runs" / "large", kind="note", config={})
    run.finish(counts={"used": 0}, seed=0)
    for size, shown in ((MAX_BYTES, True), (MAX_BYTES + 1, False)):
        (run.path / "report.html").write_bytes(b"x" * size)
        monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
        test = app(VIEW, run="large")
        assert bool(test.get("iframe")) == shown
        assert [str(run.path / "report.html") in markup(one.value) for one in test.warning] == (
            [] if shown else [True]
        )


def test_the_runs_inside_a_run_are_linked(app: Any, scenery: Any, tmp_path: Path) -> None:
    import shutil

    import streamlit as st

    start, outer = app, tmp_path / "all" / "demo"
    shutil.copytree(scenery.runs / "demo" / "typographic", outer / "typographic")
    run = Run.open(tmp_path / "empty", kind="demo", config={})
    run.write_text("index.html", "<p>hello</p>")
    run.finish(counts={"used": 0}, seed=0)
    shutil.copytree(tmp_path / "empty", outer, dirs_exist_ok=True)
    st.cache_data.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPPROBE_RUNS", str(tmp_path / "all"))
        test = start(VIEW, run="demo")
    assert inner(test) == "<p>hello</p>"
    (link,) = test.get("page_link")
    assert link.proto.query_string == "run=demo%2Ftypographic"


def test_a_page_cannot_break_out_of_its_frame() -> None:
    from dashboard.framing import framed

    page = '"></iframe><script>parent.alert(1)</script><iframe srcdoc="'
    made = framed(page)
    assert made.count("<iframe") == 1 and "<script" not in made
    assert within(made) == page


def test_a_forged_report_is_not_shown(
    app: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    run = tmp_path / "typographic"
    shutil.copytree(scenery.runs / "demo" / "typographic", run)
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    page = (run / "report.html").read_text(encoding="utf-8")
    (run / "report.html").write_text(page.replace("</h1>", "</h1>All is well."), encoding="utf-8")
    test = app("views/reports.py")
    assert not test.exception and "No complete run" in test.info[0].value
    from dashboard.runs import find_runs

    assert "damaged (report.html has" in find_runs(tmp_path)[0].problem


def test_a_link_to_a_run_inside_is_followed_as_often_as_it_is_clicked(
    app: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("outer", "outer/inner"):
        shutil.copytree(scenery.runs / "demo" / "atlas", tmp_path / place)
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    test = app("views/reports.py", run="outer")
    for _ in range(2):
        (link,) = [one for one in test.get("page_link") if "inner" in one.proto.label]
        assert link.proto.query_string == "run=outer%2Finner"
        test.query_params["run"] = "outer/inner"  # as the click does
        test.run()
        assert test.selectbox(key="report_run").value == "outer/inner"
        test.selectbox(key="report_run").set_value("outer").run()
        assert test.selectbox(key="report_run").value == "outer"
