"""Tables of things that are known by name: written as text, loaded when they are asked for.

A table maps a name to ``"package.module:thing"``. Naming the names imports nothing, so no table
ties its entries together; a package outside this one adds entries through an entry-point group of
its own, and a script through :meth:`Registry.add`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from clipprobe.errors import ClipprobeError, UnknownMethodError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind, by name.

    Args:
        what: What one of them is called, for messages: ``bias probe``.
        table: Name -> ``"package.module:thing"``.
        group: Entry-point group in which other packages add to the table.
        error: Raised where a name is unknown.
        help: Ends the message about an unknown name, for example with another way.
        spelling: Brings a name into the form of the table, for example lower case.

    Example:
        >>> codecs = Registry[type]("codec", {"json": "json:JSONEncoder"})
        >>> codecs["json"].__name__, "xml" in codecs, list(codecs)
        ('JSONEncoder', False, ['json'])
    """

    def __init__(
        self,
        what: str,
        table: Mapping[str, str],
        *,
        group: str = "",
        error: type[ClipprobeError] = UnknownMethodError,
        help: str = "",
        spelling: Callable[[str], str] = str,
    ) -> None:
        self.what = what
        self._places = dict(table)
        self._group = group
        self._error = error
        self._help = help
        self._spelling = spelling
        self._loaded: dict[str, T] = {}
        self._outside_read = not group

    def add(self, name: str, thing: T) -> T:
        """Make ``thing`` known under ``name``, in place of what had that name."""
        self._loaded[name] = thing
        return thing

    def __iter__(self) -> Iterator[str]:
        """The names, in alphabetical order."""
        self._read_outside()
        return iter(sorted({*self._places, *self._loaded}))

    def __contains__(self, name: object) -> bool:
        return name in set(self)

    def __getitem__(self, name: str) -> T:
        """The thing of that name.

        Raises:
            ClipprobeError: of the kind given, where there is none; names the nearest and lists all.
        """
        key = self._spelling(name)
        if key not in self._loaded:
            if key not in self:
                raise self._error(self._unknown(name, key))
            module, _, attribute = self._places[key].partition(":")
            self._loaded[key] = cast(T, getattr(importlib.import_module(module), attribute))
        return self._loaded[key]

    def values(self) -> Iterator[T]:
        """Every thing, in the order of the names; loads them all."""
        return (self[name] for name in self)

    def _unknown(self, name: str, key: str) -> str:
        hint = did_you_mean(key, list(self))
        known = f"{'Known' if hint else 'known'} are {', '.join(self)}."
        parts = (f"There is no {self.what} {name!r}:", hint, known, self._help)
        return " ".join(part for part in parts if part)

    def _read_outside(self) -> None:
        """Entries of other packages; those of this table win."""
        if self._outside_read:
            return
        self._outside_read = True
        for entry in entry_points(group=self._group):
            self._places.setdefault(entry.name, entry.value)
