"""Two bias reports compared: paired where the images are the same, honest where they are not."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

import clipprobe
from attacks.bias import Settings, audit_bias, make_column
from attacks.bias.measures.cells import Key
from attacks.bias.measures.rates import rate_cells
from attacks.bias.probe import Sample
from attacks.bias.report.differences import changes, paired_difference, unpaired_difference
from clipprobe.cli import app
from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.runs import RunView
from clipprobe.study import compare_runs
from clipprobe.study.suite.comparison import is_worse
from clipprobe.testing.toys import RednessClip

QUICK: dict[str, Any] = {"n_boot": 200, "n_permutations": 499, "workers": 0, "k": 30}
WORDS = ["judge", "pilot", "artist"]


class CalmClip(RednessClip):
    """The same model, with the lean of judge taken away."""

    id, weights_sha256 = "calm", "2" * 64

    def encode_texts(self, texts: Any) -> np.ndarray:
        rows = super().encode_texts([t.replace("judge", "clerk") for t in texts])
        return np.asarray(rows)


GROUPS = ["perceived_gender", "skin_tone"]


@pytest.fixture(scope="module")
def folder(people: Callable[..., Path]) -> Path:
    return people(160)


@pytest.fixture(scope="module")
def runs(
    folder: Path, people: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, RunView]:
    out = tmp_path_factory.mktemp("runs")
    made = {
        name: audit_bias(clip, where, GROUPS, out=out / name, words=WORDS, **QUICK)
        for name, clip, where in (
            ("before", RednessClip(), folder),
            ("after", CalmClip(), folder),
            ("elsewhere", RednessClip(), people(120, "others")),
            ("fewer", RednessClip(), people(152, "fewer")),
        )
    }
    return made


@pytest.fixture(scope="module")
def paired(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunView:
    return audit_bias(
        RednessClip(), folder, GROUPS, against=CalmClip(), words=WORDS,
        out=tmp_path_factory.mktemp("paired") / "run", **QUICK,
    )  # fmt: skip


def rows_of(summary: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {
        (r["measure"], r["item"], r["column"], r["group"], r["reference"]): r
        for r in summary["differences"]
    }


D = ("association d", "judge", "perceived_gender", "woman", "man")


def test_a_change_is_found_paired_and_only_that(paired: RunView, runs: dict[str, RunView]) -> None:
    summary = paired.summary
    assert paired.kind == "bias-comparison" and summary["paired"]
    rows = rows_of(summary)
    judge = rows[D]
    assert judge["differs"] and judge["difference"]["high"] < 0
    assert judge["difference"]["value"] == pytest.approx(judge["b"]["value"] - judge["a"]["value"])
    assert "paired" in judge["difference"]["method"]
    unpaired = unpaired_difference(judge["a"], judge["b"], 160)
    width = judge["difference"]["high"] - judge["difference"]["low"]
    assert width < 0.8 * (unpaired.high - unpaired.low)
    pilot = rows["association d", "pilot", *D[2:]]
    assert not pilot["differs"] and pilot["difference"]["value"] == 0 and pilot["p"] is None
    assert "same on every resample" in pilot["difference"]["reason"]
    largest = rows["max skew@k", "judge", "perceived_gender", "", "dataset target"]
    assert largest["difference"]["low"] is None and "resampling" in largest["difference"]["reason"]
    tested = [r for r in summary["differences"] if r["p"] is not None]
    assert summary["family_size"] == len(tested) > 0
    assert [r["q"] for r in tested] == pytest.approx(
        stats.false_discovery_control([r["p"] for r in tested])
    )
    # A and B are what each model's own report prints.
    for side, name in (("a", "before"), ("b", "after")):
        own = {
            (r["measure"], r["item"], r["column"], r["group"], r["reference"]): r["value"]
            for r in runs[name].read_table("cells.parquet").to_pylist()
        }
        assert {key: row[side]["value"] for key, row in rows.items()} == own


def test_the_paired_run_keeps_figures_and_no_resample(paired: RunView, folder: Path) -> None:
    files = sorted(p.name for p in paired.path.iterdir())
    assert files == ["call.json", "config.json", "differences.csv", "manifest.json", "report.html",
                     "report.md", "summary.json"]  # fmt: skip
    table = list(csv.DictReader(paired.file("differences.csv").read_text("utf-8").splitlines()))
    assert len(table) == paired.summary["n"]["shared"]
    text = paired.file("report.md").read_text(encoding="utf-8")
    headings = [line for line in text.splitlines() if line.startswith("## ")][:-1]
    assert headings and all("erceived" in h or "annotated" in h for h in headings)
    assert "Not for judging" in text and "redness" in text and "calm" in text
    assert paired.manifest["counts"] == {"used": 160, "skipped": 0, "failed": 0}


def test_one_model_against_itself_does_not_differ(folder: Path, tmp_path: Path) -> None:
    run = audit_bias(
        RednessClip(), folder, GROUPS, against=RednessClip(), out=tmp_path / "r",
        words=WORDS, **QUICK,
    )  # fmt: skip
    values = [r["difference"]["value"] for r in run.summary["differences"]]
    assert values == [0.0] * len(values) and run.summary["n_differ"] == 0


def test_a_second_model_that_was_taught_what_is_measured_is_named_as_such(
    folder: Path, tmp_path: Path
) -> None:
    run = audit_bias(
        RednessClip(), folder, GROUPS, against=clipprobe.load(), out=tmp_path / "r",
        words=WORDS, limit=60, **(QUICK | {"k": 20}),
    )  # fmt: skip
    assert any("model organism" in limit for limit in run.summary["limits"])


def test_two_models_need_images(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="images that both can see"):
        audit_bias(
            None, predictions=tmp_path / "p.csv", against=RednessClip(), out=tmp_path / "r"
        )  # fmt: skip


def test_stored_runs_are_compared_unpaired_and_it_is_said(
    runs: dict[str, RunView], tmp_path: Path
) -> None:
    for other in ("after", "elsewhere"):
        summary = compare_runs(runs["before"], runs[other], out=tmp_path / other, seed=0)
        assert not summary["paired"] and summary["family_size"] == 0
        assert "unpaired" in summary["warnings"][0] and "--against" in summary["warnings"][0]
        row = rows_of(summary)[D]
        assert "MOVER" in row["difference"]["method"] and row["p"] is None
        text = (tmp_path / other / "report.md").read_text(encoding="utf-8")
        assert "compared unpaired" in text and "as if independent" in text


def test_no_difference_of_a_few_images_is_printed(runs: dict[str, RunView]) -> None:
    """152 of the 160 images: what four women more do would be those women's."""
    summary = compare_runs(runs["before"], runs["elsewhere"], out=None, seed=0)
    assert D in rows_of(summary)
    with pytest.raises(RunFolderError, match="no figure in common"):
        compare_runs(runs["before"], runs["fewer"], out=None, seed=0)


def test_what_cannot_be_compared_is_refused(runs: dict[str, RunView]) -> None:
    with pytest.raises(RunFolderError, match="given twice"):
        compare_runs(runs["before"], runs["before"], out=None, seed=0)


def test_the_command_and_its_bytes(runs: dict[str, RunView], tmp_path: Path) -> None:
    for name in ("one", "two"):
        called = CliRunner().invoke(
            app, ["compare", str(runs["before"].path), str(runs["after"].path), "--out",
                  str(tmp_path / name), "--json"],
        )  # fmt: skip
        assert called.exit_code == 0, called.output
        assert json.loads(called.stdout)["kind"] == "bias-comparison"
    for file in ("summary.json", "differences.csv", "report.md", "report.html"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    shown = CliRunner().invoke(app, ["compare", str(runs["before"].path), str(runs["after"].path)])
    assert (
        "B: calm (after)" in shown.stdout
        and "warning: Stored runs are compared unpaired" in shown.stdout
    )


def test_the_paired_interval_is_the_textbooks() -> None:
    """Two models right on 300 images, 80 % of them the same: the error of a paired proportion."""
    rng = np.random.default_rng(0)
    column = make_column("perceived_gender", ["man", "woman"] * 150)
    first = rng.random(300) < 0.6
    second = np.where(rng.random(300) < 0.8, first, rng.random(300) < 0.5)
    sample = Sample(
        columns=(column,), truth={}, clusters=None, settings=Settings(n_boot=100),
        paired=True,
    )  # fmt: skip
    cells = []
    for hits in (first, second):
        made = rate_cells(sample.subjects("p", column), hits, Key("rate"), "")
        cells.append({c.group: c for c in made if c.measure == "rate"})
    for group in ("man", "woman", ""):
        a, b = (side[group] for side in cells)
        assert a.draws is not None and b.draws is not None
        found, p = paired_difference(a.draws, b.draws, b.value - a.value, a.n)
        part = slice(None) if not group else column.labels == column.levels.index(group)
        change = second[part].astype(float) - first[part]
        if group:
            error = change.std() / np.sqrt(len(change))
        else:  # resampled within groups: the spread between them takes no part
            within = [change[column.labels == g].var() / 150 for g in (0, 1)]
            error = np.sqrt(sum(within)) / 2
        half = (found.high - found.low) / 2
        assert half == pytest.approx(1.96 * error, rel=0.15)
        assert p == pytest.approx(2 * stats.norm.sf(abs(found.value) / (half / 1.96)), abs=1e-3)


def test_a_figure_is_held_to_its_distance_from_zero() -> None:
    """Further from 0 is worse, whatever the sign; a change of sign alone is not."""

    def row(a: float, b: float, half: float = 0.1) -> dict[str, Any]:
        found = {"value": b - a, "low": b - a - half, "high": b - a + half, "n": 9, "method": ""}
        about = {"measure": "association d", "item": "x", "column": "c", "group": "g"}
        sides = {"a": {"value": a}, "b": {"value": b}}
        return {**about, "reference": "r", **sides, "difference": found}

    def worse(*rows: dict[str, Any]) -> list[bool]:
        return [is_worse(one) for one in changes({"differences": rows})]

    for a, b, expected in (
        (0.1, 0.4, True), (-0.1, -0.4, True), (0.1, -0.4, True), (-0.1, 0.4, True),
        (0.3, -0.3, False), (0.4, 0.1, False), (-0.4, 0.1, False), (0.2, 0.25, False),
    ):  # fmt: skip
        assert worse(row(a, b)) == [expected], (a, b)
    assert worse(row(0.1, 0.22)) == [True]
    assert worse(*[row(0.1, 0.22)] * 40) == [False] * 40  # chance alone finds some among many
    unknown = row(0.1, 0.9)
    unknown["difference"]["low"] = None
    assert worse(unknown) == [] and worse({**row(0, 1), "measure": "mean |d|"}) == []
