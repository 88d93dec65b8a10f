"""Which weights a model runs on: those it was loaded with, or others that are in memory now.

A model stays a plain torch module, and people train it, prune it, swap its layers and write into
its tensors. Its published hash is then a lie, and a result stored under it would be served for the
clean model. So the state in memory is read, all of it, whenever the hash is asked for: torch's
version counters miss what is written through ``.data``.

Two hashes share the work. A *mark* (64 bits for every 256 kB) says whether anything changed since
the model was loaded; SHA-256 over the same state becomes the hash only where something did. For the
605 MB of a ViT-B/32 one core takes 0.15 s for the mark and 0.44 s for SHA-256
(benchmarks/identity.py).

The state is the name, type, shape and bytes of every parameter and buffer, and the class and
settings of every module, so that another activation function counts too. Python code that hangs on
a module (its forward hooks, a replaced ``forward``) has no bytes to hash: :func:`foreign_code`
names it, and a run is not stored while it is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_BLOCK = 2**15
"""Words of 8 bytes that share one mark; what is in work stays in a core's cache."""
_OWN_HOOKS = ("clipprobe", "torch", "transformers")
"""Packages whose hooks leave values alone, or work from the state that is hashed."""


class Weights:
    """The weights of a loaded model.

    Attributes:
        published: Hash of the files that it was loaded from.
    """

    def __init__(self, module: nn.Module, published: str) -> None:
        self.published = published
        self._loaded = mark(module)
        self._last = (self._loaded, published)

    def sha256(self, module: nn.Module) -> str:
        """The published hash while the state is what was loaded; else the hash of the state."""
        now = mark(module)
        known, digest = self._last
        if now != known:
            digest = self.published if now == self._loaded else state_sha256(module)
            self._last = (now, digest)
        return digest


def mark(module: nn.Module) -> bytes:
    """What changes when the state does; for comparisons within one process."""
    return _digest(module, _sums).digest()


def state_sha256(module: nn.Module) -> str:
    """SHA-256 of the state in memory, the same on every device."""
    return _digest(module, lambda tensor: _bytes(tensor).cpu().numpy()).hexdigest()


def foreign_code(module: nn.Module) -> list[str]:
    """Hooks and replaced forward methods on the model that clipprobe did not put there."""
    foreign = []
    for name, part in module.named_modules():
        place = name or "the model"
        for hook in chain(part._forward_pre_hooks.values(), part._forward_hooks.values()):
            function = hook.func if isinstance(hook, partial) else hook
            if str(getattr(function, "__module__", "")).partition(".")[0] not in _OWN_HOOKS:
                foreign.append(f"hook {_name(function)} on {place}")
        if "forward" in vars(part):
            foreign.append(f"another forward ({_name(vars(part)['forward'])}) on {place}")
    return foreign


def _state(module: nn.Module) -> Iterator[tuple[bytes, Tensor | None]]:
    """Modules, then parameters and buffers in order of name, each with what describes it."""
    for name, part in module.named_modules():
        kind = type(part)
        yield f"{name}\0{kind.__module__}.{kind.__qualname__}\0{part.extra_repr()}\n".encode(), None
    for name, tensor in sorted(chain(module.named_parameters(), module.named_buffers())):
        yield f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\n".encode(), tensor


def _digest(module: nn.Module, numbers: Callable[[Tensor], NDArray[Any]]) -> hashlib._Hash:
    digest = hashlib.sha256()
    for head, tensor in _state(module):
        digest.update(head)
        if tensor is not None:
            digest.update(numbers(tensor).data)
    return digest


def _bytes(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def _sums(tensor: Tensor) -> NDArray[np.int64]:
    """One number per block of the tensor's bytes.

    Each word is folded, without loss, and multiplied by an odd number of its place. So no change of
    a single word goes unseen, and changes that would cancel in a plain sum (rows that swap, signs
    that flip) do so once in 2**31.
    """
    on_gpu = tensor.device.type == "cuda"
    data = _bytes(tensor if on_gpu else tensor.cpu())
    if data.numel() % 8 or data.storage_offset() % 8:
        whole = data.new_zeros(-(-data.numel() // 8) * 8)
        whole[: data.numel()] = data
        data = whole
    blocks, factors = torch.split(data.view(torch.int64), _BLOCK), _factors(data.device)
    if on_gpu:  # there the copy to the host would take longer than all the arithmetic
        sums = [(part >> 32).add_(part).mul_(factors[: len(part)]).sum() for part in blocks]
        return torch.stack(sums).cpu().numpy()
    odd = factors.numpy()
    arrays = [part.numpy() for part in blocks]
    return np.array([np.dot((part >> 32) + part, odd[: len(part)]) for part in arrays])


@cache
def _factors(device: torch.device) -> Tensor:
    """The same odd numbers on every device."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-(2**62), 2**62, (_BLOCK,), generator=generator).mul_(2).add_(1).to(device)


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))
