"""A comparison that cannot fail proves nothing: each one is seen to fail here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hooks.checks import assert_close, assert_differs, assert_same, hooks_of

ONE = torch.ones(2, 3)


@pytest.mark.parametrize(
    "other",
    [ONE + 2e-7, torch.ones(3, 2), torch.tensor([[1.0, 1, 1], [1, 1, float("nan")]])],
)
def test_same_sees_one_bit_a_shape_and_a_nan(other: torch.Tensor) -> None:
    assert_same(ONE, np.ones((2, 3), np.float32))
    with pytest.raises(AssertionError):
        assert_same(ONE, other)


@pytest.mark.parametrize("other", [ONE + 2e-5, torch.ones(2, 1), torch.full((2, 3), float("nan"))])
def test_close_sees_a_small_difference_a_shape_and_a_nan(other: torch.Tensor) -> None:
    assert_close(ONE, ONE + 1e-6)
    with pytest.raises(AssertionError):
        assert_close(ONE, other)


def test_differs_fails_on_what_is_nearly_equal() -> None:
    assert_differs(ONE, 2 * ONE)
    with pytest.raises(AssertionError):
        assert_differs(ONE, ONE + 1e-6)


def test_hooks_are_counted() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    before = hooks_of(module)
    handle = module[0].register_forward_pre_hook(lambda *_: None)
    assert hooks_of(module) != before
    handle.remove()
    assert hooks_of(module) == before
