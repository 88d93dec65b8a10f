"""The models that all tests share come out of a test of hooks as they went in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def no_hook_stays_on_a_shared_model(tiny_models: dict[Any, Any]) -> Iterator[None]:
    """Also none of those that transformers hangs there for good when it records its outputs."""
    yield
    for key, clip in tiny_models.items():
        parts = clip.module.named_modules()
        left = [name for name, one in parts if one._forward_pre_hooks or one._forward_hooks]
        assert not left, f"hooks stay on {left[0]} of the shared {key[0]}: use a copy of it"
