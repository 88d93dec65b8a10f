"""Which activations a model has: its hook points, in the order of a forward pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import nn

from clipprobe.hooks.names import SiteName, parse_name

if TYPE_CHECKING:
    from clipprobe.anatomy.parts import Block, Derived, Tower
    from clipprobe.hooks.hooked import Hooked

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
