"""What the values of all instruments do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from clipprobe.errors import UnknownHookPointError
from clipprobe.neurons.instruments.registry import INSTRUMENTS
from clipprobe.runs import jsonio

if TYPE_CHECKING:
    from clipprobe.hooks.units import Site
    from clipprobe.neurons.instruments.rows import UnitRows
    from clipprobe.neurons.instruments.store import Store


class UnitValue:
    """Base of a value about units; a subclass names its instrument and has a ``store``.

    Attributes:
        instrument: Its name in the table of instruments.
        store: The run, or what stands for it in memory.
    """

    __slots__ = ()
    instrument: ClassVar[str]
    store: Any

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a value from its run folder.

        Raises:
            RunFolderError: there is no complete run of that kind.
        """
        return cast("Self", INSTRUMENTS[cls.instrument].load(path))

    def view_of(self, unit: str) -> list[UnitRows]:
        """What it says of one unit, table by table; nothing where it leaves the unit out.

        Args:
            unit: ``<hook point>:<index>``.
        """
        return INSTRUMENTS[self.instrument].view_of(self._store(), unit)

    def _store(self) -> Store:
        return cast("Store", self.store)


class Pooled(UnitValue):
    """Base of a value about all units of some hook points, from pooled activations.

    Attributes:
        config: Everything that determined the numbers.
        versions: Versions of the libraries that they depend on.
    """

    __slots__ = ()
    config: Mapping[str, Any]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, contents: Any) -> Self:
        """The same contents with everything that can be done with them."""
        return cls(**{field.name: getattr(contents, field.name) for field in fields(contents)})

    @property
    def pool(self) -> str:
        """How tokens became one number; part of every unit's name."""
        return str(self.config["pool"])

    @property
    def provenance(self) -> dict[str, Any]:
        """What the numbers come from."""
        plain: dict[str, Any] = jsonio.plain({**self.config, "versions": self.versions})
        return plain


class WithSites(Pooled):
    """Base of one that keeps what is known of its hook points.

    Attributes:
        noun: What it is called in messages.
        sites: Hook point name -> what is known of it, in the order of a forward pass.
    """

    __slots__ = ()
    noun: ClassVar[str]
    sites: Mapping[str, Site]

    def site(self, name: str) -> Site:
        """One of its hook points.

        Raises:
            UnknownHookPointError: it is not among them; names the nearest that are.
        """
        from clipprobe.hooks.sites import SiteName, nearest, parse_name

        parsed = parse_name(name)
        if parsed.block is not None and parsed.block < 0:
            block = parsed.block + int(self.config["n_blocks"])
            parsed = SiteName(parsed.tower, block, parsed.site)
        if str(parsed) not in self.sites:
            raise UnknownHookPointError(
                f"This {self.noun} holds no hook point {name!r}; the nearest of its "
                f"{len(self.sites)} are {', '.join(nearest(str(parsed), self.sites))}: make it "
                f"with --sites {name!r} to have it."
            )
        return self.sites[str(parsed)]

    def site_and_index(self, address: str) -> tuple[Site, int]:
        """The hook point and the index of a unit.

        Args:
            address: ``<hook point>:<index>``; negative block numbers count from the end.
        Raises:
            UnknownHookPointError: there is no such hook point or unit; names the nearest.
        """
        from clipprobe.hooks.sites import parse_unit

        parsed = parse_unit(address)
        site = self.site(parsed.hook)
        if parsed.index >= site.n_units:
            raise UnknownHookPointError(
                f"{site.name}:{parsed.index} does not exist: {site.name} has {site.n_units} "
                f"{site.unit}s, numbered 0 to {site.n_units - 1}."
            )
        return site, parsed.index
