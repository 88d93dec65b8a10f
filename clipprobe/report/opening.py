"""Openings that several studies share: two runs compared, and figures side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clipprobe.arrays import missing
from clipprobe.report.intervals import Intervals
from clipprobe.report.page import Lead
from clipprobe.report.words import amount, is_defined, parts_of, reason_of, side_of, value_of

MOST_ROWS = 8
"""Rows of the figure of an opening: it must fit above the fold."""
COMPARED_LIMITS = (
    "Intervals and tests are about the choice of images. They say nothing about other images, "
    "words or prompts, nor whether two models differ in general.",
    "A difference whose interval holds 0 is not shown; it is not shown to be absent either.",
)


def point(value: float, n: int) -> dict[str, Any]:
    """A number without an interval as an estimate in its JSON form, for a figure."""
    return {"value": value, "low": None, "high": None, "n": n, "reason": ""}


def compared(
    rows: Sequence[tuple[str, Any]],
    *,
    control: str,
    limits: Sequence[str] = COMPARED_LIMITS,
    about: str = "figures",
) -> Lead:
    """The opening of a comparison.

    Args:
        rows: Name and difference, B minus A.
        control: How the differences were made, in a sentence.
        about: What is compared, in the plural.
    """
    known = [(name, one) for name, one in rows if is_defined(one)]
    clear = [(name, one) for name, one in known if side_of(one)]
    if not known:
        verdict = "Nothing can be said about the difference between A and B"
        evidence = f"None of the {len(rows)} {about} is defined in both. {control}"
    elif not any(_width(one) for _, one in known):
        verdict = "Whether A and B differ cannot be said: no difference has an interval"
        evidence = f"{len(known):,} {about} stand in both ({reason_of(known[0][1])}). {control}"
    elif not clear:
        verdict = f"No difference between A and B is shown in {_of(about, len(known))}"
        name, widest = max(known, key=lambda row: _width(row[1]))
        evidence = (
            f"Every interval of B minus A holds 0; the widest is that of {name}: "
            f"{amount(widest, 3, signed=True)}. {control}"
        )
    else:
        name, most = max(clear, key=lambda row: abs(value_of(row[1])))
        verdict = (
            f"B is {'higher' if value_of(most) > 0 else 'lower'} than A in {name}"
            if len(clear) == 1
            else f"B differs from A in {len(clear)} of {len(known)} {about}, most in {name}"
        )
        evidence = f"B minus A in {name}: {amount(most, 3, signed=True)}. {control}"
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[(name, "", [one]) for name, one in _chart_rows(rows, clear)],
            axis=f"B minus A, with 95 % intervals{_cut(len(rows))}",
            alt="B minus A for each figure, with its interval",
            mark=("no difference", 0.0),
        ),
        limits=limits,
    )


def side_by_side(
    items: Sequence[Mapping[str, Any]], *, axis: str, mark: tuple[str, float] | None = None
) -> Intervals:
    """The figures of a headline under each other.

    Args:
        items: With ``name`` and ``estimate``.
        mark: Name and value of a line to compare with.
    """
    return Intervals(
        rows=[(one["name"].replace("_", " "), "", [one["estimate"]]) for one in items[:MOST_ROWS]],
        axis=axis,
        alt=axis,
        mark=mark,
        percent=all(_is_share(one["estimate"]) for one in items[:MOST_ROWS]),
    )


def _chart_rows(rows: Sequence[tuple[str, Any]], clear: Sequence[tuple[str, Any]]) -> list[Any]:
    """The clearest where there are too many, in their order."""
    if len(rows) <= MOST_ROWS:
        return list(rows)
    names = {name for name, _ in clear[:MOST_ROWS]}
    rest = [name for name, _ in rows if name not in names]
    names |= set(rest[: MOST_ROWS - len(names)])
    return [row for row in rows if row[0] in names][:MOST_ROWS]


def _cut(n: int) -> str:
    return f"; {n - MOST_ROWS} more below" if n > MOST_ROWS else ""


def _of(about: str, n: int) -> str:
    return f"the one of the {about}" if n == 1 else f"any of the {n} {about}"


def _width(estimate: Any) -> float:
    _, low, high, _, _ = parts_of(estimate)
    return float(high - low) if low is not None and high is not None and low <= high else 0.0


def _is_share(estimate: Any) -> bool:
    return all(missing(end) or 0 <= end <= 1 for end in parts_of(estimate)[:3])
