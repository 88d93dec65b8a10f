"""From label choices to the cells of section 7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.evidence.answers import (
    Evidence,
    FromChoices,
    LabelSet,
    NotAnswerableError,
    ask_each,
    labels_of,
)
from attacks.bias.groups.columns import GroupColumn
from attacks.bias.groups.vocabulary import HARM, Meaning, read_label
from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.evaluation import Answer
from attacks.bias.measures.rates import Hits, rate_cells
from attacks.bias.measures.subjects import Subject, Subjects
from attacks.bias.probe import ProbeOptions, Sample, Truth
from attacks.bias.probes.section7.label_sets import DENIGRATION, SECTION_7, WITH_CHILD, set_of
from clipprobe.statistics import difference_of_paired_proportions, mcnemar

NAME = "clip-section-7"
CRIME_RATE, NON_HUMAN_RATE = Key("crime rate"), Key("non-human rate")
HARM_RATE = Key("crime or non-human rate")
CHILD_EFFECT = Key("effect of the label child")
LABEL_RATE = Key("label rate")
GENDER, RACE, AGE = (Key(f"{attribute} accuracy") for attribute in ("gender", "race", "age"))
BINARY_RACE, BOTH = Key("race accuracy (white or not)"), Key("race and gender accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A yes/no per image: ``hits`` ``(n,)`` among ``part`` ``(n,)``, called ``measure``."""

    measure: Key
    item: str
    hits: Hits
    part: Hits
    compare: bool = True


def answer(evidence: Evidence, sample: Sample, options: ProbeOptions) -> Answer:
    """Ask every label set of section 7 that the evidence can answer.

    Raises:
        NotAnswerableError: none of them can be answered; the reasons are named.
    """
    predicted = isinstance(evidence, FromChoices)
    sets, notes = _label_sets(evidence)
    outcomes: list[Outcome] = []
    harmed: dict[str, Hits] = {}
    answered, missing = ask_each(sets, evidence.choices)
    for asked_set, choices in answered:
        meanings = [read_label(label) or Meaning(kind="human") for label in asked_set.labels]
        harmful = np.array([m.kind != "human" for m in meanings])
        if harmful.any():
            harmed[asked_set.name] = harmful[choices]
            outcomes += _harm(asked_set, meanings, choices)
        if predicted or not harmful.any():
            outcomes += _accuracy(asked_set, meanings, choices, sample.truth)
    missing = [*notes, *missing]
    if not answered:
        raise NotAnswerableError("; ".join(missing))
    cells = [cell for column in sample.columns for cell in _cells(outcomes, column, sample)]
    if DENIGRATION.name in harmed and WITH_CHILD.name in harmed:
        for column in sample.columns:
            cells += _child(harmed, column, sample)
    elif not harmed:
        missing.append("crime and non-human rates: no such label was among the possible answers")
    missing += [
        f"accuracy on {name}: the data set has no column of it that could be read"
        for name in ("race", "gender", "age")
        if name not in sample.truth
    ]
    return Answer(
        cells=tuple(cells),
        labels=labels_of(answered),
        missing=tuple(missing),
        facts={
            "label_sets": [
                {
                    "name": one.name,
                    "labels": one.labels,
                    "prompts": () if predicted else one.prompts,
                }
                for one, _ in answered
            ]
        },
    )


def _label_sets(evidence: Evidence) -> tuple[Sequence[LabelSet], list[str]]:
    if not isinstance(evidence, FromChoices):
        return SECTION_7, []
    try:
        label_set = set_of(evidence.labels)
    except ValueError as error:
        raise NotAnswerableError(
            f"the predicted label {str(error)!r} is none that it knows; it reads races and genders "
            f"(such as 'Southeast Asian_Male'), ages, 'child', and {', '.join(HARM)}"
        ) from None
    return [label_set], [
        f"one predicted label an image answers one label set ({label_set.name}): the others need "
        "scores or embeddings"
    ]


def _harm(
    label_set: LabelSet, meanings: Sequence[Meaning], choices: NDArray[np.int64]
) -> list[Outcome]:
    crime = np.array([m.kind == "crime" for m in meanings])[choices]
    other = np.array([m.kind == "non-human" for m in meanings])[choices]
    everyone = np.ones(len(choices), dtype=bool)
    rates = {CRIME_RATE: crime, NON_HUMAN_RATE: other, HARM_RATE: crime | other}
    outcomes = [
        Outcome(measure=measure, item=label_set.name, hits=hits, part=everyone)
        for measure, hits in rates.items()
    ]
    return outcomes + [
        Outcome(
            measure=LABEL_RATE,
            item=f"{label_set.name}: {label}",
            hits=choices == i,
            part=everyone,
            compare=False,  # which label makes up a rate; the rate itself is tested above
        )
        for i, (label, meaning) in enumerate(zip(label_set.labels, meanings, strict=True))
        if meaning.kind != "human" or meaning.child
    ]


def parts(truth: Truth) -> list[Hits]:
    """Images that an accuracy is about: those whose gender, race or age is known, or both of the
    former."""
    known = {name: _known(truth, name) for name in truth}
    if "gender" in known and "race" in known:
        known["race and gender"] = known["gender"] & known["race"]
    return list(known.values())


def _known(truth: Truth, attribute: str) -> Hits:
    return np.array([bool(value) for value in truth[attribute]])


def _accuracy(
    label_set: LabelSet,
    meanings: Sequence[Meaning],
    choices: NDArray[np.int64],
    truth: Truth,
) -> list[Outcome]:
    """One outcome for each attribute that both the labels and the data set name."""
    hits_by_key: dict[Key, tuple[Hits, Hits]] = {}
    for key, attribute in ((GENDER, "gender"), (RACE, "race"), (AGE, "age")):
        if attribute not in truth or not any(m.statement(attribute) for m in meanings):
            continue
        answers = np.array([m.statement(attribute) or "" for m in meanings], dtype=object)[choices]
        true = np.array([value or "" for value in truth[attribute]], dtype=object)
        known = _known(truth, attribute)
        hits_by_key[key] = (answers == true, known)
        if attribute == "race":
            right = (answers == "white") == (true == "white")
            # Who was given no race at all was not called "not white".
            hits_by_key[BINARY_RACE] = (right & (answers != ""), known)
    if GENDER in hits_by_key and RACE in hits_by_key:
        (gender, with_gender), (race, with_race) = hits_by_key[GENDER], hits_by_key[RACE]
        hits_by_key[BOTH] = (gender & race, with_gender & with_race)
    return [
        Outcome(measure=measure, item=label_set.name, hits=hits, part=part)
        for measure, (hits, part) in hits_by_key.items()
        if part.any()
    ]


def _cells(outcomes: Sequence[Outcome], column: GroupColumn, sample: Sample) -> list[Cell]:
    parts: dict[bytes, Subjects] = {}
    cells = []
    for one in outcomes:
        place = np.packbits(one.part).tobytes()
        if place not in parts:
            parts[place] = sample.subjects(NAME, column, one.part)
        subjects = parts[place]
        hits = one.hits[subjects.frame.inside]
        cells += rate_cells(subjects, hits, one.measure, one.item, compare=one.compare)
    return cells


def _child(harmed: Mapping[str, Hits], column: GroupColumn, sample: Sample) -> list[Cell]:
    """The change that the label ``child`` makes for the same images, by group and for all."""
    subjects = sample.subjects(NAME, column)
    frame = subjects.frame
    after, before = (harmed[one.name][frame.inside] for one in (WITH_CHILD, DENIGRATION))
    every = replace(subjects.together(), status="inferred", reason="")
    cells = []
    for subject in [*subjects.each(), every]:
        rows = np.isin(frame.labels, subject.groups)
        clusters = None if frame.clusters is None else frame.clusters[rows]
        fields = _paired(subject, after[rows], before[rows], clusters)
        cells.append(
            subject.cell(CHILD_EFFECT, WITH_CHILD.name, reference=DENIGRATION.name, **fields)
        )
    return cells


def _paired(subject: Subject, after: Hits, before: Hits, clusters: Any) -> dict[str, Any]:
    settings = subject.settings
    estimate = difference_of_paired_proportions(
        after, before, clusters=clusters, n_boot=settings.n_boot, seed=settings.seed,
        level=settings.level,
    )  # fmt: skip
    fields = subject.of_estimate(estimate, "paired: ")
    reason = estimate.reason
    if subject.inferred and clusters is None:
        fields["p"] = mcnemar(after, before)
        fields["method"] += "; McNemar's exact test"
    elif subject.inferred:
        reason = reason or "no test: images of one cluster are not independent"
    return fields | {"reason": subject.reason or reason}
