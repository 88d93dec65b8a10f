"""The map of units: principal components of their profiles, beside shuffled ones."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipprobe.errors import DataError
from clipprobe.neurons import Atlas, scan
from clipprobe.neurons.atlas.statistics.plane import nearest_units, unit_plane, unit_profiles

SITES = ["vision.blocks.0.mlp.post", "vision.blocks.2.mlp.post"]


@pytest.fixture(scope="module")
def atlas(clip: Any, pictures: Path) -> Atlas:
    """Two hook points over 75 images of three colours."""
    return scan(clip, pictures, sites=SITES, batch_size=8, top_k=6)


def test_a_profile_is_how_far_the_strongest_lie_above_the_mean(atlas: Atlas) -> None:
    profiles = unit_profiles(atlas).toarray()
    numbers = sorted({one.image for site in atlas.sites.values() for i in range(site.n_units)
                      for one in atlas.unit(f"{site.name}:{i}").top})  # fmt: skip
    assert profiles.shape == (sum(one.n_units for one in atlas.sites.values()), len(numbers))
    for row, address in ((5, f"{SITES[0]}:5"), (64 + 9, f"{SITES[1]}:9")):
        unit = atlas.unit(address)
        expected = np.zeros(len(numbers))
        for one in unit.top:
            expected[numbers.index(one.image)] = (one.value - unit.mean) / unit.std
        assert np.allclose(profiles[row], expected / np.linalg.norm(expected), rtol=1e-4)


def test_places_are_those_of_a_dense_decomposition(atlas: Atlas) -> None:
    found = unit_plane(atlas)
    dense = unit_profiles(atlas).toarray()
    centred = dense - dense.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    expected *= np.sign(expected[np.abs(expected).argmax(axis=0), [0, 1]])
    assert np.allclose(found.places, expected, atol=1e-5)
    assert found.share == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum())
    assert found.sites == {name: 64 for name in SITES} and found.n_images == dense.shape[1]


def test_shuffled_images_hold_less_and_a_seed_repeats(atlas: Atlas) -> None:
    found, again = unit_plane(atlas, seed=3), unit_plane(atlas, seed=3)
    assert found.shuffled == again.shuffled and np.array_equal(found.places, again.places)
    assert found.share > 2 * found.shuffled > 0


def test_too_few_images_have_no_map(clip: Any) -> None:
    images = [np.full((32, 32, 3), value, np.uint8) for value in (0, 255)]
    with pytest.raises(DataError, match="at least 3 images"):
        unit_plane(scan(clip, images, sites=SITES[:1]))


def test_the_nearest_share_images_beyond_chance(atlas: Atlas) -> None:
    address = f"{SITES[1]}:9"
    found = nearest_units(atlas, address, 5, n_draws=50)
    dense = unit_profiles(atlas).toarray()
    cosines = dense @ dense[64 + 9]
    cosines[64 + 9] = -1
    names = [f"{site}:{i}" for site in SITES for i in range(64)]
    assert [one for one, _ in found.units] == [names[i] for i in np.argsort(-cosines)[:5]]
    assert [value for _, value in found.units] == pytest.approx(np.sort(cosines)[::-1][:5])
    assert found.n_units == 127 and 0 < found.floor < 1
    assert nearest_units(atlas, address, 5, n_draws=50) == found
    twin = f"{SITES[0]}:0"
    (same, *_) = nearest_units(with_copy(atlas), twin, 3, n_draws=50).units
    assert same == (f"{SITES[0]}:1", pytest.approx(1.0)) and same[1] > found.floor


def with_copy(atlas: Atlas) -> Atlas:
    """The atlas in which unit 1 of the first hook point is a copy of unit 0."""
    copy = deepcopy(atlas)
    one = copy.statistics[SITES[0]]
    for array in (one.top.keys, one.top.tokens, one.sums, one.squares, one.count):
        array[1] = array[0]
    return copy
