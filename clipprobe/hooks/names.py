"""The grammar of hook point names, without a model.

``<tower>.blocks.<i>.<site>`` or ``<tower>.<site>`` names a *hook point*; a *unit* of it is
``<hook point>:<index>``. On input a block number may be negative (``vision.blocks.-1.mlp.post``)
and a name may hold the globs ``*``, ``?`` and ``[0-3]``, where ``*`` also runs over dots
(``*.attn.out``). What comes back always has the plain name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from clipprobe.errors import UnknownHookPointError

#: What towers usually have, as globs over the blocks; ``clipprobe hooks`` lists a model's own.
USUAL = (
    "vision.embed",
    *(
        f"{tower}.blocks.*.{site}"
        for tower in ("vision", "text")
        for site in (
            "mlp.post", "mlp.pre", "mlp.out", "resid_pre", "resid_mid", "resid_post", "attn.out",
            "attn.head_out", "attn.q", "attn.k", "attn.v", "attn.z", "attn.pattern",
        )
    ),
    *(f"{tower}.{site}" for tower in ("vision", "text") for site in ("pooled", "projected")),
)  # fmt: skip

_NAME = re.compile(r"(vision|text)\.(?:blocks\.(-?\d+)\.)?(.+)")


@dataclass(frozen=True, slots=True)
class UnitAddress:
    """One unit of a hook point; ``str()`` gives the address back."""

    hook: str
    """Name of the hook point (a pattern where the address was one)."""
    index: int
    """Unit number from 0."""

    def __str__(self) -> str:
        return f"{self.hook}:{self.index}"


@dataclass(frozen=True, slots=True)
class SiteName:
    """A hook point's name, taken apart; ``str()`` puts it together again."""

    tower: str
    block: int | None
    site: str

    def __str__(self) -> str:
        middle = "" if self.block is None else f"blocks.{self.block}."
        return f"{self.tower}.{middle}{self.site}"


def parse_name(name: str) -> SiteName:
    """Take a name apart without asking whether a model has it.

    Raises:
        UnknownHookPointError: it does not follow the grammar.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownHookPointError(
            f"{name!r} is not a hook point name: write <tower>.blocks.<i>.<site> or <tower>.<site> "
            "with tower vision or text, as in vision.blocks.3.mlp.post."
        )
    tower, block, site = match.groups()
    return SiteName(tower, None if block is None else int(block), site)


def split_unit(address: str) -> tuple[str, int | None]:
    """Split ``name:17`` into name and unit; the unit is None where none is named.

    Raises:
        UnknownHookPointError: what follows the colon is not a number from 0.
    """
    hook, colon, unit = address.partition(":")
    if not colon:
        return hook, None
    if not (hook and unit.isascii() and unit.isdigit()):
        raise UnknownHookPointError(
            f"{address!r} does not name a unit: write a hook point, a colon and a number from 0, "
            "as in vision.blocks.3.mlp.post:17."
        )
    return hook, int(unit)


def parse_unit(address: str) -> UnitAddress:
    """Read ``<hook point>:<index>``.

    Raises:
        UnknownHookPointError: there is no unit in it, or it is not a number from 0.

    Example:
        >>> parse_unit("vision.blocks.3.mlp.post:17")
        UnitAddress(hook='vision.blocks.3.mlp.post', index=17)
    """
    hook, unit = split_unit(address)
    if unit is None:
        raise UnknownHookPointError(
            f"{address!r} names a whole hook point where a unit was asked for: add a colon and a "
            "number from 0, as in vision.blocks.3.mlp.post:17."
        )
    return UnitAddress(hook, unit)


def nearest(name: str, names: Iterable[str], n: int = 3) -> list[str]:
    """The ``n`` names that read most like ``name``, the nearest first."""
    ranked = sorted(
        names,
        key=lambda other: (-SequenceMatcher(None, name, other, autojunk=False).ratio(), other),
    )
    return ranked[:n]
