"""Which hook points of a model a name or glob means.

The grammar of the names is in :mod:`clipprobe.hooks.names`, what a model has in
:mod:`clipprobe.hooks.points`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from clipprobe.errors import UnknownHookPointError, UnsupportedHookError
from clipprobe.hooks.names import SiteName, UnitAddress, nearest, parse_name, parse_unit, split_unit
from clipprobe.hooks.points import BLOCK_SITES, HookPoint, hook_points, missing

if TYPE_CHECKING:
    from clipprobe.hooks.hooked import Hooked

__all__ = [
    "BLOCK_SITES",
    "HookPoint",
    "SiteName",
    "UnitAddress",
    "check_unit",
    "hook_points",
    "match",
    "nearest",
    "parse_name",
    "parse_unit",
    "plain_name",
    "resolve",
    "split_unit",
]


def resolve(clip: Hooked, patterns: str | Iterable[str]) -> list[HookPoint]:
    """The hook points that the names and globs mean, each once, in order of first mention.

    Raises:
        UnknownHookPointError: a name or glob matches nothing; the message names the nearest.
        UnsupportedHookError: the site exists, but not in this model; the message says why.
    """
    points = hook_points(clip)
    points_by_name: dict[str, HookPoint] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        for point in match(clip, points, pattern):
            points_by_name.setdefault(point.name, point)
    if not points_by_name:
        raise nothing_named(clip.id)
    return list(points_by_name.values())


def match(clip: Hooked, points: list[HookPoint], pattern: str) -> list[HookPoint]:
    """The points that one name or glob means; see :func:`resolve`."""
    names = [plain_name(clip, name) for name in _for_each_tower(pattern)]
    matched = [
        point
        for point in points
        if any(point.name == name or fnmatchcase(point.name, name) for name in names)
    ]
    if matched:
        return matched
    _refuse_absent_site(clip, names[0])
    raise unknown(pattern, [point.name for point in points], clip.id)


def check_unit(point: HookPoint, unit: int) -> None:
    """Raise :class:`UnknownHookPointError` when the point has no such unit."""
    if unit >= point.n_units:
        raise UnknownHookPointError(
            f"{point.name}:{unit} does not exist: {point.name} has {point.n_units} {point.unit}s, "
            f"numbered 0 to {point.n_units - 1}."
        )


def unknown(name: str, names: Iterable[str], model: str) -> UnknownHookPointError:
    """The error for a name that nothing matches."""
    close = ", ".join(nearest(name, names))
    return UnknownHookPointError(
        f"No hook point of {model} is called {name!r}; the nearest are {close}, and "
        f"`clipprobe hooks {model}` lists all."
    )


def nothing_named(model: str) -> UnknownHookPointError:
    """The error for an empty list of names."""
    return UnknownHookPointError(
        "No hook point was named: give at least one, as in vision.blocks.*.mlp.post "
        f"(`clipprobe hooks {model}` lists all)."
    )


def _for_each_tower(pattern: str) -> list[str]:
    """``*.blocks.-1.mlp.post`` for both towers, which may have different numbers of blocks."""
    match = re.fullmatch(r"([^.]+)(\.blocks\.-\d+\..+)", pattern)
    if match is None:
        return [pattern]
    matched = [tower for tower in ("vision", "text") if fnmatchcase(tower, match.group(1))]
    return [tower + match.group(2) for tower in matched] or [pattern]


def plain_name(clip: Hooked, pattern: str) -> str:
    """The name with a negative block number counted out.

    Raises:
        UnknownHookPointError: the tower has fewer blocks.
    """
    match = re.fullmatch(r"(vision|text)\.blocks\.-(\d+)\.(.+)", pattern)
    if match is None:
        return pattern
    tower, back, site = match.groups()
    n_blocks = len(clip.anatomy.tower(tower).blocks)
    index = n_blocks - int(back)
    if not 0 <= index < n_blocks:
        raise UnknownHookPointError(
            f"{pattern!r} counts {back} blocks from the end, but the {tower} tower of {clip.id} "
            f"has {n_blocks} (`clipprobe hooks {clip.id}` lists every hook point)."
        )
    return f"{tower}.blocks.{index}.{site}"


def _refuse_absent_site(clip: Hooked, name: str) -> None:
    try:
        parsed = parse_name(name)
    except UnknownHookPointError:
        return
    tower = clip.anatomy.tower(parsed.tower)
    reason = None
    if parsed.block is not None and parsed.site in BLOCK_SITES:
        if not tower.blocks:
            reason = f"its {tower.name} tower is a ResNet and has no transformer blocks"
        elif 0 <= parsed.block < len(tower.blocks):
            reason = missing(tower.blocks[parsed.block], parsed.site)
    elif parsed.site == "embed" and parsed.block is None:
        reason = f"its {tower.name} tower has no patch convolution"
    if reason is not None:
        raise UnsupportedHookError(
            f"{name} cannot be captured or changed in {clip.id}: {reason}; "
            f"`clipprobe hooks {clip.id}` lists what it has."
        )
