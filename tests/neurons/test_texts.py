"""A text atlas: the same instrument over the text tower."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.data.texts import read_texts, text_dataset
from clipprobe.errors import DataError, RunFolderError, UnsupportedHookError
from clipprobe.neurons import Atlas, merge_atlases, scan, scan_texts

POST = "text.blocks.1.mlp.post"
N = 90


@pytest.fixture(scope="module")
def captions() -> list[str]:
    """Texts of many lengths, in no order."""
    rng = np.random.default_rng(0)
    words = "cat dog red big on the a plain apple table".split()
    made = {" ".join(rng.choice(words, rng.integers(1, 7))) for _ in range(4 * N)}
    return [str(text) for text in rng.permutation(sorted(made)[:N])]


@pytest.mark.parametrize("pool", ["eos", "max", "mean"])
def test_values_are_those_of_a_capture(clip: Any, captions: list[str], pool: str) -> None:
    atlas = scan_texts(clip, captions, sites=[POST], pool=pool, top_k=N, batch_size=8)
    with clipprobe.capture(clip, [POST], pool=pool) as seen:
        clip.encode_texts(captions)
    values = dict(zip(captions, seen[POST].numpy(), strict=True))
    for index in (0, 17):
        unit = atlas.unit(f"{POST}:{index}")
        assert unit.n_images == len(unit.top) == N
        for one in unit.top:
            assert one.value == pytest.approx(values[one.id][index], abs=2e-6)
        mean = np.mean([row[index] for row in values.values()], dtype=np.float64)
        assert unit.mean == pytest.approx(mean, abs=1e-6)


def test_the_pooling_is_the_token_that_the_model_reads(clip: Any, load_tiny: Any) -> None:
    atlas = scan_texts(clip, ["a cat", "a dog"])
    assert sorted(atlas.sites) == [f"text.blocks.{i}.mlp.post" for i in range(3)]
    assert atlas.pool == "eos" and atlas.tower == "text" and atlas.inputs == "texts"
    assert atlas.unit(f"{POST}:3").name == f"{POST}:3 (end token)"
    for family, pool in (("siglip", "eos"), ("chinese_clip", "cls"), ("altclip", "cls")):
        assert scan_texts(load_tiny(family), ["a cat", "a dog on a table"]).pool == pool


def test_the_token_that_fired_is_named(clip: Any, captions: list[str], tmp_path: Path) -> None:
    scan_texts(clip, captions, sites=[POST], pool="max", out=tmp_path / "run")
    firing = Atlas.load(tmp_path / "run").unit(f"{POST}:5").top[0]
    with clipprobe.capture(clip, [POST]) as seen:
        clip.encode_texts([firing.id])
    assert firing.token == int(seen[POST][0, :, 5].argmax())
    ids = clip.tokenize([firing.id])[0]
    assert firing.piece == clip.tokens.piece(ids[firing.token])
    assert firing.place is None


def test_shards_and_a_killed_scan_give_the_same_files(
    clip: Any, captions: list[str], tmp_path: Path
) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        there = [path for path in folder.iterdir() if path.is_file() and path.name != "call.json"]
        return {path.name: path.read_bytes() for path in there}

    options: dict[str, Any] = {"batch_size": 8, "pool": "max"}
    scan_texts(clip, captions, out=tmp_path / "whole", **options)
    shards = [
        scan_texts(clip, captions[::-1], out=tmp_path / f"{i}", shard=(i, 3), **options)
        for i in range(3)
    ]
    merge_atlases([shards[2], shards[0], shards[1]]).save(tmp_path / "merged")
    assert files(tmp_path / "merged") == files(tmp_path / "whole")
    calls = itertools.count(1)

    def kill(n: int) -> None:
        if next(calls) == 4:
            raise KeyboardInterrupt

    options |= {"out": tmp_path / "killed", "checkpoint_seconds": 0}
    with pytest.raises(KeyboardInterrupt):
        scan_texts(clip, captions, progress=kill, **options)
    seen: list[int] = []
    scan_texts(clip, captions, progress=seen.append, **options)
    assert len(seen) > 2 and sum(seen) == N
    assert 0 < seen[0] < N
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_other_texts_or_the_other_tower_are_another_atlas(
    clip: Any, captions: list[str], tmp_path: Path
) -> None:
    scan_texts(clip, captions, out=tmp_path / "run")
    with pytest.raises(RunFolderError, match="another configuration"):
        scan_texts(clip, [*captions, "one more"], out=tmp_path / "run")
    with pytest.raises(UnsupportedHookError, match="begin with 'text"):
        scan_texts(clip, captions, sites=["vision.blocks.0.mlp.post"])
    with pytest.raises(UnsupportedHookError, match="--texts"):
        scan(clip, [np.zeros((8, 8, 3), np.uint8)], sites=[POST])


def test_equal_and_blank_texts_count_once(tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_text("a cat\n\n  a   cat \nbäume 日本\n", encoding="utf-8")
    found = read_texts(path)
    assert found.name == "captions.txt"
    assert [record.id for record in found.records] == ["a cat", "bäume 日本"]
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    for broken in (tmp_path / "bytes.txt", tmp_path / "none.txt"):
        with pytest.raises(DataError):
            read_texts(broken)
    for wrong in ("one text", [" "], [3]):
        with pytest.raises(DataError):
            text_dataset(wrong)  # type: ignore[arg-type]
