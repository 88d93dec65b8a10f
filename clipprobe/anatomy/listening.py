"""What the running forward pass tells the hooks, and which hooks the current context has opened.

Everything here is a :class:`contextvars.ContextVar`: a capture that one thread or asyncio task
opens is invisible to every other one that uses the same model. A thread starts with an empty
context, so forward passes must run in the thread that opened the capture.

The model side (:class:`clipprobe.models.Clip`) calls four things around each forward pass:
:func:`rows` (which inputs the batch holds), :func:`positions` (where a text ends),
:func:`emit` (a value that no module of its own computes) and :func:`active`.

This module imports no torch at run time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")


class Listener(Protocol):
    """An open capture or intervention, bound to one model."""

    module: nn.Module
    """The model it listens to."""
    closed: bool
    """Whether its block was left: copies of the context may still hold it."""
    changes: bool
    """Whether it may hand back another tensor than it was shown."""
    edits: tuple[str, ...]
    """What it does to activations, in words; empty for a capture."""
    slots: frozenset[tuple[int, str]]
    """Keys of the module sides that it hooked."""

    def wants(self, name: str) -> bool:
        """Whether the hook point called ``name`` was asked for."""

    def edit(self, name: str, value: Tensor) -> Tensor:
        """Change the value; the same object comes back where nothing is to change."""

    def observe(self, name: str, value: Tensor) -> Tensor:
        """Record the value; returns the tensor that the forward pass continues with."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Which inputs a batch holds."""

    indices: tuple[int, ...]
    """Input row of each row of the batch."""
    n_total: int | None
    """Number of inputs of the whole call, where known."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Which tokens of a batch matter."""

    eos: Tensor | None
    """``(b,)`` position of the token that the tower pools."""
    real: Tensor | None
    """``(b, t)`` true where a token is not padding."""


_LISTENERS: ContextVar[tuple[Listener, ...]] = ContextVar("clipprobe_listeners", default=())
_ROWS: ContextVar[Rows | None] = ContextVar("clipprobe_rows", default=None)
_POSITIONS: ContextVar[Positions | None] = ContextVar("clipprobe_positions", default=None)
_OVERLAYS: ContextVar[tuple[tuple[object, Any], ...]] = ContextVar("clipprobe_overlays", default=())


@contextmanager
def _setting(variable: ContextVar[T], value: T) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def rows(indices: Sequence[int], n_total: int | None = None) -> AbstractContextManager[None]:
    """Say which inputs the forward pass inside the block works on.

    Args:
        indices: Input row of each row of the batch; captures come back in this order even when
            the batches are not in input order (texts grouped by length).
        n_total: Number of inputs of the whole call.
    """
    return _setting(_ROWS, Rows(tuple(int(i) for i in indices), n_total))


def positions(eos: Tensor | None, real: Tensor | None = None) -> AbstractContextManager[None]:
    """Say which tokens of the forward pass inside the block are pooled and which are real.

    Args:
        eos: ``(b,)`` position of the token that the tower pools, for ``pool="eos"``.
        real: ``(b, t)`` true where a token is not padding. Where it is not given, the tokens up
            to and including ``eos`` count as real, and all of them where that is None too.
    """
    return _setting(_POSITIONS, Positions(eos, real))


@contextmanager
def overlay(model: object, network: object) -> Iterator[None]:
    """Let the current context, and no other, find another network in a model."""
    entry = (model, network)
    _OVERLAYS.set((*_OVERLAYS.get(), entry))
    try:
        yield
    finally:
        _OVERLAYS.set(tuple(one for one in _OVERLAYS.get() if one is not entry))


def overlaid(model: object) -> Any:
    """The network that the current context has put on a model last; None where it has none."""
    networks = [network for owner, network in _OVERLAYS.get() if owner is model]
    return networks[-1] if networks else None


def active() -> bool:
    """Whether the current context has an open capture, intervention or edit, of any model."""
    return bool(_OVERLAYS.get()) or any(not one.closed for one in _LISTENERS.get())


def changes_only() -> AbstractContextManager[None]:
    """Hide the captures that are open from the forward passes inside the block."""
    return _setting(_LISTENERS, tuple(one for one in _LISTENERS.get() if one.edits))


def emit(name: str, tensor: Tensor, module: nn.Module) -> Tensor:
    """Show a value that is not a module's output to the open captures and interventions.

    Args:
        name: Hook point, e.g. ``vision.pooled``.
        tensor: Its value.
        module: The model that computes it (``Clip.module``): captures of another model that are
            open at the same time must not see it.
    Returns:
        The value to continue with; ``tensor`` itself where nobody listens.
    """
    return visit(listeners(module), name, tensor)


def visit(opened: tuple[Listener, ...], name: str, value: Tensor) -> Tensor:
    """Let those who asked for ``name`` change the value, outermost first, then see it.

    All changes come before all captures, whichever was opened first.
    """
    wanting = [listener for listener in opened if listener.wants(name)]
    for listener in wanting:
        value = listener.edit(name, value)
    for listener in wanting:
        value = listener.observe(name, value)
    return value


def listeners(module: nn.Module) -> tuple[Listener, ...]:
    """The open captures and interventions of this model, outermost first."""
    opened = _LISTENERS.get()
    if not opened:
        return ()
    return tuple(one for one in opened if one.module is module and not one.closed)


def edits(module: nn.Module) -> list[str]:
    """What the open interventions of this model do, in words, outermost first."""
    return [edit for one in listeners(module) for edit in one.edits]


def current_rows() -> Rows | None:
    """What :func:`rows` said about the running forward pass."""
    return _ROWS.get()


def current_positions() -> Positions | None:
    """What :func:`positions` said about the running forward pass."""
    return _POSITIONS.get()


def open_listener(listener: Listener, *, outermost: bool = False) -> None:
    """Make a listener visible to the current context, inside those already open, or around them."""
    opened = _LISTENERS.get()
    _LISTENERS.set((listener, *opened) if outermost else (*opened, listener))


def close_listener(listener: Listener) -> None:
    """Take a listener out, whichever order or context it is closed in.

    A token's ``reset`` would fail when a generator or a task closes what another context opened;
    copies of the context that still hold the listener skip it because it is closed.
    """
    listener.closed = True
    _LISTENERS.set(tuple(one for one in _LISTENERS.get() if one is not listener))
