"""A real run against the page that says what a run is: docs/store-format.md."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from runs.checks import check_run

from clipprobe.runs import Run
from clipprobe.statistics import wilson


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "run"
    run = Run.open(folder, kind="typographic", config={"words": ["ipod"], "size": 0.1})
    run.write_table("parts/0.parquet", {"x": [1]})
    rows = {"image": [f"{i:06}" for i in range(140_000)], "correct": np.arange(140_000) % 3 == 0}
    run.write_table("results.parquet", rows)
    run.write_table("few.csv", [{"image": "=a", "p": 0.5}])
    run.write_arrays("maps.safetensors", {"maps": np.zeros((2, 3), np.float32)})
    estimate = wilson(3, 10)
    headline = [{"name": "accuracy", "estimate": estimate, "meaning": "share of correct images"}]
    run.write_json("summary.json", {"kind": "typographic", "headline": headline, "more": 1})
    Run.open(folder / "inner", kind="atlas", config={})
    run.finish(
        provenance={"model": {"id": "m"}, "versions": {"torch": "2"}, "benchmark": "none"},
        counts={"used": 10, "skipped": 1, "failed": 2},
        failures=[{"id": "b", "reason": "empty"}, {"id": "a", "reason": "empty"}],
        seed=0,
        dataset={"name": "d", "fingerprint": "f", "records": 13},
    )
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_a_run_is_what_the_page_says(folder: Path) -> None:
    check_run(folder)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("manifest.json", '"seed"', '"sead"'),
        ("manifest.json", '"seed": 0', '"seed": "0"'),
        ("manifest.json", '"size": 0.1', '"size": 0.2'),
        ("config.json", '"kind": "typographic"', '"kind": "other"'),
        ("summary.json", '"meaning"', '"meant"'),
        ("few.csv", "0.5", "0.6"),
    ],
)
def test_the_check_notices_a_difference(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(AssertionError):
        check_run(folder)


def test_the_check_notices_a_file_that_nobody_listed(folder: Path) -> None:
    (folder / "extra.txt").write_text("x")
    with pytest.raises(AssertionError):
        check_run(folder)
