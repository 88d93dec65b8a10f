"""The run folder: what is in it, and the same bytes after a kill and in tiles of any size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs.checks import check_run, check_tables

from clipprobe.errors import RunFolderError
from clipprobe.hooks.units import find_sites
from clipprobe.neurons.multimodality import Multimodality, multimodality
from clipprobe.neurons.multimodality import trial as trial_module
from clipprobe.neurons.multimodality.activations import tiles

SITE = "vision.blocks.1.mlp.post"


def test_a_run_is_what_the_page_says_and_reads_back(made: Multimodality) -> None:
    assert made.path is not None
    check_run(made.path)
    check_tables(made.path, "multimodality")
    again = Multimodality.load(made.path)
    assert again.summary() == made.summary() and again.to_json() == made.to_json()
    assert again.table.equals(made.table)
    with pytest.raises(RunFolderError, match="not 'multimodality'"):
        Multimodality.load(_other_run(made.path.parent / "other"))


def _other_run(folder: Path) -> Path:
    from clipprobe.runs import Run

    Run.open(folder, kind="atlas", config={}).finish(counts={}, seed=0)
    return folder


def test_the_report_states_claim_family_floor_and_pooling(made: Multimodality) -> None:
    assert made.path is not None
    page = (made.path / "report.html").read_text("utf-8")
    for words in ("cross-tower alignment", f"{made.family_size:,} pairs", "random weights", "max"):
        assert words in page
    best = made.ranked(1)[0]
    assert best["address"] in page and page.count("data:image/") >= 10 * 3
    assert (made.path / "report.md").read_text("utf-8").startswith("# Multimodal neurons")


def test_the_same_seed_gives_the_same_bytes_also_after_a_kill(
    clip: Any, probes: Any, made: Multimodality, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    real, calls = trial_module.pooled, []

    def dies(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(trial_module, "pooled", dies)
    options: dict[str, Any] = {"sites": [SITE], "n_controls": 2, "out": out}
    with pytest.raises(KeyboardInterrupt):
        multimodality(clip, probes, **options)
    assert not (out / "manifest.json").exists()
    multimodality(clip, probes, workers=0, **options)
    assert len(calls) == 4  # the two finished modalities were not run again
    assert made.path is not None
    names = sorted(path.name for path in made.path.iterdir())
    assert names == sorted(path.name for path in out.iterdir())
    for name in names:
        assert (out / name).read_bytes() == (made.path / name).read_bytes(), name
    multimodality(clip, probes, **options)
    assert len(calls) == 4  # a complete run is read, not made
    with pytest.raises(RunFolderError):
        multimodality(clip, probes, seed=1, **options)


def test_tiles_cover_every_unit_once_and_change_nothing(clip: Any, probes: Any) -> None:
    found = find_sites(clip, ["vision.blocks.*.mlp.post"], "max")
    plan = tiles(found, 60, 4 * 60 * 50 / 1e6, 1)
    assert all(sum(stop - start for _, start, stop in tile) <= 50 for tile in plan)
    covered = [(name, unit) for tile in plan for name, a, b in tile for unit in range(a, b)]
    assert covered == [(site.name, unit) for site in found for unit in range(site.n_units)]
    options: dict[str, Any] = {"sites": ["vision.blocks.*.mlp.post"], "controls": []}
    whole = multimodality(clip, probes, **options)
    tiled = multimodality(clip, probes, memory_mb=4 * 60 * 80 / 1e6, workers=0, **options)
    assert whole.table.equals(tiled.table) and whole.units.equals(tiled.units)
    assert whole.top_images.equals(tiled.top_images)
    assert np.array_equal(whole.nulls.best_unit_null, tiled.nulls.best_unit_null)


def test_a_killed_test_goes_on_with_tiles_of_another_size(
    clip: Any, probes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tiles of 70, 70, 52 units are not the three of 90, 90, 12."""
    options: dict[str, Any] = {"sites": ["vision.blocks.*.mlp.post"], "controls": []}
    one_unit = 4 * 60 / 1e6
    whole = multimodality(clip, probes, out=tmp_path / "whole", **options)
    real, calls = trial_module.pooled, []

    def dies(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    monkeypatch.setattr(trial_module, "pooled", dies)
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        multimodality(clip, probes, memory_mb=70.5 * one_unit, out=out, **options)
    assert len(list((out / "parts").glob("*.safetensors"))) == 6
    found = multimodality(clip, probes, memory_mb=90.5 * one_unit, out=out, **options)
    assert len(calls) == 7 + 9  # nothing of the other tiles was taken
    assert found.table.equals(whole.table) and found.units.equals(whole.units)
    for name in whole_files(tmp_path / "whole"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def whole_files(folder: Path) -> list[str]:
    return [*json.loads((folder / "manifest.json").read_text())["files"], "manifest.json"]
