"""The audit without a model: scores and groups in, corrected cells out.

This is the way for anybody who has embeddings already, and the one that tests take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

import numpy as np
from numpy.typing import ArrayLike

from attacks.bias.evidence.vectors import one_width, unit_rows
from attacks.bias.groups.columns import GroupColumn
from attacks.bias.groups.suppression import protect
from attacks.bias.measures.cells import Cell, correct
from attacks.bias.measures.draws import Floats, Ints, Shared
from attacks.bias.measures.evaluation import Answer, Evaluation
from attacks.bias.measures.inference import Settings
from attacks.bias.probe import Sample
from attacks.bias.probes.registry import get_probe
from clipprobe.errors import DataError


def evaluate(
    scores: Mapping[str, tuple[Sequence[str], ArrayLike]],
    columns: Sequence[GroupColumn],
    *,
    clusters: Ints | None = None,
    strata: Ints | None = None,
    paired: bool = False,
    settings: Settings | None = None,
    answers: Mapping[str, Answer] | None = None,
    shared: Shared | None = None,
) -> Evaluation:
    """Run probes on cosines and correct all their tests together.

    Args:
        scores: Probe name -> (its words, cosines ``(n images, m words)``).
        columns: Group columns over the same images. Values that would give away a smaller group
            are withheld (:func:`attacks.bias.groups.suppression.protect`).
        clusters: ``(n,)`` numbers; images of one cluster are not independent.
        strata: ``(n,)`` numbers; labels are permuted within a stratum only.
        paired: Whether another model is asked about the same images, to be compared.
        answers: Probe name -> what a probe of label sets found; its tests join the family.
        shared: Draws that were made for the answers and serve here too.
    Raises:
        DataError: shapes do not match, there is no image, or a score is NaN.
        UnknownMethodError: no probe has that name.
    """
    sample = Sample(
        columns=tuple(protect(columns)), truth={}, clusters=clusters, strata=strata,
        settings=settings or Settings(), paired=paired, shared=shared or Shared(),
    )  # fmt: skip
    return evaluate_sample(scores, sample, answers or {})


def evaluate_sample(
    scores: Mapping[str, tuple[Sequence[str], ArrayLike]],
    sample: Sample,
    answers: Mapping[str, Answer],
) -> Evaluation:
    """See :func:`evaluate`; the columns of the sample are protected already."""
    columns, options = sample.columns, sample.settings
    cells: list[Cell] = []
    items: dict[str, tuple[str, ...]] = {}
    for name, (words, values) in scores.items():
        probe = get_probe(name)
        items[name] = tuple(words)
        table = check_scores(values, items[name], columns)
        for column in columns:
            frame = sample.framed(table, column)
            cells += probe.cells(frame, items[name], options)
    n_probed, facts = len(cells), dict(answers)
    for name, answer in facts.items():
        items[name] = answer.labels
        cells += answer.cells
    corrected, family_size = correct(cells, alpha=options.alpha, min_effect=options.min_effect)
    rest = iter(corrected[n_probed:])
    for name, answer in facts.items():
        own = replace(answer, cells=tuple(islice(rest, len(answer.cells))))
        conclude = get_probe(name).conclude
        facts[name] = own if conclude is None else conclude(own, options)
    concluded = chain.from_iterable(answer.cells for answer in facts.values())
    return Evaluation(
        cells=(*corrected[:n_probed], *concluded),
        family_size=family_size,
        columns=columns,
        items=items,
        answers=facts,
    )


def check_scores(values: ArrayLike, items: Sequence[str], columns: Sequence[GroupColumn]) -> Floats:
    """The scores as float64, if they fit the words and the groups."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(items) or not table.size:
        raise DataError(
            f"Scores need one row per image and one column for each of {len(items)} words, but "
            f"have the shape {table.shape}."
        )
    for column in columns:
        if len(column.labels) != len(table):
            raise DataError(
                f"The group column {column.name!r} labels {len(column.labels)} images, but there "
                f"are scores for {len(table)}: labels and images must match."
            )
    broken = int((~np.isfinite(table)).any(axis=1).sum())
    if broken:
        raise DataError(
            f"{broken} of {len(table)} images have a NaN or infinite score: the embeddings are "
            "broken, so nothing is computed from them."
        )
    return table


def cosines(images: ArrayLike, texts: ArrayLike) -> Floats:
    """Cosines of every image with every text, normalised here whatever the length of the vectors.

    Each text's column is computed by itself, so it does not depend on which others are asked.

    Args:
        images: ``(n, d)``; texts: ``(m, d)``.
    Raises:
        DataError: widths differ, or a vector is NaN or has no length.
    """
    left, right = np.asarray(images, np.float64), np.asarray(texts, np.float64)
    one_width(left, right)
    units = unit_rows(left, "image")
    result: Floats = np.stack([units @ text for text in unit_rows(right, "text")], axis=1)
    return result
