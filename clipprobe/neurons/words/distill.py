"""Top words against those that the Distill article published for its regional units.

"Multimodal Neurons in Artificial Neural Networks" (Goh et al. 2021) lists the top 20 rendered words
of 66 units. Nineteen of the units are of ``contrastive_4x``, which is OpenAI's released RN50x4, at
the last block's sum before the ReLU (here ``vision.layer4.5.add``). The lists of ``contrastive_v1``
and ``contrastive_v2`` are of models that were not released, and those of ``contrastive_rn50`` are
only probably RN50's, so none of them is taken for ground truth unless asked for.

The folder is the article's ``static/diagram-data/regional`` (CC BY 4.0): ``units.json``, pairs of
model and unit, and ``top_words.json``, one list of words for each pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import NonNegativeInt, TypeAdapter, ValidationError

from clipprobe.errors import ConfigError, DataError
from clipprobe.hooks.units import Site
from clipprobe.lines import read_text
from clipprobe.neurons.words.result import WordProbe
from clipprobe.runs.jsonio import AsJson

ARTICLE_MODEL = "contrastive_4x"
DEPTHS = (5, 20)
_N_CHANNELS = 2560
_UNITS, _WORDS = list[tuple[str, NonNegativeInt]], list[list[str]]
_UNCHANGED = "give the article's folder static/diagram-data/regional unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedWords:
    """The article's list for one unit: model, channel, words in order."""

    model: str
    unit: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How many of the article's words of one unit are among ours.

    Attributes:
        unit: ``<hook point>:<index>``.
        depth: How many top words of either list are compared.
        overlap: Words that both have.
        n_probed: Of the article's words, those that were probed here at all: the most that the
            overlap can be.
        expected: The overlap of a random order of our words: ``depth * n_probed / n_words``.
        p: Chance of at least this overlap in a random order (hypergeometric).
        shared: The words that both have, in our order.
    """

    unit: str
    depth: int
    overlap: int
    n_probed: int
    expected: float
    p: float
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillComparison(AsJson):
    """The comparison over all published units.

    Attributes:
        site: Hook point that was compared.
        model: Whose lists: the article's name of its model.
        n_words: Words that were probed here.
        is_article_model: Whether the probed model is called RN50x4 with OpenAI's weights; if not,
            the published units are others, and the overlap should be what chance gives.
        rows: One per unit and depth.
        median: Depth -> median overlap over units.
        expected: Depth -> mean expected overlap.
        reason: What to know before using the numbers; else empty.
    """

    site: str
    model: str
    n_words: int
    is_article_model: bool
    rows: tuple[Overlap, ...]
    median: dict[int, float]
    expected: dict[int, float]
    reason: str


def read_published(folder: str | Path, model: str = ARTICLE_MODEL) -> tuple[PublishedWords, ...]:
    """The lists of one of the article's models.

    Raises:
        DataError: a file is absent, too large, or not of the article's form; no list of that model.
    """
    units = _read(Path(folder) / "units.json", _UNITS, "a pair of model and unit")
    words = _read(Path(folder) / "top_words.json", _WORDS, "a list of words")
    if len(units) != len(words):
        raise DataError(
            f"{folder} names {len(units)} units and holds {len(words)} word lists: {_UNCHANGED}."
        )
    published = tuple(
        PublishedWords(model=name, unit=unit, words=tuple(listed))
        for (name, unit), listed in zip(units, words, strict=True)
        if name == model
    )
    if not published:
        known = ", ".join(sorted({name for name, _ in units}))
        raise DataError(f"{folder} has no list of {model!r}: it has {known}.")
    return published


def compare_distill(
    probe: WordProbe, folder: str | Path, *, model: str = ARTICLE_MODEL, site: str | None = None
) -> DistillComparison:
    """Overlap of our top words with the published ones, with what chance gives.

    Args:
        folder: The article's regional data.
        model: Whose lists: ``contrastive_4x`` alone is certainly a released model.
        site: Hook point; None for the last one of the probe that ends in ``.add``.

    Raises:
        DataError: the folder is not the article's.
        ConfigError: the probe holds no such hook point, or that has too few units.
    """
    from scipy.stats import hypergeom

    published = read_published(folder, model)
    point = _site(probe, site)
    if max(one.unit for one in published) >= point.n_units:
        raise ConfigError(
            f"The article's units of {model} go up to {max(one.unit for one in published)}, and "
            f"{point.name} of {probe.config['model']['id']} has {point.n_units}: probe RN50x4 "
            "(open_clip:RN50x4/openai), whose layer4.5.add has 2560."
        )
    values = probe.values[point.name]
    place = {word.casefold(): row for row, word in enumerate(probe.words)}
    n = len(probe.words)
    rows: list[Overlap] = []
    for one in published:
        order = np.argsort(-values.value[:, one.unit], kind="stable")
        for depth in DEPTHS:
            theirs = {
                place[word.casefold()] for word in one.words[:depth] if word.casefold() in place
            }
            shared = [int(row) for row in order[:depth] if row in theirs]
            population = (n, len(theirs), min(depth, n))
            rows.append(
                Overlap(
                    unit=f"{point.name}:{one.unit}",
                    depth=depth,
                    overlap=len(shared),
                    n_probed=len(theirs),
                    expected=min(depth, n) * len(theirs) / n,
                    p=float(hypergeom.sf(len(shared) - 1, *population)) if theirs else math.nan,
                    shared=tuple(probe.words[row] for row in shared),
                )
            )
    ours = {depth: [row for row in rows if row.depth == depth] for depth in DEPTHS}
    name = str(probe.config["model"]["id"])
    is_rn50x4 = "RN50x4" in name and name.endswith("/openai") and point.n_units == _N_CHANNELS
    right = is_rn50x4 and model == ARTICLE_MODEL
    return DistillComparison(
        site=point.name,
        model=model,
        n_words=n,
        is_article_model=right,
        rows=tuple(rows),
        median={d: float(np.median([row.overlap for row in part])) for d, part in ours.items()},
        expected={d: float(np.mean([row.expected for row in part])) for d, part in ours.items()},
        reason=""
        if right
        else f"{name} is not known to be the model of the article's {model} lists: no overlap "
        "beyond chance is expected",
    )


def _site(probe: WordProbe, name: str | None) -> Site:
    if name is not None:
        return probe.site(name)
    sums = [site for site in probe.sites.values() if site.name.endswith(".add")]
    if not sums:
        raise ConfigError(
            f"The probe holds {', '.join(list(probe.sites)[:3])} and no sum of a ResNet block, "
            "which is what the article's lists are of: probe RN50x4 (open_clip:RN50x4/openai)."
        )
    return sums[-1]


def _read(path: Path, form: Any, what: str) -> Any:
    text = read_text(path, "file", f"{_UNCHANGED}, with units.json and top_words.json")
    try:
        return TypeAdapter(form).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"holds {str(first['input'])[:60]!r} where {what} was expected"
        if first["type"] == "json_invalid":
            problem = "is not JSON"
        raise DataError(f"{path} {problem}: {_UNCHANGED}.") from None
