"""What audits of written words say on the terminal."""

from __future__ import annotations

from typing import Any


def headline(summary: dict[str, Any]) -> str:
    """The key figures as lines for the terminal."""
    from clipprobe.report.numbers import format_cell

    lines = [f"warning: {text}" for text in summary["warnings"]]
    for item in summary["headline"]:
        name = item["name"].replace("_", " ")
        lines.append(f"{name:<20} {format_cell(item['estimate'])}")
    return "\n".join(lines)


def candidate_lines(summary: dict[str, Any]) -> list[str]:
    """Accuracy and success among the three lists of candidates, and by the protocol."""
    from attacks.typographic.protocols.scoring import said
    from attacks.typographic.scoring.candidate_sets import lines
    from clipprobe.report.numbers import format_cell

    found = []
    for name, item in lines(summary["candidate_sets"]):
        found.append(
            f"{name + ' (' + str(item['n_candidates']) + ')':<20} "
            + ", ".join(
                f"{label} {format_cell(item[measure])}"
                for label, measure in (
                    ("clean", "clean_accuracy"),
                    ("attacked", "attacked_accuracy"),
                    ("success", "targeted_success"),
                )
            )
        )
    if (by := summary["protocol"]) is not None:
        found.append(
            f"{'protocol ' + by['name']:<20} clean {format_cell(by['clean'])}, attacked "
            f"{format_cell(by['attacked'])}, success {format_cell(by['targeted_success'])}"
        )
        found.append(f"{'published':<20} {said(by)}")
    return found
