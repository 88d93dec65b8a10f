"""Where each hook point sits in the modules, and how a derived one is computed and put back.

A *slot* is one side of one module. Several hook points can share one (``attn.pattern``, ``attn.z``
and ``attn.head_out`` all live at the input of the output projection), so a slot runs a small
program that visits its points in a fixed order. Values that a later slot of the same forward pass
needs wait in a scratch pad of the thread.

Derived points are put back so that nothing is lost or changed by rounding: with ``x`` what the
model computed and ``f`` the derivation, the pass continues with ``x + (f(new) - f(old))``, whose
second term is exactly zero where nothing was changed, while all of the gradient runs through
``f(new)``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from clipprobe.anatomy.listening import Listener, visit
from clipprobe.errors import UnsupportedHookError
from clipprobe.hooks.attention import attention_mask, attention_pattern

if TYPE_CHECKING:
    from clipprobe.anatomy.parts import Anatomy, Block, Tower
    from clipprobe.hooks.sites import HookPoint

Listeners = tuple[Listener, ...]
Program = Callable[[Listeners, Tensor], Tensor]


class _Scratch(threading.local):
    """Values on their way from one slot to a later one, by block and name; one per thread."""

    def __init__(self) -> None:
        self.blocks: dict[int, dict[str, Any]] = {}


_SCRATCH = _Scratch()


@dataclass(frozen=True, slots=True)
class Slot:
    """One side of one module, and what to do there."""

    module: nn.Module
    side: Literal["input", "output", "call"]
    """``call`` sees all arguments and changes none."""
    run: Callable[..., Any]
    """A :data:`Program`; for ``call`` it gets the arguments and keyword arguments instead."""

    @property
    def key(self) -> tuple[int, str]:
        """What makes two sessions' slots the same."""
        return id(self.module), self.side


def slots(anatomy: Anatomy, points: Iterable[HookPoint]) -> list[Slot]:
    """The slots that the given hook points need, each once.

    ``pooled`` and ``projected`` need none: the model emits them.

    Raises:
        UnsupportedHookError: two blocks share a module, so its hooks could not tell them apart.
    """
    by_name: dict[tuple[int, str], Slot] = {}
    points = list(points)
    for name in sorted({point.tower for point in points if point.block is not None}):
        _check_apart(anatomy.tower(name))
    for point in points:
        tower = anatomy.tower(point.tower)
        needed: list[Slot] = []
        if point.block is not None:
            prefix = f"{point.tower}.blocks.{point.block}"
            needed = BlockWiring(prefix, tower.blocks[point.block]).slots(point.site)
        elif point.site == "embed" and tower.embed is not None:
            needed = [Slot(tower.embed, "output", partial(_visit, point.name))]
        elif point.site in tower.channels:
            channel = tower.channels[point.site]
            needed = [Slot(channel.module, channel.at, partial(_visit, point.name))]
        for slot in needed:
            by_name.setdefault(slot.key, slot)
    return list(by_name.values())


def forget(anatomy: Anatomy, points: Iterable[HookPoint]) -> None:
    """Drop what a forward pass that broke off left for these points' blocks in this thread."""
    for point in points:
        if point.block is not None:
            tower = anatomy.tower(point.tower)
            _SCRATCH.blocks.pop(id(tower.blocks[point.block].module), None)


def _check_apart(tower: Tower) -> None:
    modules = [
        id(part)
        for block in tower.blocks
        for part in (block.module, block.norm_mid, block.q, block.activation, block.mlp_out)
        if part is not None
    ]
    if len(set(modules)) < len(modules):
        raise UnsupportedHookError(
            f"Blocks of the {tower.name} tower share a module, so what it computes for one cannot "
            "be told from the others: give each block modules of its own."
        )


def _visit(name: str, listeners: Listeners, value: Tensor) -> Tensor:
    return visit(listeners, name, value)


class BlockWiring:
    """The slots of one transformer block, ``b`` batch, ``t`` tokens, ``h`` heads, ``k`` d_head."""

    def __init__(self, prefix: str, block: Block) -> None:
        self.prefix = prefix
        self.block = block

    def slots(self, site: str) -> list[Slot]:
        """What the site needs; the block is known to have it."""
        block = self.block
        q, k, v = (
            [] if module is None else [Slot(module, "output", partial(self._project, letter))]
            for letter, module in (("q", block.q), ("k", block.k), ("v", block.v))
        )
        before = [] if block.out is None else [Slot(block.out, "input", self._before_out)]
        after = Slot(block.attention if block.out is None else block.out, "output", self._after_out)
        end = Slot(block.module, "output", self._end)
        if block.norm_mid is None:
            mid = [Slot(block.attention, "output", self._plain("resid_mid"))]
        else:
            mid = [Slot(block.norm_mid, "input", self._mid), end]
        mask = Slot(block.attention, "call", self._mask)
        return {
            "resid_pre": [Slot(block.module, "input", self._plain("resid_pre"))],
            "attn.q": q,
            "attn.k": k,
            "attn.v": v,
            "attn.pattern": [mask, *q, *k, *v, *before],
            "attn.z": before,
            "attn.head_out": [*before, after],
            "attn.out": [after],
            "resid_mid": mid,
            "mlp.pre": [Slot(block.activation, "input", self._plain("mlp.pre"))],
            "mlp.post": [Slot(block.activation, "output", self._plain("mlp.post"))],
            "mlp.out": [Slot(block.mlp_out, "output", self._plain("mlp.out"))],
            "resid_post": [end],
        }[site]

    def _plain(self, site: str) -> Program:
        return partial(_visit, self._name(site))

    def _name(self, site: str) -> str:
        return f"{self.prefix}.{site}"

    def _has_listener(self, listeners: Listeners, site: str, *, changed: bool = False) -> bool:
        name = self._name(site)
        return any(one.wants(name) and (one.changes or not changed) for one in listeners)

    def _project(self, letter: str, listeners: Listeners, x: Tensor) -> Tensor:
        heads = self._split(x)
        new = visit(listeners, self._name(f"attn.{letter}"), heads)
        # v is only needed to mix values anew under a changed pattern.
        if self._has_listener(listeners, "attn.pattern", changed=letter == "v"):
            self._put(letter, new)
        return x if new is heads else new.reshape(x.shape)

    def _mask(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self._put("mask", attention_mask(self.block.attention, arguments, keywords))

    def _before_out(self, listeners: Listeners, z: Tensor) -> Tensor:
        if self._has_listener(listeners, "attn.pattern"):
            z = self._visit_pattern(listeners, z)
        heads = self._split(z)
        new = visit(listeners, self._name("attn.z"), heads)
        if new is not heads:
            heads, z = new, new.reshape(z.shape)
        self._take("head_delta")
        if self._has_listener(listeners, "attn.head_out"):
            written = self._head_out(heads)
            writes = written.to(z.dtype)
            new = visit(listeners, self._name("attn.head_out"), writes)
            if new is not writes:
                # A half-precision model's heads are added up in float32. What was not changed adds
                # exactly nothing, though it was shown rounded.
                exact = new.to(written.dtype)
                old = torch.where(new == writes, exact, written).detach()
                self._put("head_delta", (exact - old).sum(dim=2))
        return z

    def _visit_pattern(self, listeners: Listeners, z: Tensor) -> Tensor:
        if self.block.attention.training:
            raise UnsupportedHookError(
                f"{self._name('attn.pattern')} cannot be recomputed in training mode, where "
                "dropout acts on it: call clip.module.eval()."
            )
        q, k, v = self._take("q"), self._take("k"), self._take("v")
        pattern = attention_pattern(
            q, k, scale=self.block.scale, causal=self.block.causal, mask=self._take("mask")
        )
        new = visit(listeners, self._name("attn.pattern"), pattern)
        if new is pattern:
            return z

        def mix(weights: Tensor) -> Tensor:
            return torch.einsum("bhqt,bthk->bqhk", weights, v).reshape(z.shape)

        return z.detach() + (mix(new) - mix(pattern).detach())

    def _head_out(self, heads: Tensor) -> Tensor:
        out = self.block.out
        if not isinstance(out, nn.Linear):
            raise UnsupportedHookError(
                f"{self._name('attn.head_out')} needs an output projection that is a linear layer "
                f"and this one is a {type(out).__name__}: use attn.z instead."
            )
        weight = out.weight.view(-1, self.block.n_heads, self.block.d_head)  # d h k
        precision = torch.promote_types(heads.dtype, torch.float32)
        return torch.einsum("bthk,dhk->bthd", heads.to(precision), weight.to(precision))

    def _after_out(self, listeners: Listeners, x: Tensor) -> Tensor:
        delta = self._take("head_delta")
        if delta is not None:
            x = (x.detach() + delta).to(x.dtype)
        return visit(listeners, self._name("attn.out"), x)

    def _mid(self, listeners: Listeners, x: Tensor) -> Tensor:
        new = visit(listeners, self._name("resid_mid"), x)
        # The block adds its own, unchanged resid_mid to mlp.out; the end slot mends the sum.
        self._put("mid_delta", None if new is x else new - x)
        return new

    def _end(self, listeners: Listeners, x: Tensor) -> Tensor:
        delta = self._take("mid_delta")
        if delta is not None:
            x = x + delta
        return visit(listeners, self._name("resid_post"), x)

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.block.n_heads, self.block.d_head)  # b t h k

    def _put(self, key: str, value: Any) -> None:
        _SCRATCH.blocks.setdefault(id(self.block.module), {})[key] = value

    def _take(self, key: str) -> Any:
        return _SCRATCH.blocks.get(id(self.block.module), {}).pop(key, None)
