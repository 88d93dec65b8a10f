"""Which questions an audit asks, on what evidence, and the answers of every probe together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attacks.bias.core import evaluate
from attacks.bias.evidence.answers import (
    Evidence,
    FromChoices,
    FromEmbeddings,
    FromScores,
    LabelSet,
    NotAnswerableError,
)
from attacks.bias.evidence.embed import embed
from attacks.bias.inputs.gather import Gathered
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.probe import Asked, Sample, Truth
from attacks.bias.probes.registry import get_probe
from attacks.bias.prompts import check_templates, check_words
from clipprobe.errors import ConfigError, DataError

if TYPE_CHECKING:
    from clipprobe.data import Failure, ImageRecord
    from clipprobe.models import Clip
    from clipprobe.runs import Run

Questions = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def find_evidence(
    clip: Clip | None,
    gathered: Gathered,
    run: Run,
    scale: float | None,
    batch_size: int,
    workers: int,
    progress: Callable[[int], None] | None,
    *,
    part: str = "embeddings",
) -> tuple[Sequence[ImageRecord], Sequence[Failure], Evidence]:
    """The records that can be used, those that cannot, and what the model says about the former.

    Args:
        part: Name of the run's parts, other for another model.
    """
    records = gathered.dataset.records
    rows = [gathered.rows[record.id] for record in records if gathered.rows]
    if gathered.predictions is not None:
        said = gathered.predictions
        if said.labels is not None:
            return records, (), FromChoices([said.labels[row] for row in rows])
        scores = {name: column[rows] for name, column in (said.scores or {}).items()}
        return records, (), FromScores(scores, said.kind, scale)
    assert clip is not None
    own = scale if scale is not None else getattr(clip, "scale", None)
    if gathered.embeddings is not None:
        vectors = gathered.embeddings.vectors[rows]
        return records, (), FromEmbeddings(vectors, clip.encode_texts, own, clip)
    embedded = embed(
        clip,
        records,
        run,
        name=gathered.dataset.name,
        part=part,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
    )
    road = FromEmbeddings(embedded.vectors, clip.encode_texts, own, clip)
    return embedded.records, embedded.failures, road


def ask_again(
    clip: Clip,
    gathered: Gathered,
    records: Sequence[ImageRecord],
    run: Run,
    scale: float | None,
    batch_size: int,
    workers: int,
    progress: Callable[[int], None] | None,
) -> Evidence:
    """What a second model says about the images that the first could read.

    Raises:
        DataError: it cannot read one of them.
    """
    same = replace(gathered, dataset=replace(gathered.dataset, records=tuple(records)))
    _, failures, evidence = find_evidence(
        clip, same, run, scale, batch_size, workers, progress, part="embeddings-against"
    )
    if failures:
        raise DataError(
            f"{len(failures)} of the images that the first model could read cannot be prepared for "
            f"the second ({failures[0].id}: {failures[0].reason}): leave them out."
        )
    return evidence


def find_parts(asked: Iterable[str], truth: Truth) -> list[NDArray[np.bool_]]:
    """The images that some figures of the probes asked are about, where these are not all."""
    found = []
    for name in asked:
        parts = get_probe(name).parts
        found += [] if parts is None else parts(truth)
    return found


def ask_all(
    asked: Questions, chosen: Asked, evidence: Evidence, sample: Sample
) -> tuple[Evaluation, list[str]]:
    """Every probe that the evidence can answer, corrected together; and which it cannot.

    Raises:
        DataError: it can answer none of them.
    """
    scores, answers, missing = {}, {}, []
    for name, (words, templates) in asked.items():
        probe = get_probe(name)
        try:
            if probe.answer is None:
                question = LabelSet(name=name, labels=words, templates=templates)
                scores[name] = (words, evidence.cosines(question))
            else:
                answers[name] = probe.answer(evidence, sample, chosen)
        except NotAnswerableError as error:
            missing.append(f"The probe {name} was not asked: {error}.")
    if not scores and not answers:
        raise DataError(" ".join(missing))
    evaluation = evaluate(
        scores,
        sample.columns,
        clusters=sample.clusters,
        strata=sample.strata,
        paired=sample.paired,
        settings=sample.settings,
        answers=answers,
        shared=sample.shared,
    )
    return evaluation, missing


def find_questions(
    probes: Sequence[str],
    words: Sequence[str] | None,
    templates: Sequence[str] | None,
    *,
    thresholds: Sequence[float] | None = None,
    k: int | None = None,
) -> Questions:
    """Probe name -> (words, templates), checked.

    Raises:
        ConfigError: no probe, or words, templates, thresholds or a depth that none of them uses.
    """
    names = [probes] if isinstance(probes, str) else list(dict.fromkeys(probes))
    if not names:
        raise ConfigError("No probe was named: say which question to ask, e.g. 'occupations'.")
    asked: Questions = {}
    takes: set[str] = set()
    for name in names:
        probe = get_probe(name)
        takes |= probe.takes
        if probe.answer is not None:  # it writes out its own labels and prompts
            asked[name] = ((), ())
            continue
        asked[name] = (
            check_words(probe.words() if words is None else words),
            check_templates(probe.templates if templates is None else templates),
        )
    for what, value in (("words", words), ("templates", templates)):
        if value is not None and what not in takes:
            raise ConfigError(
                f"The probes asked ({', '.join(names)}) have {what} of their own, so none can be "
                "given."
            )
    if thresholds and "thresholds" not in takes:
        raise ConfigError(
            f"A threshold was given, but the probes asked ({', '.join(names)}) know none: ask "
            "label-thresholds as well, or leave it out."
        )
    if k is not None and all(get_probe(name).answer is not None for name in names):
        raise ConfigError(
            f"k was given, but the probes asked ({', '.join(names)}) rank no images: ask "
            "occupations or retrieval as well, or leave it out."
        )
    return asked
