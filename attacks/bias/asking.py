"""Which questions an audit asks, and the answers of every probe together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from attacks.bias.core import evaluate_sample
from attacks.bias.evidence.answers import Evidence, LabelSet, NotAnswerableError
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.probe import ProbeOptions, Sample, Truth
from attacks.bias.probes.registry import get_probe
from attacks.bias.probes.word_lists import check_words
from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.prompts import check_templates

Questions = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def find_parts(names: Iterable[str], truth: Truth) -> list[NDArray[np.bool_]]:
    """The images that some figures of the probes asked are about, where these are not all."""
    finders = [parts for name in names if (parts := get_probe(name).parts) is not None]
    return [part for parts in finders for part in parts(truth)]


def ask_all(
    questions: Questions, options: ProbeOptions, evidence: Evidence, sample: Sample
) -> tuple[Evaluation, list[str]]:
    """Every probe that the evidence can answer, corrected together; and which it cannot.

    Raises:
        DataError: it can answer none of them.
    """
    scores, answers, missing = {}, {}, []
    for name, (words, templates) in questions.items():
        probe = get_probe(name)
        try:
            if probe.answer is None:
                question = LabelSet(name=name, labels=words, templates=templates)
                scores[name] = (words, evidence.cosines(question))
            else:
                answers[name] = probe.answer(evidence, sample, options)
        except NotAnswerableError as error:
            missing.append(f"The probe {name} was not asked: {error}.")
    if not scores and not answers:
        raise DataError(" ".join(missing))
    return evaluate_sample(scores, sample, answers), missing


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
    questions: Questions = {}
    takes: set[str] = set()
    for name in names:
        probe = get_probe(name)
        takes |= probe.takes
        if probe.answer is not None:  # it writes out its own labels and prompts
            questions[name] = ((), ())
            continue
        questions[name] = (
            check_words(probe.words() if words is None else words),
            check_templates(probe.templates if templates is None else templates, once=True),
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
    return questions
