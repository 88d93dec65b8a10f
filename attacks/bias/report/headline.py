"""The few numbers that sum a report up, each with what it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attacks.bias.measures.association_cells import STRENGTH
from attacks.bias.measures.cells import RELATIVE
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.probes.registry import get_probe
from attacks.bias.sections.planted import Comparison, recovery
from clipprobe.report.numbers import decimals
from clipprobe.statistics import census, undefined


def make_headline(
    evaluation: Evaluation, comparisons: Sequence[Comparison]
) -> list[dict[str, Any]]:
    """The few numbers that a list of runs shows, each with what it means."""
    headline: list[dict[str, Any]] = []
    for column in evaluation.columns:
        for cell in evaluation.select(STRENGTH, column.name):
            headline.append(
                {
                    "name": f"mean |d| of {cell.probe} by {column.heading}",
                    "estimate": cell.estimate(),
                    "meaning": (
                        f"mean absolute association of {len(evaluation.items[cell.probe])} words "
                        f"with {column.heading}, in standard deviations; without any association "
                        f"it would be {decimals(cell.null_mean)} on average and below "
                        f"{decimals(cell.null_high)} in 95 % of cases"
                    ),
                }
            )
    for name in evaluation.answers:
        own = get_probe(name).headline
        headline += own(evaluation) if own is not None else []
    if comparisons:
        recovered, false = recovery(comparisons)
        relative = comparisons[0].cell.key == RELATIVE
        rule = f"judged by {'relative d' if relative else 'd'}"
        headline += [
            {
                "name": "planted associations found",
                "estimate": recovered,
                "meaning": "share of the associations planted in the model that were flagged with "
                f"the right sign, {rule}",
            },
            {
                "name": "balanced controls flagged",
                "estimate": false,
                "meaning": "share of the words planted without any association that were flagged, "
                f"{rule}",
            },
        ]
    return headline


def flagged_share(evaluation: Evaluation) -> dict[str, Any]:
    """What a list of runs shows of probes that have no number of their own to sum them up."""
    n, flagged = evaluation.family_size, sum(cell.flagged for cell in evaluation.cells)
    return share_of_tests(
        "tests that stand out",
        flagged,
        n,
        f"{flagged} of the {n} tests of this report, corrected together; its tables say which",
    )


def share_of_tests(name: str, n_significant: int, n: int, meaning: str) -> dict[str, Any]:
    """A headline that counts tests: no estimate, so it has no interval."""
    if not n:
        return {"name": name, "estimate": undefined("nothing was tested", n=0), "meaning": meaning}
    why = "a count of tests, not an estimate"
    count = census(n_significant / n, n, method="count", reason=why)
    return {"name": name, "estimate": count, "meaning": meaning}
