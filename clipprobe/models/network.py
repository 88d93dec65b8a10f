"""What a model runs now: its modules, and whatever edits put on the way through them.

A :class:`Network` is a value. An edit makes another one of it, which shares the modules unless
weights change, and a :class:`clipprobe.Clip` either has it for good (``edit.of(clip)``) or in one
context (``with edit.on(clip)``). Where nothing was edited every field but the first four is empty.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from torch import Tensor, nn

from clipprobe.anatomy.parts import Anatomy
from clipprobe.models.families.base import Family
from clipprobe.models.identity import Weights
from clipprobe.models.texts import Tokens
from clipprobe.origin import Origin

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from clipprobe.hooks.session import Session

    Vectors = npt.NDArray[np.float32]

TowerName = Literal["vision", "text"]
Pixels = Callable[[list[Tensor]], list[Tensor]]
"""Views of a batch ``(b, 3, H, W)`` to the views that are encoded instead."""


class ClassRule(Protocol):
    """A rule on class vectors."""

    def __call__(self, names: Sequence[str], vectors: Vectors) -> Vectors:
        """Unit vectors ``(k, d)`` of the classes of these names to those that are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One part of an edit that a network carries."""

    kind: str
    sha256: str
    text: str
    """In words."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Hooks that are opened for each pass of one tower, before any of the user's."""

    tower: TowerName
    make: Callable[[Any], Session]
    """Makes them for a model."""
    n_tokens: int = 0
    """Tokens that they add to those of the tower."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Modules, and what edits changed on the way through them, in order."""

    adapter: Family
    anatomy: Anatomy
    tokens: Tokens
    weights: Weights
    origin: Origin | None = None
    """What loads it again; None where it cannot be said."""
    pixels: tuple[Pixels, ...] = ()
    standing: tuple[Standing, ...] = ()
    classes: tuple[ClassRule, ...] = ()
    edits: tuple[Note, ...] = ()
    _made: dict[int, Session] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: hooks that were made belong to the modules they were made for."""
        _without_recorders(self.module)
        return {**vars(self), "_made": {}}

    @property
    def module(self) -> nn.Module:
        """The whole network."""
        return self.adapter.module

    def changed(self, **fields: Any) -> Self:
        """The same with other fields."""
        return replace(self, **fields, _made={})

    def over(self, module: nn.Module, published: str) -> Self:
        """The same edits over another module of the same architecture.

        Args:
            published: What the hash of its weights is while they are as they are now.
        """
        adapter = self.adapter.over(module)
        return self.changed(
            adapter=adapter,
            anatomy=replace(adapter.anatomy(), derived=self.anatomy.derived),
            weights=Weights(module.eval().requires_grad_(False), published),
            origin=None,
        )

    def copied(self) -> Self:
        """The same with modules of its own."""
        return self.over(copy.deepcopy(self.module), self.weights.sha256(self.module))

    def views(self, pixels: Tensor) -> list[Tensor]:
        """The batches that are encoded in place of one."""
        views = [pixels]
        for change in self.pixels:
            views = change(views)
        return views

    @contextmanager
    def hooked(self, clip: Any, tower: TowerName) -> Iterator[None]:
        """Open what stands at a tower, for one pass."""
        changes = [(i, one) for i, one in enumerate(self.standing) if one.tower == tower]
        if not changes:
            yield
            return
        with ExitStack() as stack:
            for number, one in reversed(changes):  # each in front, so the first ends outermost
                if number not in self._made:
                    self._made[number] = one.make(clip)
                stack.enter_context(self._made[number].for_one_pass())
            yield

    def extra_tokens(self, tower: TowerName) -> int:
        """Tokens that edits add to those of a tower."""
        return sum(one.n_tokens for one in self.standing if one.tower == tower)

    def facts(self) -> Mapping[str, Any]:
        """What the provenance of a result says of the edits; nothing where there are none."""
        return {"edits": [asdict(note) for note in self.edits]} if self.edits else {}


def _without_recorders(module: nn.Module) -> None:
    """Take away what transformers hung on its blocks for ``output_hidden_states``.

    These hooks cannot be pickled. They do nothing until they are asked for, and transformers puts
    them there again then.
    """
    for part in module.modules():
        for key, hook in list(part._forward_hooks.items()):
            if getattr(hook, "__module__", "") == "transformers.utils.output_capturing":
                del part._forward_hooks[key]
        if hasattr(part, "_output_capturing_hooks_installed"):
            object.__setattr__(part, "_output_capturing_hooks_installed", False)
