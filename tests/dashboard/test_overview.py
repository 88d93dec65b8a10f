"""The overview shows every run, complete or not, with every number as it was measured."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from clipprobe.report.numbers import format_number
from clipprobe.runs import Run, load_run


def looking_at(test: Any, name: str) -> Any:
    """The page after a click on the row of a run."""
    from dashboard.run_table import table_key

    names = test.dataframe[0].value["run"].tolist()
    rows = {"rows": [names.index(name)], "columns": [], "cells": []}
    test.session_state[table_key(names)] = {"selection": rows}
    return test.run()


def test_every_headline_number_stands_with_interval_and_n(
    app: Any, scenery: Any, markup: Any
) -> None:
    test = looking_at(app(), "demo/typographic")
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
    table = test.dataframe[0].value.set_index("run")
    assert table["state"].to_dict() == {
        "demo/atlas": "complete",
        "demo/typographic": "complete",
        "odd": "complete",
        "half": "not finished",
        "damaged": "damaged",
    }
    assert any("3 complete, 2 not" in markup(item.value) for item in test.caption)
    for name, problem in (
        ("half", f"The run {scenery.runs / 'half'} is not finished: give the command that started"),
        ("damaged", "The file manifest.json of the run"),
    ):
        (warning,) = looking_at(test, name).warning
        assert markup(warning.value).startswith(problem)
        assert table["first number"][name] == markup(warning.value)


def test_links_lead_to_the_views_of_a_run(app: Any) -> None:
    test = app()
    links = {
        name: {
            (item.proto.page, item.proto.query_string)
            for item in looking_at(test, name).get("page_link")
        }
        for name in ("demo/atlas", "demo/typographic", "odd")
    }
    assert ("units", "run=demo%2Fatlas") in links["demo/atlas"]
    assert ("reports", "run=demo%2Ftypographic") in links["demo/typographic"]
    assert not links["odd"]  # that run has no report


def test_hostile_names_stay_text(app: Any, scenery: Any) -> None:
    from dashboard.components import plain

    test = looking_at(app(), "odd")
    hostile = json.loads((scenery.runs / "odd" / "manifest.json").read_text())["kind"]
    labels = [item.label for item in test.metric]
    assert plain(hostile) in labels
    assert hostile not in labels
    assert not any(item.proto.allow_html for item in test.markdown)


@pytest.fixture
def many_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A folder of many runs of two kinds, the later the newer; how many."""
    for number in range(120):
        kind = "words" if number % 3 else "labels"
        run = Run.open(tmp_path / f"run-{number:03d}", kind=kind, config={})
        estimate = {"value": number / 120, "low": None, "high": None, "n": number, "reason": ""}
        headline = [{"name": f"n_{i}", "estimate": estimate, "meaning": ""} for i in range(2)]
        run.write_json("summary.json", {"kind": kind, "headline": headline})
        run.finish(counts={"used": number}, seed=0)
        os.utime(run.path / "manifest.json", (number + 1, number + 1))
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    return 120


def test_many_runs_stand_in_a_table_page_by_page(app: Any, many_runs: int) -> None:
    from dashboard.run_table import PER_PAGE

    test = app()
    rows = test.dataframe[0].value
    assert rows["run"].tolist() == [f"run-{119 - i:03d}" for i in range(PER_PAGE)]
    assert rows["first number"][0] == f"n 0: {119 / 120:.3f} [no interval] n=119"
    assert rows["used"][0] == 119 and rows["written"][0].startswith("1970-01-01")
    assert len(test.metric) == 2  # of the one run that is looked at
    assert sum(1 for _ in test.main) < 60  # elements, whatever the number of runs
    test.pagination(key="runs_page").set_value(12).run()
    assert test.dataframe[0].value["run"].tolist()[-1] == "run-000"
    test.selectbox(key="runs_order").set_value("by name").run()
    test.text_input(key="runs_name").set_value("RUN-01").run()
    names = [f"run-01{i}" for i in range(10)]
    assert test.dataframe[0].value["run"].tolist() == names
    assert not test.get("pagination")
    test.selectbox(key="runs_kind").set_value("labels").run()
    kept = test.dataframe[0].value
    assert kept["run"].tolist() == [f"run-{i:03d}" for i in range(10, 20) if i % 3 == 0]
    assert set(kept["kind"]) == {"labels"}
    looking_at(test, "run-015")
    test.switch_page("views/reports.py").run()
    test.switch_page("views/overview.py").run()
    assert test.text_input(key="runs_name").value == "RUN-01"
    assert any(item.value == "run\\-015" for item in test.subheader)
    test.text_input(key="runs_name").set_value("nothing like it").run()
    assert "No run is like that" in test.info[0].value


def test_a_new_run_appears(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit

    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    from dashboard.runs import find_runs

    assert find_runs(tmp_path) == []
    run = Run.open(tmp_path / "new", kind="atlas", config={})
    streamlit.cache_data.clear()
    assert [(item.name, item.run) for item in find_runs(tmp_path)] == [("new", None)]
    run.finish(counts={"used": 1}, seed=0)
    streamlit.cache_data.clear()
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
    for view in (None, "views/unit.py", "views/reports.py"):
        test = start(view)
        assert "clipprobe demo" in test.info[0].value
        assert not test.error
