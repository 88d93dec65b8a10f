"""The vectors of a run that is being made, read back part by part: scores without encoding again.

The engine leaves the vector of every distinct image beside the finished parts. What is only
known at the end (the union of the attack words, the galleries of a retrieval) is scored from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.rendering.render import Floats
from clipprobe.errors import RunFolderError
from clipprobe.runs import Run

Places = npt.NDArray[np.intp]


class VectorStore:
    """Vectors by the name of their pixels.

    Args:
        pixels: The name of the image of each row, ``(n,)``.
    """

    def __init__(self, run: Run, pixels: Any) -> None:
        self.run = run
        self.names, self._row_of = np.unique(np.asarray(pixels).astype(str), return_inverse=True)
        self._rows = np.argsort(self._row_of, kind="stable")
        self._starts = np.searchsorted(self._row_of[self._rows], np.arange(len(self.names) + 1))

    def __iter__(self) -> Iterator[tuple[Places, Places, Floats]]:
        """For each part: rows, the place of each row's vector in the part, the part's vectors.

        Every row comes once; the vectors that no row names are left out.

        Raises:
            RunFolderError: after the last part, if a row had no vector: nothing may be said of it.
        """
        missing = np.ones(len(self.names), bool)
        for part in self.run.parts(".safetensors") if len(self.names) else ():
            arrays = self.run.read_arrays(part)
            names = np.array([row.tobytes().hex() for row in arrays["pixels"]], dtype=str)
            if not len(names):
                continue
            at = np.searchsorted(self.names, names)
            used = np.flatnonzero(self.names[np.minimum(at, len(self.names) - 1)] == names)
            used = used[missing[at[used]]]
            missing[at[used]] = False
            rows, places = [], []
            for place, name in enumerate(at[used]):
                own = self._rows[self._starts[name] : self._starts[name + 1]]
                rows.append(own)
                places.append(np.full(len(own), place))
            if rows:
                yield np.concatenate(rows), np.concatenate(places), arrays["vectors"][used]
        if missing.any():
            n = int(np.count_nonzero(missing[self._row_of]))
            raise RunFolderError(
                f"{n} of {len(self._row_of)} rows of the run {self.run.path} have no stored "
                "vector, so they cannot be scored: give the same command once more, or start it "
                "anew with --overwrite."
            )
