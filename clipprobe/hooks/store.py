"""Captured batches in whatever order they came, handed back in the order of the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clipprobe.errors import UnknownHookPointError
from clipprobe.hooks.sites import nearest, plain_name

if TYPE_CHECKING:
    from clipprobe.anatomy.listening import Rows
    from clipprobe.hooks.hooked import Hooked

RowNumbers = npt.NDArray[np.int64]


class RowCounter:
    """Numbers the rows of one hook point through all calls inside one ``with`` block.

    Every call of ``encode_images`` or ``encode_texts`` counts its rows from 0; the rows of a later
    call are numbered on from those of the earlier ones. A call is new when it has another length
    than the one before, or a row that the one before already had.
    """

    def __init__(self) -> None:
        self._offset = 0
        self._indices: set[int] = set()
        self._total: int | None = None

    def number(self, rows: Rows | None, n_rows: int) -> RowNumbers:
        """Row numbers, ``(n_rows,)``, of a batch.

        Raises:
            ValueError: the batch does not hold as many rows as the model side announced.
        """
        indices = tuple(range(n_rows)) if rows is None else rows.indices
        total = n_rows if rows is None else rows.n_total
        if len(indices) != n_rows:
            raise ValueError(f"a batch of {n_rows} rows was announced as {len(indices)} rows")
        if total != self._total or not self._indices.isdisjoint(indices):
            self._offset += (
                max(self._indices, default=-1) + 1 if self._total is None else self._total
            )
            self._indices, self._total = set(), total
        self._indices.update(indices)
        return np.asarray(indices, np.int64) + self._offset


class Column:
    """What was captured at one place."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []
        self._rows: list[RowNumbers] = []

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, value: Tensor, rows: RowNumbers) -> None:
        """Take one batch, ``(b, ...)``, and the row number of each of its rows."""
        self._parts.append(value)
        self._rows.append(rows)

    def tensor(self) -> Tensor:
        """``(n, ...)`` in row order. A single batch in order comes back as the same object."""
        if len(self._parts) > 1:
            self._parts = [torch.cat(pad_to_longest(self._parts))]
            self._rows = [np.concatenate(self._rows)]
        rows = self._rows[0]
        if (np.diff(rows) < 0).any():
            order = np.argsort(rows, kind="stable")
            self._rows = [rows[order]]
            index = torch.from_numpy(order).to(self._parts[0].device)
            self._parts = [self._parts[0].index_select(0, index)]
        return self._parts[0]

    def row_numbers(self) -> RowNumbers:
        """``(n,)`` input row of each row of :meth:`tensor`."""
        return np.sort(np.concatenate(self._rows))


class NotCapturedError(UnknownHookPointError, KeyError):
    """This capture has no such name. A KeyError too, so ``in`` and ``get`` work as usual."""

    __str__ = Exception.__str__  # KeyError would put the sentence in quotes.


class Captures(Mapping[str, Tensor]):
    """What a capture has seen so far: name -> tensor ``(n, ...)``, rows in input order.

    Rows of a second call inside the same block follow those of the first. Texts of different
    token counts are filled up with NaN along their token axes.
    """

    def __init__(self, clip: Hooked, names: Iterable[str], *, streams: bool) -> None:
        self._clip = clip
        self._columns = {name: Column() for name in names}
        self._streams = streams

    def __getitem__(self, name: str) -> Tensor:
        column = self._column(name)
        if self._streams:
            raise NotCapturedError(f"{name} went to the sink of this capture and was not stored.")
        if not len(column):
            raise NotCapturedError(
                f"{name} has not been captured yet: run images or texts through the model first."
            )
        return column.tensor()

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def add(self, name: str, value: Tensor, rows: RowNumbers) -> None:
        """Take one batch, ``(b, ...)``; the capture calls this."""
        self._columns[name].add(value, rows)

    def rows(self, name: str) -> RowNumbers:
        """``(n,)`` int64: which input each row of ``self[name]`` belongs to.

        They are 0 to n - 1 unless a call broke off in between.
        """
        self[name]
        return self._column(name).row_numbers()

    def _column(self, name: str) -> Column:
        try:
            return self._columns[plain_name(self._clip, name)]
        except (KeyError, UnknownHookPointError):
            close = ", ".join(nearest(name, self._columns))
            raise NotCapturedError(
                f"{name!r} was not captured: of the {len(self._columns)} captured names the "
                f"nearest are {close}."
            ) from None


def pad_to_longest(parts: list[Tensor]) -> list[Tensor]:
    """Tensors of equal rank, each axis after the first filled up with NaN to the longest."""
    longest = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
    padded = []
    for part in parts:
        if list(part.shape[1:]) == longest:
            padded.append(part)
            continue
        # A constant pad lists the last axis first, as pairs of (before, after).
        widths = [
            width
            for size, length in zip(part.shape[:0:-1], longest[::-1], strict=True)
            for width in (0, length - size)
        ]
        padded.append(torch.nn.functional.pad(part, widths, value=float("nan")))
    return padded
