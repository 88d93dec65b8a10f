"""A map of all units of an atlas: near each other are those whose strongest images are the same.

A unit's *profile* is one number per image: how far the image lies above the unit's mean, in its
standard deviations, for the images that the atlas keeps as its strongest; 0 for the others.
Profiles have length 1. The plane is the first two principal components (Pearson 1901) of all.

Two axes show a small part of what sets units apart, so the share of the variance that they hold
stands beside that of shuffled profiles, where each unit has its values on images drawn by chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.errors import DataError
from clipprobe.neurons.atlas.statistics import ranking
from clipprobe.runs.jsonio import AsJson

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.contents import AtlasContents


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPlane:
    """Where every unit of an atlas lies.

    Attributes:
        sites: Hook point -> number of its units; rows are in that order.
        places: ``(n_units, 2)`` float32, the largest magnitude of each axis positive.
        share: Share of the variance of all profiles that the two axes hold, 0 to 1.
        shuffled: The same with each unit's images drawn by chance.
        n_images: Images that are among the strongest of any unit.
    """

    sites: dict[str, int]
    places: NDArray[np.float32]
    share: float
    shuffled: float
    n_images: int


def unit_plane(atlas: AtlasContents, *, seed: int = 0) -> UnitPlane:
    """Lay the units of an atlas out by their strongest images.

    Args:
        seed: Draws the images of the shuffled profiles.
    Raises:
        DataError: the atlas has fewer than three images, or no unit that is not constant.
    """
    profiles = unit_profiles(atlas)
    n_images = profiles.shape[1]
    if n_images < 3 or not profiles.nnz:
        raise DataError(
            "A map of units needs at least 3 images that drive units, and this atlas has "
            f"{n_images}: scan more."
        )
    places, share = _components(profiles)
    other = profiles.copy()
    rng = np.random.default_rng(seed)
    for start, end in zip(other.indptr[:-1], other.indptr[1:], strict=True):
        other.indices[start:end] = rng.choice(n_images, end - start, replace=False)
    other.has_sorted_indices = False
    _, shuffled = _components(other)
    return UnitPlane(
        sites={name: site.n_units for name, site in atlas.sites.items()},
        places=places.astype(np.float32),
        share=share,
        shuffled=shuffled,
        n_images=n_images,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours(AsJson):
    """The units whose profiles are most like a unit's.

    Attributes:
        address: The unit.
        units: Address and cosine of profiles, the highest first; only units that share an image.
        floor: What the highest cosine of all stays below in 95 % of draws in which the unit's
            values lie on images drawn by chance; NaN for a unit without a profile.
        n_units: Units compared.
        n_draws: Draws that the floor is from.
    """

    address: str
    units: tuple[tuple[str, float], ...]
    floor: float
    n_units: int
    n_draws: int


def nearest_units(
    atlas: AtlasContents, address: str, k: int = 8, *, seed: int = 0, n_draws: int = 200
) -> Neighbours:
    """The units that share their strongest images with a unit. No model is run.

    What lies below the strongest is not compared, so units cannot be told to be opposed;
    ``clipprobe neurons similar`` correlates all activations.

    Args:
        seed: Draws the images of the floor.
    Raises:
        UnknownHookPointError: the atlas has no such unit; names the nearest.
    """
    site, index = atlas.site_and_index(address)
    profiles = unit_profiles(atlas)
    names = [f"{one.name}:{i}" for one in atlas.sites.values() for i in range(one.n_units)]
    row = names.index(f"{site.name}:{index}")
    own = profiles[[row]].toarray()[0]
    values = own[own > 0]
    rng = np.random.default_rng(seed)
    highest = []
    for _ in range(n_draws if len(values) else 0):
        other = np.zeros(len(own))
        other[rng.choice(len(own), len(values), replace=False)] = values
        cosines = profiles @ other
        cosines[row] = 0
        highest.append(cosines.max())
    cosines = profiles @ own
    cosines[row] = 0
    order = np.argsort(-cosines, kind="stable")[:k]
    return Neighbours(
        address=names[row],
        units=tuple((names[i], float(cosines[i])) for i in order if cosines[i] > 0),
        floor=float(np.quantile(highest, 0.95)) if highest else math.nan,
        n_units=len(names) - 1,
        n_draws=n_draws,
    )


def unit_profiles(atlas: AtlasContents) -> Any:
    """Profiles of all units as a scipy sparse array ``(n_units, n_images)``, rows of length 1.

    Columns are the images that are among the strongest of any unit, in order of number. A constant
    unit's row is empty.
    """
    from scipy.sparse import csr_array

    rows, images, values = [], [], []
    first = 0
    for name, site in atlas.sites.items():
        table, top = atlas.table(name), atlas.statistics[name].top
        activations, numbers = ranking.unpack(top.keys, largest=True)
        std = np.where(table.std > 0, table.std, np.nan)[:, None]
        above = (activations - table.mean[:, None]) / std
        is_peak = (numbers >= 0) & (np.nan_to_num(above) > 0)
        units, places = np.nonzero(is_peak)
        rows.append(units + first)
        images.append(numbers[units, places])
        values.append(above[units, places])
        first += site.n_units
    names, columns = np.unique(np.concatenate(images), return_inverse=True)
    row = np.concatenate(rows)
    value = np.concatenate(values).astype(np.float64)
    length = np.sqrt(np.bincount(row, value**2, minlength=first))
    value /= length[row]
    return csr_array((value, (row, columns)), shape=(first, len(names)))


def _components(profiles: Any) -> tuple[Floats, float]:
    """Scores on the first two principal components, and the share of the variance they hold."""
    from scipy.sparse.linalg import LinearOperator, svds

    n_units, n_images = profiles.shape
    mean = np.asarray(profiles.mean(axis=0)).reshape(-1)
    ones = np.ones(n_units)
    centred = LinearOperator(
        (n_units, n_images),
        matvec=lambda x: profiles @ x.reshape(-1) - ones * (mean @ x.reshape(-1)),
        rmatvec=lambda y: profiles.T @ y.reshape(-1) - mean * y.sum(),
        dtype=np.float64,
    )
    start = np.random.default_rng(0).standard_normal(min(n_units, n_images))
    left, sizes, _ = svds(centred, k=2, v0=start)
    order = np.argsort(-sizes)
    scores = left[:, order] * sizes[order]
    peaks = scores[np.abs(scores).argmax(axis=0), [0, 1]]
    total = float((profiles.data**2).sum() - n_units * (mean**2).sum())
    return scores * np.sign(peaks), float((sizes**2).sum() / total) if total > 0 else 0.0
