"""A tiny CLIP with one neuron that carries the gap: it must be found, and nothing else."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attacks.bias.evidence.answers import LabelSet
from attacks.bias.gap import explain_gap
from attacks.bias.gap.report import GapReport
from attacks.bias.gap.task import gap_task
from attacks.bias.groups.columns import make_column
from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics.halves import permuted, split
from clipprobe.tracing import Score
from clipprobe.tracing.contributions import contributions, means, unit_points
from clipprobe.tracing.removal import encode_without
from clipprobe.tracing.split import resamples
from tests.planting import PLANTED

WORDS = ("judge", "pilot", "artist", "cook")


def test_the_planted_neuron_is_ranked_first_and_carries_the_gap(
    planted: Any, redder: Path, tmp_path: Path
) -> None:
    run = explain_gap(
        planted, redder, "perceived_gender", "judge", "b", out=tmp_path / "gap", words=WORDS,
        n_random=20, n_boot=200,
    )  # fmt: skip
    by_size = {(r["kind"], r["k"]): r for r in run.summary["removals"]}
    one = by_size["neuron", 1]
    assert one["units"] == [PLANTED]
    assert one["removed"]["value"] > 0.8 and one["removed"]["low"] > 0.5
    assert one["random"]["largest"] < 0.5 and one["p"] < 0.06
    assert one["chosen"]
    assert (run.path / "units.csv").read_text().splitlines()[1].split(",")[2] == PLANTED
    page = (run.path / "report.html").read_text()
    assert "Limits of perceived groups" in page and "<img" not in page
    again = explain_gap(
        planted, redder, "perceived_gender", "judge", "b", out=tmp_path / "gap2", words=WORDS,
        n_random=20, n_boot=200,
    )  # fmt: skip
    for name in ("summary.json", "units.csv"):
        assert (run.path / name).read_bytes() == (again.path / name).read_bytes()


def test_copies_of_an_image_do_not_narrow_the_gap(planted: Any, tmp_path: Path) -> None:
    """Every drawing is there three times: the interval is that of whole drawings, drawn anew."""
    folder, rng, rows = tmp_path / "copies", np.random.default_rng(1), []
    folder.mkdir()
    for i in range(24):
        pixels = rng.normal([100 + 20 * (i % 2), 128, 128], 40, (32, 32, 3)).clip(0, 255)
        pixels[: 4 + i] //= 2  # drawings differ more than pixels do
        for copy in range(3):
            name = f"{i:02d}-{copy}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
            rows.append({"file_name": name, "gender": "ab"[i % 2], "drawing": f"d{i:02d}"})
    with (folder / "metadata.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run = explain_gap(
        planted, folder, "gender", "judge", "b", out=tmp_path / "gap", words=WORDS,
        clusters="drawing", kinds=["head"], n_random=20, n_boot=400,
    )  # fmt: skip
    labels, drawings = [r["gender"] for r in rows], np.array([int(r["drawing"][1:]) for r in rows])
    texts = LabelSet(name="words", labels=WORDS, templates=run.summary["templates"]).vectors(
        planted.encode_texts, planted
    )
    column = make_column("gender", labels)
    task = gap_task(texts, WORDS, "judge", column, "b", clusters=drawings, seed=0)
    scores = planted.encode_images([folder / r["file_name"] for r in rows]) @ task.score.direction
    sides = [
        np.array([scores[drawings == d].mean() for d in sorted(set(drawings[~task.fit & side]))])
        for side in (np.array(labels) == "b", np.array(labels) == "a")
    ]
    drawn = [rng.choice(one, (4000, len(one))).mean(axis=1) for one in sides]
    low, high = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    gap = run.summary["gap"]
    assert np.isclose(gap["value"], sides[0].mean() - sides[1].mean(), atol=1e-6)
    assert np.isclose(gap["high"] - gap["low"], high - low, rtol=0.2), (gap, low, high)
    assert "clusters" in gap["method"]
    told = not gap["low"] <= 0 <= gap["high"]
    assert all((r["removed"]["value"] is not None) == told for r in run.summary["removals"])
    assert "nan" not in " ".join(row["meaning"] for row in run.summary["headline"])


@pytest.mark.parametrize(("spans", "within"), [(False, True), (True, False)])
def test_the_method_says_within_groups_only_where_it_is_so(spans: bool, within: bool) -> None:
    """One cluster on both sides, and whole clusters are drawn over both at once."""
    rng, clusters = np.random.default_rng(0), np.arange(120) // 3
    column = make_column("g", ["ab"[c % 2] for c in clusters])
    task = gap_task(np.eye(4), WORDS, "judge", column, "b", clusters=clusters, seed=0)
    half, inside = ~task.fit, task.score.inside
    assert inside is not None
    if spans:
        task.clusters[np.flatnonzero(half & inside)[0]] = task.clusters[half & ~inside][0]
    weights = resamples(inside[half], task.clusters[half], 200, rng)
    report = SimpleNamespace(task=task, before=inside + rng.normal(size=120), weights=weights)
    gap = GapReport.gap(report)  # type: ignore[arg-type]
    assert gap.defined and ("within groups" in gap.method) == within


def test_a_contribution_is_what_removing_a_weak_unit_changes(planted: Any, redder: Path) -> None:
    """To first order: for units that change little, contribution and ablation agree."""
    images = [Image.open(redder / f"{i:02d}.png").convert("RGB") for i in range(24)]
    inside = np.arange(24) % 2 == 1
    direction = planted.encode_texts(["judge"])[0].astype(np.float64)
    points = unit_points(planted, "neuron")
    mean = means(planted, images, points, batch_size=8)
    ranked = contributions(
        planted, images, Score(name="gap", direction=direction, inside=inside), "neuron",
        sign=1.0, replacement=mean, batch_size=8,
    )  # fmt: skip
    before = planted.encode_images(images).astype(np.float64) @ direction
    values = dict(zip(ranked.units, ranked.values, strict=True))
    found, expected = [], []
    for unit in [f"vision.blocks.2.mlp.post:{i}" for i in range(0, 64, 4)]:
        after = encode_without(planted, images, [unit], mean, batch_size=8) @ direction
        change = after - before
        expected.append(-(change[inside].mean() - change[~inside].mean()))
        found.append(values[unit])
    assert np.corrcoef(found, expected)[0, 1] > 0.95
    assert np.allclose(found, expected, atol=0.2 * np.abs(expected).max())


def test_no_unit_taken_out_is_the_model_as_it_is(planted: Any, redder: Path) -> None:
    images = [Image.open(redder / "00.png").convert("RGB")]
    assert np.array_equal(encode_without(planted, images, [], {}), planted.encode_images(images))


def test_halves_keep_clusters_whole_and_groups_even() -> None:
    labels = np.repeat([0, 1], 40)
    clusters = np.repeat(np.arange(20), 4)
    fit = split(clusters, permuted(np.random.default_rng(0)), strata=labels)
    assert all(len(set(fit[clusters == c])) == 1 for c in range(20))
    assert fit[:40].sum() == fit[40:].sum() == 20
    other = split(clusters, permuted(np.random.default_rng(1)), strata=labels)
    assert not np.array_equal(fit, other)


def test_what_cannot_be_explained_is_said(planted: Any, redder: Path, tmp_path: Path) -> None:
    def ask(**changed: Any) -> None:
        asked = {"column": "perceived_gender", "word": "judge", "group": "b", **changed}
        explain_gap(planted, redder, out=tmp_path / "no", words=WORDS, **asked)

    with pytest.raises(DataError, match=r"'mayor' is not in the list .*--words"):
        ask(word="mayor")
    with pytest.raises(DataError, match="is not a group of 'perceived_gender'"):
        ask(group="c")
    with pytest.raises(ConfigError, match="'dimension' is unknown: known are neuron, head"):
        ask(kinds=["dimension"])
    column = make_column("g", ["a"] * 12 + ["b"] * 12)
    with pytest.raises(DataError, match="each needs 10"):
        gap_task(np.eye(4), WORDS, "judge", column, "b", clusters=None, seed=0)
    column, persons = make_column("g", ["a"] * 60 + ["b"] * 60), np.arange(120) // 30
    with pytest.raises(DataError, match=r"only 1 cluster on one side of 'b'.*needs 5"):
        gap_task(np.eye(4), WORDS, "judge", column, "b", clusters=persons, seed=0)
