"""Comparisons and inputs that the hook tests share; `test_checks.py` sees each of them fail."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clipprobe.hooks import capture, intervene

FAMILIES = ("clip", "metaclip_2", "altclip", "chinese_clip", "siglip", "siglip2")
POST = "vision.blocks.1.mlp.post"
TEXT_POST = "text.blocks.1.mlp.post"
TEXTS = ["a dog", "a", "hello big world", "a cat", "two dogs"]


def pictures(n: int = 5, size: int = 32) -> list[np.ndarray]:
    """Noise images that differ from each other."""
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for _ in range(n)]


def assert_same(left: Any, right: Any) -> None:
    """Equal to the bit, NaN equal to NaN."""
    a, b = _array(left), _array(right)
    assert a.shape == b.shape, f"shapes {a.shape} and {b.shape}"
    assert np.array_equal(a, b, equal_nan=True), f"they differ by up to {np.nanmax(abs(a - b))}"


def assert_close(left: Any, right: Any, tolerance: float = 1e-5) -> None:
    """No element differs by more than ``tolerance``; NaN is never close."""
    a, b = _array(left), _array(right)
    assert a.shape == b.shape, f"shapes {a.shape} and {b.shape}"
    difference = float(np.abs(a - b).max())
    assert difference <= tolerance, f"they differ by up to {difference}"


def assert_differs(left: Any, right: Any, at_least: float = 1e-4) -> None:
    """Some element differs by more than ``at_least``."""
    a, b = _array(left), _array(right)
    assert a.shape == b.shape, f"shapes {a.shape} and {b.shape}"
    difference = float(np.abs(a - b).max())
    assert difference > at_least, f"they differ by no more than {difference}"


def hooks_of(module: torch.nn.Module) -> Counter[str]:
    """How many hooks of each kind every submodule has."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return Counter(
        {
            f"{name} {kind}": len(getattr(part, kind))
            for name, part in module.named_modules()
            for kind in kinds
        }
    )


def run_both(clip: Any) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of the pictures and the texts, in several batches each."""
    return clip.encode_images(pictures(), batch_size=2), clip.encode_texts(TEXTS, batch_size=2)


def seen(clip: Any, changes: Any, *names: str) -> Any:
    """What captures see, and the embeddings, under the changes."""
    with intervene(clip, changes), capture(clip, names or "*") as acts:
        images, texts = run_both(clip)
    return acts, images, texts


def plain(clip: Any, *names: str) -> Any:
    """What captures see without any change."""
    with capture(clip, names or "*") as acts:
        run_both(clip)
    return acts


def vision_seen(clip: Any, changes: Any, names: Any) -> Any:
    """:func:`seen` of the pictures alone."""
    with intervene(clip, changes), capture(clip, names) as acts:
        images = clip.encode_images(pictures(), batch_size=2)
    return acts, images, None


def _array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
