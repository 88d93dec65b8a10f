"""Directions as units: a part that changes nothing and adds a hook point.

    wet = clipprobe.direction("wet", vector, at="vision.blocks.5.resid_post")
    clip = wet.of(clip)                       # or: with wet.on(clip)
    clipprobe.scan(clip, images, sites=["vision.blocks.5.resid_post.wet"])

What a direction reads and what steering and ablating it do: :mod:`clipprobe.hooks.derived`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from clipprobe.anatomy.parts import Derived
from clipprobe.edits.edit import Edit
from clipprobe.edits.part import PlainPart, floats
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.models.network import Network

if TYPE_CHECKING:
    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
_VECTORS = ("dimension", "neuron", "channel")


@dataclass(frozen=True, init=False, eq=False)
class DerivedPoint(PlainPart):
    """A hook point ``<at>.<name>`` whose units read the activations of another along directions.

    Args:
        name: Letters, digits, ``_`` and ``-``.
        vectors: ``(d,)`` for one unit, or ``(n, d)``.
        at: The hook point; negative block numbers count from the end.
        bias: A number, or one per unit.
        normalised: Whether activations are brought to unit length first.
    Raises:
        ConfigError: a name, vector or bias that cannot be one.
    """

    kind: ClassVar[str] = "derived-point"
    name: str
    at: str
    vectors: npt.NDArray[Any]
    bias: npt.NDArray[Any]
    normalised: bool

    def __init__(
        self, name: str, vectors: Any, *, at: str, bias: Any = 0.0, normalised: bool = False
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} cannot name a direction: begin with a letter and use at most 60 "
                "letters, digits, '_' and '-'."
            )
        direction = floats(vectors, f"The direction {name}")
        rows = floats(np.atleast_2d(direction), f"The direction {name}", 2)
        zero = np.flatnonzero(~rows.any(axis=1))
        if len(zero):
            raise ConfigError(f"Direction {zero[0]} of {name} is zero and points nowhere.")
        offsets = floats(bias, f"The bias of {name}")
        if offsets.shape not in ((), (1,), (len(rows),)):
            raise ConfigError(
                f"The bias of {name} has the shape {offsets.shape} for {len(rows)} directions: "
                "give a number, or one per direction."
            )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "vectors", rows)
        whole = np.broadcast_to(offsets, len(rows))
        object.__setattr__(self, "bias", floats(whole, f"The bias of {name}", 1))
        object.__setattr__(self, "normalised", bool(normalised))

    def onto(self, clip: Clip, network: Network) -> Network:
        """The same network with one more hook point."""
        base = self._base(clip)
        if f"{base.name}.{self.name}" in {point.name for point in clip.hook_points()}:
            raise ConfigError(
                f"{base.name}.{self.name} is a hook point of {clip.id} already: give the direction "
                "another name."
            )
        one = Derived(
            base=base.name,
            name=self.name,
            vectors=self.vectors,
            bias=self.bias,
            normalised=self.normalised,
        )
        anatomy = network.anatomy
        return network.changed(anatomy=replace(anatomy, derived=(*anatomy.derived, one)))

    def _base(self, clip: Clip) -> HookPoint:
        from clipprobe.hooks import resolve

        points = resolve(clip, self.at)
        if len(points) != 1:
            raise UnsupportedHookError(
                f"{self.at!r} names {len(points)} hook points and a direction is at one: write it "
                "without a glob."
            )
        base = points[0]
        if base.unit not in _VECTORS:
            raise UnsupportedHookError(
                f"{base.name} has the axes {' '.join(base.axes)}, so no vector of numbers per "
                "token to read along a direction: use a residual stream, neurons or channels."
            )
        if self.vectors.shape[1] != base.n_units:
            raise ConfigError(
                f"The direction {self.name} has {self.vectors.shape[1]} numbers, and {base.name} "
                f"of {clip.id} has {base.n_units} {base.unit}s: give one number for each."
            )
        return base

    def __str__(self) -> str:
        n = len(self.vectors)
        what = "direction" if n == 1 else f"{n} directions"
        return f"{what} {self.name} at {self.at}"


def direction(
    name: str, vectors: Any, *, at: str, bias: Any = 0.0, normalised: bool = False
) -> Edit:
    """Make directions usable as units: scanned, labelled, tested, shown, captured and steered.

    The edit that comes back changes nothing that the model computes. A model under it,
    ``edit.of(clip)``, has the hook point ``<at>.<name>`` with the units ``<at>.<name>:<index>``.

    With ``x`` the activation of a token at ``at``, unit ``i`` is
    ``a_i = vectors[i] @ x + bias[i]``. ``Steer(s)`` adds ``s * vectors[i]`` to ``x``. All other
    changes (``Zero``, numbers, ``Scale``, ``Mean``, ``Patch``, functions) make the smallest change
    of ``x`` after which the units that are named read the new value: of one unit
    ``x + (new - a_i) * vectors[i] / |vectors[i]|**2``.

    Args:
        name: Letters, digits, ``_`` and ``-``.
        vectors: ``(d,)``, or ``(n, d)`` such as a linear probe for ``n`` classes or the encoder of
            a sparse autoencoder, whose latents are then read before its non-linearity.
        at: A hook point with a vector per token, place or input.
        bias: A number, or one per unit.
        normalised: Read ``x / |x|`` in place of ``x``: at ``vision.projected``, with
            ``clip.scale`` times a text vector and ``bias=clip.bias``, the unit is the logit. Such
            units can be steered; no value can be set.
    Returns:
        An edit, to be saved and combined like any other; its hash is part of the identity of all
        that is made under it.
    Raises:
        ConfigError: a name, vector or bias that cannot be one. Whether it fits a model is checked
            where it is put on one.
    """
    return Edit(DerivedPoint(name, vectors, at=at, bias=bias, normalised=normalised), name=name)
