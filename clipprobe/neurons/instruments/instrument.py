"""One way of asking about a unit: which runs it makes, and what they show of a unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.neurons.instruments.rows import UnitRows, Verdict
from clipprobe.neurons.instruments.store import Rows, Store, unit_rows
from clipprobe.runs import RunView, load_run

View = Callable[[Store, Mapping[str, Rows]], list[UnitRows]]
Judge = Callable[[Store, Mapping[str, Rows]], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A question about all units that a table of text answers.

    Attributes:
        table: The table.
        column: Its column that must be the text that is searched.
        columns: Those that are shown of a unit.
        order: Key of a row; units are listed in the order of their smallest.
        equal: Other text columns, and what they must be.
        least: A column, and the smallest number in it that counts; None for no such limit.
    """

    table: str
    column: str
    columns: tuple[str, ...]
    order: Callable[[Mapping[str, Any]], tuple[float, ...]]
    equal: Mapping[str, str] = field(default_factory=dict)
    least: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property of units.

    Attributes:
        name: As users give it.
        meaning: The definition, with thresholds; ``{n}`` and ``{inputs}`` are filled in.
        table: The table of an instrument that says it; empty where the atlas does.
        columns: Columns of it that are shown; units are ranked by the first.
        least: The smallest number of the first that counts.
        absent: What the run needs for these columns, as the end of a sentence.
    """

    name: str
    meaning: str
    table: str = ""
    columns: tuple[str, ...] = ()
    least: float = 0.0
    absent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A study of units that can also load its value; the value shows one unit.

    Attributes:
        name: Key and anchor.
        kind: Of the runs that it makes, and the name of its study.
        title: Heading on a sheet.
        question: What it answers, and what it does not say.
        verb: The verb that makes such a run.
        flags: What that verb is given, without the model: flag -> value ("" is an argument).
            Filled in are ``{unit}``, ``{site}``, ``{pool}``, ``{beside}`` (the folder around the
            atlas), ``{slug}`` (the unit as a file name) and ``{n_units}`` (of the hook point).
        tables: Those with ``site`` and ``unit`` that the view reads.
        view: ``(store, table -> rows about the unit)`` -> what is shown.
        verdict: The same in a sentence, with the unit's name where it gives one; None for none.
        towers: Of which towers it knows units.
        endings: How the names of its hook points end; any where it is empty. Directions count
            wherever they are.
        searches: What ``neurons search`` can ask -> how; ``word``, ``concept`` and ``caption``.
        properties: What ``neurons search --property`` can ask.
        place: On a sheet, the smallest first; 0 where its runs do not stand beside an atlas.
        cost: What a run costs, as the end of "It costs …"; ``{n}`` and ``{inputs}`` of the atlas
            are filled in. Empty where nobody says.
    """

    name: str
    kind: str
    title: str
    question: str
    verb: str
    flags: Mapping[str, str]
    tables: tuple[str, ...]
    view: View
    verdict: Judge | None = None
    towers: tuple[str, ...] = ("vision",)
    endings: tuple[str, ...] = ()
    searches: Mapping[str, Search] = field(default_factory=dict)
    properties: tuple[Property, ...] = ()
    place: int = 100
    cost: str = ""

    def knows(self, tower: str, site: str, unit: str = "") -> bool:
        """Whether units of this hook point can be asked about.

        Args:
            unit: What kind they are: neuron, dimension, channel or direction.
        """
        anywhere = not self.endings or unit == "direction"
        return tower in self.towers and (anywhere or site.endswith(self.endings))

    def load(self, path: str | Path | RunView) -> Any:
        """The value of a finished run; its tables stay on disk until they are asked for.

        Raises:
            RunFolderError: the folder holds no complete run, or one of another kind.
        """
        from clipprobe.study import STUDIES

        run = load_run(path) if isinstance(path, str | Path) else path
        if run.kind != self.kind:
            raise RunFolderError(
                f"The run {run.path} is of the kind {run.kind!r} and not {self.kind!r}: make one "
                f"with `clipprobe {self.verb}`."
            )
        load = STUDIES[self.kind].load
        assert load is not None  # an instrument can load its value
        return load(run)

    def view_of(self, store: Store, unit: str) -> list[UnitRows]:
        """What a result says of a unit, table by table; nothing where it leaves the unit out."""
        rows = self._rows(store, unit)
        return self.view(store, rows) if rows else []

    def verdict_of(self, store: Store, unit: str) -> Verdict | None:
        """What a result says of a unit in a sentence; None where it leaves the unit out."""
        rows = self._rows(store, unit) if self.verdict is not None else {}
        return self.verdict(store, rows) if self.verdict is not None and rows else None

    def _rows(self, store: Store, unit: str) -> dict[str, Rows]:
        """The rows about a unit, table by table; empty where there are none."""
        rows = {name: unit_rows(store, name, unit) for name in self.tables if store.has(name)}
        return {name: rows.get(name, []) for name in self.tables} if any(rows.values()) else {}
