"""The tables of a result, in its run or in memory, and what they hold of one unit.

Every instrument writes long tables with the columns ``site`` and ``unit``. They stay where they
are: a table is read when a unit, a word or a property is asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from clipprobe.runs import RunView, jsonio
from clipprobe.runs.tables import as_table

Rows = list[dict[str, Any]]
V = TypeVar("V")


class Store(Protocol):
    """What is read of a run, by name of the file."""

    @property
    def summary(self) -> Mapping[str, Any]: ...

    def has(self, *names: str) -> bool: ...

    def read_table(self, name: str) -> Any: ...

    def read_json(self, name: str) -> Any: ...


class InMemory:
    """The same of a result that was not written.

    Args:
        files: Name -> what makes its content, as a run would have it.
        summary: What makes the content of ``summary.json``.
    """

    def __init__(
        self, files: Mapping[str, Callable[[], Any]], summary: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._files = files
        self._summary = summary

    @property
    def summary(self) -> Mapping[str, Any]:
        summary: Mapping[str, Any] = jsonio.plain(self._summary())
        return summary

    def has(self, *names: str) -> bool:
        return all(name in self._files for name in names)

    def read_table(self, name: str) -> Any:
        return as_table(self._files[name]())

    def read_json(self, name: str) -> Any:
        return jsonio.plain(self._files[name]())


class Lazy(Mapping[str, V]):
    """Parts of a result by name, each read when it is asked for.

    Args:
        names: Of the parts, in order.
        read: Reads one.
        keep: Whether a part stays in memory once it is read.
    """

    def __init__(
        self, names: Iterable[str], read: Callable[[str], V], *, keep: bool = False
    ) -> None:
        self._names = tuple(names)
        self._read = functools.cache(read) if keep else read

    def __getitem__(self, name: str) -> V:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def unit_rows(store: Store, name: str, address: str) -> Rows:
    """The rows of a table that are about one unit, in their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    hook, _, index = address.rpartition(":")
    table = store.read_table(name)
    mask = pc.and_(
        pc.equal(table.column("site").cast(pa.string()), hook),
        pc.equal(table.column("unit"), int(index)),
    )
    rows: Rows = table.filter(mask).to_pylist()
    return rows


def rows_with(run: RunView, name: str, column: str, text: str, equal: Mapping[str, str]) -> Rows:
    """The rows of a table whose ``column`` is ``text`` in whatever case; with ``address``.

    Args:
        equal: Other text columns, and what they must be.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = run.read_table(name)
    texts = table.column(column).cast(pa.string())
    alike = [
        one
        for one in pc.unique(texts).to_pylist()
        if one is not None and one.casefold() == text.casefold()
    ]
    mask = pc.is_in(texts, value_set=pa.array(alike, pa.string()))
    for key, value in equal.items():
        mask = pc.and_(mask, pc.equal(table.column(key).cast(pa.string()), value))
    return _addressed(run, table.filter(mask))


def rows_from(run: RunView, name: str, column: str, least: float) -> Rows:
    """The rows of a table whose number in ``column`` is at least so much; with ``address``."""
    import pyarrow.compute as pc

    table = run.read_table(name)
    return _addressed(run, table.filter(pc.greater_equal(table.column(column), least)))


def _addressed(run: RunView, table: Any) -> Rows:
    """Rows of a pyarrow table with the unit as ``address``, and the name of the ``run``."""
    return [
        {"address": f"{row.pop('site')}:{row.pop('unit')}", "run": run.path.name, **row}
        for row in table.to_pylist()
    ]
