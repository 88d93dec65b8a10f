"""The headline numbers of a multimodality test, and the sentences that weigh them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from clipprobe.neurons.multimodality.claims import Claim, claims_of
from clipprobe.neurons.multimodality.contents import CLAIM, KIND, STRONG, MultimodalityContents
from clipprobe.runs import jsonio
from clipprobe.statistics import wilson


def verdict_of(result: MultimodalityContents) -> str:
    """Every count of units beside its controls, and whether it is evidence."""
    claims = claims_of(result)
    names = [name for name in ("each", "exact", "profile") if name in claims]
    tests = [_weighed(claims[name], result) for name in names]
    return " ".join([_strong(result), *tests, *_adjusted(result)])


def _adjusted(result: MultimodalityContents) -> list[str]:
    """What pixel covariates change."""
    if result.unadjusted is None:
        return []
    names = ", ".join(result.config["pixel_covariates"])
    changes = []
    for name, claim in claims_of(result).items():
        if name in result.unadjusted:
            n, random = result.unadjusted[name]
            beside = "" if random is None else f" (random weights {random:,})"
            changes.append(f"{claim.title} {n:,}{beside}")
    return [f"All of this is after {names} were regressed out; without that: {', '.join(changes)}."]


def _weighed(claim: Claim, result: MultimodalityContents) -> str:
    what = {
        "each": "By the exact test of each modality given the others, {} have one concept in all "
        "modalities",
        "exact": "That all modalities are unrelated is refuted for {}",
        "profile": "{} rank all concepts alike in every two modalities",
    }[claim.name].format(f"{claim.n:,} of {claim.share.n:,} units")
    beside = []
    if claim.one is not None and claim.all is not None and result.shuffles is not None:
        beside = [f"{result.shuffles.modality} shuffled {claim.one}", f"all shuffled {claim.all}"]
    if claim.random is not None:
        beside.append(f"random weights {claim.n_random:,}")
    text = what + (f" ({', '.join(beside)})" if beside else "")
    if claim.n and claim.one is not None and claim.one.p > result.alpha:
        text += ", and as many do with shuffled concepts, so this is not evidence either"
    return f"{text}."


def _strong(result: MultimodalityContents) -> str:
    text = (
        f"{result.n_strong:,} of {len(result.units):,} units reach AUROC {STRONG} for one concept "
        f"in all of {', '.join(result.modalities)}"
    )
    if result.floor is not None:
        text += f"; at random weights {result.floor.n_strong:,} do"
    if result.shuffles is None:
        return (
            f"{text}. This run has no count with shuffled concepts, which alone can make the "
            "number evidence: make the run again."
        )
    one, every = result.strong_shuffled
    shuffled = (
        f"With the concepts of {result.shuffles.modality} images shuffled {one} do, with those of "
        f"every modality {every} (mean ± sd of {one.share.n} shuffles, one-sided p = {one.p:.2g} "
        f"and {every.p:.2g})"
    )
    meaning = (
        ", so this count alone is not evidence that units have one concept in all modalities."
        if max(one.p, every.p) > result.alpha
        else ": the count is beyond what shuffled concepts give, which does not say of any single "
        "unit that it is not a coincidence."
    )
    return f"{text}. {shuffled}{meaning}"


def summary_of(result: MultimodalityContents) -> dict[str, Any]:
    """The headline numbers as plain JSON."""
    n_units = int(result.units["score"].notna().sum())
    headline = [
        {
            "name": "strong",
            "estimate": wilson(result.n_strong, n_units),
            "meaning": f"units with a confirmed AUROC of at least {STRONG} in all of "
            f"{', '.join(result.modalities)}",
        },
    ]
    if result.shuffles is not None:
        shuffled = (result.shuffles.modality, "all modalities")
        for name, count in zip(shuffled, result.strong_shuffled, strict=True):
            headline.append(
                {
                    "name": f"strong, concepts of {name} shuffled",
                    "estimate": count.share,
                    "meaning": f"the same share: {count} units, mean ± sd of {count.share.n} "
                    f"shuffles; as many as seen or more: p = {count.p:.2g}",
                }
            )
    if result.floor is not None:
        known = int(np.isfinite(result.floor.score).sum())
        headline.append(
            {
                "name": "strong at random weights",
                "estimate": wilson(result.floor.n_strong, known),
                "meaning": "the same share in the same network at random weights",
            }
        )
    claims = claims_of(result)
    for name in ("exact", "profile"):
        if name in claims:
            claim = claims[name]
            one = {"name": claim.title, "estimate": claim.share, "meaning": claim.meaning}
            headline.append(one)
    summary: dict[str, Any] = jsonio.plain(
        {
            "kind": KIND,
            "headline": headline,
            "verdict": verdict_of(result),
            "claim": CLAIM,
            "modalities": result.modalities,
            "n_concepts": len(result.concepts),
            "n_units": len(result.units),
            "family_size": result.family_size,
            "alpha": result.alpha,
            "pool": result.pool,
            "n_images": {name: list(counts) for name, counts in result.n_images.items()},
            "n_failed": len(result.failures),
            "n_significant": result.n_significant,
            "n_significant_images": result.n_significant_images,
            "n_strong": result.n_strong,
            "n_concepts_found": result.n_concepts_found,
            "claims": {name: claim.to_json() for name, claim in claims.items()},
            "pixel_covariates": _pixels(result),
            "shuffled": _shuffled(result),
            "random_weights": None if result.floor is None else _floor(result),
            "notes": result.notes,
            "units": result.ranked(20),
        }
    )
    return summary


def _pixels(result: MultimodalityContents) -> dict[str, Any] | None:
    if result.unadjusted is None:
        return None
    return {
        "names": result.config["pixel_covariates"],
        "without": {
            name: {"n": n, "random_weights": random}
            for name, (n, random) in result.unadjusted.items()
        },
    }


def _shuffled(result: MultimodalityContents) -> dict[str, Any] | None:
    if result.shuffles is None:
        return None
    counts = {
        name: {"mean": count.mean, "sd": count.sd, "p": count.p}
        for name, count in zip(("one", "all"), result.strong_shuffled, strict=True)
    }
    return {
        "modality": result.shuffles.modality,
        "threshold": STRONG,
        "n_shuffles": len(result.shuffles.one),
        **counts,
    }


def _floor(result: MultimodalityContents) -> dict[str, Any]:
    assert result.floor is not None
    score = result.floor.score[np.isfinite(result.floor.score)]
    return {
        "seed": result.floor.seed,
        "n_units": len(result.floor.score),
        "n_significant": result.floor.n_significant,
        "n_significant_images": result.floor.n_significant_images,
        "n_any": result.floor.n_any,
        "n_strong": result.floor.n_strong,
        "median": float(np.median(score)) if len(score) else math.nan,
        "largest": float(score.max()) if len(score) else math.nan,
    }
