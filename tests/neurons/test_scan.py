"""The scan: right values, the same bytes however it is cut or interrupted, refusals."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import clipprobe
from clipprobe.cli import app
from clipprobe.errors import (
    ConfigError,
    DataError,
    NoReadableImagesError,
    RunFolderError,
    UnknownHookPointError,
    UnreadableImageError,
    UnsupportedHookError,
)
from clipprobe.models import random_twin
from clipprobe.neurons import Atlas, merge_atlases, scan
from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics
from clipprobe.neurons.atlas.unit_table import purity_floor

POST = "vision.blocks.1.mlp.post"
N = 75


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a run but its call, which says how it was made."""
    there = [path for path in folder.iterdir() if path.is_file() and path.name != "call.json"]
    return {path.name: path.read_bytes() for path in there}


@pytest.fixture(scope="module")
def whole(clip: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """The pictures scanned in one pass."""
    out = tmp_path_factory.mktemp("atlas") / "whole"
    scan(clip, pictures, out=out, batch_size=8)
    return Atlas.load(out)


@pytest.mark.parametrize("pool", ["max", "mean", "cls"])
def test_values_are_those_of_a_capture(clip: Any, pictures: Path, pool: str) -> None:
    atlas = scan(clip, pictures, sites=[POST], pool=pool, top_k=N, batch_size=8)
    used = [
        r
        for r, reason in zip(atlas.images.records, atlas.images.reasons, strict=True)
        if not reason
    ]
    with clipprobe.capture(clip, [POST]) as seen:
        clip.encode_images([record.source for record in used], batch_size=8)
    tokens = seen[POST]
    pooled = {"max": tokens.amax(1), "mean": tokens.mean(1), "cls": tokens[:, 0]}[pool].numpy()
    for index in (0, 17):
        unit = atlas.unit(f"{POST}:{index}")
        expected = sorted(zip(pooled[:, index].tolist(), [r.id for r in used], strict=True))
        assert {one.id: one.value for one in unit.top} == {name: v for v, name in expected}
        assert [one.value for one in unit.top] == [v for v, _ in expected][::-1]
        assert unit.mean == pytest.approx(pooled[:, index].mean(dtype=np.float64), abs=1e-9)
        assert unit.std == pytest.approx(pooled[:, index].std(dtype=np.float64), abs=1e-9)
        strongest = unit.top[0]
        if pool == "max":
            row = [r.id for r in used].index(strongest.id)
            assert strongest.token == int(tokens[row, :, index].argmax())
        else:
            assert strongest.token is None


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


def test_a_token_lies_where_its_patch_is(clip: Any) -> None:
    """On black pictures with one white patch, whatever answers to white fires on that patch."""
    places = [(r, c) for r in range(4) for c in range(4)]
    images = []
    for row, column in places:
        pixels = np.zeros((32, 32, 3), np.uint8)
        pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 255
        images.append(pixels)
    atlas = scan(clip, images, sites=["vision.embed"], top_k=16)
    with clipprobe.capture(clip, ["vision.embed"]) as seen:
        clip.encode_images(images)
    maps = seen["vision.embed"].numpy()
    answering = [u for u in range(maps.shape[1]) if maps[0, u, 0, 0] > maps[0, u, 3, 3]]
    assert answering
    for unit in answering:
        for firing in atlas.unit(f"vision.embed:{unit}").top:
            assert firing.place == places[firing.image]


def test_loading_gives_back_what_was_scanned(clip: Any, pictures: Path, whole: Atlas) -> None:
    fresh = scan(clip, pictures, batch_size=8)
    assert fresh.config == whole.config and fresh.sites == whole.sites
    for name, statistics in fresh.statistics.items():
        loaded = whole.statistics[name].state()
        for key, array in statistics.state().items():
            assert array.dtype == loaded[key].dtype, key
            assert array.tobytes() == loaded[key].tobytes(), key
    address = f"{POST}:3"
    assert fresh.unit(address).to_json() == whole.unit(address).to_json()


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


def test_unreadable_images_are_counted_and_named(whole: Atlas) -> None:
    assert whole.images.n_used == N
    assert [failure.id for failure in whole.images.failures] == ["green/damaged.png"]
    assert "image" in whole.images.failures[0].reason
    assert whole.path is not None
    manifest = clipprobe.runs.load_run(whole.path).manifest
    assert manifest["counts"] == {"used": N, "skipped": 0, "failed": 1}
    assert all(int(s.count[0]) == N for s in whole.statistics.values())


def test_nothing_readable_fails(clip: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(NoReadableImagesError, match=r"a\.png"):
        scan(clip, tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"sites": ["vision.blocks.1.mlp.pots"]}, UnknownHookPointError, "nearest"),
        ({"sites": ["text.blocks.0.mlp.post"]}, UnsupportedHookError, "text tower"),
        ({"sites": ["vision.blocks.0.attn.z"]}, UnsupportedHookError, "single number per token"),
        ({"sites": ["vision.pooled"]}, UnsupportedHookError, "one vector per input"),
        ({"pool": "none"}, UnsupportedHookError, "choose pool"),
        ({"pool": "median"}, ConfigError, "median"),
        ({"top_k": 0}, ConfigError, "top_k"),
        ({"shard": (3, 3)}, ConfigError, "shard"),
        ({"shard": (99, 100)}, DataError, "fewer shards"),
    ],
)
def test_what_cannot_be_done_is_refused(
    clip: Any, pictures: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        scan(clip, pictures, **options)


def test_vectors_are_scanned_without_pooling(clip: Any, pictures: Path) -> None:
    atlas = scan(clip, pictures, sites=["vision.projected"], pool="none")
    unit = atlas.unit("vision.projected:3")
    assert unit.name == "vision.projected:3 (one value per image)"
    assert unit.top[0].token is None


def test_models_without_a_class_token_number_patches_from_0(load_tiny: Any, pictures: Path) -> None:
    clip = load_tiny("siglip")
    atlas = scan(clip, pictures, sites=[POST], top_k=N)
    firings = [f for unit in range(64) for f in atlas.unit(f"{POST}:{unit}").top]
    assert {f.token for f in firings} == set(range(16))
    assert all(f.token is not None and f.place == divmod(f.token, 4) for f in firings)


def test_a_grid_that_depends_on_the_image_gives_no_places(load_tiny: Any, pictures: Path) -> None:
    clip = load_tiny("siglip2")
    tall = Image.new("RGB", (20, 60), (9, 99, 200))
    atlas = scan(clip, [*sorted(pictures.glob("red/*.png")), tall], sites=[POST])
    assert atlas.images.n_used == 26
    top = atlas.unit(f"{POST}:0").top
    assert all(f.token is not None and f.place is None for f in top)


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


def test_addresses_are_read_as_everywhere(whole: Atlas) -> None:
    assert whole.unit("vision.blocks.-2.mlp.post:5").address == f"{POST}:5"
    assert whole.unit(f"{POST}:5").name == f"{POST}:5 (max over tokens)"
    with pytest.raises(UnknownHookPointError, match="numbered 0 to 63"):
        whole.unit(f"{POST}:64")
    with pytest.raises(UnknownHookPointError, match="nearest"):
        whole.unit("vision.blocks.7.mlp.post:0")
    with pytest.raises(UnknownHookPointError, match="whole hook point"):
        whole.unit(POST)


def test_pictures_come_back_until_they_are_gone(clip: Any, tmp_path: Path) -> None:
    for value in (10, 200):
        Image.new("RGB", (32, 32), (value, value, value)).save(tmp_path / f"{value}.png")
    scan(clip, tmp_path, out=tmp_path.parent / f"{tmp_path.name}-atlas")
    atlas = Atlas.load(tmp_path.parent / f"{tmp_path.name}-atlas")
    assert atlas.picture(0).getpixel((0, 0)) == (10, 10, 10)
    (tmp_path / "10.png").unlink()
    with pytest.raises(UnreadableImageError, match=r"10\.png"):
        atlas.picture(0)


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


def test_awkward_images_are_read_or_named(clip: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
    rgb.resize((1, 1)).save(tmp_path / "one.png")
    rgb.resize((20000, 20)).save(tmp_path / "long.png")
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg")
    rgb.convert("P").save(tmp_path / "palette.png")
    rgb.convert("LA").save(tmp_path / "alpha.png")
    Image.fromarray(rng.integers(0, 65536, (40, 50)).astype(np.uint16)).save(tmp_path / "deep.png")
    rgb.save(tmp_path / "moving.gif", save_all=True, append_images=[rgb.rotate(90)])
    (tmp_path / "cut.png").write_bytes((tmp_path / "palette.png").read_bytes()[:200])
    (tmp_path / "empty.jpg").touch()
    atlas = scan(clip, tmp_path, sites=[POST], out=tmp_path.parent / f"{tmp_path.name}-atlas")
    assert [failure.id for failure in atlas.images.failures] == ["cut.png", "empty.jpg"]
    assert all(failure.reason for failure in atlas.images.failures)
    assert atlas.unit(f"{POST}:0").n_images == 7
