"""Finding units by what other instruments say of them: by word, by concept, by property.

    evidence = gather(atlas)
    find_units(atlas, evidence, word="cat")
    find_units(atlas, evidence, kind="multimodal", where=("sparsity>0.9",))

``docs/store-format.md`` has the tables and columns that are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.errors import RunFolderError
from clipprobe.neurons.atlas.properties import MIN_AUROC, Property, property_of
from clipprobe.neurons.sheet.evidence import Evidence, addressed, rows_with
from clipprobe.neurons.sheet.instruments import INSTRUMENTS

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.runs import RunView

_ALL = 1 << 30
Found = dict[str, dict[str, Any]]
"""Address -> what was found of it, best first."""


def find_units(
    atlas: Atlas,
    evidence: Evidence,
    *,
    word: str | None = None,
    concept: str | None = None,
    kind: str | None = None,
    label: str | None = None,
    where: Sequence[str] = (),
    site: str | Sequence[str] = "*",
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Units that meet everything that is asked, best first.

    Args:
        word: Units among whose top words is this one (rendered as a picture), in order of rank.
        concept: Units that a label ties to this concept, and those that a multimodality test
            selected it for and that tell it in every modality (AUROC of at least 0.9).
        kind: A property; see ``properties``.
        label, where, site, limit: As for :meth:`Atlas.search`.
    Returns:
        Rows as of :meth:`Atlas.search`, with ``evidence``: what the tables say.
    Raises:
        RunFolderError: no run of the instrument that is needed is at hand; says what makes one.
        ConfigError, DataError, UnknownHookPointError: as for :meth:`Atlas.search`.
    """
    named = property_of(kind) if kind is not None else None
    found: list[Found] = []
    if word is not None:
        found.append(_with_word(evidence, word))
    if concept is not None:
        found.append(_with_concept(evidence, concept))
    if named is not None and named.instrument is not None:
        found.append(_with_property(evidence, named))
        kind = None
    if not found:
        return atlas.search(kind=kind, label=label, where=where, site=site, limit=limit)
    if kind is None and label is None:
        kind = "any"
    rows = atlas.search(kind=kind, label=label, where=where, site=site, limit=_ALL)
    by_address = {row["address"]: row for row in rows}
    wanted = [
        address
        for address in found[0]
        if address in by_address and all(address in other for other in found[1:])
    ]
    return [
        by_address[address] | {"evidence": _merged([one[address] for one in found])}
        for address in wanted[:limit]
    ]


def _with_word(evidence: Evidence, word: str) -> Found:
    wanted = [
        row
        for run in _runs(evidence, "words")
        for row in rows_with(run, "topwords.parquet", "word", word, end="top")
    ]
    wanted.sort(key=lambda row: (row["rank"], -_number(row["z"])))
    return _by_address(wanted, "word", "rank", "z")


def _with_concept(evidence: Evidence, concept: str) -> Found:
    _runs(evidence, "labels", "multimodal")
    wanted = [
        {key: value for key, value in row.items() if key != "score"} | {"measure": row["auroc"]}
        for run in evidence.runs.get("labels", ())
        for row in rows_with(run, "labels.parquet", "label", concept)
    ]
    for run in evidence.runs.get("multimodal", ()):
        rows = rows_with(run, "units.parquet", "concept", concept)
        wanted += [row | {"measure": row["score"]} for row in rows if row["score"] >= MIN_AUROC]
    wanted.sort(key=lambda row: -_number(row["measure"]))
    return _by_address(wanted, "label", "concept", "auroc", "score", "q")


def _with_property(evidence: Evidence, named: Property) -> Found:
    """Units of a property that a table of the multimodality test says, best first."""
    import pyarrow.compute as pc

    key = named.columns[0]
    wanted: list[dict[str, Any]] = []
    for run in _runs(evidence, str(named.instrument)):
        table = run.read_table(named.table)
        if lacking := [name for name in named.columns if name not in table.column_names]:
            raise RunFolderError(
                f"{named.table} of {run.path} has no column {', '.join(map(repr, lacking))}: "
                "the test must have a modality `word` to say which units read text."
            )
        wanted += addressed(run, table.filter(pc.greater_equal(table.column(key), MIN_AUROC)))
    wanted.sort(key=lambda row: -_number(row[key]))
    return _by_address(wanted, "concept", *named.columns)


def _runs(evidence: Evidence, *instruments: str) -> list[RunView]:
    runs = [run for name in instruments for run in evidence.runs.get(name, ())]
    if not runs:
        commands = [
            f"`{' '.join(one.command.split()[:3])}`"
            for one in INSTRUMENTS
            if one.name in instruments
        ]
        raise RunFolderError(
            f"No run of {' or '.join(instruments)} on these weights lies beside the atlas: make "
            f"one with {' or '.join(commands)}, or name one with --with."
        )
    return runs


def _by_address(rows: Sequence[Mapping[str, Any]], *columns: str) -> Found:
    """The first row of each unit, of these columns and the name of the run."""
    found: Found = {}
    for row in rows:
        if row["address"] not in found:
            found[row["address"]] = {k: row[k] for k in (*columns, "run") if k in row}
    return found


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= part
    return merged


def _number(value: Any, missing: float = float("-inf")) -> float:
    return float(value) if isinstance(value, int | float) and value == value else missing
