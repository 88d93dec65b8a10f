"""Which word is written on which image.

Strategies over the classes, or over a list of the user's:

* ``random``: any of them; ``list`` is the same over a list;
* ``runner-up``: the wrong one that the model ranks highest on the clean image;
* ``most-similar``, ``least-similar``: by the text's similarity to the label's text;
* ``image-similar``: by the similarity of the clean image to the bare word (the measure of Wang
  et al., NAACL 2025, "Typographic Attacks in a Multi-Image Setting");
* ``brute-force``: the words that win on some images, within a budget of queries, reported on the
  others (see ``brute``);
* ``neuron``, ``head``: words whose image drives the units that write towards a wrong class (see
  ``derived``);
* ``per-image``: from a file that gives each image its words.

Whatever the strategy, the true label and everything that means the same or overlaps it is never an
attack, and no strategy picks a class name that the list holds twice: nobody could say which of the
two was hit. Random words are those that rank first by a hash of seed, image id and word, so that
the order of images and of the list does not matter, and two models are shown the same word wherever
both have room for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.words.guards import Guard, overlapping
from attacks.typographic.words.lists import distinct, read_word_file, words_of
from clipprobe.data.sampling import rank
from clipprobe.errors import ConfigError, nearest
from clipprobe.settings import values
from clipprobe.zeroshot.classes import Classes

STRATEGIES = (
    "random", "runner-up", "most-similar", "least-similar", "image-similar", "brute-force",
    "neuron", "head",
)  # fmt: skip
#: Strategies that measure something over the whole audit before the first image is attacked.
PREPARED = ("brute-force", "neuron", "head")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of an audit: a strategy over the classes, or over a list."""

    strategy: str
    """One of :data:`STRATEGIES`; ``list`` (random from the list), ``per-image``, or ``ranked``
    (the first of the list that can be written: what ``brute-force`` becomes)."""
    listed: tuple[str, ...] = ()
    """The words; empty for the class names."""
    by_image: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Image -> its words, for ``per-image``."""
    budget: int = 2000
    """Queries that ``brute-force`` may spend."""
    guard: Guard = field(default_factory=Guard)
    unfit: frozenset[str] = frozenset()
    """Words that cannot be written; no strategy picks them, and no control holds them."""

    @property
    def needs_clean_scores(self) -> bool:
        """Whether the clean images must be encoded before the words are known."""
        return self.strategy in ("runner-up", "image-similar")

    def to_json(self) -> dict[str, Any]:
        """Everything that changes which words are written."""
        fields: dict[str, Any] = {"strategy": self.strategy, "listed": list(self.listed)}
        if self.by_image:
            fields["by_image"] = {name: list(words) for name, words in self.by_image.items()}
        if self.strategy == "brute-force":
            fields["budget"] = self.budget
        if self.guard.forbidden or self.guard.allowed:
            fields["forbidden"] = list(self.guard.forbidden)
            fields["allowed"] = list(self.guard.allowed)
        return fields


def parse_words(
    words: str | Path | Sequence[str] | Words | Mapping[str, Any], *, guard: Guard | None = None
) -> Words:
    """A strategy's name, a file, a list of words, or a mapping that joins them.

    Args:
        words: A strategy; a ``Path`` to a file with one word per line or lines ``image.jpg,word``;
            a list; or ``{"strategy": ..., "listed": [...] or "file": path, "budget": n}``.
    Raises:
        ConfigError: the strategy or a key is unknown, the words are of another form, or the budget
            is not a number.
        DataError: the file cannot be read, holds no word, or a word that may not be written.
    """
    guard = guard or Guard()
    if isinstance(words, Words):
        guard.check_listed(words.listed)
        return words
    if isinstance(words, Mapping):
        return _from_mapping(words, guard)
    if isinstance(words, Path):
        listed, by_image = read_word_file(words)
        guard.check_listed(listed)
        strategy = "per-image" if by_image else "list"
        return Words(strategy=strategy, listed=listed, by_image=by_image, guard=guard)
    if not isinstance(words, str):
        listed = _listed(words, "words")
        guard.check_listed(listed)
        return Words(strategy="list", listed=listed, guard=guard)
    return Words(strategy=_strategy(words), guard=guard)


def _strategy(text: str) -> str:
    name = text.replace("_", "-")
    if name in STRATEGIES:
        return name
    raise ConfigError(
        f"The word strategy {text!r} is unknown: {nearest(name, STRATEGIES)} A list of words, or a "
        "path to a file with one word per line, can be given too."
    )


def _listed(words: Any, name: str) -> tuple[str, ...]:
    """The words of a list, each once; a text is not taken apart into its letters."""
    if isinstance(words, str | Path | Mapping) or not isinstance(words, Iterable):
        raise ConfigError(f"{name}={words!r} is not a list of words: give one such as [ipod, dog].")
    return distinct(values.listed(words), "list of words")


def _from_mapping(words: Mapping[str, Any], guard: Guard) -> Words:
    known = ("strategy", "listed", "file", "budget")
    for name in words:
        if name not in known:
            raise ConfigError(f"words has the unknown entry {name!r}: use {', '.join(known)}.")
    budget = words.get("budget", 2000)
    if isinstance(budget, bool) or not isinstance(budget, Integral) or budget < 1:
        raise ConfigError(f"budget={budget!r} is not a number of queries: give at least 1.")
    source, file = words.get("listed"), words.get("file")
    if source is not None and file is not None:
        raise ConfigError("words has both 'listed' and 'file': give one source of words.")
    if file is not None:
        source = read_word_file(Path(str(file)))[0]
    empty = source is None or (isinstance(source, list | tuple) and not source)
    listed = () if empty else _listed(source, "words.listed")
    guard.check_listed(listed)
    strategy = _strategy(str(words.get("strategy", "random")))
    if strategy == "random" and listed:
        strategy = "list"
    return Words(strategy=strategy, listed=listed, budget=int(budget), guard=guard)


def vocabulary(words: Words, classes: Classes) -> list[str]:
    """What the strategy chooses from: the list, or the class names; in their order."""
    return list(words.listed) or list(classes.names)


def writable_on(words: Words, classes: Classes, label: int, *, image_id: str = "") -> list[int]:
    """Which of the vocabulary may be written on an image of a class, as numbers in it.

    Neither what overlaps the label, nor a name that stands twice, nor a forbidden word.
    """
    counts = np.bincount(classes.group, minlength=len(classes.names))
    overlaps = overlapping(classes, classes.names[label])
    own = words_of(words.by_image, image_id) if words.strategy == "per-image" else None
    places = []
    for i, word in enumerate(vocabulary(words, classes)):
        twice = not words.listed and counts[classes.group[i]] > 1
        elsewhere = own is not None and word not in own
        if word in words.unfit or twice or elsewhere:
            continue
        if not (overlaps(word) or words.guard.forbids(word)):
            places.append(i)
    return places


def choose(
    words: Words,
    classes: Classes,
    label: int,
    *,
    image_id: str,
    seed: int,
    count: int = 1,
    scores: npt.NDArray[Any] | None = None,
) -> list[str]:
    """The attack words of one image.

    Args:
        label: The class of the image.
        count: How many words.
        scores: What ranks the vocabulary, ``(n_words,)``: see :func:`scores_of`; None for
            ``random``, ``list``, ``per-image`` and ``ranked``.
    Returns:
        Up to ``count`` words, none of which overlaps the label; fewer where there are no more.
    """
    names = vocabulary(words, classes)
    pool = writable_on(words, classes, label, image_id=image_id)
    # By name, so that the order of the list does not decide: neither draws nor ties.
    pool.sort(key=lambda i: names[i])
    if words.strategy in ("random", "list"):
        # A word's rank on an image depends on no other word.
        order = sorted(pool, key=lambda i: rank(seed, f"{image_id}\x1fword\x1f{names[i]}"))
    elif words.strategy == "per-image":
        own = words_of(words.by_image, image_id)
        order = sorted(pool, key=lambda i: own.index(names[i]))
    elif words.strategy == "ranked":
        order = sorted(pool)
    else:
        if scores is None:
            raise ConfigError(f"The word strategy {words.strategy!r} needs scores of the words.")
        sign = 1.0 if words.strategy == "least-similar" else -1.0
        ranked = np.argsort([sign * float(scores[i]) for i in pool], kind="stable")
        order = [pool[i] for i in ranked]
    return [names[i] for i in order[:count]]


def possible_words(words: Words, classes: Classes) -> list[str]:
    """Every word that an audit may write, the true words included, without repetition."""
    return list(dict.fromkeys([*words.listed, *classes.names]))
