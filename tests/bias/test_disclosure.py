"""A published report is attacked: nothing about fewer than ten images may follow from it."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bias.attacker import Findings, Mask, Reader

from attacks.bias import Settings, audit_bias, make_column
from attacks.bias.groups.exposure import small_sets
from attacks.bias.groups.suppression import protect
from attacks.bias.groups.vocabulary import read_value
from attacks.bias.probes.section7.answer import parts as truth_parts
from attacks.bias.probes.section7.label_sets import DENIGRATION
from clipprobe.errors import ConfigError
from clipprobe.runs import RunView, load_run

QUICK: dict[str, Any] = {"n_boot": 100, "n_permutations": 100}
RACES = ("Black", "White", "Indian", "East Asian", "Middle Eastern")
GROUPS = (
    ("race", "gender", "race x gender"),
    ("race", "site", "race x site"),
    ("gender", "site"),
    ("race", "gender", "site", "race x site", "race x gender x site"),
)
Rows = list[dict[str, str]]


def people(rng: np.random.Generator, n: int) -> Rows:
    """Annotated images with predicted labels and gaps: scattered, in one place, or hardly any."""
    races = rng.choice(RACES, n, p=[0.3, 0.28, 0.2, 0.17, 0.05])
    rows = [
        {
            "file": f"{i:04d}.png",
            "race": str(races[i]),
            "gender": str(rng.choice(["Male", "Female"])),
            "site": str(rng.choice(["north", "south", "west"], p=[0.5, 0.4, 0.1])),
        }
        for i in range(n)
    ]
    for name in ("race", "gender", "site"):
        kind = rng.integers(4)
        gone = rng.random(n) < (0.0, 2 / n, 0.15, 0.0)[kind]
        if kind == 3:  # known of a few of one cell only
            place = [r["race"] == rng.choice(RACES) and r["site"] == "west" for r in rows]
            gone = np.array(place) & (rng.random(n) < 0.8)
        for i in np.flatnonzero(gone):
            rows[i][name] = ""
    labels = [*DENIGRATION.labels, *rng.choice(DENIGRATION.labels, n - len(DENIGRATION.labels))]
    for row, label in zip(rows, rng.permutation(labels), strict=True):
        row["label_pred"] = str(label)
    return rows


def audit(rows: Rows, groups: Sequence[str], out: Path) -> RunView:
    table = out.parent / f"{out.name}.csv"
    with table.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return audit_bias(
        None, predictions=table, prediction_column="label_pred", id_column="file", groups=groups,
        probes=["clip-section-7"], out=out, label_format="table", **QUICK,
    )  # fmt: skip


def known(rows: Rows) -> dict[str, Mask]:
    found = {n: np.array([bool(r[n]) for r in rows]) for n in ("gender", "race")}
    found["race and gender"] = found["race"] & found["gender"]
    return {f"{name} accuracy": part for name, part in found.items()}


def reader(rows: Rows) -> Reader:
    return Reader({n: [r[n] for r in rows] for n in ("race", "gender", "site")}, known(rows))


def taking_part(rows: Rows, groups: Sequence[str], *, protected: bool = True) -> Mask:
    """Who is in a figure: a strong attacker knows it."""
    eyes = reader(rows)
    columns = [make_column(name, [v or None for v in eyes.values(name)]) for name in groups]
    truth = {
        name: tuple(read_value(name, r[name] or None) for r in rows) for name in ("gender", "race")
    }
    if protected:
        columns = protect(columns, truth_parts(truth))
    return np.asarray(np.logical_or.reduce([c.labels >= 0 for c in columns]))


def attack(rows: Rows, groups: Sequence[str], out: Path, *, protected: bool = True) -> Findings:
    eyes, part = reader(rows), taking_part(rows, groups, protected=protected)
    eyes.read(audit(rows, groups, out), part, out.parent)
    return eyes.solve(part)


def truly(rows: Rows, name: str, outcome: str) -> int:
    """The hits that a set named by :meth:`Reader.targets` really has."""
    measure = outcome.split("/")[0]
    images = [rows[int(i)] for i in name.split("[")[1][:-1].split(",")]
    if measure == "crime rate":
        return sum(r["label_pred"] in ("thief", "criminal", "suspicious person") for r in images)
    assert measure == "gender accuracy", measure
    said = {"Male": "man", "Female": "woman"}
    return sum(r["label_pred"].split()[-1] == said[r["gender"]] for r in images)


@pytest.mark.parametrize("tenth", range(5))
def test_nothing_about_fewer_than_ten_images_follows_from_a_report(
    tenth: int, tmp_path: Path
) -> None:
    """Fifty reports with gaps in the labels, in five parts."""
    for seed in range(10 * tenth, 10 * tenth + 10):
        rng = np.random.default_rng(seed)
        rows = people(rng, int(rng.integers(150, 300)))
        found = attack(rows, GROUPS[seed % len(GROUPS)], tmp_path / str(seed))
        assert not found, (seed, found)


def test_the_attack_succeeds_where_nothing_is_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("people", "core"):
        monkeypatch.setattr(f"attacks.bias.{module}.protect", lambda columns, *_: list(columns))
    solved, right = 0, []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        rows = people(rng, int(rng.integers(150, 300)))
        groups = GROUPS[seed % len(GROUPS)]
        found = attack(rows, groups, tmp_path / str(seed), protected=False)
        solved += bool(found.hits)
        right += [
            truly(rows, name, outcome) == hits
            for name, outcome, hits in found.hits
            if outcome.startswith(("crime rate", "gender accuracy"))
        ]
    assert solved >= 4 and len(right) > 20 and all(right)


def even(n: int = 240) -> Rows:
    """Every race, gender and site 20 times or more together, without a gap."""
    rng = np.random.default_rng(0)
    rows = people(rng, n)
    for i, row in enumerate(rows):
        row |= {
            "race": RACES[i % 3], "gender": ("Male", "Female")[i // 3 % 2],
            "site": ("north", "west")[i // 6 % 2],
        }  # fmt: skip
    return rows


def test_one_blank_label_gives_its_image_not_away(tmp_path: Path) -> None:
    """The images by gender less those by race would be the one without a race."""
    rows = even()
    rows[7]["race"] = ""
    run = audit(rows, ["gender", "race"], tmp_path / "run")
    totals = {
        (r["measure"], r["column"]): r["n"]
        for r in run.read_table("cells.parquet").to_pylist()
        if not r["group"] and not r["reference"]
    }
    assert totals["crime rate", "gender"] == totals["crime rate", "race"] == 239
    assert run.manifest["counts"]["used"] == 239
    groups = run.summary["groups"]  # and no group is withheld on its account
    assert not any(groups[name]["withheld"] or groups[name]["insufficient"] for name in groups)


def test_a_cell_that_a_gap_in_the_truth_makes_small_is_not_given_away(tmp_path: Path) -> None:
    """Gender is known of three images of one cell only: race less the other site would be them."""
    rows = even()
    cell = [r for r in rows if (r["race"], r["site"]) == (RACES[0], "west")]
    for row in cell[3:]:
        row["gender"] = ""
    found = attack(rows, ["race", "race x site"], tmp_path / "run")
    assert not found
    shown = {
        r["group"]
        for r in load_run(tmp_path / "run").read_table("cells.parquet").to_pylist()
        if r["measure"] == "gender accuracy" and r["value"] is not None
    }
    assert f"{RACES[0]} x west" not in shown and {*RACES[:3], f"{RACES[0]} x north"} <= shown


def test_two_reports_together_can_give_images_away_and_each_says_so(tmp_path: Path) -> None:
    counted = []
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        rows = people(rng, 240)
        rows[0]["race"] = ""
        eyes, parts = reader(rows), []
        for name, groups in (("one", ["gender"]), ("two", ["race", "gender", "race x gender"])):
            part = taking_part(rows, groups)
            run = audit(rows, groups, tmp_path / f"{seed}{name}")
            eyes.read(run, part, tmp_path)
            parts.append(part)
            assert any("two reports together" in limit for limit in run.summary["limits"])
            text = " ".join(run.file("report.md").read_text("utf-8").split())
            assert "the difference of two can be the answer for a single image" in text
        counted.append(len({name for name, _, _ in eyes.solve(parts[0] | parts[1]).hits}))
    assert sum(counted) > 0, counted


def test_few_places_of_a_ranking_are_refused(tmp_path: Path) -> None:
    for k in (1, 9):
        with pytest.raises(ConfigError, match="choose 10 or more"):
            audit_bias(None, predictions=tmp_path / "none.csv", k=k, out=tmp_path / "run")
    assert Settings(k=10).k == 10


def test_small_sets_are_those_that_brute_force_finds() -> None:
    """Of random tables of up to nine pieces: is there a combination on fewer than ten images?"""
    rng = np.random.default_rng(0)
    both, doubtful = [0, 0], 0
    for _ in range(400):
        n = int(rng.integers(3, 10))
        sizes = rng.integers(1, 16, n)
        rows = (rng.random((int(rng.integers(1, n)), n)) < 0.5).astype(float)
        found = small_sets(rows, sizes, 10)
        light = [v for v in found if (v != 0) @ sizes < 10]
        assert all(np.linalg.matrix_rank(np.vstack([rows, v])) == np.linalg.matrix_rank(rows)
                   for v in light)  # fmt: skip
        brute = False
        for depth in range(1, n + 1):
            for some in itertools.combinations(range(n), depth):
                if sizes[list(some)].sum() < 10:
                    outside = np.delete(rows, some, axis=1)
                    brute |= np.linalg.matrix_rank(outside) < np.linalg.matrix_rank(rows)
        doubt = bool(found) and not light  # named to be on the safe side
        assert doubt or bool(light) == brute
        both[int(brute)] += 1
        doubtful += doubt
    assert min(both) > 50 and doubtful < 20, (both, doubtful)
