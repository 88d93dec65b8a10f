"""Which template and which class name moves the accuracy, and by how much.

Each figure is a paired difference over the same images: the classifier with a text changed minus
the classifier as it is. *Alone*: a template on its own. *Without*: all templates but this one.
*Renamed*: one class under another name of the user's, all images counted, because a name that
attracts more of its own images attracts others as well. *Absent*: a class taken away as an answer,
the images of the other classes counted: what its name takes from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Ints
from clipprobe.errors import DataError
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, difference_of_paired_proportions
from clipprobe.zeroshot.text_bank import Averaging, averaged, ruled

Floats = npt.NDArray[np.float32]
Change = tuple[str, str, str, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
"""As an effect has it; and which images are answered right with it, and without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect(AsJson):
    """What one change of the texts does to the accuracy."""

    change: str
    """``alone``, ``without``, ``renamed`` or ``absent``."""
    text: str
    """The template or class that it is about."""
    new: str
    """The name that stands in its place; empty for the other changes."""
    difference: Estimate
    """Accuracy with the change minus accuracy without it, on the same images."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptExperiment:
    """Images, classes and the vector of every sentence."""

    images: Floats
    """Unit vectors, ``(n, d)``."""
    labels: Ints
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    sentences: Floats
    """Unit vectors, ``(k, templates, d)``."""
    averaging: Averaging = "unit-mean-unit"
    clip: Any = None
    """The model, whose edits may have rules on class vectors."""

    def right(self, vectors: Floats) -> npt.NDArray[np.bool_]:
        """Which images a classifier answers right, ``(n,)``."""
        hits: npt.NDArray[np.bool_] = (self.images @ vectors.T).argmax(axis=1) == self.labels
        return hits

    def vectors(self, sentences: Floats) -> Floats:
        """The classifier of these sentences, ``(k, templates, d)``."""
        return ruled(self.clip, self.classes, averaged(sentences, self.averaging))

    def renamed(self, place: int, name: str, sentences: Floats) -> Floats:
        """The vector of a class under another name, ``(d,)``; the others keep theirs."""
        names = [name if i == place else known for i, known in enumerate(self.classes)]
        changed = self.sentences.copy()
        changed[place] = sentences
        vector: Floats = ruled(self.clip, names, averaged(changed, self.averaging))[place]
        return vector


def template_effects(experiment: PromptExperiment, *, seed: int = 0) -> list[Effect]:
    """Each template alone and, where there are several, all but it; largest effect first."""
    base = experiment.right(experiment.vectors(experiment.sentences))
    changes: list[Change] = []
    for place, template in enumerate(experiment.templates):
        alone = experiment.vectors(experiment.sentences[:, [place]])
        changes.append(("alone", template, "", experiment.right(alone), base))
        if len(experiment.templates) > 1:
            rest = experiment.vectors(np.delete(experiment.sentences, place, axis=1))
            changes.append(("without", template, "", experiment.right(rest), base))
    return _effects(changes, seed)


def name_effects(
    experiment: PromptExperiment,
    renamed: Mapping[str, Mapping[str, Floats]] | None = None,
    *,
    seed: int = 0,
) -> list[Effect]:
    """Each class absent as an answer, and under its other names; largest effect first.

    Args:
        renamed: For a class, other names and the vectors of their sentences ``(templates, d)``.
    """
    vectors = experiment.vectors(experiment.sentences)
    cosines = experiment.images @ vectors.T
    base = cosines.argmax(axis=1) == experiment.labels
    changes: list[Change] = []
    for place, name in enumerate(experiment.classes):
        others = experiment.labels != place
        if others.any():
            without = cosines.copy()
            without[:, place] = -np.inf
            right = without.argmax(axis=1) == experiment.labels
            changes.append(("absent", name, "", right[others], base[others]))
        for new, sentences in (renamed or {}).get(name, {}).items():
            changed = cosines.copy()
            changed[:, place] = experiment.images @ experiment.renamed(place, new, sentences)
            right = changed.argmax(axis=1) == experiment.labels
            changes.append(("renamed", name, new, right, base))
    return _effects(changes, seed)


def check_other_names(
    others: Mapping[str, Sequence[str]], classes: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Other names by class.

    Raises:
        DataError: they are for something that is not a class.
    """
    for name in others:
        if name not in classes:
            raise DataError(
                f"Other names are given for {name!r}, which is not one of the {len(classes)} "
                "classes: write it as it stands in the class list."
            )
    return {name: tuple(new) for name, new in others.items()}


def _effects(changes: Iterable[Change], seed: int) -> list[Effect]:
    """The largest first."""
    effects = [
        Effect(
            change=change,
            text=text,
            new=new,
            difference=difference_of_paired_proportions(right, base, seed=seed),
        )
        for change, text, new, right, base in changes
    ]
    return sorted(effects, key=lambda one: (-abs(one.difference.value), one.change, one.text))
