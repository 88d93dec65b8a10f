"""The opening of a suite: what its thresholds say, and one figure of each study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clipprobe.report import Intervals, Lead
from clipprobe.report.numbers import estimate_parts, format_cell
from clipprobe.report.opening import MOST_ROWS
from clipprobe.report.words import count_of
from clipprobe.study.suite.scorecard import Score


def lead_of(scores: Sequence[Score]) -> Lead:
    """The verdict of a suite."""
    with_limits = [one for one in scores if one.thresholds]
    crossed = [one for one in with_limits if one.crossed]
    if crossed:
        verdict = (
            f"Thresholds of {len(crossed)} of {len(with_limits)} studies are crossed, first in "
            f"{crossed[0].title}"
        )
    elif with_limits:
        verdict = f"All thresholds of {len(with_limits)} studies are kept"
    else:
        verdict = (
            f"{len(scores)} studies were made; no threshold was set, so none is kept or crossed"
        )
    first = crossed[0] if crossed else scores[0]
    evidence = (
        f"{first.title}, {first.figure['name'].replace('_', ' ')}: "
        f"{format_cell(first.figure['estimate'])}. The control of each figure stands in the report "
        "of its study."
    )
    shares = [one for one in scores if _is_share(one.figure["estimate"])]
    listed = (shares or list(scores))[:MOST_ROWS]
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (one.title, one.figure["name"].replace("_", " "), [one.figure["estimate"]])
                for one in listed
            ],
            axis="one figure of each study, with its 95 % interval"
            + ("" if len(listed) == len(scores) else "; the scorecard has the others"),
            alt="One figure of each study, with its interval",
            percent=bool(shares),
        ),
        limits=[
            "One figure of a study is not its result: its report has the controls and the limits.",
            "A threshold that is kept says that the value is on its good side for these images, "
            "words and prompts; its interval may reach over it.",
        ],
    )


def _is_share(estimate: Any) -> bool:
    parts = estimate_parts(estimate)
    return parts is not None and parts[0] is not None and count_of(parts[0], parts[3]) is not None
