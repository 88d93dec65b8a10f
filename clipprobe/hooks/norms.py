"""What goes into layer norms and comes out of them, in the graph of one forward pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clipprobe.hooks.session import REGISTRY

if TYPE_CHECKING:
    from torch import Tensor, nn


@contextmanager
def norms_seen(norms: Mapping[str, nn.Module]) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """Name -> input and output of each norm, of passes in the thread that opened it."""
    own, seen = threading.get_ident(), dict[str, tuple[Any, Any]]()

    def keeper(name: str) -> Any:
        def keep(module: Any, arguments: tuple[Any, ...], output: Any) -> None:
            if threading.get_ident() == own:
                seen[name] = (arguments[0], output)

        return keep

    with REGISTRY:
        handles = [norm.register_forward_hook(keeper(name)) for name, norm in norms.items()]
    try:
        yield seen
    finally:
        with REGISTRY:
            for handle in handles:
                handle.remove()
