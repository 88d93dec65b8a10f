"""The opening of a multimodality test: how many units, beside shuffles and random weights."""

from __future__ import annotations

from typing import Any

from clipprobe.neurons.multimodality.claims import Claim, claims_of
from clipprobe.neurons.multimodality.contents import CLAIM, STRONG, MultimodalityContents
from clipprobe.report import Intervals, Lead

_N_ROWS = 6
_N_SERIES = 3


def lead_of(result: MultimodalityContents) -> Lead:
    """The verdict of a test, with the best units in each modality as its figure."""
    rows = result.ranked(_N_ROWS)
    modalities = result.modalities[:_N_SERIES]
    verdict, evidence = _statement(result)
    figure = Intervals(
        rows=[
            (
                str(row["concept"]),
                row["address"],
                [_auroc(result, row, name) for name in modalities],
            )
            for row in rows
        ],
        series=modalities,
        axis="AUROC of the best units for their concept, on images that did not choose it",
        alt="AUROC of the best units in each modality, with simultaneous 95 % intervals",
        mark=("no preference", 0.5),
    )
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=figure,
        limits=[
            CLAIM,
            "The best of many units score high by chance: a single unit of the figure is not "
            "shown to be multimodal, only the counts beside their controls are.",
            "It holds for these concepts, modalities and images; other drawings or words may "
            "leave a unit silent.",
        ],
    )


def _statement(result: MultimodalityContents) -> tuple[str, str]:
    claims = claims_of(result)
    claim = claims.get("each", claims["strong"])
    what = f"respond to one concept in all of {', '.join(result.modalities)}"
    by = (
        f"by the exact test of each modality given the others (q at most {result.alpha:g})"
        if claim.name == "each"
        else f"by an AUROC of at least {STRONG} in each"
    )
    verdict = f"{claim.n:,} of {claim.share.n:,} units {what}"
    if claim.n == 0:
        verdict = f"None of {claim.share.n:,} units is shown to {what}"
    elif claim.one is not None and claim.all is not None:
        is_more = max(claim.one.p, claim.all.p) <= result.alpha
        verdict += f", {'' if is_more else 'not shown to be '}more than shuffled concepts give"
    return verdict, f"Counted {by}. {_controls(claim)}"


def _controls(claim: Claim) -> str:
    parts = []
    if claim.one is not None and claim.all is not None:
        parts.append(
            f"with the concepts of one modality shuffled {claim.one} do, with those of all "
            f"{claim.all}"
        )
    if claim.random is not None:
        parts.append(f"at random weights {claim.n_random:,} of {claim.random.n:,} do")
    if not parts:
        return "This run has no control, so the count alone is not evidence."
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _auroc(result: MultimodalityContents, row: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "value": row[f"auroc_{name}"],
        "low": row[f"low_{name}"],
        "high": row[f"high_{name}"],
        "n": int(row[f"n_{name}"]),
    }
