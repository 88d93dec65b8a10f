"""The two long tables of an atlas, ``topk.parquet`` and ``bins.parquet``, both ways.

Rows are in order of hook point (as scanned), unit, and then end and rank, or bin and rank. A row
names its image twice: by number and, for readers without the other tables, by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.atlas.images import ImageTable
from clipprobe.neurons.atlas.statistics import ranking
from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics
from clipprobe.neurons.atlas.statistics.samples import N_BINS, NO_SAMPLE, priority_of

Columns = dict[str, NDArray[Any]]
_ENDS = ("top", "bottom")


def top_table(statistics: Mapping[str, UnitStatistics], images: ImageTable) -> Any:
    """Columns site, unit, end, rank (from 0), value, image, id, token (null where none)."""
    parts: list[Columns] = []
    for site, one in enumerate(statistics.values()):
        ends: list[Columns] = []
        for number, end in enumerate((one.top, one.bottom)):
            units, ranks = np.nonzero(end.keys != ranking.EMPTY)
            values, images_of = ranking.unpack(end.keys[units, ranks], largest=end.largest)
            ends.append(
                {
                    "site": np.full(len(units), site, np.int32),
                    "unit": units.astype(np.int32),
                    "end": np.full(len(units), number, np.int8),
                    "rank": ranks.astype(np.int16),
                    "value": values,
                    "image": images_of,
                    "token": end.tokens[units, ranks],
                }
            )
        rows = _stacked(ends)
        order = np.lexsort((rows["rank"], rows["end"], rows["unit"]))
        parts.append({name: column[order] for name, column in rows.items()})
    return _table(_stacked(parts), list(statistics), images)


def bin_table(statistics: Mapping[str, UnitStatistics], images: ImageTable) -> Any:
    """Columns site, unit, bin, low, high, n_images, rank, value, image, id, token.

    Bin j of a unit covers ``low <= activation < high``; ``rank`` is the order in which its images
    were drawn.
    """
    parts: list[Columns] = []
    for site, one in enumerate(statistics.values()):
        samples = one.ranges.samples
        units, bins, ranks = np.nonzero(samples.keys != NO_SAMPLE)
        counts = one.ranges.histogram.reshape(one.n_units, N_BINS, -1).sum(axis=2)
        width = 2.0 ** one.ranges.half_range[units] / (N_BINS // 2)
        number = bins - N_BINS // 2
        parts.append(
            {
                "site": np.full(len(units), site, np.int32),
                "unit": units.astype(np.int32),
                "bin": number.astype(np.int16),
                "low": number * width,
                "high": (number + 1) * width,
                "n_images": counts[units, bins].astype(np.int64),
                "rank": ranks.astype(np.int16),
                "value": samples.values[units, bins, ranks],
                "image": samples.keys[units, bins, ranks] & 0xFFFFFFFF,
                "token": samples.tokens[units, bins, ranks],
            }
        )
    return _table(_stacked(parts), list(statistics), images)


def read_top(table: Any, one: UnitStatistics) -> None:
    """Put the rows of ``topk.parquet`` back into the empty statistics of a hook point."""
    rows = _columns(table, one.name, "end")
    for name, end in zip(_ENDS, (one.top, one.bottom), strict=True):
        mine = rows["end"] == name
        place = (rows["unit"][mine], rows["rank"][mine])
        end.keys[place] = ranking.keys_of(
            rows["value"][mine], rows["image"][mine], largest=end.largest
        )
        end.tokens[place] = rows["token"][mine]


def read_bins(table: Any, one: UnitStatistics, images: ImageTable) -> None:
    """Put the rows of ``bins.parquet`` back into statistics; priorities come from the ids."""
    rows, samples = _columns(table, one.name, "bin"), one.ranges.samples
    numbers, which = np.unique(rows["image"], return_inverse=True)
    seed = one.settings.seed
    priorities = np.array(
        [priority_of(images.record(number).id, seed) for number in numbers.tolist()], np.int64
    )
    place = (rows["unit"], rows["bin"] + N_BINS // 2, rows["rank"])
    order = priorities[which] ^ one.ranges.salts[rows["unit"]]
    samples.keys[place] = (order << 32) | rows["image"]
    samples.values[place] = rows["value"]
    samples.tokens[place] = rows["token"]


def _stacked(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _table(rows: Columns, sites: list[str], images: ImageTable) -> Any:
    import pyarrow as pa

    columns: dict[str, Any] = dict(rows)
    columns["site"] = pa.DictionaryArray.from_arrays(pa.array(rows["site"]), pa.array(sites))
    if "end" in rows:
        columns["end"] = pa.DictionaryArray.from_arrays(pa.array(rows["end"]), pa.array(_ENDS))
    where = np.searchsorted(images.numbers, rows["image"]).astype(np.int32)
    columns["id"] = pa.DictionaryArray.from_arrays(pa.array(where), images.id_column())
    columns["token"] = pa.array(rows["token"], mask=rows["token"] == ranking.NO_TOKEN)
    order = [name for name in columns if name not in ("id", "token")] + ["id", "token"]
    return pa.table({name: columns[name] for name in order})


def _columns(table: Any, site: str, part: str) -> Columns:
    """The columns of a hook point's rows, no token as ``NO_TOKEN``."""
    import pyarrow.compute as pc

    sites = table.column("site").unify_dictionaries().combine_chunks()
    is_mine = pc.equal(sites.indices, sites.dictionary.index(site))  # by number: texts are slow
    rows = table.select(["unit", part, "rank", "value", "image", "token"]).filter(is_mine)
    columns = {name: rows.column(name).to_numpy() for name in rows.column_names}
    return columns | {"token": pc.fill_null(rows.column("token"), ranking.NO_TOKEN).to_numpy()}
