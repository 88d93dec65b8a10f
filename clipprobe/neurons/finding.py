"""Finding units by what other instruments say of them: by word, by concept, by property.

    evidence = gather(atlas)
    find_units(atlas, evidence, word="cat")
    find_units(atlas, evidence, kind="multimodal", where=("sparsity>0.9",))

Tables are read by column names; ``evidence`` has the contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.errors import RunFolderError
from clipprobe.neurons.evidence import INSTRUMENTS, Evidence, tables_of
from clipprobe.neurons.properties import MAX_Q, MIN_AUROC, Property, property_of

if TYPE_CHECKING:
    from clipprobe.neurons.atlas import Atlas
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
    site: str = "*",
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Units that meet everything that is asked, best first.

    Args:
        word: Units among whose top words is this one (rendered as a picture), in order of rank.
        concept: Units that a label or a multimodality test ties to this concept.
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
    rows = _rows(evidence, ("words",), ("word",))
    wanted = [row for row in rows if str(row["word"]).casefold() == word.casefold()]
    wanted.sort(key=lambda row: row.get("rank", 0))
    return _by_address(wanted)


def _with_concept(evidence: Evidence, concept: str) -> Found:
    wanted = []
    for name, column in (("labels", "label"), ("multimodal", "concept")):
        if not evidence.runs.get(name):
            continue
        for row in _rows(evidence, (name,), (column,)):
            same = str(row[column]).casefold() == concept.casefold()
            if same and not row.get("abstained", False) and not _above(row.get("q"), MAX_Q):
                wanted.append(row)
    if not any(evidence.runs.get(name) for name in ("labels", "multimodal")):
        _rows(evidence, ("labels", "multimodal"), ())
    wanted.sort(key=lambda row: -_number(row.get("score", row.get("auroc"))))
    return _by_address(wanted)


def _with_property(evidence: Evidence, named: Property) -> Found:
    rows = _rows(evidence, (str(named.instrument),), named.columns)
    key = named.columns[0]
    wanted = [row for row in rows if _number(row[key]) >= MIN_AUROC]
    if "q" in named.columns:
        wanted = [row for row in wanted if _number(row["q"], 1.0) <= MAX_Q]
    wanted.sort(key=lambda row: -_number(row[key]))
    return _by_address(wanted)


def _rows(
    evidence: Evidence, instruments: Sequence[str], columns: Sequence[str]
) -> list[dict[str, Any]]:
    """All rows, with ``address``, of the tables that have these columns."""
    runs = [run for name in instruments for run in evidence.runs.get(name, ())]
    if not runs:
        commands = [f"`{one.command}`" for one in INSTRUMENTS if one.name in instruments]
        raise RunFolderError(
            f"No run of {' or '.join(instruments)} on these weights lies beside the atlas: make "
            f"one with {' or '.join(commands)}, or name one with --with."
        )
    found = [row for run in runs for row in _table_rows(run, columns)]
    if not found:
        names = ", ".join(str(run.path) for run in runs)
        raise RunFolderError(
            f"No table of {names} has a column {', '.join(map(repr, columns))} with rows of units: "
            f"make the run again with this version."
        )
    return found


def _table_rows(run: RunView, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name in tables_of(run):
        table = run.read_table(name)
        if not all(column in table.column_names for column in columns):
            continue
        for row in table.to_pylist():
            unit, site = row.pop("unit"), row.pop("site", None)
            address = unit if isinstance(unit, str) else f"{site}:{unit}"
            rows.append({"address": address, "run": run.path.name, **row})
    return rows


def _by_address(rows: Sequence[Mapping[str, Any]]) -> Found:
    found: Found = {}
    for row in rows:
        found.setdefault(row["address"], {k: v for k, v in row.items() if k != "address"})
    return found


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= part
    return merged


def _number(value: Any, missing: float = float("-inf")) -> float:
    return float(value) if isinstance(value, int | float) and value == value else missing


def _above(value: Any, limit: float) -> bool:
    return isinstance(value, int | float) and not value <= limit
