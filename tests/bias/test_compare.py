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

from attacks.bias import Settings, audit_bias, make_column
from attacks.bias.comparison import compare_runs, paired_difference, unpaired_difference
from attacks.bias.frame import PAIR_DRAWS
from attacks.bias.probes import Sample
from attacks.bias.rates import rate_cells
from clipprobe.cli import app
from clipprobe.errors import RunFolderError
from clipprobe.runs import RunView
from tests.bias.conftest import RednessClip

QUICK: dict[str, Any] = {"n_boot": 200, "n_permutations": 499, "workers": 0, "k": 30}
WORDS = ["judge", "pilot", "artist"]


class CalmClip(RednessClip):
    """The same model, with the lean of judge taken away."""

    id, weights_sha256 = "calm", "2" * 64

    def encode_texts(self, texts: Any) -> np.ndarray:
        rows = super().encode_texts([t.replace("judge", "clerk") for t in texts])
        return np.asarray(rows)


@pytest.fixture(scope="module")
def runs(
    people: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, RunView]:
    out, folder, other = tmp_path_factory.mktemp("runs"), people(160), people(120, "others")
    groups = ["perceived_gender", "skin_tone"]
    made = {
        name: audit_bias(clip, where, groups, out=out / name, words=WORDS, **(QUICK | more))
        for name, clip, where, more in (
            ("before", RednessClip(), folder, {}),
            ("after", CalmClip(), folder, {"seed": 5}),
            ("again", RednessClip(), folder, {"seed": 7}),
            ("elsewhere", RednessClip(), other, {}),
        )
    }
    return made


def rows_of(summary: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {
        (r["measure"], r["item"], r["column"], r["group"], r["reference"]): r
        for r in summary["differences"]
    }


D = ("association d", "judge", "perceived_gender", "woman", "man")


def test_a_change_is_found_paired_and_only_that(runs: dict[str, RunView], tmp_path: Path) -> None:
    summary = compare_runs(runs["before"], runs["after"], out=tmp_path / "c", seed=0)
    assert summary["paired"] and not any("other images" in w for w in summary["warnings"])
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
    files = sorted(p.name for p in (tmp_path / "c").iterdir())
    assert files == ["config.json", "differences.csv", "manifest.json", "report.html", "report.md",
                     "summary.json"]  # fmt: skip
    written = (tmp_path / "c/differences.csv").read_text(encoding="utf-8")
    table = list(csv.DictReader(written.splitlines()))
    assert len(table) == summary["n"]["shared"]
    text = (tmp_path / "c/report.md").read_text(encoding="utf-8")
    headings = [line for line in text.splitlines() if line.startswith("## ")][:-1]
    assert headings and all("erceived" in h or "annotated" in h for h in headings)
    assert "Not for judging" in text


def test_the_same_model_and_images_do_not_differ_whatever_the_seed(
    runs: dict[str, RunView],
) -> None:
    summary = compare_runs(runs["before"], runs["again"], out=None, seed=0)
    values = [r["difference"]["value"] for r in summary["differences"]]
    assert summary["paired"] and values == [0.0] * len(values)
    assert summary["family_size"] == summary["n_differ"] == 0
    assert [s["name"] for s in summary["settings"]] == ["settings.seed"]


def test_other_images_are_said_and_not_paired(runs: dict[str, RunView]) -> None:
    summary = compare_runs(runs["before"], runs["elsewhere"], out=None, seed=0)
    assert not summary["paired"] and "as if independent" in summary["warnings"][0]
    row = rows_of(summary)[D]
    assert "MOVER" in row["difference"]["method"] and row["p"] is None
    assert row["difference"]["low"] < 0 < row["difference"]["high"]


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
    assert "B: calm (after)" in shown.stdout and "paired over the same images" in shown.stdout


def test_the_draws_keep_no_image_and_cannot_be_repeated_from_the_run(
    runs: dict[str, RunView],
) -> None:
    run = runs["before"]
    arrays = run.read_arrays("draws.safetensors")
    n = run.read_table("cells.parquet").num_rows
    assert arrays["pairs/draws"].shape == (len(arrays["pairs/cell"]), PAIR_DRAWS)
    assert len(arrays["pairs/cell"]) == run.summary["pairing"]["cells"] < n
    written = "".join(
        p.read_text(encoding="utf-8") for p in run.path.iterdir() if p.suffix in (".json", ".md")
    )
    assert run.summary["pairing"]["images"] in written
    assert run.summary["pairing"]["images"] != runs["elsewhere"].summary["pairing"]["images"]


def test_the_paired_interval_is_the_textbooks() -> None:
    """Two models right on 300 images, 80 % of them the same: the error of a paired proportion."""
    rng = np.random.default_rng(0)
    column = make_column("perceived_gender", ["man", "woman"] * 150)
    first = rng.random(300) < 0.6
    second = np.where(rng.random(300) < 0.8, first, rng.random(300) < 0.5)
    sample = Sample(
        columns=(column,), truth={}, clusters=None, settings=Settings(n_boot=100),
        pair_key="0123456789abcdef",
    )  # fmt: skip
    cells = []
    for hits in (first, second):
        frame = sample.framed(np.zeros((300, 1)), column)
        made = rate_cells(frame, hits, probe="p", measure="rate", item="", settings=sample.settings)
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
