"""Label the units of a vision tower from a list of concepts, and check each label on other images.

Oikarinen & Weng 2023 (CLIP-Dissect, arXiv:2204.10965) choose a unit's label by what a judge sees in
the images that activate the unit; here every label is then scored on held-out images, and units
whose label does not hold there get none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError
from clipprobe.neurons.labels.judges import Judgement, judged_by_clip, judged_by_tags
from clipprobe.neurons.labels.linear import Explanation, explain_all
from clipprobe.neurons.labels.result import Labels
from clipprobe.neurons.labels.scorers import check_scorer, scores
from clipprobe.neurons.labels.unit_label import UnitLabel
from clipprobe.neurons.labels.validation import check_levels, halves, validate
from clipprobe.neurons.pooled import PooledActivations

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.labels.settings import LabelTest

_N_ALTERNATIVES = 4
_NO_ORDER = (
    "rank_reorder puts images into the judge's order, and tags have none: use another scorer, or a "
    "CLIP as judge."
)


def check_settings(settings: LabelTest, judge: Clip | str | None) -> None:
    """Refuse settings of a labelling that cannot be used, before anything is measured.

    Args:
        judge: The settings' own; None for a model that is not loaded yet.
    Raises:
        UnknownMethodError, ConfigError: the message says which.
    """
    if isinstance(judge, str) and judge != "labels" and not judge.startswith("column:"):
        raise ConfigError(
            f'The judge {judge!r} is not known: give a model, "labels" or "column:NAME".'
        )
    check_scorer(settings.scorer, settings.top_k, settings.temperature)
    check_levels(settings.alpha, settings.threshold)
    if settings.scorer == "rank_reorder" and isinstance(judge, str):
        raise ConfigError(_NO_ORDER)


def judge_images(clip: Clip, acts: PooledActivations, settings: LabelTest) -> Judgement:
    """What the judge says of the images of these activations; see ``label_units``."""
    judge, concepts = settings.judge, settings.concepts
    if isinstance(judge, str):
        column = None if judge == "labels" else judge.removeprefix("column:")
        return judged_by_tags(acts.records, column, concepts)
    if concepts is None:
        from clipprobe.stimuli import concepts as bundled

        concepts = [concept.name for concept in bundled()]
    own = judge is None or judge is clip
    return judged_by_clip(
        clip if judge is None else judge,
        concepts,
        images=acts.records,
        embeddings=acts.embeddings if own else None,
        subject=clip,
        **settings.values_of("templates", "batch_size"),
    )


def label_activations(
    acts: PooledActivations,
    judgement: Judgement,
    *,
    scorer: str = "soft_wpmi",
    top_k: int | None = None,
    temperature: float | None = None,
    terms: int = 3,
    alpha: float = 0.05,
    threshold: float = 0.1,
    seed: int = 0,
    provenance: dict[str, Any] | None = None,
) -> Labels:
    """Label units whose activations and judgement are at hand; see ``label_units``."""
    if scorer == "rank_reorder" and not judgement.graded:
        raise ConfigError(_NO_ORDER)
    choose, held_out = halves([record.id for record in acts.records], seed)
    values, columns = acts.stacked()
    k = fitting_top_k(scorer, top_k, len(choose))
    table = scores(
        scorer, values[choose], judgement.values[choose], top_k=k, temperature=temperature
    )
    order = np.argsort(-table, axis=1, kind="stable")
    n_terms = terms if scorer == "linear" else 1
    explained = _explained(
        values[choose].astype(np.float64), judgement.values[choose], order[:, 0], n_terms
    )
    for unit, one in enumerate(explained):  # the concept that makes it most active comes first
        if one.columns and one.columns[0] != order[unit, 0]:
            others = order[unit][order[unit] != one.columns[0]]
            order[unit] = [one.columns[0], *others]
    predictions = np.stack([one.predicted(judgement.values[held_out]) for one in explained], axis=1)
    checked = validate(
        values[held_out],
        judgement.present[held_out],
        order[:, 0],
        predictions,
        alpha=alpha,
        threshold=threshold,
    )
    rows = []
    for unit, ((site, index), validation) in enumerate(zip(columns, checked, strict=True)):
        names = [judgement.concepts[i] for i in order[unit, : _N_ALTERNATIVES + 1]]
        constant = bool(np.ptp(values[choose, unit]) == 0)
        rows.append(
            UnitLabel(
                address=f"{site}:{index}",
                name=f"{site}:{index} ({acts.pooled[site]})",
                label=names[0] if validation.accepted else None,
                candidate=names[0],
                score=float(table[unit, order[unit, 0]]),
                alternatives=tuple(names[1:]),
                explanation=tuple(
                    (judgement.concepts[column], weight)
                    for column, weight in zip(
                        explained[unit].columns, explained[unit].weights, strict=True
                    )
                ),
                validation=validation,
                reason="the unit is constant on the choosing images"
                if constant and not validation.accepted
                else validation.reason,
            )
        )
    return Labels(
        rows=tuple(rows),
        scorer=scorer,
        pool=acts.pool,
        judge=judgement.name,
        circular=judgement.circular,
        note=judgement.note,
        truth=judgement.rule,
        n_concepts=len(judgement.concepts),
        n_choose=len(choose),
        n_held_out=len(held_out),
        settings={
            "top_k": k,
            "terms": n_terms,
            "temperature": temperature,
            "alpha": alpha,
            "threshold": threshold,
            "seed": seed,
            "sites": list(acts.values),
            "concepts": list(judgement.concepts),
        },
        data=dict(acts.data),
        failures=acts.failures,
        provenance=provenance or {},
    )


def _explained(
    values: NDArray[np.float64],
    judgements: NDArray[np.float64],
    labels: NDArray[np.intp],
    n_terms: int,
) -> list[Explanation]:
    """Each unit's label as a function of what the judge says, fitted on the choosing half.

    A single label stands for itself, with weight 1: were it fitted, one that the unit goes against
    would count as well as one that it goes with.
    """
    explained = [Explanation(columns=(int(one),), weights=(1.0,), offset=0.0) for one in labels]
    for unit, one in enumerate(explain_all(values, judgements, n_terms) if n_terms > 1 else ()):
        if one.columns:
            order = np.argsort(-np.array(one.weights), kind="stable")
            explained[unit] = Explanation(
                columns=tuple(one.columns[i] for i in order),
                weights=tuple(one.weights[i] for i in order),
                offset=one.offset,
            )
    return explained


def fitting_top_k(scorer: str, top_k: int | None, n: int) -> int | None:
    """The number of strongest images that a scorer looks at, for n images to choose from.

    The paper's 100 and 28 are of 50,000 images; of a few hundred they would be most of them.
    """
    usual = {"soft_wpmi": 100, "wpmi": 28}.get(scorer)
    most = usual if top_k is None else top_k
    return None if most is None else min(most, max(5, n // 8))
