"""Finding units by what other instruments say of them: by word, by concept, by property.

    evidence = gather(atlas)
    find_units(atlas, evidence, word="cat")
    find_units(atlas, evidence, kind="multimodal", where=("sparsity>0.9",))

``docs/store-format.md`` has the tables and columns that are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from clipprobe.errors import RunFolderError
from clipprobe.neurons.atlas.properties import property_of
from clipprobe.neurons.instruments.registry import INSTRUMENTS
from clipprobe.neurons.instruments.rows import descending
from clipprobe.neurons.instruments.store import rows_from, rows_with
from clipprobe.neurons.sheet.evidence import Evidence

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.neurons.instruments.instrument import Instrument, Property
    from clipprobe.runs import RunView

_ALL = 1 << 30
EvidenceByUnit = dict[str, dict[str, Any]]
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
        word: Units among whose top words is this one (rendered as an image), in order of rank.
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
    one_property = property_of(kind) if kind is not None else None
    evidence_by_unit: list[EvidenceByUnit] = []
    if word is not None:
        evidence_by_unit.append(find_with_text(evidence, "word", word))
    if concept is not None:
        evidence_by_unit.append(find_with_text(evidence, "concept", concept))
    if one_property is not None and one_property.table:
        evidence_by_unit.append(find_with_property(evidence, one_property))
        kind = None
    if not evidence_by_unit:
        return atlas.search(kind=kind, label=label, where=where, site=site, limit=limit)
    if kind is None and label is None:
        kind = "any"
    rows = atlas.search(kind=kind, label=label, where=where, site=site, limit=_ALL)
    by_address = {row["address"]: row for row in rows}
    searches = [
        address
        for address in evidence_by_unit[0]
        if address in by_address and all(address in other for other in evidence_by_unit[1:])
    ]
    return [
        by_address[address] | {"evidence": reduce(or_, (one[address] for one in evidence_by_unit))}
        for address in searches[:limit]
    ]


def find_with_text(
    evidence: Evidence, question: str, text: str, able: Sequence[Instrument] | None = None
) -> EvidenceByUnit:
    """Units that a table of text ties to a word, concept or caption, best first.

    Args:
        able: The instruments that are searched; None for all that can answer.
    """
    if able is None:
        able = [one for one in INSTRUMENTS.values() if question in one.searches]
    rows: list[tuple[tuple[float, ...], dict[str, Any]]] = []
    for one, run in _runs(evidence, able):
        search = one.searches[question]
        for row in rows_with(run, search.table, search.column, text, search.equal):
            if search.least is None or row[search.least[0]] >= search.least[1]:
                fields = {key: row[key] for key in ("address", *search.columns, "run")}
                rows.append((search.order(row), fields))
    return _by_address(row for _, row in sorted(rows, key=lambda one: one[0]))


def find_with_property(evidence: Evidence, named: Property) -> EvidenceByUnit:
    """Units of a property that a table of an instrument says, best first."""
    key = named.columns[0]
    rows: list[dict[str, Any]] = []
    able = [one for one in INSTRUMENTS.values() if named in one.properties]
    for _, run in _runs(evidence, able):
        there = run.read_table(named.table).column_names
        if lacking := [name for name in named.columns if name not in there]:
            raise RunFolderError(
                f"{named.table} of {run.path} has no column {', '.join(map(repr, lacking))}: "
                f"{named.absent or 'make the run again'}."
            )
        columns = ("address", "concept", *named.columns, "run")
        matches = rows_from(run, named.table, key, named.least)
        rows += [{name: row[name] for name in columns if name in row} for row in matches]
    return _by_address(sorted(rows, key=lambda row: descending(row[key])))


def _runs(evidence: Evidence, able: Sequence[Instrument]) -> list[tuple[Instrument, RunView]]:
    """The runs of the instruments that can answer.

    Raises:
        RunFolderError: there is none.
    """
    runs = [(one, run) for one in able for run in evidence.runs.get(one.name, ())]
    if not runs:
        verbs = " or ".join(f"`clipprobe {one.verb}`" for one in able)
        raise RunFolderError(
            f"No run of {' or '.join(one.name for one in able)} on these weights lies below the "
            f"folder of the atlas: make one with {verbs}, or name one with --with."
        )
    return runs


def _by_address(rows: Iterable[dict[str, Any]]) -> EvidenceByUnit:
    """The first row of each unit."""
    by_unit: EvidenceByUnit = {}
    for row in rows:
        by_unit.setdefault(row.pop("address"), row)
    return by_unit


def fields_text(fields: Mapping[str, Any]) -> str:
    """What was found of a unit in a sentence, without what is null."""
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in fields.items()
        if value is not None
    )
