"""Which units of an atlas have a property, or a label among their strongest images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError, DataError
from clipprobe.neurons.atlas.contents import AtlasContents
from clipprobe.neurons.atlas.properties import property_of, where_mask
from clipprobe.neurons.atlas.statistics import ranking
from clipprobe.neurons.atlas.unit_table import UnitTable
from clipprobe.runs import jsonio


def search(
    atlas: AtlasContents,
    *,
    kind: str | None = None,
    label: str | None = None,
    where: Sequence[str] = (),
    site: str | Sequence[str] = "*",
    limit: int = 20,
) -> list[dict[str, Any]]:
    """See :meth:`Atlas.search`; rows with address, name, the table's columns of that unit."""
    tables, units = matching(atlas, kind=kind, label=label, where=where, site=site)
    return [_row(atlas, tables[name], index) for name, index in units[:limit]]


def matching(
    atlas: AtlasContents,
    *,
    kind: str | None = None,
    label: str | None = None,
    where: Sequence[str] = (),
    site: str | Sequence[str] = "*",
) -> tuple[dict[str, UnitTable], list[tuple[str, int]]]:
    """All units that a search finds, best first, as hook point and index; and the tables read."""
    if kind is not None and kind != "any":
        kind_of = property_of(kind)
        if kind_of.table:
            raise ConfigError(
                f"Whether a unit is {kind_of.name} is not in an atlas: search with --property, "
                "which reads runs of other instruments."
            )
        kind = kind_of.name
    elif kind is None and label is None and where:
        kind = "any"
    globs = [site] if isinstance(site, str) else list(site)
    names = [name for name in atlas.sites if any(fnmatchcase(name, glob) for glob in globs)]
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            atlas.site(glob)
    if label is not None and label not in atlas.images.labels.names:
        raise DataError(
            f"No image of this atlas has the label {label!r}: its labels are "
            f"{', '.join(atlas.images.labels.names[:5]) or 'none'}…"
        )
    tables = {name: atlas.table(name) for name in names}
    matches: list[tuple[float, str, int]] = []
    for name, table in tables.items():
        score, members = _score(table, kind)
        if label is not None:
            score, members = table.purity, members & (table.label == label)
        members = members & where_mask(table, tuple(where))
        matches += [(-float(score[index]), name, int(index)) for index in np.flatnonzero(members)]
    # Python's sort keeps the order of hook point and index among equals.
    matches.sort(key=lambda one: one[0])
    return tables, [(name, index) for _, name, index in matches]


def rows_of(atlas: AtlasContents, addresses: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a search for units that are known by address."""
    parts = [atlas.site_and_index(address) for address in addresses]
    tables = {site.name: atlas.table(site.name) for site, _ in parts}
    return [_row(atlas, tables[site.name], index) for site, index in parts]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneLabel:
    """A unit among whose strongest images are all images of one label.

    Attributes:
        address: ``<hook point>:<index>``.
        label: The label.
        places: Where its images stand among the unit's strongest, from 1, rising.
    """

    address: str
    label: str
    places: tuple[int, ...]

    @property
    def order(self) -> tuple[bool, float]:
        """Those whose strongest image has the label come first, then those where it stands high."""
        return self.places[0] > 1, sum(self.places) / len(self.places)


def of_one_label(atlas: AtlasContents, *, limit: int) -> list[OneLabel]:
    """Units that keep all images of a label among their strongest, the best first, one per label.

    Nothing is tested: among thousands of units some do so by chance, and whether the label holds is
    for other images to say. Labels of a single image are left out.

    Args:
        limit: At most N, of different labels and units.
    """
    labels, totals = atlas.images.labels.names, atlas.images.labels.totals
    matches = []
    for name, statistics in atlas.statistics.items():
        _, winners = ranking.unpack(statistics.top.keys, largest=True)
        for unit, row in enumerate(atlas.images.labels_of(winners)):
            counts = np.bincount(row[row >= 0], minlength=len(labels))
            for label in np.flatnonzero((counts == totals) & (totals > 1)):
                places = tuple(int(place) + 1 for place in np.flatnonzero(row == label))
                matches.append(
                    OneLabel(address=f"{name}:{unit}", label=labels[label], places=places)
                )
    matches.sort(key=lambda one: (*one.order, one.address))
    best: dict[str, OneLabel] = {}
    units: set[str] = set()
    for one in matches:
        if one.label not in best and one.address not in units and len(best) < limit:
            best[one.label] = one
            units.add(one.address)
    return list(best.values())


def _row(atlas: AtlasContents, table: UnitTable, index: int) -> dict[str, Any]:
    address = f"{table.site}:{index}"
    row: dict[str, Any] = {"unit": index, "address": address}
    row |= {name: getattr(table, name)[index] for name in table.arrays()}
    row["name"] = f"{address} ({atlas.sites[table.site].pooled(atlas.pool)})"
    row |= {name: getattr(table, name) for name in table.FLOORS}
    plain: dict[str, Any] = jsonio.plain(row)
    return plain


def _score(table: UnitTable, kind: str | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What the rows are ranked by, largest first, and which are wanted."""
    if kind in ("dead", "constant"):
        return -table.high.astype(np.float64), getattr(table, kind)
    if kind == "always-on":
        return table.low.astype(np.float64), table.always_on
    if kind == "any":
        return np.nan_to_num(table.peak, nan=-np.inf), np.ones(len(table.peak), bool)
    return table.peak, ~np.isnan(table.peak)
