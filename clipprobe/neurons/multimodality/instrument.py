"""Multimodality as an instrument: what a run says of one unit, and which units have a concept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from clipprobe.arrays import missing
from clipprobe.neurons.instruments.instrument import Instrument, Property, Search
from clipprobe.neurons.instruments.rows import (
    UnitRows,
    Verdict,
    descending,
    interval,
    level,
    of_row,
    short_of_one,
    with_interval,
)
from clipprobe.neurons.instruments.store import Rows, Store
from clipprobe.neurons.multimodality.notes import WITHDRAWN, WITHDRAWN_NOTE

MIN_AUROC = 0.9


def concept_of(store: Store, rows_by_table: Mapping[str, Rows]) -> list[UnitRows]:
    (unit,) = rows_by_table["units.parquet"]
    summary = store.summary
    names: Sequence[str] = summary["modalities"]
    n = sum(unit[f"n_{name}"] for name in names)
    score = interval(unit["score"], unit["low"], unit["high"], n, "it is undefined")
    floor = unit["floor"]
    verdict = summary.get("verdict", "This run has no count with shuffled concepts beside it.")
    tables = [
        UnitRows(
            warning=WITHDRAWN_NOTE if WITHDRAWN in unit else "",
            caption="The concept was chosen on half of the images and everything else is of the "
            "other half. Score: the smallest AUROC over modalities. q: "
            f"Benjamini-Hochberg over all {summary['family_size']:,} pairs of unit and concept. "
            "Floor: share of units of the same network at random weights that score as much. "
            f"Balance: weakest over strongest standardised response. {verdict}",
            columns=("concept", "score", "q over pairs", "floor", "balance"),
            rows=(
                (
                    unit["concept"],
                    score,
                    unit["q"],
                    None if missing(floor) else f"{floor:.1%}",
                    unit["balance"],
                ),
            ),
        ),
        *_tests(unit, names, summary),
        UnitRows(
            caption=f"{unit['concept']} against other concepts of the same modality; n counts "
            "its images, intervals hold for all modalities at once. Purity: share of the unit's "
            "strongest images of the modality that show it.",
            columns=("modality", "AUROC", "d'", "purity"),
            rows=tuple(
                (
                    name,
                    interval(
                        unit[f"auroc_{name}"],
                        unit[f"low_{name}"],
                        unit[f"high_{name}"],
                        unit[f"n_{name}"],
                        "it is undefined",
                    ),
                    unit[f"dprime_{name}"],
                    unit[f"purity_{name}"],
                )
                for name in names
            ),
        ),
    ]
    controls = rows_by_table["controls.parquet"]
    against = [row for row in controls if not row["control"].startswith("jitter")]
    if against:
        tables.append(
            UnitRows(
                caption=f"The written word {unit['concept']} against controls: AUROC, 0.5 where "
                "the control does as much.",
                columns=("control", "AUROC of the word over it"),
                rows=tuple((row["control"], of_row(row)) for row in against),
            )
        )
    jitter = [row for row in controls if row["control"].startswith("jitter")]
    if jitter:
        tables.append(
            UnitRows(
                caption="How much the way of writing moves it: spread of the activation, in "
                "standard deviations over wrong words.",
                columns=("what changes", "spread"),
                rows=tuple((row["control"].removeprefix("jitter of "), row["value"])
                           for row in jitter),
            )
        )  # fmt: skip
    return tables


def verdict_of(store: Store, tables: Mapping[str, Rows]) -> Verdict:
    (unit,) = tables["units.parquet"]
    kinds = ", ".join(store.summary["modalities"])
    score = with_interval(unit["score"], unit["low"], unit["high"])
    is_one = not missing(unit["score"]) and unit["score"] >= MIN_AUROC
    text = (
        f"{unit['concept']} as {kinds}: AUROC {score} in the weakest of them"
        if is_one
        else f"No concept as each of {kinds}: the best, {unit['concept']}, has AUROC {score} in "
        "the weakest of them"
    )
    text += f", on images that did not choose it; {level('q', unit['q'])}."
    if not missing(unit["floor"]):
        text += f" At random weights {100 * unit['floor']:.2g} % of units score as much."
    if WITHDRAWN in unit:
        return Verdict(text=f"{text} {WITHDRAWN_NOTE}", seeks_name=True)
    return Verdict(
        text=text,
        name=unit["concept"] if is_one else "",
        score=f"AUROC {short_of_one(unit['score'])} held out" if is_one else "",
        seeks_name=True,
    )


def _tests(
    unit: Mapping[str, Any], names: Sequence[str], summary: Mapping[str, Any]
) -> Iterator[UnitRows]:
    """Whether its best concept is one by the exact test, and whether its profiles agree."""
    counts = summary.get("claims", {})  # an older run has none
    captions = {
        "each": "Is its best concept on all images one concept in all modalities? Exact, with its "
        "selection, each modality given the others; q: Benjamini-Hochberg over the units.",
        "exact": "Is its best concept more than modalities that are all unrelated would share? Two "
        "that look alike can bring that about without the third.",
    }
    for name, caption in captions.items():
        if name in counts:
            yield UnitRows(
                caption=f"{caption} {_beside(counts[name])}",
                columns=("best concept", "p", "q over units"),
                rows=((unit["concept_exact"], unit[f"p_{name}"], unit[f"q_{name}"]),),
            )
    if "profile" not in counts:
        return
    pairs = list(combinations(names, 2))
    yield UnitRows(
        caption="Does it rank all concepts alike? Spearman's correlation of its mean activation "
        "on each concept between two modalities; p: the largest of theirs. "
        f"{_beside(counts['profile'])}",
        columns=(*(f"{a}, {b}" for a, b in pairs), "p", "q over units"),
        rows=((*(unit[f"rho_{a}_{b}"] for a, b in pairs), unit["p_profile"], unit["q_profile"]),),
    )


def _beside(counts: Mapping[str, Any]) -> str:
    text = f"{counts['n']:,} of {counts['n_tested']:,} units pass"
    shuffled = counts["one"], counts["all"]
    if all(one is not None for one in shuffled):
        text += "; on average {:.3g} with words shuffled and {:.3g} with all".format(
            *(one["mean"] for one in shuffled)
        )
    random = counts["random_weights"]
    return text + ("." if random is None else f", {random['n']:,} at random weights.")


MULTIMODAL = Instrument(
    name="multimodal",
    kind="multimodality",
    title="One concept in several modalities",
    question="Does it tell a concept from others as picture, as drawing and as word, each "
    "against distractors of the same modality?",
    verb="neurons multimodal",
    flags={"sites": "{site}", "pool": "{pool}", "out": "{beside}/multimodal"},
    tables=("units.parquet", "controls.parquet"),
    view=concept_of,
    verdict=verdict_of,
    searches={
        "concept": Search(
            table="units.parquet",
            column="concept",
            columns=("concept", "score", "q"),
            order=lambda row: (descending(row["score"]),),
            least=("score", MIN_AUROC),
        )
    },
    properties=(
        Property(
            name="multimodal",
            meaning=f"an AUROC of at least {MIN_AUROC} in every modality (score) for the concept "
            "that other images selected; ranked by score. Units reach it by coincidence too: the "
            "run's report counts how many do with shuffled concepts",
            table="units.parquet",
            columns=("score",),
            least=MIN_AUROC,
        ),
        Property(
            name="reads-text",
            meaning=f"for one concept an AUROC of at least {MIN_AUROC} among images of written "
            "words (auroc_word), whatever it responds to in other modalities; ranked by that "
            "AUROC, which has no correction for the number of concepts tried",
            table="pairs.parquet",
            columns=("auroc_word",),
            least=MIN_AUROC,
            absent="the test must have a modality `word` to say which units read text",
        ),
    ),
    place=30,
    cost="one forward pass per image of its concepts, some thousand, and as many at random weights",
)
