"""Runs whose files say odd things are called damaged or shown as text; no page goes down."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clipprobe.runs import Run, RunView

ODD = {
    "summary.json": [
        '{"headline": "abc"}',
        '{"headline": [{"nme": 3}, 5]}',
        '{"headline": [{"name": "a", "estimate": {"value": [1], "low": 0, "high": 1, "n": 1}}]}',
        '{"headline": [{"name": "a", "estimate": {"value": 1, "low": 0, "high": 1, "n": []}}]}',
        '{"headline": [{"name": "a", "estimate": 1' + "0" * 400 + "}]}",
        "[" * 100_000,
        "[]",
    ],
    "manifest.json": [
        '"model": "x"', '"model": {"revision": 3, "weights_sha256": []}', '"dataset": [1]',
        '"counts": {"used": "many"}', '"counts": 4', '"failures": {"a": 1}', '"failures": [{}]',
        '"config": []', '"kind": 7',
    ],
}  # fmt: skip


def test_an_odd_run_is_called_damaged_and_takes_no_page_down(
    app: Any, scenery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = tmp_path / "good"
    shutil.copytree(scenery.runs / "demo" / "atlas", good)
    for name, contents in ODD.items():
        for number, content in enumerate(contents):
            copy = tmp_path / f"odd-{name}-{number}"
            shutil.copytree(good, copy)
            if name == "manifest.json":  # of two fields of one name the last counts
                content = (good / name).read_text().rstrip().removesuffix("}") + f", {content}}}"
            (copy / name).write_text(content)
    copy.rename(os.fsdecode(os.fsencode(tmp_path / "name-") + b"\xff"))
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    test = app()
    pages = [test.dataframe[0].value]
    pages.append(test.pagination(key="runs_page").set_value(2).run().dataframe[0].value)
    table = pd.concat(pages).set_index("run")
    assert table["state"].value_counts().to_dict() == {"damaged": 16, "complete": 1}
    assert table["state"]["good"] == "complete"
    said = table["first number"].str.contains("is damaged ") & table["first number"].str.contains(
        "make it again with --overwrite, or restore"
    )
    assert said.sum() == 15
    assert "is not UTF-8: rename it" in table["first number"]["name-\\udcff"]
    for view in ("views/unit.py", "views/reports.py"):
        test = app(view, run="good")
        (runs,) = (one for one in test.selectbox if one.label in ("Atlas", "Run"))
        assert not test.error and runs.options == ["good"]


def test_a_failed_input_with_a_name_that_is_no_text_is_listed(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.open(tmp_path / "run", kind="note", config={})
    failures = [{"id": "\udcff.png", "reason": "the file is empty"}]
    run.finish(counts={"failed": 1}, failures=failures, seed=0)
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    test = app("views/reports.py")
    assert test.dataframe[0].value["id"].tolist() == ["\\udcff.png"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
ESTIMATE = st.fixed_dictionaries({name: JSON for name in ("value", "low", "high", "n")})
HEADLINE = st.lists(
    st.fixed_dictionaries({"name": JSON, "estimate": JSON | ESTIMATE, "meaning": JSON}), max_size=2
)
NAMES = ("kind", "model", "dataset", "counts", "config", "failures")


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=2), JSON | HEADLINE)
@example({}, [None])
def test_what_passes_for_a_run_can_be_shown(fields: dict[str, Any], headline: Any) -> None:
    from clipprobe.runs.shape import manifest_problem, summary_problem
    from dashboard.components import estimate_words
    from dashboard.run_table import first_number, used
    from dashboard.runs import RunEntry, data_words, model_words

    whole = {"kind": "a", "model": None, "dataset": None, "counts": {}, "config": {}}
    manifest, summary = whole | {"failures": []} | fields, {"headline": headline}
    if manifest_problem(manifest) or summary_problem(summary):
        return
    run = RunView(path=Path("x"), manifest=manifest, summary=summary)
    item = RunEntry("x", run, "", 1)
    assert all((model_words(run), data_words(run), item.state))
    assert first_number(item) is not None and used(item) in (None, *manifest["counts"].values())
    for one in headline or []:
        assert all(isinstance(text, str) for text in estimate_words(one["estimate"]))
