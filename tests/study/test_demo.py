"""The demo is a suite: its runs are the driver's, and the whole folder can be moved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from attacks.demo.settings import Demo
from attacks.demo.study import DEMO
from clipprobe.data import decode_image
from clipprobe.errors import RunFolderError
from clipprobe.neurons import Atlas
from clipprobe.runs import Run, load_run
from clipprobe.study import carry_out, compare_runs


@pytest.fixture(scope="module")
def demo(clip: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "run"
    return carry_out(DEMO, Demo(out=out, concepts=8, people_per_cell=2), clip).run.path


def test_its_studies_are_runs_of_their_own(demo: Path) -> None:
    run = load_run(demo)
    names = [one["name"] for one in run.summary["runs"]]
    assert names == [
        "zeroshot-picture", "zeroshot-drawing", "zeroshot-word", "atlas", "typographic", "bias",
        "labels",
    ]  # fmt: skip
    page = (demo / "index.html").read_text(encoding="utf-8")
    assert all(f'href="{name}/report.html"' in page for name in names)
    assert len(run.summary["headline"]) == 7


def test_no_file_of_it_says_where_it_is(demo: Path, tmp_path: Path) -> None:
    """But for the calls, which can be left out."""
    told = [
        path.relative_to(demo).as_posix()
        for path in demo.rglob("*")
        if path.is_file() and str(demo.parent).encode() in path.read_bytes()
    ]
    assert {name.rsplit("/", 1)[-1] for name in told} == {"call.json"}
    moved = Path(shutil.copytree(demo, tmp_path / "elsewhere"))
    records = Atlas.load(moved / "atlas").images.records
    assert len(records) == 24
    for record in records:
        assert Path(str(record.source)).resolve().is_relative_to(moved.resolve())
        assert decode_image(record).size[0] > 0


def test_two_demos_are_compared_study_by_study(clip: Any, demo: Path, tmp_path: Path) -> None:
    again = carry_out(DEMO, Demo(out=tmp_path / "run", concepts=8, people_per_cell=2), clip).run
    summary = compare_runs(load_run(demo), again)
    compared = [one["name"] for one in summary["studies"] if one["summary"] is not None]
    assert "zeroshot-word" in compared and "typographic" in compared and "atlas" not in compared
    assert summary["worse"] == []


def test_a_demo_of_an_earlier_version_is_refused_in_a_sentence(clip: Any, tmp_path: Path) -> None:
    settings = Demo(out=tmp_path / "old", concepts=8)
    config = DEMO.prepare(settings, clip).config
    with Run.open(tmp_path / "old", kind="demo", config=config) as run:
        run.write_json("summary.json", {"kind": "demo", "headline": []})
        run.finish(counts={"used": 1}, seed=0, provenance=clip.provenance())
    with pytest.raises(RunFolderError, match="an earlier clipprobe made it"):
        carry_out(DEMO, settings, clip)
