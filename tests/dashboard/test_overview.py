"""The overview shows every run, complete or not, with every number as it was measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from clipprobe.report.numbers import format_number
from clipprobe.runs import Run, load_run


def test_every_headline_number_stands_with_interval_and_n(
    app: Any, scenery: Any, markup: Any
) -> None:
    test = app()
    shown = {markup(item.label): item.value for item in test.metric}
    captions = [markup(item.value) for item in test.caption]
    headline = load_run(scenery.runs / "demo" / "typographic").summary["headline"]
    assert len(headline) == 5
    for item in headline:
        estimate = item["estimate"]
        if estimate["value"] is None:
            assert shown[item["name"].replace("_", " ")] == "undefined"
            continue
        assert shown[item["name"].replace("_", " ")] == format_number(estimate["value"])
        low, high = (format_number(estimate[end]) for end in ("low", "high"))
        assert f"95 % [{low}, {high}], n={estimate['n']:,}" in captions


def test_incomplete_and_damaged_runs_are_shown_as_such(app: Any, scenery: Any, markup: Any) -> None:
    test = app()
    warnings = [markup(item.value) for item in test.warning]
    assert len(warnings) == 2
    half = f"The run {scenery.runs / 'half'} is not finished: give the command that started it"
    assert any(text.startswith(half) for text in warnings)
    assert any("manifest.json" in text and "cannot be read" in text for text in warnings)
    assert any("3 complete, 2 not" in markup(item.value) for item in test.caption)


def test_links_lead_to_the_views_of_a_run(app: Any) -> None:
    links = {(item.proto.page, item.proto.query_string) for item in app().get("page_link")}
    assert ("neuron", "run=demo%2Fatlas") in links
    assert ("reports", "run=demo%2Ftypographic") in links
    assert not any("odd" in query for _, query in links)  # that run has no report


def test_hostile_names_stay_text(app: Any, scenery: Any) -> None:
    from dashboard.components import plain

    test = app()
    hostile = json.loads((scenery.runs / "odd" / "manifest.json").read_text())["kind"]
    labels = [item.label for item in test.metric]
    assert plain(hostile) in labels
    assert hostile not in labels
    assert not any(item.proto.allow_html for item in test.markdown)


def test_a_new_run_appears(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    from dashboard.runs import find_runs

    assert find_runs(tmp_path) == []
    run = Run.open(tmp_path / "new", kind="atlas", config={})
    st.cache_data.clear()
    assert [(item.name, item.run) for item in find_runs(tmp_path)] == [("new", None)]
    run.finish(counts={"used": 1}, seed=0)
    st.cache_data.clear()
    (found,) = find_runs(tmp_path)
    assert found.run is not None and found.problem == ""


def test_what_is_no_proper_run_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    from dashboard.runs import find_runs

    run = Run.open(tmp_path, kind="atlas", config={})
    run.finish(counts={"used": 1}, seed=0)
    shutil.copytree(tmp_path, tmp_path / "inner")
    manifest = tmp_path / "inner" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"kind"', '"sort"'))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "manifest.json").symlink_to(tmp_path / "nowhere")
    found = {item.name: item for item in find_runs(tmp_path)}
    assert found[f"{tmp_path.name}/"].run is not None  # the runs folder may itself be a run
    assert "manifest.json was changed" in found["inner"].problem
    assert "is a link" in found["folder"].problem


def test_a_model_folder_is_no_unfinished_run(tmp_path: Path) -> None:
    from dashboard.runs import find_runs

    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "config.json").write_text('{"model_type": "clip"}')
    assert find_runs(tmp_path) == []


def test_without_runs_the_page_says_how_to_make_some(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = app
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "absent"))
    for view in (None, "views/neuron.py", "views/reports.py"):
        test = start(view)
        assert "clipprobe demo" in test.info[0].value
        assert not test.error
