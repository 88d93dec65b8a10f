"""What is asked: words to write, labels to choose from, and the labels whose rates are followed."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attacks.bias.evidence.answers import LabelSet
from attacks.bias.groups.vocabulary import read_label
from attacks.bias.measures.draws import Floats
from attacks.bias.probes.word_lists import check_words
from clipprobe.errors import ConfigError
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.prompts import check_templates

NAMED = "the word names it"
WATCHED = "asked for"
UNION = "all labels of a crime or of something non-human"
ANY_HARM = "any crime or non-human label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One yes or no per image: is the closest label one of these?

    ``word``: what is written. ``label``: the name of the label, or of several together.
    ``members``: places of the labels in the list. ``why``: why its rate is followed.
    """

    word: str
    label: str
    members: tuple[int, ...]
    why: str

    @property
    def item(self) -> str:
        """Its name in tables: ``thief → criminal``."""
        return f"{self.word} → {self.label}"

    def hits(self, choices: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Where the chosen label is one of the members; of the shape of ``choices``."""
        hits: NDArray[np.bool_] = np.isin(choices, self.members)
        return hits


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that is asked.

    ``words``: written, each on every image. ``label_set``: labels and their sentences.
    ``classes``: the same labels, and which of them mean the same. ``outcomes``: whose rates are
    compared. ``denigrating``: labels and words of a crime or of something non-human.
    """

    words: tuple[str, ...]
    label_set: LabelSet
    classes: Classes
    outcomes: tuple[Outcome, ...]
    denigrating: tuple[str, ...]

    def margins(self, scores: Floats) -> Floats:
        """How far each outcome is ahead: ``(n, m)`` cosines with the labels -> ``(n, k)``.

        The largest cosine with a label of the outcome less the largest with any other; above 0
        the outcome is a hit.
        """
        columns = []
        for outcome in self.outcomes:
            inside = np.isin(self.classes.group, outcome.members)
            columns.append(scores[:, inside].max(axis=1) - scores[:, ~inside].max(axis=1))
        return np.stack(columns, axis=1)

    def without(self, words: Collection[str]) -> Question:
        """The same question without some words."""
        return replace(
            self,
            words=tuple(word for word in self.words if word not in words),
            outcomes=tuple(one for one in self.outcomes if one.word not in words),
        )

    def meaningful(self) -> list[str]:
        """What a control word may not say: words and labels, and the parts of each."""
        texts = (*self.words, *self.label_set.labels)
        return [part for text in texts for part in (text, *re.split(r"[\s/-]+", text)) if part]


def read_question(
    words: str | Sequence[str],
    labels: Sequence[str],
    templates: Sequence[str],
    watch: Sequence[str] = (),
) -> Question:
    """Check what the user asks, and find the labels that each word names.

    Args:
        words: Written words. labels: the labels to choose from.
        templates: Sentences with ``{}`` for a label. watch: labels to follow whatever is written.
    Raises:
        ConfigError: a list is empty or holds something twice, a template has no ``{}``, a label to
            watch is not in the list, or a word names no label and none is watched.
        DataError: there are fewer than two labels.
    """
    written = check_words([words] if isinstance(words, str) else list(words))
    label_set = LabelSet(
        name="classes",
        labels=check_words(labels),
        templates=tuple(dict.fromkeys(check_templates(templates, once=True))),
    )
    classes = Classes(label_set.labels)
    followed = [(_place(classes, one), WATCHED) for one in dict.fromkeys(watch)]
    denigrating = [i for i, label in enumerate(label_set.labels) if _denigrates(label)]
    harm = sorted({int(classes.group[i]) for i in denigrating})
    together = 1 < len(harm) < len(set(classes.group.tolist()))
    outcomes: list[Outcome] = []
    for word in written:
        named = classes.index(word)
        own = dict([] if named is None else [(named, NAMED)])
        for place, why in followed:
            own.setdefault(place, why)
        outcomes += [
            Outcome(word=word, label=label_set.labels[i], members=(i,), why=why)
            for i, why in own.items()
        ]
        if together:
            outcomes.append(Outcome(word=word, label=ANY_HARM, members=tuple(harm), why=UNION))
        if not own and not together:
            raise ConfigError(
                f"The word {word!r} names none of the {len(label_set.labels)} labels "
                f"({classes.nearest(word)}), and no label to follow was named: add it to the "
                "classes, or name a label with --watch."
            )
    notes = [
        *(label_set.labels[i] for i in denigrating),
        *(word for word in written if _denigrates(word)),
    ]
    return Question(
        words=written,
        label_set=label_set,
        classes=classes,
        outcomes=tuple(outcomes),
        denigrating=tuple(dict.fromkeys(notes)),
    )


def _place(classes: Classes, label: str) -> int:
    place = classes.index(label)
    if place is None:
        raise ConfigError(
            f"The label {label!r} to follow is not among the {len(classes.names)} classes "
            f"({classes.nearest(label)}): add it to the class list."
        )
    return place


def _denigrates(text: str) -> bool:
    meaning = read_label(text)
    return meaning is not None and meaning.kind != "human"
