"""Numbers as a page shows them: the value large, its interval, n and reason small, none odd.

The words are those of :mod:`clipprobe.report.numbers`; here they get their markup, and what only a
machine would print so (``4.81e-35``, sixteen digits) becomes what a person would write.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from clipprobe.arrays import missing
from clipprobe.report.numbers import estimate_parts, format_cell, format_number
from clipprobe.report.words import SCARCE, count_of

_P_VALUE = re.compile(r"(^|[\s,(])[pq]($|[\s,)])", re.IGNORECASE)
_MANY_DIGITS = re.compile(r"(?<![\w.])(-?\d+\.\d{7,})(?![\w.])")
_UNIT, _SIGN = re.compile(r"(\d) (%|points\b)"), re.compile(r"\b([np]) ([=<]) ")
_NARROW = re.compile(r"[^\s]{14,}")
_BREAKS = re.compile(r"(?<=[./:_=\-])(?=[^\s./:_=\-])")


def cell_html(value: Any, column: str = "") -> Markup:
    """One cell of a table or card.

    Args:
        column: The head of its column: a p-value is known by it.
    """
    if isinstance(value, np.generic):
        value = value.item()
    parts = None if isinstance(value, (str, bool)) or value is None else estimate_parts(value)
    if parts is not None:
        return _estimate(*parts)
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        if _P_VALUE.search(column) and 0 <= value < 0.001:
            return Markup("&lt; 0.001")
        return Markup(f'<span class="v">{escape(plain_number(value))}</span>')
    return breakable(plain_text(format_cell(value)))


def plain_number(value: float) -> str:
    """As :func:`format_number`, with decimals where it has powers of ten."""
    if isinstance(value, int) or not 0 < abs(value) < 0.001:
        return format_number(value)
    digits = 1 - math.floor(math.log10(abs(value)))
    if digits > 7:
        return f"{'−' if value < 0 else ''}less than 0.000001"
    return f"{value:.{digits}f}".replace("-", "−")


def plain_text(text: str) -> str:
    """Text whose long decimals are cut to six digits."""
    return _MANY_DIGITS.sub(lambda match: f"{float(match[1]):.6g}", text)


def sentence(text: str) -> Markup:
    """A sentence of the opening: numbers stay with their unit, long names may break."""
    whole = _SIGN.sub("\\1\u00a0\\2\u00a0", _UNIT.sub("\\1\u00a0\\2", plain_text(text)))
    return breakable(whole)


def breakable(text: str) -> Markup:
    """Text whose long names may break after their dots and colons, and nowhere else."""

    def broken(match: re.Match[str]) -> str:
        return "<wbr>".join(str(escape(part)) for part in _BREAKS.split(match[0]))

    pieces, end = [], 0
    for match in _NARROW.finditer(text):
        pieces += [str(escape(text[end : match.start()])), broken(match)]
        end = match.end()
    return Markup("".join([*pieces, str(escape(text[end:]))]))


def _estimate(value: Any, low: Any, high: Any, n: int, reason: str) -> Markup:
    why = Markup(' <span class="why">({})</span>').format(plain_text(reason)) if reason else ""
    if missing(value):
        return Markup('<span class="v">undefined</span><span class="i">, n={}</span>{}').format(
            f"{n:,}", why
        )
    bare = missing(low) or missing(high)
    number = plain_number(value)
    # A difference of shares is not a count, and its interval may reach below 0.
    scarce = 0 < value < (SCARCE if bare else SCARCE / 10) and (bare or low >= 0)
    if scarce and (count := count_of(value, n)):
        number = f"{count:,} of {n:,}"
    if bare:
        return Markup(
            '<span class="v">{}</span> <span class="i"><span>[no interval]</span> '
            "<span>n={}</span></span>{}"
        ).format(number, f"{n:,}", why)
    return Markup(
        '<span class="v">{}</span> <span class="i"><span>[{}, {}]</span> <span>n={}</span></span>'
    ).format(number, plain_number(low), plain_number(high), f"{n:,}")
