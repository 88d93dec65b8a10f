"""Looking units up: addresses, search, and the levels that peaks and purity must pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import hypergeom
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.errors import (
    ConfigError,
    DataError,
    UnknownHookPointError,
)
from clipprobe.models import random_twin
from clipprobe.neurons import Atlas, scan
from clipprobe.neurons.atlas.unit_table import purity_floor

POST = "vision.blocks.1.mlp.post"
N = 75


def test_addresses_are_read_as_everywhere(whole: Atlas) -> None:
    assert whole.unit("vision.blocks.-2.mlp.post:5").address == f"{POST}:5"
    assert whole.unit(f"{POST}:5").name == f"{POST}:5 (max over tokens)"
    with pytest.raises(UnknownHookPointError, match="numbered 0 to 63"):
        whole.unit(f"{POST}:64")
    with pytest.raises(UnknownHookPointError, match="nearest"):
        whole.unit("vision.blocks.7.mlp.post:0")
    with pytest.raises(UnknownHookPointError, match="whole hook point"):
        whole.unit(POST)


def test_search_by_property_and_label(whole: Atlas) -> None:
    table = whole.table(POST)
    best = whole.search(kind="selective", site=POST, limit=3)
    assert [row["unit"] for row in best] == np.argsort(-table.peak, kind="stable")[:3].tolist()
    always = {row["unit"] for row in whole.search(kind="always-on", site=POST, limit=99)}
    assert always == set(np.flatnonzero(whole.statistics[POST].n_positive == N).tolist())
    red = whole.search(label="red", limit=5)
    for row in red:
        tops = whole.unit(row["address"]).top
        assert row["purity"] == sum(one.label == "red" for one in tops) / len(tops)
    assert [row["purity"] for row in red] == sorted((r["purity"] for r in red), reverse=True)
    with pytest.raises(ConfigError, match="always-on"):
        whole.search(kind="grumpy")
    with pytest.raises(DataError, match="blue"):
        whole.search(label="purple")


def test_search_takes_several_globs_and_refuses_one_that_means_nothing(whole: Atlas) -> None:
    other = next(site for site in whole.sites if site != POST)
    both = whole.search(kind="any", site=[POST, other], limit=9999)
    each = [whole.search(kind="any", site=site, limit=9999) for site in (POST, other)]
    assert each[0] and each[1]
    assert {r["address"] for r in both} == {r["address"] for rows in each for r in rows}
    with pytest.raises(UnknownHookPointError, match="nowhere"):
        whole.search(kind="any", site=[POST, "nowhere.*"])


def test_purity_floor_is_not_reached_by_chance() -> None:
    """Of 200 atlases of 50 units with random labels, about 5 % or fewer have a unit above it."""
    rng = np.random.default_rng(0)
    totals = np.array([60, 30, 10])
    labels = np.repeat(np.arange(3), totals)
    floor = purity_floor(totals, 100, 8, 50)
    above = 0
    for _ in range(200):
        draws = rng.permuted(np.tile(labels, (50, 1)), axis=1)[:, :8]
        best = np.array([np.bincount(row, minlength=3).max() for row in draws]) / 8
        above += bool((best >= floor).any())
    assert above <= 20  # 5 % of 200 is 10; 20 has a chance of 0.2 %
    assert np.isnan(purity_floor(np.array([100]), 100, 8, 50))


def test_purity_floor_is_the_hypergeometric_one_and_takes_no_time_for_many_places() -> None:
    rng = np.random.default_rng(1)
    for n, n_labels, k in ((40, 3, 9), (40, 40, 9), (200, 1, 16), (300, 60, 300), (20, 2, 1)):
        totals = np.bincount(rng.integers(0, n_labels, n), minlength=n_labels)
        chances = [hypergeom.sf(count - 1, n, totals, k).sum() for count in range(1, k + 1)]
        levels = [(i + 1) / k for i, one in enumerate(chances) if 30 * one <= 0.05]
        floor = purity_floor(totals, n, k, 30)
        assert floor == levels[0] if levels else np.isnan(floor)
    assert purity_floor(np.full(200, 50), 10_000, 10_000, 3_000) == 51 / 10_000


def test_the_twin_s_peaks_give_the_level_that_a_peak_must_pass(clip: Any, pictures: Path) -> None:
    atlas, twin = (
        scan(one, pictures, sites=[POST], batch_size=8) for one in (clip, random_twin(clip))
    )
    (level,) = atlas.peak_floors(twin).values()
    peaks = twin.table(POST).peak
    assert (peaks < level.value).mean() < 0.95 <= (peaks <= level.value).mean()
    assert level.n == 64 and level.low <= level.value <= level.high
    other = scan(clip, pictures, sites=[POST], pool="mean", batch_size=8)
    with pytest.raises(ConfigError, match="differs in 'pool'"):
        atlas.peak_floors(other)


def test_an_atlas_prints_the_level_of_the_twin_that_lies_beside_it(
    clip: Any, checkpoint: Any, pictures: Path, tmp_path: Path
) -> None:
    common = ["neurons", "scan", "--model", str(checkpoint("clip")), "--images", str(pictures)]
    common += ["--sites", POST, "--out", str(tmp_path / "atlas")]
    address = f"{POST}:3"

    def shown(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--atlas", str(tmp_path / "atlas")])
        assert done.exit_code == 0, done.output
        return done.output

    assert CliRunner().invoke(app, common).exit_code == 0
    alone = Atlas.load(tmp_path / "atlas").unit(address)
    assert alone.peak_floor_of == "bell-shaped units"
    assert "95 % of bell-shaped units" in shown("neurons", "show", address)

    done = CliRunner().invoke(app, [*common, "--twin"])
    assert done.exit_code == 0 and "atlas-twin" in done.output, done.output
    atlas, twin = (Atlas.load(tmp_path / name) for name in ("atlas", "atlas-twin"))
    (level,) = atlas.peak_floors(twin).values()
    unit, (row,) = atlas.unit(address), atlas.search(kind="any", limit=1)
    assert unit.peak_floor == row["peak_floor"] == atlas.table(POST).peak_floor == level.value
    assert unit.peak_floor != alone.peak_floor
    words = "95 % of the hook point's units at random weights"
    assert unit.peak_floor_of in words and row["peak_floor_of"] in words
    assert f"{words}: below {level.value:.2f} σ" in shown("neurons", "show", address)
    assert f"(95 % below {level.value:.2f} σ)" in shown("neurons", "search")
    sheet = tmp_path / "sheet.html"
    shown("neurons", "show", address, "--out", str(sheet))
    assert f"stay below {level.value:.1f} σ" in sheet.read_text("utf-8")
    # Neither the twin's own atlas nor one of other images has it.
    assert twin.unit(address).peak_floor_of == "bell-shaped units"
    fewer = tmp_path / "fewer"
    scan(clip, pictures, sites=[POST], limit=6, batch_size=4, out=fewer)
    assert Atlas.load(fewer).unit(address).peak_floor_of == "bell-shaped units"


def test_the_row_of_a_unit_is_that_of_the_table(whole: Atlas) -> None:
    """And it does not compute the others: the page of a unit of 100,000 asks for one."""
    table = whole.table(POST)
    for index in (0, 5, 63):
        row = whole.row(f"{POST}:{index}")
        for name in table.arrays():
            (value,) = getattr(row, name)
            np.testing.assert_array_equal(value, getattr(table, name)[index], err_msg=name)
        assert (row.peak_floor, row.peak_floor_of) == (table.peak_floor, table.peak_floor_of)
        assert row.purity_floor == table.purity_floor
    with pytest.raises(UnknownHookPointError, match="numbered 0 to 63"):
        whole.row(f"{POST}:64")
