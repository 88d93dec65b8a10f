"""Which units and hook points are meant by addresses and globs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipprobe.errors import ConfigError, UnsupportedHookError

if TYPE_CHECKING:
    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip


def points_of(clip: Clip, sites: str | Sequence[str]) -> tuple[str, dict[str, HookPoint]]:
    """The tower of some hook points, and the points by the address that was asked for.

    A unit's address stays one (``vision.blocks.3.attn.z:2``); a glob becomes its hook points.

    Raises:
        UnknownHookPointError: one is not there.
        ConfigError: of both towers, or none.
    """
    points = _points(clip, sites)
    towers = {point.tower for point in points.values()}
    if not towers:
        raise ConfigError(
            "No unit was named: give at least one, as in vision.blocks.3.mlp.post:17, or a hook "
            "point."
        )
    if len(towers) > 1:
        raise ConfigError("Units of both towers were named: measure one tower at a time.")
    return towers.pop(), points


def _points(clip: Clip, names: str | Sequence[str]) -> dict[str, HookPoint]:
    from clipprobe.hooks.sites import check_unit, resolve, split_unit

    points: dict[str, HookPoint] = {}
    for name in [names] if isinstance(names, str) else names:
        hook, unit = split_unit(name)
        for point in resolve(clip, hook):
            if unit is not None:
                check_unit(point, unit)
            points[point.name if unit is None else f"{point.name}:{unit}"] = point
    return points


def units_by_point(clip: Clip, names: str | Sequence[str]) -> list[tuple[HookPoint, list[int]]]:
    """The hook points and which units of each, in order of first mention.

    A hook point or a glob names all of its units.

    Raises:
        UnknownHookPointError: one is not there.
    """
    by_point: dict[HookPoint, dict[int, None]] = {}
    for address, point in _points(clip, names).items():
        _, _, unit = address.removeprefix(point.name).partition(":")
        units = by_point.setdefault(point, {})
        units |= dict.fromkeys([int(unit)] if unit else range(point.n_units))
    return [(point, list(units)) for point, units in by_point.items()]


def find_units(clip: Clip, units: Sequence[str]) -> dict[str, tuple[HookPoint, int]]:
    """Plain address -> hook point and unit, in the order given.

    Raises:
        UnknownHookPointError: a unit is not there.
        UnsupportedHookError: it is not part of a forward pass that can be taken out.
        ConfigError: of both towers, or none.
    """
    from clipprobe.hooks import parse_unit

    addresses = [units] if isinstance(units, str) else units
    for address in addresses:
        parse_unit(address)  # one unit each
    _, points = points_of(clip, addresses)
    by_address = {one: (point, int(one.rpartition(":")[2])) for one, point in points.items()}
    for point, unit in by_address.values():
        refuse_looking(point, unit)
    return by_address


def refuse_looking(point: HookPoint, unit: int | None = None) -> None:
    """Raise where the units of a hook point say where a head looks, and write nothing.

    Raises:
        UnsupportedHookError: names what can be taken out instead.
    """
    if point.site in ("attn.pattern", "attn.q", "attn.k"):
        end = "" if unit is None else f":{unit}"
        raise UnsupportedHookError(
            f"{point.name}{end} is where a head looks, not what it writes: take "
            f"{point.name.rsplit('.', 1)[0]}.head_out{end} out instead."
        )
