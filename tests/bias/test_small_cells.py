"""Small cells: what is judged, shown, hidden and withheld, and trying to compute what is hidden."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from attacks.bias import Settings, evaluate, make_column
from attacks.bias.groups.columns import CROSS, GroupColumn
from attacks.bias.groups.suppression import derivable, protect
from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.rates import rate_cells
from attacks.bias.measures.small_cells import count_groups
from attacks.bias.probe import Sample

FAIRFACE = Path(__file__).parents[3] / "shared/data/fairface/fairface_label_val.csv"
QUICK = Settings(n_boot=100, n_permutations=100)


def people(sizes: dict[tuple[str, ...], int]) -> list[tuple[str, ...]]:
    return [key for key, n in sizes.items() for _ in range(n)]


def columns_of(rows: Sequence[tuple[str, ...]], *names: str) -> list[GroupColumn]:
    """One column a name (``race``, ``gender``, ``race x gender``) over rows of race, gender, ..."""
    order = ("race", "gender", "age")
    return [
        make_column(
            name, [CROSS.join(row[order.index(part)] for part in name.split(CROSS)) for row in rows]
        )
        for name in names
    ]


def published(columns: Sequence[GroupColumn], hits: np.ndarray) -> list[Cell]:
    sample = Sample(columns=tuple(columns), truth={}, clusters=None, settings=QUICK)
    cells: list[Cell] = []
    for column in columns:
        subjects = sample.subjects("p", column)
        cells += rate_cells(subjects, hits[column.labels >= 0], Key("rate"), "")
    return cells


def solve(
    rows: Sequence[tuple[str, ...]], columns: Sequence[GroupColumn], hits: np.ndarray, hidden: str
) -> tuple[float, float]:
    """The fewest and most hits that the hidden intersection can have, given every rate shown.

    A reader's attack, by linear programming, with nothing but what the report prints.
    """
    pieces = sorted(set(rows))
    sizes = Counter(rows)
    equations, sums = [], []
    by_name = {column.name: column for column in columns}
    order = ("race", "gender", "age")
    for cell in published(columns, hits):
        if cell.measure != "rate" or np.isnan(cell.value):
            continue
        parts = [order.index(part) for part in cell.column.split(CROSS)]
        shown = set(by_name[cell.column].levels)
        values = [CROSS.join(piece[i] for i in parts) for piece in pieces]
        equations.append([float(v == cell.group or (not cell.group and v in shown))
                          for v in values])  # fmt: skip
        sums.append(cell.value * cell.n)
    target = np.array([float(CROSS.join(piece[: hidden.count(CROSS) + 1]) == hidden)
                       for piece in pieces])  # fmt: skip
    bounds = [(0, sizes[piece]) for piece in pieces]
    ends = []
    for sign in (1, -1):
        found = linprog(sign * target, A_eq=equations, b_eq=sums, bounds=bounds, method="highs")
        assert found.success, found.message
        ends.append(sign * found.fun)
    return ends[0], ends[1]


RACES = {("black", "woman"): 5, ("black", "man"): 60, ("white", "woman"): 70, ("white", "man"): 80,
         ("asian", "woman"): 40, ("asian", "man"): 50}  # fmt: skip


@pytest.mark.parametrize(
    "names", [("race", "race x gender"), ("race", "gender", "race x gender")], ids=["one", "both"]
)
def test_a_hidden_intersection_cannot_be_solved_for(names: tuple[str, ...]) -> None:
    rows = people(RACES)
    hits = np.random.default_rng(0).random(len(rows)) < 0.5
    plain = columns_of(rows, *names)
    true = int(hits[[row == ("black", "woman") for row in rows]].sum())
    low, high = solve(rows, plain, hits, "black x woman")
    assert low == pytest.approx(true) and high == pytest.approx(true)  # the attack works
    safe = protect(plain)
    low, high = solve(rows, safe, hits, "black x woman")
    assert high - low >= 1
    crossed = safe[-1]
    assert crossed.withheld and set(crossed.withheld) <= set(plain[-1].levels)
    assert [c.levels for c in safe[:-1]] == [c.levels for c in plain[:-1]]  # margins stay
    if len(names) == 2:
        assert crossed.withheld == ("black x man",)  # no more than it takes
    again = protect(safe)
    assert [c.levels for c in again] == [c.levels for c in safe]


def test_random_tables_with_three_attributes_hold() -> None:
    rng = np.random.default_rng(1)
    names = ("race", "gender", "age", "race x gender", "race x gender x age")
    given_away = 0
    for _ in range(6):
        sizes = {
            (r, g, a): int(rng.choice([3, 12, 25, 40], p=[0.15, 0.25, 0.3, 0.3]))
            for r in "abc" for g in "mw" for a in "oy"
        }  # fmt: skip
        rows = people(sizes)
        hits = rng.random(len(rows)) < 0.5
        plain = columns_of(rows, *names)
        safe = protect(plain)
        for hidden, n in plain[-1].sizes.items():
            if n < 10:
                low, high = solve(rows, plain, hits, hidden)
                given_away += high - low < 1e-6
                low, high = solve(rows, safe, hits, hidden)
                assert high - low > 1e-3, (hidden, safe[-1].withheld)
    assert given_away > 0


def test_columns_that_give_nothing_away_stay_as_they_are() -> None:
    rows = people(RACES | {("black", "woman"): 30})
    for names in (("race", "race x gender"), ("race",), ("race x gender",)):
        plain = columns_of(rows, *names)
        assert [c.levels for c in protect(plain)] == [c.levels for c in plain]
    alone = columns_of(people(RACES), "race x gender")  # no other column to subtract from
    assert protect(alone)[0].withheld == ()


def test_two_hidden_groups_are_protected_together() -> None:
    """Their sum is the figure of 8 images, and would follow from the margin."""
    rows = people(RACES | {("black", "man"): 3})
    rows += [("black", "other")] * 40
    plain = columns_of(rows, "race", "race x gender")
    assert plain[1].hidden == ("black x man", "black x woman")
    assert protect(plain)[1].withheld == ("black x other",)


def test_derivable_is_about_the_span() -> None:
    rows = np.array([[1.0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    targets = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, -1], [1, 0, 1, 1]])
    assert derivable(rows, targets).tolist() == [True, False, True, True]


def test_what_is_withheld_is_said_and_counted() -> None:
    rows = people(RACES)
    plain = columns_of(rows, "race", "race x gender")
    found = evaluate(
        {"occupations": (["judge"], np.random.default_rng(0).normal(size=(len(rows), 1)))},
        plain,
        settings=QUICK,
    )
    hidden = {c.group: c for c in found.select("skew@k", "race x gender") if c.method == "none"}
    assert hidden["black x woman"].reason == (
        "insufficient: below 10 images nothing is shown, not even how many"
    )
    assert hidden["black x man"].reason == "withheld: it would give away a group below 10"
    assert all(np.isnan(c.value) and c.status == "insufficient" for c in hidden.values())
    counted = count_groups(found.columns)["race x gender"]
    assert counted["groups"] == {"inferred": 4, "value_only": 0, "insufficient": 1, "withheld": 1}
    assert counted["images"] == {"inferred": 240, "value_only": 0} and counted["not_shown"] == 65
    assert counted["n_images"] == len(rows)


@pytest.mark.parametrize(
    ("n", "status", "said"),
    [(9, "insufficient", "insufficient: below 10 images"),
     (10, "shown", "insufficient (n=10) to infer"),
     (29, "shown", "insufficient (n=29) to infer"), (30, "inferred", "")],
)  # fmt: skip
def test_the_two_thresholds(n: int, status: str, said: str) -> None:
    column = make_column("perceived_age", ["young"] * n + ["old"] * 50)
    hits = np.resize([True, False], n + 50)
    cells = {c.group: c for c in published([column], hits) if c.measure == "rate"}
    cell = cells["young"]
    assert cell.status == status and cell.reason.startswith(said)
    assert np.isnan(cell.value) == (n < 10) and np.isnan(cell.low) == (n < 30)


@pytest.mark.skipif(not FAIRFACE.is_file(), reason="the FairFace labels are not beside the project")
def test_fairface_three_ways_has_41_of_126_insufficient_cells_and_loses_none() -> None:
    with FAIRFACE.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    names = ("race", "gender", "age")
    values = [[row[name] for row in rows] for name in names]
    three = make_column("race x gender x age", [CROSS.join(v) for v in zip(*values, strict=True)])
    assert len(three.sizes) == 126 and min(three.sizes.values()) == 1
    hits = np.random.default_rng(0).random(len(rows)) < 0.1
    cells = [c for c in published([three], hits) if c.measure == "rate" and c.group]
    assert len(cells) == 126
    small = [c for c in cells if c.reason.startswith("insufficient")]
    assert len(small) == 41 and all(c.n < 30 and np.isnan(c.low) for c in small)
    assert {c.n for c in small if np.isnan(c.value)} == {0}
    hidden = sum(three.sizes[name] for name in three.hidden)
    assert sum(c.n for c in cells) + hidden == len(rows) == 10_954
    assert count_groups([three])["race x gender x age"]["below_30"] == 41
    # Beside the single columns the hidden ones would follow from sums; afterwards they do not.
    safe = protect([*(make_column(n, v) for n, v in zip(names, values, strict=True)), three])
    assert len(safe[-1].levels) >= 60 and all(not c.withheld for c in safe[:-1])
    counted = count_groups(safe)["race x gender x age"]
    assert counted["n_images"] == 10_954 and counted["below_30"] == 41
    cells = [c for c in published([safe[-1]], hits) if c.measure == "rate" and c.group]
    assert len(cells) == 126 and len(safe[-1].hidden) == 18 and len(safe[-1].withheld) == 2
