"""From word sets and images of annotated groups to the cells of the probe ``association``.

Four modes, named by what the targets are (X, Y) and what the attributes (A, B):

* ``words and words``: both are words. WEAT and SEAT; no image takes part.
* ``images as targets``: X and Y are the images of two groups, A and B words. Permuted are groups.
* ``words as targets``: X and Y are words, A and B the images of two groups. Permuted are words.
* ``images and images``: X and Y are the images of two groups of one column, A and B those of
  another column, over two halves of the images, so that no image is compared with itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.evidence.answers import (
    Evidence,
    FromEmbeddings,
    LabelSet,
    NotAnswerableError,
    ask_each,
)
from attacks.bias.groups.columns import CROSS, GroupColumn, restrict, withhold
from attacks.bias.measures.association_cells import Effects, find_effects, item_cells
from attacks.bias.measures.cells import ASSOCIATION, Cell, Key
from attacks.bias.measures.draws import Floats, generator
from attacks.bias.measures.evaluation import Answer
from attacks.bias.measures.frame import Frame, comparisons
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.subjects import Subjects
from attacks.bias.probe import ProbeOptions, Sample
from attacks.bias.probes.association_tests.effect import Association, lean, seeded_test
from attacks.bias.probes.association_tests.word_targets import resample, word_targets
from attacks.bias.probes.word_lists import WordPair, word_pairs, word_tests

NAME = "association"
TEMPLATES = ("{}",)
WORDS, IMAGES, WORD_TARGETS, IMAGE_TARGETS = MODES = (
    "words and words",
    "images as targets",
    "words as targets",
    "images and images",
)
FEW_WORDS = "over the words of the lists, which nobody sampled: narrow where they are few"


def answer(evidence: Evidence, sample: Sample, options: ProbeOptions) -> Answer:
    """Every test that the evidence can answer.

    Raises:
        NotAnswerableError: it has no cosines of words, and none of images with words.
    """
    templates = options.templates or TEMPLATES
    cells: list[Cell] = []
    missing: list[str] = []
    if isinstance(evidence, FromEmbeddings):
        cells += _words_alone(evidence, templates, sample.settings)
    else:
        missing.append(f"{WORDS} and {IMAGE_TARGETS}: the table holds no embeddings")
    sets = {_label_set(pair, templates): pair for pair in word_pairs() if pair.about == "people"}
    answered, lacking = ask_each(sets, evidence.cosines)
    missing += lacking
    asked_pairs = [(sets[one], cosines) for one, cosines in answered]
    if not asked_pairs and not cells:
        raise NotAnswerableError("; ".join(missing))
    for column in sample.columns:
        cells += _with_words(asked_pairs, column, sample)
    if isinstance(evidence, FromEmbeddings):
        for one, other in itertools.permutations(sample.columns, 2):
            if not set(one.name.split(CROSS)) & set(other.name.split(CROSS)):
                cells += _by_image(evidence.image_vectors, one, other, sample)
    used = list(dict.fromkeys([*(p for p, _ in asked_pairs), *_in_tests(cells)]))
    labels = tuple(dict.fromkeys(word for pair in used for word in pair.words))
    return Answer(
        cells=tuple(cells),
        labels=labels,
        missing=tuple(missing),
        facts={"templates": templates, "pairs": [_about(pair) for pair in used]},
    )


def _label_set(pair: WordPair, templates: Sequence[str]) -> LabelSet:
    # A word may stand on both sides of two pairs, but within one pair each is a label of its own.
    return LabelSet(name=pair.name, labels=pair.words, templates=tuple(templates))


def _in_tests(cells: Sequence[Cell]) -> list[WordPair]:
    if not any(cell.reference == WORDS or cell.column == "" for cell in cells):
        return []
    return [pair for test in word_tests() for pair in (test.targets, test.attributes)]


def _about(pair: WordPair) -> dict[str, Any]:
    return {
        "name": pair.name, "first": pair.first, "second": pair.second, "source": pair.source,
        "licence": pair.licence, "caveat": pair.caveat,
    }  # fmt: skip


def _words_alone(
    evidence: FromEmbeddings, templates: Sequence[str], settings: Settings
) -> list[Cell]:
    cells = []
    for test in word_tests():
        targets = evidence.text_vectors(_label_set(test.targets, templates))
        attributes = evidence.text_vectors(_label_set(test.attributes, templates))
        half = len(test.attributes.first)
        s = lean(targets, attributes[:half], attributes[half:])
        n = len(test.targets.first)
        one = seeded_test(s[:n], s[n:], settings, test.name)
        cells.append(
            Cell(
                probe=NAME, key=_key(WORDS),
                item=f"{test.name}: {test.targets.name}, {test.attributes.name}", column="",
                group=_side(test.targets, 0), reference=_side(test.targets, 1),
                n=one.n_x, n_reference=one.n_y, **_fields(one, settings, WORDS),
            )
        )  # fmt: skip
    return cells


def _with_words(
    pairs: Sequence[tuple[WordPair, Floats]], column: GroupColumn, sample: Sample
) -> list[Cell]:
    """Both modes between images of groups and words, for one column; all pairs in one pass."""
    if not pairs:
        return []
    frame = sample.framed(np.hstack([cosines for _, cosines in pairs]), column)
    subjects = Subjects(frame=frame, probe=NAME, settings=sample.settings)
    compared = len(column.levels) >= 2
    parts, leans = _parts(frame, [pair for pair, _ in pairs])
    images = find_effects(subjects, leans) if compared else []
    resampled = resample(frame) if compared else None
    cells = []
    for place, ((pair, _), words) in enumerate(zip(pairs, parts, strict=True)):
        own = [one.items(slice(place, place + 1)) for one in images]
        cells += _image_cells(subjects, _item(IMAGES, pair), IMAGES, own)
        if resampled is not None:
            half = len(pair.first)
            rows = word_targets(words, half, resampled, images, place, pair.name)
            cells += _word_cells(pair, rows, images)
    return cells


def _image_cells(
    subjects: Subjects, item: str, mode: str, effects: Sequence[Effects]
) -> list[Cell]:
    """Those of one item, whose method says the mode."""
    cells = [*subjects.hidden(_key(mode), [item]), *item_cells([item], _key(mode), effects)]
    return [replace(cell, method=f"{mode}: {cell.method}") for cell in cells]


def _parts(frame: Frame, pairs: Sequence[WordPair]) -> tuple[list[slice], Floats]:
    """The columns of each pair's words, and what every image leans to of each pair, ``(n, m)``."""
    parts, leans, start = [], [], 0
    for pair in pairs:
        middle, stop = start + len(pair.first), start + len(pair.words)
        first, second = frame.scores[:, start:middle], frame.scores[:, middle:stop]
        leans.append(first.mean(axis=1) - second.mean(axis=1))
        parts.append(slice(start, stop))
        start = stop
    return parts, np.stack(leans, axis=1)


def _word_cells(
    pair: WordPair, tests: Sequence[Association], compared: Sequence[Effects]
) -> list[Cell]:
    cells = []
    for one, test in zip(compared, tests, strict=True):
        subject = one.subject
        fields = _fields(test, subject.settings, WORD_TARGETS)
        if not math.isnan(test.p):
            fields["method"] += (
                f"; the larger p of these and of {len(one.null)} {subject.frame.permuted} of groups"
            )
        if not subject.inferred:
            fields |= {"low": math.nan, "high": math.nan, "p": math.nan, "reason": subject.reason}
        cells.append(subject.cell(_key(WORD_TARGETS), _item(WORD_TARGETS, pair), **fields))
    return cells


def _by_image(
    images: Floats, targets: GroupColumn, attributes: GroupColumn, sample: Sample
) -> list[Cell]:
    """Images of two groups against images of two others, over disjoint halves."""
    first = _half(len(images), sample, targets.name, attributes.name)
    column = _whole_halves(targets, first)
    of_second = restrict(attributes, ~first)
    if len(column.levels) < 2 or len(of_second.levels) < 2:
        return []
    levels = of_second.levels
    inside = column.labels >= 0
    own = images[inside]
    members = [images[of_second.labels == g] for g in range(len(levels))]
    compared = comparisons(len(levels))
    s = np.zeros((len(images), len(compared)))
    for place, (group, others) in enumerate(compared):
        s[inside, place] = lean(own, members[group], np.concatenate([members[i] for i in others]))
    frame = sample.framed(s, column, share=False)  # a half that no other question asks about
    subjects = Subjects(frame=frame, probe=NAME, settings=sample.settings)
    effects = find_effects(subjects, frame.scores)
    cells: list[Cell] = []
    for place, (group, _) in enumerate(compared):
        against = levels[0] if len(levels) == 2 else "rest"
        item = f"{IMAGE_TARGETS}: {levels[group]} against {against} ({attributes.heading})"
        part = [one.items(slice(place, place + 1)) for one in effects]
        cells += _image_cells(subjects, item, IMAGE_TARGETS, part)
    return cells


def _whole_halves(targets: GroupColumn, first: NDArray[np.bool_]) -> GroupColumn:
    """The targets over their half, those groups only that the other half could show as well: the
    size of a group less that of its half would be a small one's."""
    column, other = restrict(targets, first), restrict(targets, ~first)
    for level in set(column.levels) - set(other.levels):
        column = withhold(column, level)
    return column


def _half(n: int, sample: Sample, *names: str) -> Any:
    """Half of the images, whole clusters together, ``(n,)``; the same for both orders of names."""
    units = np.arange(n) if sample.clusters is None else sample.clusters
    rng = generator(sample.settings.seed, "halves", *sorted(names))
    order = rng.permutation(int(units.max()) + 1)
    return (order % 2 == 0)[units]


def _key(mode: str) -> Key:
    return replace(ASSOCIATION, scheme=mode)


def _item(mode: str, pair: WordPair) -> str:
    return f"{mode}: {pair.name}"


def _side(pair: WordPair, place: int) -> str:
    return pair.name.split(" against ")[place] if " against " in pair.name else pair.name


def _fields(test: Association, settings: Settings, mode: str) -> dict[str, Any]:
    how = "all" if test.exact else "random"
    over = "words" if mode == WORDS else "words and images"
    if math.isnan(test.d):
        return {"method": mode, "reason": "all targets lean alike: there is no spread"}
    return {
        "value": test.d, "low": test.low, "high": test.high, "p": test.p,
        "null_mean": 0.0, "excess": test.d,
        "method": f"{mode}: bootstrap over {over} ({settings.n_boot} draws, "
        f"{100 * settings.level:g} %), {how} {test.n_partitions} partitions",
        "reason": FEW_WORDS if not math.isnan(test.low) else "some resamples have no spread",
    }  # fmt: skip
