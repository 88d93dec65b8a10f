"""A scan of 1,000 real images against all their activations at once; every kind of hook point."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from neurons import brute

import clipprobe
from clipprobe.data.images import as_dataset
from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks import capture
from clipprobe.hooks.units import find_sites
from clipprobe.neurons import scan, scan_texts
from clipprobe.neurons.atlas.statistics.accumulator import Settings
from clipprobe.neurons.atlas.statistics.ranges import edges
from clipprobe.neurons.atlas.statistics.samples import N_BINS, priority_of, unit_salts

N = 1000
POST = "vision.blocks.1.mlp.post"


@pytest.fixture(scope="module")
def thousand() -> list[np.ndarray]:
    """Pictures of coloured noise of several brightnesses."""
    rng = np.random.default_rng(0)
    tops = rng.integers(20, 256, (N, 1, 1, 3))
    coarse = rng.integers(0, tops, (N, 4, 4, 3)).astype(np.uint8)
    return list(coarse.repeat(8, axis=1).repeat(8, axis=2))


def test_top_bottom_and_bins_equal_brute_force_on_1000_images(
    clip: Any, thousand: list[np.ndarray]
) -> None:
    atlas = scan(clip, thousand, sites=[POST], top_k=16, per_bin=4, batch_size=50)
    with capture(clip, [POST]) as seen:
        clip.encode_images(thousand, batch_size=50)
    tokens = seen[POST].numpy()
    values = tokens.max(axis=1)
    ids = [record.id for record in as_dataset(thousand).records]
    rank = [priority_of(name, 0) for name in ids]
    salts = unit_salts(POST, values.shape[1], 0)
    for index in (0, 13, 40, 63):
        unit, column = atlas.unit(f"{POST}:{index}"), values[:, index]
        for firings, largest in ((unit.top, True), (unit.bottom, False)):
            expected = brute.ranked(column, 16, largest=largest)
            assert [(one.value, one.image) for one in firings] == expected
            assert [one.token for one in firings] == [
                int(tokens[image, :, index].argmax()) for _, image in expected
            ]
        assert (unit.mean, unit.std**2) == pytest.approx(brute.moments(column), rel=1e-12)
        borders = edges(brute.half_range(column), N_BINS)
        drawn = {bin_.low: {one.image for one in bin_.firings} for bin_ in unit.bins}
        counts = {bin_.low: bin_.n_images for bin_ in unit.bins}
        assert sum(counts.values()) == N and len(counts) > 3
        for low, high in itertools.pairwise(borders):
            inside = [i for i in range(N) if low <= float(brute.rounded(column[i])) < high]
            assert counts.get(low, 0) == len(inside)
            best = sorted(inside, key=lambda i: (rank[i] ^ int(salts[index]), i))[:4]
            assert drawn.get(low, set()) == set(best)
        shares = np.array(list(unit.quantiles))
        true = np.quantile(column, shares)
        assert np.abs(np.array(list(unit.quantiles.values())) - true).max() <= unit.bin_width
        assert unit.sparsity == pytest.approx(1 - (column > 1).mean(), abs=1e-12)


def scannable(clip: Any, tower: str) -> dict[str, list[str]]:
    """Hook points by the pooling that suits them; those without one number a token are refused."""
    found: dict[str, list[str]] = {"max": [], "none": []}
    for point in clip.hook_points():
        if point.tower != tower:
            continue
        pool = "max" if "t" in point.axes or "h" in point.axes else "none"
        try:
            find_sites(clip, [point.name], pool, tower)
        except UnsupportedHookError as error:
            assert point.unit == "head", (point.name, str(error))
        else:
            assert point.unit != "head"
            found[pool].append(point.name)
    return found


@pytest.mark.parametrize("family", ["clip", "siglip", "altclip"])
@pytest.mark.parametrize("tower", ["vision", "text"])
def test_every_hook_point_with_one_number_a_token_can_be_scanned(
    load_tiny: Any, family: str, tower: str, thousand: list[np.ndarray]
) -> None:
    clip = load_tiny(family)
    texts = ["a cat", "the dog on a table", "red", "a plain apple"]
    for pool, names in scannable(clip, tower).items():
        assert names
        inputs: list[Any] = thousand[:4] if tower == "vision" else texts
        run = scan if tower == "vision" else scan_texts
        atlas = run(clip, inputs, sites=names, pool=pool, top_k=4)  # type: ignore[operator]
        encode = clip.encode_images if tower == "vision" else clip.encode_texts
        with capture(clip, names, pool=pool) as seen:
            encode(inputs)
        ids = [record.id for record in atlas.images.records]
        wanted = texts if tower == "text" else [f"{i:06d}" for i in range(4)]
        order = [ids.index(one) for one in wanted]
        for name in names:
            values = seen[name].numpy()
            top = atlas.unit(f"{name}:1").top
            expected = {place: float(values[row, 1]) for row, place in enumerate(order)}
            assert {one.image: one.value for one in top} == pytest.approx(expected, abs=1e-5)


def test_what_is_kept_does_not_grow(thousand: list[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    sizes = []
    for n in (64, 4096):
        seen = brute.accumulate(rng.normal(size=(n, 20)), settings=Settings())
        sizes.append(sum(array.nbytes for array in seen.state().values()))
    assert sizes[0] == sizes[1]


def test_every_part_of_the_key_refuses_a_stale_atlas(
    clip: Any, thousand: list[np.ndarray], tmp_path: Any
) -> None:
    """Each leaf of config.json, changed alone, makes the folder another atlas."""
    out = tmp_path / "run"
    scan(clip, thousand[:8], sites=[POST], out=out)
    path = out / "config.json"
    original = path.read_text()
    config = clipprobe.runs.jsonio.loads(original)["config"]
    changed = 0
    for where in leaves(config):
        wrong = clipprobe.runs.jsonio.loads(original)
        part = wrong["config"]
        for key in where[:-1]:
            part = part[key]
        part[where[-1]] = "something else"
        path.write_text(clipprobe.runs.jsonio.dumps(wrong))
        with pytest.raises(clipprobe.errors.RunFolderError, match="another configuration"):
            scan(clip, thousand[:8], sites=[POST], out=out)
        changed += 1
    path.write_text(original)
    scan(clip, thousand[:8], sites=[POST], out=out)
    assert changed > 20
    for needed in ("weights_sha256", "preprocessing", "id", "dtype", "attention", "revision"):
        assert needed in config["model"]
    assert {"fingerprint", "name", "records"} <= set(config["data"])
    assert {"pool", "sites", "keep", "shard", "tower", "batch_size"} <= set(config)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every leaf of nested mappings and lists."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list) and value:
        items = list(enumerate(value))
    return [place for key, item in items for place in leaves(item, (*path, key))] or [path]
