"""What ``summary.json`` of an atlas says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.neurons.atlas.statistics.derived import twin_floor
from clipprobe.neurons.atlas.unit_table import UnitTable
from clipprobe.statistics import census

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.contents import AtlasContents


def summarise(atlas: AtlasContents) -> dict[str, Any]:
    """Headline numbers and one entry per hook point."""
    tables = [atlas.table(name) for name in atlas.sites]
    n_units = sum(len(table.mean) for table in tables)
    n = atlas.images.n_used
    dead = sum(int(table.dead.sum()) for table in tables)
    pure = sum(_n_pure(table) for table in tables)
    labelled = any(record.label for record in atlas.images.records)
    headline = [
        {
            "name": "dead units",
            "estimate": census(dead / n_units, n_units),
            "meaning": f"share of units never above 0; with {n} {atlas.inputs}, such a unit "
            f"responds to less than {min(1.0, 3 / n):.1%} of {atlas.inputs} like these (95 %)",
        }
    ]
    if labelled:
        headline.append(
            {
                "name": "units with one label",
                "estimate": census(pure / n_units, n_units),
                "meaning": "share of units whose strongest images carry one label more often than "
                "any unit of their hook point would by chance (95 %)",
            }
        )
    return {
        "kind": "atlas",
        "headline": headline,
        "pool": atlas.pool,
        "tower": atlas.tower,
        "n_units": n_units,
        "n_images": n,
        "n_failed": len(atlas.images.failures),
        "sites": [_site(atlas, table) for table in tables],
    }


def _n_pure(table: UnitTable) -> int:
    return int((table.purity >= table.purity_floor).sum())


def _site(atlas: AtlasContents, table: UnitTable) -> dict[str, Any]:
    site = atlas.sites[table.site]
    known = table.peak[~np.isnan(table.peak)]
    return {
        "site": site.name,
        "pooled": site.pooled(atlas.pool),
        "unit": site.unit,
        "n_units": site.n_units,
        "dead": int(table.dead.sum()),
        "always_on": int(table.always_on.sum()),
        "constant": int(table.constant.sum()),
        "with_values_outside": int((table.n_outside > 0).sum()),
        "median_peak": float(np.median(known)) if len(known) else math.nan,
        "peak_floor": table.peak_floor,
        "peak_95": twin_floor(table.peak),
        "one_label": _n_pure(table),
        "purity_floor": table.purity_floor,
        "reason": "" if len(known) else "every unit is constant",
    }
