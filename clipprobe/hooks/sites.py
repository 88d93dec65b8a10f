"""Which activations a model has, and which of them a name or glob means.

The grammar of the names is in :mod:`clipprobe.hooks.names`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from torch import nn

from clipprobe.errors import UnknownHookPointError, UnsupportedHookError
from clipprobe.hooks.names import (
    SiteName,
    UnitAddress,
    nearest,
    parse_name,
    parse_unit,
    split_unit,
)

if TYPE_CHECKING:
    from clipprobe.anatomy.parts import Block, Derived, Tower
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

BLOCK_SITES: dict[str, tuple[tuple[str, ...], str]] = {
    "resid_pre": (("b", "t", "d"), "dimension"),
    "attn.q": (("b", "t", "n_heads", "d_head"), "head"),
    "attn.k": (("b", "t", "n_heads", "d_head"), "head"),
    "attn.v": (("b", "t", "n_heads", "d_head"), "head"),
    "attn.pattern": (("b", "n_heads", "t", "t"), "head"),
    "attn.z": (("b", "t", "n_heads", "d_head"), "head"),
    "attn.head_out": (("b", "t", "n_heads", "d"), "head"),
    "attn.out": (("b", "t", "d"), "dimension"),
    "resid_mid": (("b", "t", "d"), "dimension"),
    "mlp.pre": (("b", "t", "d_mlp"), "neuron"),
    "mlp.post": (("b", "t", "d_mlp"), "neuron"),
    "mlp.out": (("b", "t", "d"), "dimension"),
    "resid_post": (("b", "t", "d"), "dimension"),
}
"""Axes and unit of every site of a block, in the order in which a forward pass reaches them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPoint:
    """One activation of a model."""

    name: str
    """Its plain name, e.g. ``vision.blocks.3.mlp.post``."""
    axes: tuple[str, ...]
    """Names of the axes of the captured tensor, the batch first."""
    n_units: int
    """Length of the unit axis."""
    unit: str
    """What a unit is: neuron, head, dimension, channel or direction."""
    tower: str
    """``vision`` or ``text``."""
    block: int | None
    """Block number from 0; None outside the blocks."""
    site: str
    """The name without tower and block."""
    base: str | None = None
    """The hook point that its directions are read from; None for the model's own."""

    @property
    def read_site(self) -> str:
        """The site of the model whose activations it shows: its own, but for directions."""
        return self.site if self.base is None else parse_name(self.base).site

    @property
    def unit_axis(self) -> int:
        """Which axis counts the units."""
        axes = {"head": ("n_heads",), "channel": ("c", "d"), "neuron": ("d_mlp",)}
        names = axes.get(self.unit, ("d",))
        return next(i for i, axis in enumerate(self.axes) if axis in names)


def hook_points(clip: Hooked) -> list[HookPoint]:
    """Every hook point of the model, vision first, in the order of a forward pass.

    Directions (:func:`clipprobe.direction`) follow the hook point that they are read from.
    """
    points: list[HookPoint] = []
    for tower in (clip.anatomy.vision, clip.anatomy.text):
        for point in _tower_points(tower, clip.d_embed):
            own = [one for one in clip.anatomy.derived if one.base == point.name]
            points += [point, *(_directions(point, one) for one in own)]
    return points


def resolve(clip: Hooked, patterns: str | Iterable[str]) -> list[HookPoint]:
    """The hook points that the names and globs mean, each once, in order of first mention.

    Raises:
        UnknownHookPointError: a name or glob matches nothing; the message names the nearest.
        UnsupportedHookError: the site exists, but not in this model; the message says why.
    """
    points = hook_points(clip)
    found: dict[str, HookPoint] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        for point in match(clip, points, pattern):
            found.setdefault(point.name, point)
    if not found:
        raise nothing_named(clip.id)
    return list(found.values())


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


def unknown(asked: str, names: Iterable[str], model: str) -> UnknownHookPointError:
    """The error for a name that nothing matches."""
    close = ", ".join(nearest(asked, names))
    return UnknownHookPointError(
        f"No hook point of {model} is called {asked!r}; the nearest are {close}, and "
        f"`clipprobe hooks {model}` lists all."
    )


def nothing_named(model: str) -> UnknownHookPointError:
    """The error for an empty list of names."""
    return UnknownHookPointError(
        "No hook point was named: give at least one, as in vision.blocks.*.mlp.post "
        f"(`clipprobe hooks {model}` lists all)."
    )


def _tower_points(tower: Tower, d_embed: int) -> list[HookPoint]:
    points: list[HookPoint] = []

    def add(site: str, axes: tuple[str, ...], n_units: int, unit: str, block: int | None) -> None:
        name = str(SiteName(tower.name, block, site))
        points.append(
            HookPoint(
                name=name,
                axes=axes,
                n_units=n_units,
                unit=unit,
                tower=tower.name,
                block=block,
                site=site,
            )
        )

    if isinstance(tower.embed, nn.Conv2d):
        add("embed", ("b", "d", "h", "w"), tower.embed.out_channels, "channel", None)
    for index, block in enumerate(tower.blocks):
        n_units = {"head": block.n_heads, "neuron": tower.d_mlp, "dimension": tower.d_model}
        for site, (axes, unit) in BLOCK_SITES.items():
            if missing(block, site) is None:
                add(site, axes, n_units[unit], unit, index)
    for site, channels in tower.channels.items():
        add(site, ("b", "c", "h", "w"), channels.n_channels, "channel", None)
    add("pooled", ("b", "d"), tower.d_pooled, "dimension", None)
    add("projected", ("b", "d"), d_embed, "dimension", None)
    return points


def _directions(base: HookPoint, one: Derived) -> HookPoint:
    axes = list(base.axes)
    axes[base.unit_axis] = "d"
    return replace(
        base,
        name=f"{base.name}.{one.name}",
        site=f"{base.site}.{one.name}",
        axes=tuple(axes),
        n_units=len(one.vectors),
        unit="direction",
        base=base.name,
    )


def missing(block: Block, site: str) -> str | None:
    """Why a block lacks a site, as the end of a sentence; None where it has it."""
    fused = "its attention fuses q, k and v into one matrix, so no module computes them singly"
    if site in {"attn.q", "attn.k", "attn.v", "attn.pattern"}:
        parts = (block.q, block.k, block.v)
        needed = (*parts, block.out) if site == "attn.pattern" else parts
        return fused if any(part is None for part in needed) else None
    if site in {"attn.z", "attn.head_out"}:
        return fused if block.out is None else None
    if site == "attn.out" and block.out is None and not block.pre_norm:
        return "its attention adds and normalises before its output can be seen"
    return None


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
    n_blocks = len((clip.anatomy.vision if tower == "vision" else clip.anatomy.text).blocks)
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
    tower = clip.anatomy.vision if parsed.tower == "vision" else clip.anatomy.text
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
