"""Does a map change when the model knows nothing? (Adebayo et al. 2018, arXiv:1810.03292)

``randomisation``: 1 less the rank correlation of a map with that of the same network at random
weights. A method whose maps hardly change (near 0) shows the image or the architecture, not what
the model learnt. It needs no truth, so the three explanations made from it do not apply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.attribution.explaining import explain_many
from clipprobe.attribution.faithfulness.cases import Case

if TYPE_CHECKING:
    from clipprobe.models import Clip

RANDOMISATION = "randomisation"
Maps = Mapping[tuple[str, bool], Floats]


def agreements(
    twin: Clip,
    cases: Sequence[Case],
    methods: Mapping[str, Mapping[str, Any]],
    maps: Maps,
    *,
    batch_size: int,
    memory_gb: float | None,
) -> dict[tuple[str, bool], Floats]:
    """``1 - Spearman`` of every map with the random twin's, ``(n,)`` by method and centring."""
    table = {}
    for centred in sorted({centred for _, centred in maps}):
        names = {n: methods[n] for n, c in maps if c == centred and n in methods}
        names.pop("interactions", None)
        other = explain_many(
            twin,
            [case.image for case in cases],
            [case.text for case in cases],
            names,
            centre=centred,
            batch_size=batch_size,
            memory_gb=memory_gb,
        )
        for name, rows in other.items():
            pairs = zip(maps[name, centred], rows, strict=True)
            table[name, centred] = np.array([1 - _rank_correlation(a, b.patches) for a, b in pairs])
    return table


def _rank_correlation(a: Floats, b: NDArray[Any]) -> float:
    """Spearman's; NaN where one of the maps is flat."""
    from scipy.stats import rankdata

    first, second = rankdata(a), rankdata(b)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
