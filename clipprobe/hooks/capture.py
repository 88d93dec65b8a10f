"""Read activations of a model while it runs.

    with capture(clip, ["vision.blocks.*.mlp.post"], pool="max") as acts:
        clip.encode_images(images)
    acts["vision.blocks.3.mlp.post"]  # (n, d_mlp), one row per image, in the order of the images

A capture sees a value after every intervention at its site. What it hands out is a copy: nothing
that the model does later changes it. The forward pass is the same to the bit with or without it
(``grad=True`` included, save for negative zeros).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.anatomy.mode import recomputing
from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks.pooling import check_pool, pool_tokens
from clipprobe.hooks.session import Session
from clipprobe.hooks.sites import (
    HookPoint,
    check_unit,
    hook_points,
    match,
    nothing_named,
    split_unit,
)
from clipprobe.hooks.store import Captures, RowCounter, RowNumbers

if TYPE_CHECKING:
    from clipprobe.hooks.hooked import Hooked

Sink = Callable[[str, Tensor, RowNumbers, Tensor | None], None]


class Capture(Session):
    """The context manager that :func:`capture` makes; ``with`` gives its :class:`Captures`."""

    def __init__(
        self,
        clip: Hooked,
        sites: str | Iterable[str],
        *,
        pool: str,
        sink: Sink | None,
        argmax: bool,
        grad: bool,
    ) -> None:
        readings = _readings(clip, sites)
        super().__init__(clip, (point for point, _ in readings.values()))
        for point in self.points.values():
            check_pool(point, clip.anatomy.tower(point.tower), pool)
        if grad:
            _refuse_parts(readings, pool, sink)
        self.changes = grad
        self._pool = pool
        self._sink = sink
        self._argmax = argmax and sink is not None
        self._labels: dict[str, list[tuple[str, int | None]]] = {}
        for label, (point, unit) in readings.items():
            self._labels.setdefault(point.name, []).append((label, unit))
        self._counters = {name: RowCounter() for name in self.points}
        self.captures = Captures(clip, readings, streams=sink is not None)

    def __enter__(self) -> Captures:
        self.open()
        return self.captures

    def observe(self, name: str, value: Tensor) -> Tensor:
        """Record one batch of a point, and of the directions that are read from it.

        What a backward pass computes again was recorded before.
        """
        if recomputing():
            return value
        for point in self.read_at[name]:
            reading = self.readings.get(point.name)
            inner = value if reading is None else reading(value)
            result = self._observe(point, inner)
            if result is not inner:
                value = result if reading is None else reading.put_back(value, result - inner)
        return value

    def _observe(self, point: HookPoint, value: Tensor) -> Tensor:
        rows = self._counters[point.name].number(context.current_rows(), value.shape[0])
        if self.changes:
            return self._keep_in_graph(point.name, value, rows)
        self.fired.add(point.name)
        for label, unit in self._labels[point.name]:
            selection, axes = value, point.axes
            if unit is not None:
                selection = value.select(point.unit_axis, unit)
                axes = axes[: point.unit_axis] + axes[point.unit_axis + 1 :]
            self._record(label, point, selection, axes, rows)
        return value

    def _record(
        self, label: str, point: HookPoint, value: Tensor, axes: tuple[str, ...], rows: RowNumbers
    ) -> None:
        tokens = None
        if self._sink is not None:
            value = value.detach()
        if self._pool == "none":
            value = value.clone()
        else:
            value, tokens = pool_tokens(
                value,
                axes,
                self._pool,
                context.current_positions(),
                name=label,
                last_token=self.clip.anatomy.tower(point.tower).pool_token == "last",
                want_argmax=self._argmax,
            )
        if self._sink is None:
            self.captures.add(label, value, rows)
        else:
            self._sink(label, value, rows, tokens)

    def _keep_in_graph(self, name: str, value: Tensor, rows: RowNumbers) -> Tensor:
        if not torch.is_grad_enabled():
            raise UnsupportedHookError(
                f"capture(grad=True) at {name} ran without gradients: call "
                "image_embeddings(pixels) or text_embeddings(tokens) instead of the encode "
                "methods, and not under no_grad."
            )
        if name in self.fired:
            raise UnsupportedHookError(
                f"capture(grad=True) holds the graph of one forward pass, and a second one "
                f"reached {name}: open a new capture for each."
            )
        self.fired.add(name)
        leaf = value.clone() if value.requires_grad else value.detach().clone().requires_grad_()
        self.captures.add(name, leaf, rows)
        # A second copy goes on, so that an in-place operation cannot reach the one handed out.
        return leaf.clone()


def capture(
    clip: Hooked,
    sites: str | Iterable[str],
    *,
    pool: str = "none",
    sink: Sink | None = None,
    argmax: bool = True,
    grad: bool = False,
) -> Capture:
    """Record activations while the block runs; see ``docs/hook-points.md``.

    Args:
        sites: Hook points or globs, each maybe with a unit (``vision.blocks.3.mlp.post:17``);
            negative block numbers count from the end.
        pool: ``none`` keeps every token; ``cls``, ``mean``, ``max``, ``eos`` pool over tokens
            (over places on maps) before anything is stored.
        sink: Called as ``sink(name, values, rows, tokens)`` for each batch instead of storing it:
            detached values ``(b, ...)``, int64 input rows ``(b,)``, and for ``max`` the token of
            each maximum, else None.
        argmax: Whether a sink of ``pool="max"`` gets tokens; pooling is cheaper without.
        grad: Make each captured tensor the one that the pass goes on with, so that
            ``torch.autograd.grad(score, acts[name])`` is the derivative with respect to that
            activation along every path. For one forward pass with gradients enabled, whole
            hook points, ``pool="none"``. Without it, what is captured while gradients are enabled
            can be differentiated with respect to what comes before, not the score by it. The
            derivative with respect to a direction is along that direction alone, per unit of its
            activation.
    Returns:
        A context manager that gives :class:`Captures`, to be entered once.
    Raises:
        UnknownHookPointError: a name matches nothing; the nearest are in the message.
        UnsupportedHookError: the model lacks the site, or the pool or ``grad`` has no meaning.
        ConfigError: an option has a value that is not known.
        HookNeverFiredError: at the end of the block, where a point saw no forward pass.
    """
    return Capture(clip, sites, pool=pool, sink=sink, argmax=argmax, grad=grad)


def _readings(clip: Hooked, sites: str | Iterable[str]) -> dict[str, tuple[HookPoint, int | None]]:
    readings: dict[str, tuple[HookPoint, int | None]] = {}
    points = hook_points(clip)
    for site in [sites] if isinstance(sites, str) else sites:
        hook, unit = split_unit(site)
        for point in match(clip, points, hook):
            if unit is None:
                readings[point.name] = (point, None)
            else:
                check_unit(point, unit)
                readings[f"{point.name}:{unit}"] = (point, unit)
    if not readings:
        raise nothing_named(clip.id)
    return readings


def _refuse_parts(
    readings: Mapping[str, tuple[HookPoint, int | None]], pool: str, sink: Sink | None
) -> None:
    parts = [f"the unit {label}" for label, (_, unit) in readings.items() if unit is not None]
    parts += [f"pool={pool!r}"] if pool != "none" else []
    parts += ["a sink"] if sink is not None else []
    if parts:
        raise UnsupportedHookError(
            f"capture(grad=True) was asked for with {parts[0]}, but only a whole hook point with "
            'pool="none" and no sink is part of the forward pass: capture that, and pick units '
            "or pool afterwards."
        )
