"""The same bytes however a scan is cut or interrupted; no stale atlas is read."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import clipprobe
from clipprobe.errors import RunFolderError
from clipprobe.neurons import Atlas, merge_atlases, scan
from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics

POST = "vision.blocks.1.mlp.post"
N = 75


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a run but its call, which says how it was made."""
    there = [path for path in folder.iterdir() if path.is_file() and path.name != "call.json"]
    return {path.name: path.read_bytes() for path in there}


def test_workers_and_shards_in_any_order_give_the_same_files(
    clip: Any, pictures: Path, whole: Atlas, tmp_path: Path
) -> None:
    assert whole.path is not None
    expected = files(whole.path)
    scan(clip, pictures, out=tmp_path / "workers", batch_size=8, workers=0)
    assert files(tmp_path / "workers") == expected
    shards = []
    for i in range(7):
        scan(clip, pictures, out=tmp_path / f"{i}", batch_size=8, shard=(i, 7), workers=i % 3)
        shards.append(Atlas.load(tmp_path / f"{i}"))
    for number, order in enumerate([(0, 1, 2, 3, 4, 5, 6), (6, 2, 4, 0, 5, 1, 3)]):
        merged = merge_atlases([shards[i] for i in order])
        merged.save(tmp_path / f"merged-{number}")
        assert files(tmp_path / f"merged-{number}") == expected
    tree = shards[0].merge(shards[3]).merge(merge_two_by_two(shards[1], shards[6], shards[2]))
    tree.merge(shards[5].merge(shards[4])).save(tmp_path / "tree")
    assert files(tmp_path / "tree") == expected


def merge_two_by_two(a: Atlas, b: Atlas, c: Atlas) -> Atlas:
    return a.merge(b.merge(c))


def test_other_bytes_are_noticed(clip: Any, pictures: Path, whole: Atlas, tmp_path: Path) -> None:
    scan(clip, pictures, out=tmp_path / "seed", batch_size=8, seed=1)
    assert whole.path is not None
    before, after = files(whole.path), files(tmp_path / "seed")
    assert before["topk.parquet"] == after["topk.parquet"]
    assert before["bins.parquet"] != after["bins.parquet"]


class Killed(Exception):
    pass


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_killed_scan_goes_on_where_it_was(
    clip: Any, pictures: Path, tmp_path: Path, after: int
) -> None:
    calls = itertools.count(1)

    def kill(n: int) -> None:
        if next(calls) == after:
            raise Killed

    # Not in alphabetical order: a checkpoint must give them back as they were asked for.
    options: dict[str, Any] = {"sites": [f"vision.blocks.{i}.mlp.post" for i in (2, 0, 1)]}
    scan(clip, pictures, out=tmp_path / "whole", batch_size=8, **options)
    options |= {"out": tmp_path / "run", "batch_size": 8, "checkpoint_seconds": 0}
    with pytest.raises(Killed):
        scan(clip, pictures, progress=kill, **options)
    with pytest.raises(RunFolderError, match="not finished"):
        Atlas.load(tmp_path / "run")
    seen: list[int] = []
    scan(clip, pictures, progress=seen.append, **options)
    assert seen[0] == 8 * after + (after > 4)  # "green/damaged.png" lies in the fifth batch or so
    assert sum(seen) == N + 1
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def test_what_fails_beside_the_model_stops_the_scan(
    clip: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise Killed

    monkeypatch.setattr(UnitStatistics, "update", fail)
    with pytest.raises(Killed):
        scan(clip, pictures, batch_size=8)
    alive = [thread.name for thread in threading.enumerate()]
    assert not [name for name in alive if name.startswith("clipprobe")]


def test_a_complete_run_is_not_made_again(clip: Any, pictures: Path, whole: Atlas) -> None:
    def never(n: int) -> None:
        raise AssertionError("an image was scanned again")

    again = scan(clip, pictures, out=whole.path, batch_size=8, progress=never)
    assert again.unit(f"{POST}:0").to_json() == whole.unit(f"{POST}:0").to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"pool": "mean"},
        {"sites": [POST]},
        {"top_k": 5},
        {"threshold": 0.5},
        {"batch_size": 4},
        {"limit": 30},
        {"shard": (0, 2)},
    ],
)
def test_a_stale_atlas_is_never_read(
    clip: Any, pictures: Path, whole: Atlas, change: dict[str, Any]
) -> None:
    with pytest.raises(RunFolderError, match="another configuration"):
        scan(clip, pictures, out=whole.path, **{"batch_size": 8, **change})


def test_other_weights_preprocessing_or_pixels_are_another_atlas(
    clip: Any, pictures: Path, whole: Atlas, tmp_path: Path, checkpoint: Any
) -> None:
    import json
    import shutil

    from clipprobe.testing import checkpoints as tiny

    other = clipprobe.load(tiny.tiny_clip(tmp_path / checkpoint("clip").name, seed=1))
    with pytest.raises(RunFolderError, match="weights_sha256"):
        scan(other, pictures, out=whole.path, batch_size=8)
    folder = shutil.copytree(checkpoint("clip"), tmp_path / "mean" / checkpoint("clip").name)
    path = next(p for p in folder.iterdir() if "processor" in p.name)
    settings = json.loads(path.read_text())
    inner = settings.get("image_processor", settings)
    inner["image_mean"] = [0.5, 0.5, 0.5]
    path.write_text(json.dumps(settings))
    with pytest.raises(RunFolderError, match="preprocessing"):
        scan(clipprobe.load(folder), pictures, out=whole.path, batch_size=8)
    copy = shutil.copytree(pictures, tmp_path / pictures.name)
    Image.new("RGB", (40, 36), (1, 2, 3)).save(copy / "red" / "00.png")
    with pytest.raises(RunFolderError, match="fingerprint"):
        scan(clip, copy, out=whole.path, batch_size=8)


def test_shards_that_do_not_belong_together_are_refused(
    clip: Any, pictures: Path, whole: Atlas
) -> None:
    parts = [scan(clip, pictures, shard=(i, 3), batch_size=8) for i in range(3)]
    with pytest.raises(RunFolderError, match="number 1 is missing"):
        merge_atlases([parts[2], parts[0]])
    with pytest.raises(RunFolderError, match="given twice"):
        merge_atlases([parts[0], parts[1], parts[0]])
    with pytest.raises(RunFolderError, match="pool differs"):
        merge_atlases([parts[0], scan(clip, pictures, shard=(1, 3), batch_size=8, pool="mean")])
    with pytest.raises(RunFolderError, match="no shard"):
        merge_atlases([whole, parts[0]])
