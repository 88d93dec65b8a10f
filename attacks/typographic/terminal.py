"""What the audits of written words say on the terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from clipprobe.cli.common import say


def candidate_lines(summary: dict[str, Any]) -> list[str]:
    """Accuracy and success among the three lists of candidates, and by the protocol."""
    from attacks.typographic.protocols.scoring import published_line
    from attacks.typographic.scoring.candidate_sets import lines
    from clipprobe.report.numbers import format_cell

    result = []
    for name, item in lines(summary["candidate_sets"]):
        result.append(
            f"{name + ' (' + str(item['n_candidates']) + ')':<20} "
            f"clean {format_cell(item['clean_accuracy'])}, attacked "
            f"{format_cell(item['attacked_accuracy'])}, success "
            f"{format_cell(item['targeted_success'])}"
        )
    if (by := summary["protocol"]) is not None:
        result.append(
            f"{'protocol ' + by['name']:<20} clean {format_cell(by['clean'])}, attacked "
            f"{format_cell(by['attacked'])}, success {format_cell(by['targeted_success'])}"
        )
        result.append(f"{'published':<20} {published_line(by)}")
    return result


def class_file(classes: Any) -> Any:
    """The class file of a verb as a path, after :func:`say_twice`; a list is left as it is."""
    if not isinstance(classes, str | Path):
        return classes
    say_twice(Path(classes))
    return Path(classes)


def say_twice(classes: Path) -> None:
    """Say which names stand in a class file twice, in any spelling; it may be meant (ImageNet)."""
    from clipprobe.lines import read_lines
    from clipprobe.zeroshot.classes import key

    names = read_lines(classes, "class", repeated=True)
    counts = Counter(key(name) for name in names)
    spellings = {key(name): name for name in reversed(names)}  # in the first spelling
    if twice := [spellings[one] for one, n in counts.items() if n > 1]:
        again = ", ".join(map(repr, twice[:5])) + (", ..." if len(twice) > 5 else "")
        say(
            f"The class file {classes} names {again} more than once: an answer of either counts "
            "for both, and no strategy writes such a name."
        )
