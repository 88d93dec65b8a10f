"""The openings of what units do: effects predicted and measured, like units, compositions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.report import Intervals, Lead
from clipprobe.report.words import amount, chance_of, is_defined, reason_of, side_of, value_of

if TYPE_CHECKING:
    from clipprobe.neurons.effects.agreement import Agreement
    from clipprobe.neurons.effects.composing.composition import Composition
    from clipprobe.neurons.effects.similar import SimilarUnits

_N_ROWS = 8


def effects_lead(compared: Sequence[Agreement], method: str, n_inputs: int, n_texts: int) -> Lead:
    """Whether attribution patching predicts what ablation does."""
    overall = [one for one in compared if one.name.startswith("all ")] or list(compared)
    best = max(overall, key=lambda one: _or_low(one.attribution))
    agrees = side_of(best.attribution) > 0
    if not is_defined(best.attribution):
        verdict = (
            "Whether patching predicts what taking units out does cannot be said: "
            f"{reason_of(best.attribution)}"
        )
    elif agrees:
        verdict = (
            f"Attribution patching predicts what taking a unit out does ({best.name}: rank "
            f"correlation {value_of(best.attribution):.2f})"
        )
    else:
        verdict = "Attribution patching is not shown to predict what taking a unit out does"
    return Lead(
        verdict=verdict,
        evidence=f"{best.name}: {amount(best.attribution)} units, against randomly paired units "
        f"{chance_of(best.p)}; {method} ablation over {n_inputs:,} inputs and {n_texts:,} "
        f"text{'s' if n_texts > 1 else ''}. The direct effect alone: {amount(best.spearman)}.",
        figure=Intervals(
            rows=[(one.name, "", [one.attribution, one.spearman]) for one in compared[:_N_ROWS]],
            series=("attribution patching", "direct effect"),
            axis="rank correlation with the measured effect, over units",
            alt="Rank correlation of predicted with measured effects, by hook point",
            mark=("randomly paired", 0.0),
        ),
    )


def similar_lead(result: SimilarUnits) -> Lead:
    """Which unit responds most alike, beside the best of as many unrelated units."""
    from clipprobe.neurons.effects.similar import NONE_COMPARED

    name, similar, floor = result.name, result.similar, result.floor
    limits = (
        "Units that are alike on these images may differ on others.",
        "The best of many units is picked for being the best, so its correlation is a little too "
        "high; the floor says what the best of as many unrelated units exceeds in 5 % of cases.",
    )
    floored = not math.isnan(floor)
    beside = (
        f"Over {result.n_images:,} images, of {result.n_units:,} units; the best of as many "
        "unrelated units "
        + (f"exceeds {floor:.2f} in 5 % of cases." if floored else "could not be computed.")
    )
    if not similar:
        verdict, evidence = f"Nothing can be compared with {name}: {NONE_COMPARED}", beside
    else:
        other, best = similar[0]
        above = floored and value_of(best) > floor
        verdict = (
            f"{other} responds most like {name}"
            if above
            else f"No unit is shown to respond like {name}; the nearest is {other}"
        )
        evidence = f"Pearson's r {amount(best)}. {beside}"
    rows = [(unit, "alike", [r]) for unit, r in similar[:5]]
    rows += [(unit, "opposed", [r]) for unit, r in result.opposed[:3]]
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=rows,
            axis=f"Pearson's r of activations with {name}",
            alt="Correlation of the most alike and most opposed units",
            mark=("best of unrelated units", floor) if floored else None,
        ),
        limits=limits,
    )


def composition_lead(rows: str, results: Sequence[Composition]) -> Lead:
    """How many units suffice to tell the classes, beside shuffled labels."""
    separable = [one for one in results if side_of(one.auroc, 0.5) > 0]
    ordered = sorted(results, key=lambda one: -_or_low(one.auroc))
    best = ordered[0]
    evidence = (
        f"Rows are {rows}; held out: {best.auroc.n:,}. {best.target}: {best.n_units:,} of "
        f"{best.n_there:,} units, AUROC {amount(best.auroc)}; with shuffled labels "
        f"{amount(best.shuffled)}."
    )
    verdict = (
        f"{len(separable)} of {len(results)} classes are told by a few units, best {best.target} "
        f"by {best.n_units:,}"
        if separable
        else f"None of {len(results)} classes is shown to be told by a few units"
    )
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (one.target, f"{one.n_units:,} units", [one.auroc, one.shuffled])
                for one in ordered[:_N_ROWS]
            ],
            series=("these units", "shuffled labels"),
            axis="AUROC on held-out rows, each class against all others",
            alt="AUROC of each class from its units, and with shuffled labels",
            mark=("chance", 0.5),
        ),
        limits=[
            "These units suffice to tell the class on these rows; copies of them would do as well, "
            "and the model need not use them so.",
            "Each class is told from the others of this list, not from everything else.",
        ],
    )


def _or_low(estimate: Any) -> float:
    value = value_of(estimate)
    return -math.inf if math.isnan(value) else value
