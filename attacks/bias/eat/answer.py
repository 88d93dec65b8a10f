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

from attacks.bias.association import effect_sizes, permuted_effect_sizes
from attacks.bias.cells import ASSOCIATION, Cell
from attacks.bias.eat.effect import (
    Association,
    effect_sizes_of,
    from_leans,
    lean,
    percentile_of,
)
from attacks.bias.evidence import Evidence, FromEmbeddings, LabelSet, NotAnswerableError
from attacks.bias.frame import Frame
from attacks.bias.groups import CROSS, GroupColumn, restrict
from attacks.bias.measures import association_cells, comparisons
from attacks.bias.probes import Answer, Asked, Sample
from attacks.bias.resampling import Floats, generator
from attacks.bias.settings import Settings
from attacks.bias.word_lists import WordPair, word_pairs, word_tests
from clipprobe.statistics import permutation_p

NAME = "association"
TEMPLATES = ("{}",)
WORDS, IMAGES, WORD_TARGETS, PICTURES = MODES = (
    "words and words",
    "images as targets",
    "words as targets",
    "images and images",
)
FEW_WORDS = "over the words of the lists, which nobody sampled: narrow where they are few"


def answer(evidence: Evidence, sample: Sample, asked: Asked) -> Answer:
    """Every test that the evidence can answer.

    Raises:
        NotAnswerableError: it has no cosines of words, and none of images with words.
    """
    templates = asked.templates or TEMPLATES
    pairs = [pair for pair in word_pairs() if pair.about == "people"]
    cells: list[Cell] = []
    missing: list[str] = []
    if isinstance(evidence, FromEmbeddings):
        cells += _words_alone(evidence, templates, sample.settings)
    else:
        missing.append(f"{WORDS} and {PICTURES}: the table holds no embeddings")
    asked_pairs: list[tuple[WordPair, Floats]] = []
    for pair in pairs:
        try:
            asked_pairs.append((pair, evidence.cosines(_label_set(pair, templates))))
        except NotAnswerableError as error:
            missing.append(str(error))
    if not asked_pairs and not cells:
        raise NotAnswerableError("; ".join(missing))
    for column in sample.columns:
        cells += _with_words(asked_pairs, column, sample)
    if isinstance(evidence, FromEmbeddings):
        for one, other in itertools.permutations(sample.columns, 2):
            if not set(one.name.split(CROSS)) & set(other.name.split(CROSS)):
                cells += _pictures(evidence.image_vectors, one, other, sample)
    used = list(dict.fromkeys([*(p for p, _ in asked_pairs), *_in_tests(cells)]))
    labels = tuple(dict.fromkeys(word for pair in used for word in pair.words))
    whole = LabelSet(name=NAME, labels=labels, templates=templates)
    return Answer(
        cells=tuple(cells),
        labels=labels,
        prompts=whole.prompts,
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
        found = _test(s[:n], s[n:], settings, test.name)
        cells.append(
            Cell(
                probe=NAME, measure=ASSOCIATION,
                item=f"{test.name}: {test.targets.name}, {test.attributes.name}", column="",
                group=_side(test.targets, 0), reference=_side(test.targets, 1),
                n=found.n_x, n_reference=found.n_y, **_given(found, settings, WORDS),
            )
        )  # fmt: skip
    return cells


def _with_words(
    asked: Sequence[tuple[WordPair, Floats]], column: GroupColumn, sample: Sample
) -> list[Cell]:
    """Both modes between images of groups and words, for one column."""
    cells = []
    for pair, cosines in asked:
        frame = sample.framed(cosines, column)
        half = len(pair.first)
        s = frame.scores[:, :half].mean(axis=1) - frame.scores[:, half:].mean(axis=1)
        as_targets = association_cells(
            replace(frame, scores=s[:, None]), [_item(IMAGES, pair)], NAME, sample.settings
        )
        cells += [_moded(c, IMAGES) for c in as_targets if c.measure == ASSOCIATION]
        if len(column.levels) >= 2:
            cells += _word_targets(frame, pair, sample.settings)
    return cells


def _moded(cell: Cell, mode: str) -> Cell:
    return replace(cell, method=f"{mode}: {cell.method}")


def _word_targets(frame: Frame, pair: WordPair, settings: Settings) -> list[Cell]:
    """X and Y are the two word sets, A and B the images of a group and of the others."""
    cells, half = [], len(pair.first)
    for group, others in comparisons(len(frame.column.levels)):
        inside = frame.labels == group
        s = frame.scores[inside].mean(axis=0) - frame.scores[~inside].mean(axis=0)
        status, reason = frame.judge([group], others)
        found = _test(s[:half], s[half:], settings, f"{pair.name}/{frame.column.name}/{group}")
        low, high = _over_both(frame, inside, half, settings, pair.name)
        # Words of one set resemble each other, so chance in the images moves them together and
        # makes the partitions of words look clear. The finding must hold over images as well.
        u = frame.scores[:, :half].mean(axis=1) - frame.scores[:, half:].mean(axis=1)
        null = permuted_effect_sizes(u[:, None], frame.permutations, group)[:, 0]
        seen = float(effect_sizes(u[:, None], inside)[0])
        if math.isnan(seen) or math.isnan(found.d):
            over_images = math.nan
        else:
            centre = null.mean() if frame.strata is not None else 0.0
            over_images = permutation_p(seen - centre, null - centre, "two-sided")
        found = replace(found, low=low, high=high, p=max(found.p, over_images))
        given = _given(found, settings, WORD_TARGETS)
        if not math.isnan(found.p):
            given["method"] += (
                f"; the larger p of these and of {len(null)} {frame.permuted} of groups"
            )
        if status != "inferred":
            given |= {"low": math.nan, "high": math.nan, "p": math.nan, "reason": reason}
        levels = frame.column.levels
        cells.append(
            Cell(
                probe=NAME, measure=ASSOCIATION, item=_item(WORD_TARGETS, pair),
                column=frame.column.name, group=levels[group],
                reference=levels[0] if len(levels) == 2 else "rest", n=frame.sizes[group],
                n_reference=sum(frame.sizes[i] for i in others), **(given | {"status": status}),
            )
        )  # fmt: skip
    return cells


def _over_both(
    frame: Frame, inside: Any, half: int, settings: Settings, name: str
) -> tuple[float, float]:
    """The interval of words as targets: words and images are both resampled."""
    rng = generator(settings.seed, "words as targets", name, frame.column.name)
    draws = []
    for chunk in frame.weights:
        copies = chunk.astype(np.float64)
        mine = copies[:, inside] @ frame.scores[inside] / copies[:, inside].sum(1, keepdims=True)
        rest = copies[:, ~inside] @ frame.scores[~inside] / copies[:, ~inside].sum(1, keepdims=True)
        s, b = mine - rest, len(copies)
        x = rng.integers(0, half, (b, half))
        y = rng.integers(half, s.shape[1], (b, s.shape[1] - half))
        draws.append(
            effect_sizes_of(np.take_along_axis(s, x, axis=1), np.take_along_axis(s, y, axis=1))
        )
    return percentile_of(np.concatenate(draws), settings.level)


def _pictures(
    images: Floats, targets: GroupColumn, attributes: GroupColumn, sample: Sample
) -> list[Cell]:
    """Images of two groups against images of two others, over disjoint halves."""
    first = _half(len(images), sample, targets.name, attributes.name)
    column = restrict(targets, first)
    of_second = restrict(attributes, ~first)
    if len(column.levels) < 2 or len(of_second.levels) < 2:
        return []
    cells: list[Cell] = []
    inside = column.labels >= 0
    for group, others in comparisons(len(of_second.levels)):
        a = images[of_second.labels == group]
        b = images[np.isin(of_second.labels, others)]
        s = np.zeros(len(images))
        s[inside] = lean(images[inside], a, b)
        frame = sample.framed(s[:, None], column)
        name = of_second.levels[group]
        against = of_second.levels[0] if len(of_second.levels) == 2 else "rest"
        item = f"{PICTURES}: {name} against {against} ({attributes.heading})"
        made = association_cells(frame, [item], NAME, sample.settings)
        cells += [_moded(c, PICTURES) for c in made if c.measure == ASSOCIATION]
    return cells


def _half(n: int, sample: Sample, *names: str) -> Any:
    """Half of the images, whole clusters together, ``(n,)``; the same for both orders of names."""
    units = np.arange(n) if sample.clusters is None else sample.clusters
    rng = generator(sample.settings.seed, "halves", *sorted(names))
    order = rng.permutation(int(units.max()) + 1)
    return (order % 2 == 0)[units]


def _item(mode: str, pair: WordPair) -> str:
    return f"{mode}: {pair.name}"


def _side(pair: WordPair, place: int) -> str:
    return pair.name.split(" against ")[place] if " against " in pair.name else pair.name


def _test(x: Floats, y: Floats, settings: Settings, name: str) -> Association:
    seed = int(generator(settings.seed, NAME, name).integers(2**31))
    return from_leans(
        x, y, n_boot=settings.n_boot, n_permutations=settings.n_permutations,
        level=settings.level, seed=seed,
    )  # fmt: skip


def _given(found: Association, settings: Settings, mode: str) -> dict[str, Any]:
    how = "all" if found.exact else "random"
    over = "words" if mode == WORDS else "words and images"
    if math.isnan(found.d):
        return {"method": mode, "reason": "all targets lean alike: there is no spread"}
    return {
        "value": found.d, "low": found.low, "high": found.high, "p": found.p,
        "null_mean": 0.0, "excess": found.d,
        "method": f"{mode}: bootstrap over {over} ({settings.n_boot} draws, "
        f"{100 * settings.level:g} %), {how} {found.n_partitions} partitions",
        "reason": FEW_WORDS if not math.isnan(found.low) else "some resamples have no spread",
    }  # fmt: skip
