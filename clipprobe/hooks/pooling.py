"""From one value per token to one per input, always by a named rule.

``cls`` the class token; ``mean`` and ``max`` over all tokens that are not padding, the class token
(token 0) and a text's special tokens included; ``eos`` the token that the text tower pools. On
maps ``(b, c, h, w)``, ``mean`` and ``max`` run over all places, and a place is numbered
``row * w + column``. A rule that has no meaning for a hook point is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clipprobe.errors import ConfigError, UnsupportedHookError

if TYPE_CHECKING:
    from clipprobe.anatomy.listening import Positions
    from clipprobe.anatomy.parts import Tower
    from clipprobe.hooks.sites import HookPoint

POOLS = ("none", "cls", "mean", "max", "eos")


def check_pool(point: HookPoint, tower: Tower, pool: str) -> None:
    """Raise unless the rule means something at this point.

    Raises:
        ConfigError: there is no such rule.
        UnsupportedHookError: it has no meaning here; the message says why.
    """
    if pool not in POOLS:
        raise ConfigError(f"pool={pool!r} is not known: use one of {', '.join(POOLS)}.")
    if pool == "none":
        return
    reason = without_token(point, tower, pool)
    if pool in ("mean", "max") and point.axes.count("t") == 2:
        reason = "its axes are queries and keys, and it is not clear which to pool"
    if reason is not None:
        raise UnsupportedHookError(
            f"pool={pool!r} has no meaning at {point.name}: {reason}; use another pool or "
            'pool="none".'
        )


def without_token(point: HookPoint, tower: Tower, which: str) -> str | None:
    """Why a point has no tokens, or not the one asked for by name (``cls``, ``eos``); else None."""
    if "t" not in point.axes and "h" not in point.axes:
        return "it holds one vector per input"
    if which == "cls" and not ("t" in point.axes and tower.has_class_token):
        return "it has no class token"
    if which == "eos" and not ("t" in point.axes and tower.pool_token in ("eos", "last")):
        return "no end-of-text token is pooled there"
    return None


def pool_tokens(
    x: Tensor,
    axes: tuple[str, ...],
    how: str,
    where: Positions | None,
    *,
    name: str,
    last_token: bool = False,
    want_argmax: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Pool a captured value.

    Args:
        x: Value whose axes are called ``axes``.
        how: ``cls``, ``mean``, ``max`` or ``eos``.
        where: What the forward pass said about its tokens.
        name: The hook point, for messages.
        last_token: Whether the tower pools its last token, so that ``eos`` needs no positions.
        want_argmax: Whether to find the token of each maximum; ``x`` is then detached.
    Returns:
        The value without its token axis (the query axis of a pattern) or its two map axes, and
        for ``max`` the int64 number of the token, of the same shape (the first one on ties).
    """
    if "h" in axes:
        x = x.flatten(axes.index("h"), axes.index("w"))
        axis = axes.index("h")
    else:
        axis = axes.index("t")
    if how == "cls":
        return x.select(axis, 0).clone(), None
    if how == "eos":
        index = token_positions(x.shape[0], x.shape[axis], where, last_token, name, x.device)
        rows = torch.arange(x.shape[0], device=x.device)
        return x.movedim(axis, 1)[rows, index], None
    real = None if "h" in axes else real_tokens(x.shape[axis], where)
    if real is not None:
        real = real.view(*[x.shape[i] if i in (0, axis) else 1 for i in range(x.ndim)])
    if how == "mean":
        if real is None:
            return x.mean(dim=axis), None
        return x.masked_fill(~real, 0).sum(dim=axis) / real.sum(dim=axis), None
    if real is not None:
        x = x.masked_fill(~real, float("-inf"))
    if not want_argmax:
        return x.amax(dim=axis), None
    return max_and_token(x, axis)


def max_and_token(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Maximum over an axis and its first place, as ``x.max(dim=axis)`` gives them.

    On the CPU torch's own is ten times slower than the bare maximum when the axis is not the last
    one. Here each input is compared with its maximum into floats (a comparison into booleans is
    not vectorised), and the places are weighted so that the first one weighs most.

    Args:
        x: Detached, ``(b, ...)``.
        axis: From 1.
    """
    if x.device.type != "cpu":
        values, tokens = x.max(dim=axis)
        return values, tokens
    n_tokens = x.shape[axis]
    values = x.amax(dim=axis)
    weights = torch.arange(n_tokens, 0, -1, dtype=torch.float32)
    weights = weights.view([n_tokens if i == axis else 1 for i in range(1, x.ndim)])
    best = torch.empty(values.shape, dtype=torch.float32)
    hit = torch.empty_like(x[0], dtype=torch.float32)
    for one, value, place in zip(x, values, best, strict=True):
        torch.eq(one, value.unsqueeze(axis - 1), out=hit)
        place.copy_(hit.mul_(weights).amax(dim=axis - 1))
    if bool((best == 0).any()):  # NaN equals nothing, not even itself.
        values, tokens = x.max(dim=axis)
        return values, tokens
    return values, n_tokens - best.long()


def token_positions(
    n_rows: int,
    n_tokens: int,
    where: Positions | None,
    last_token: bool,
    name: str,
    device: torch.device,
) -> Tensor:
    """``(b,)`` positions of the tokens that the tower pools.

    Raises:
        UnsupportedHookError: the forward pass did not say where its texts end.
    """
    if where is not None and where.eos is not None:
        return where.eos.to(device)
    if last_token:
        return torch.full((n_rows,), n_tokens - 1, device=device)
    raise UnsupportedHookError(
        f"The end-of-text token at {name} is not known, because the model was called directly: "
        "use encode_texts or text_embeddings."
    )


def real_tokens(n_tokens: int, where: Positions | None) -> Tensor | None:
    """``(b, t)`` true where a token is not padding; None where all are real."""
    if where is None:
        return None
    if where.real is not None:
        real = where.real.bool()
    elif where.eos is not None:
        real = torch.arange(n_tokens, device=where.eos.device) <= where.eos[:, None]
    else:
        return None
    return None if bool(real.all()) else real
