"""Sums over the images of every group at once, for many draws.

A draw puts each image into one group, so the sums of all groups together need each image once. As
dense products of one-hot matrices they would need it once for every group; as a sparse matrix with
one entry for each draw and image the cost does not grow with the number of groups.

Every sum runs over the images in their order. It depends neither on which other texts are asked,
nor on how the draws are cut into blocks, nor on the threads of a linear algebra library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.draws import Copies, Floats, Ints, Labels

Blocks = Iterator[tuple[Floats, Floats]]
Number = TypeVar("Number", bound=np.generic)

_ROWS = 32  # draws of one block: the sums of all groups stay in the processor's cache


def permuted_sums(values: Floats, labels: Iterable[Labels], n_groups: int) -> Blocks:
    """Sums and sizes of every group under permuted labels, in blocks of permutations.

    Args:
        values: ``(n, m)``. labels: Chunks ``(b, n)``.
    Yields:
        Sums ``(r, n_groups, m)`` and sizes ``(r, n_groups)``; the ``r`` of all blocks add up to
        all rows of the chunks.
    """
    table, ones = _with_ones(values), np.ones(_ROWS * len(values))
    for block in _blocks(labels):
        yield _sums(block.T + _firsts(len(block), n_groups), ones, table, n_groups)


def resampled_sums(
    values: Floats, labels: Ints, copies: Iterable[Copies | Floats], n_groups: int
) -> Blocks:
    """Sums and sizes of every group under copies of the images, in blocks of draws.

    Args:
        values: ``(n, m)``. labels: ``(n,)``. copies: Chunks ``(b, n)``; a draw's number of copies
            of each image.
    Yields:
        As :func:`permuted_sums`.
    """
    table, places = _with_ones(values), labels.astype(np.int32)[:, None]
    for block in _blocks(copies):
        rows = block.T.astype(np.float64)
        yield _sums(places + _firsts(len(block), n_groups), rows.ravel(), table, n_groups)


def resampled_means(
    values: Floats, labels: Ints, copies: Iterable[Copies], n_groups: int
) -> Floats:
    """Means of every group under copies of the images: ``(n, k)`` -> ``(draws, g, k)``."""
    inside = [labels == g for g in range(n_groups)]
    parts = []
    for chunk in copies:
        weights = chunk.astype(np.float64)
        means = [_weighted_means(weights[:, rows], values[rows]) for rows in inside]
        parts.append(np.stack(means, axis=1))
    return np.concatenate(parts)


def permuted_means(values: Floats, labels: Iterable[Labels], n_groups: int) -> Floats:
    """Means of every group under permuted labels: ``(n, k)`` -> ``(draws, g, k)``."""
    parts = []
    for chunk in labels:
        sides = ((chunk == g).astype(np.float64) for g in range(n_groups))
        parts.append(np.stack([_weighted_means(side, values) for side in sides], axis=1))
    return np.concatenate(parts)


def _weighted_means(weights: Floats, values: Floats) -> Floats:
    """Weighted means ``(b, k)`` of values ``(n, k)``, weights ``(b, n)``."""
    with np.errstate(invalid="ignore"):  # a group that a resample left empty has no mean
        means: Floats = (weights @ values) / weights.sum(axis=1)[:, None]
    return means


def _blocks(chunks: Iterable[NDArray[Number]]) -> Iterator[NDArray[Number]]:
    for chunk in chunks:
        for start in range(0, len(chunk), _ROWS):
            yield chunk[start : start + _ROWS]


def _with_ones(values: Floats) -> Floats:
    return np.column_stack([values, np.ones(len(values))])  # they add up to the sizes


def _firsts(rows: int, n_groups: int) -> NDArray[np.int32]:
    return np.arange(0, rows * n_groups, n_groups, dtype=np.int32)


def _sums(
    places: NDArray[np.int32], entries: Floats, table: Floats, n_groups: int
) -> tuple[Floats, Floats]:
    """Column i of the matrix has an entry in the row of (draw, group of image i), for each draw."""
    from scipy.sparse import csc_array

    n, rows = places.shape
    ends = np.arange(0, rows * n + 1, rows, dtype=np.int32)
    matrix = csc_array((entries[: rows * n], places.ravel(), ends), shape=(rows * n_groups, n))
    sums: Floats = (matrix @ table).reshape(rows, n_groups, -1)
    return sums[:, :, :-1], sums[:, :, -1]
