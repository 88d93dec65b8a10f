"""From the result table to ``summary.json``: headline, conditions, effects, words, worst cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from attacks.typographic.report.findings import by_word, warnings, worst
from attacks.typographic.scoring.metrics import (
    Outcomes,
    condition_rates,
    distill_fractions,
    effects,
    margin_shift,
    rate,
)
from attacks.typographic.scoring.pairs import clean_twins
from clipprobe.statistics import Estimate, undefined
from clipprobe.zeroshot.classes import Classes

#: Numbers of the headline, and what they mean.
HEADLINE = {
    "clean_accuracy": "share of images answered correctly without text",
    "attacked_accuracy": "share of images answered correctly with the attack word",
    "targeted_success": "share of images, among those correct when clean, whose answer becomes "
    "the written word",
    "untargeted_success": "share of images, among those correct when clean, whose answer becomes "
    "wrong",
    "reading_effect": "share of images answered with the written word, minus the share answered "
    "so when a nonsense word stands there",
}

#: Version of the form of ``summary.json``; see ``summary.schema.json``.
SCHEMA_VERSION = 1


def summarise(table: Any, classes: Classes, *, natural: bool, seed: int) -> dict[str, Any]:
    """All numbers of an audit.

    Args:
        table: The result table (``scoring.COLUMNS``).
        natural: Whether the words were photographed: then clean and attacked rows are different
            images of one object, and there are no controls but what was photographed.
    """
    data = columns_of(table)
    conditions = natural_outcomes(data) if natural else written_outcomes(data)
    clean = conditions.get("clean")
    rates = {
        name: condition_rates(outcomes, clean, seed=seed)
        for name, outcomes in conditions.items()
        if name != "clean"
    }
    rows = np.flatnonzero(data["condition"] == "clean")
    rows = rows[np.unique(data["image"][rows].astype(str), return_index=True)[1]]
    accuracy = rate(
        data["correct"][rows].astype(bool), data["cluster"][rows].astype(str), seed=seed
    )
    rates["clean"] = {"accuracy": {"all": accuracy}}
    if natural and clean is not None and (known := ~np.isnan(clean.margin)).any():
        twins = clean.take(np.flatnonzero(known))
        rates["clean"]["pairwise_accuracy"] = {
            "all": rate(twins.margin < 0, twins.cluster, seed=seed)
        }
    figures = effects(conditions, seed=seed)
    attack = conditions.get("attack")
    return {
        "kind": "typographic",
        "schema_version": SCHEMA_VERSION,
        "headline": _headline(rates, figures, natural),
        "natural": natural,
        "n": {
            "images": len(np.unique(data["image"].astype(str))),
            "clusters": len(np.unique(data["cluster"].astype(str))),
            "classes": len(classes.names),
            "encoded": len(set(data["pixels"])),
        },
        "conditions": rates,
        "effects": figures,
        "margin_shift": margin_shift(attack, clean, seed=seed) if attack and clean else None,
        "distill_fractions": distill_fractions(attack, clean) if attack and clean else None,
        "words": by_word(data),
        "worst": worst(data),
        "warnings": warnings(data, classes, accuracy),
    }


def columns_of(table: Any) -> dict[str, Any]:
    """The columns of a result table as object arrays, ``(n_rows,)``."""
    return {name: np.asarray(table[name].to_pylist(), object) for name in table.column_names}


def written_outcomes(data: Mapping[str, Any]) -> dict[str, Outcomes]:
    """Outcomes by condition where the audit wrote the words: paired by image and word."""
    pair = np.char.add(np.char.add(data["image"].astype(str), "\x1f"), data["word"].astype(str))
    outcomes = {}
    for condition in dict.fromkeys(data["condition"]):
        rows = np.flatnonzero(data["condition"] == condition)
        outcomes[condition] = _outcomes(data, rows, pair[rows])
    return outcomes


def natural_outcomes(data: Mapping[str, Any]) -> dict[str, Outcomes]:
    """Outcomes by condition of photographs: each is paired with the blank one of its object.

    Where a condition has one image of each object (triplets), conditions are paired by object;
    else the photographs of one condition are not partners of those of another.
    """
    outcomes = {}
    kinds = list(zip(data["cluster"], data["condition"], strict=True))
    pair = data["cluster" if len(set(kinds)) == len(kinds) else "image"]
    twins = clean_twins(data)
    rows = np.flatnonzero(data["condition"] != "clean")
    for condition in dict.fromkeys(data["condition"][rows]):
        own = rows[data["condition"][rows] == condition]
        outcomes[condition] = _outcomes(data, own, pair[own].astype(str))
    with_twin = np.array([row for row in rows if data["cluster"][row] in twins], dtype=int)
    if len(with_twin):
        # A clean twin stands once for each pair, however many conditions are compared with it.
        with_twin = with_twin[np.sort(np.unique(pair[with_twin].astype(str), return_index=True)[1])]
        twin = np.array([twins[data["cluster"][row]] for row in with_twin])
        targets = data["target"][with_twin]
        # A blank photo of an object with many words has no logit of one of them; a twin has.
        aimed = np.array(data["target"][twin] == targets, dtype=bool)
        of_target, of_answer = (
            data[name][twin].astype(float) for name in ("logit_target", "logit_label")
        )
        outcomes["clean"] = Outcomes(
            pair=pair[with_twin].astype(str),
            cluster=data["cluster"][with_twin].astype(str),
            correct=data["correct"][twin].astype(bool),
            hit=np.array(data["predicted"][twin] == targets, dtype=bool),
            has_target=np.array([target is not None for target in targets], dtype=bool),
            margin=np.where(aimed, of_target - of_answer, np.nan),
        )
    return outcomes


def _headline(
    rates: Mapping[str, Any], reading: Mapping[str, Any], natural: bool
) -> list[dict[str, Any]]:
    no_attack = undefined("no image carries an attack word")
    attack = rates.get("attack")
    controls = "photographs bring no nonsense-word control" if natural else "no control was drawn"
    estimates: dict[str, Estimate] = {
        "clean_accuracy": rates["clean"]["accuracy"]["all"],
        "attacked_accuracy": attack["accuracy"]["all"] if attack else no_attack,
        "targeted_success": attack["targeted_success"]["clean_right"] if attack else no_attack,
        "untargeted_success": attack["untargeted_success"]["clean_right"] if attack else no_attack,
        "reading_effect": reading["reading_effect"]["estimate"]
        if "reading_effect" in reading
        else undefined(controls),
    }
    return [
        {"name": name, "estimate": estimates[name], "meaning": meaning}
        for name, meaning in HEADLINE.items()
    ]


def _outcomes(data: Mapping[str, Any], rows: Any, pair: Any) -> Outcomes:
    hits = data["hit"][rows]
    logits = [data[name][rows].astype(float) for name in ("logit_target", "logit_label")]
    return Outcomes(
        pair=pair,
        cluster=data["cluster"][rows].astype(str),
        correct=data["correct"][rows].astype(bool),
        hit=np.array([bool(hit) for hit in hits], dtype=bool),
        has_target=np.array([hit is not None for hit in hits], dtype=bool),
        margin=logits[0] - logits[1],
    )
