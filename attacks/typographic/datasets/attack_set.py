"""An attack data set that was read: its images, checked and paired, and what was left out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from attacks.typographic.datasets.layout import Layout, Picture, condition_of
from clipprobe.data import Dataset, Failure, ImageRecord
from clipprobe.data.sampling import rank
from clipprobe.origin import Origin
from clipprobe.zeroshot.classes import key

#: What of a picture its record has beside the label.
_ATTRIBUTES = ("word", "condition", "pair", "aim")


@dataclass(frozen=True, kw_only=True)
class AttackSet:
    """An attack data set that was read, checked and paired.

    Attributes:
        name: What the user called it: the last part of the path.
        layout: Where it comes from: title, licence, source, expected counts.
        images: Ordered by id.
        skipped: Files that could not be used, each with its reason.
        warnings: Sentences for the reader: counts that differ from the published ones.
        synonyms: Names that mean the same in this data set.
        origin: What opens it again; None for one that was made in memory.
    """

    name: str
    layout: Layout
    pictures: tuple[Picture, ...]
    skipped: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    origin: Origin | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def planned(self) -> bool:
        """Whether the audit has to write the words."""
        return bool(self.pictures) and self.pictures[0].planned

    @cached_property
    def dataset(self) -> Dataset:
        """The images as an ordinary data set; word, condition and pair are attributes."""
        return Dataset(
            name=self.name,
            records=tuple(
                ImageRecord(
                    id=p.id,
                    source=p.source,
                    label=p.label,
                    attributes={name: getattr(p, name) for name in _ATTRIBUTES},
                )
                for p in self.pictures
            ),
        )

    def classes(self) -> list[str]:
        """The union of labels and words, sorted: the usual candidate set of these data sets.

        Names that differ only in case, spaces or hyphens are one class.
        """
        names = {text for p in self.pictures for text in (p.label, p.word, p.aim) if text}
        return sorted({key(name): name for name in sorted(names, reverse=True)}.values())

    def with_synonyms(self, synonyms: Mapping[str, Sequence[str]] | None) -> dict[str, list[str]]:
        """The aliases of the data set together with the user's."""
        joined = {name: list(others) for name, others in self.synonyms.items()}
        for name, others in (synonyms or {}).items():
            joined[name] = [*joined.get(name, []), *others]
        return joined

    def counts(self) -> dict[str, int]:
        """Images by condition: ``attack``, ``clean``, ``synth``, ``true``."""
        return dict(sorted(Counter(map(condition_of, self.pictures)).items()))

    def sample(
        self,
        limit: int | None = None,
        *,
        sample: int | None = None,
        per_class: bool = False,
        seed: int = 0,
    ) -> AttackSet:
        """At most ``limit`` images, whole pairs where they fit, the same ones everywhere.

        Args:
            limit: At most N, whatever the seed.
            sample: At most N that the seed chooses; ``per_class``: N of each label.
        """
        pictures, how = list(self.pictures), []
        if sample is not None:
            classes: dict[str, list[Picture]] = {}
            for p in pictures:
                classes.setdefault(key(p.label) if per_class else "", []).append(p)
            pictures = [
                p
                for members in classes.values()
                for p in _whole_pairs(members, sample, lambda name: rank(seed, name))
            ]
            how.append("sample")
        if limit is not None and limit < len(pictures):
            pictures = _whole_pairs(
                pictures, limit, lambda name: hashlib.sha256(name.encode()).digest()
            )
            how.append("limit")
        if len(pictures) == len(self.pictures):
            return self
        ids = {p.id for p in pictures}
        note = f"Only {len(ids)} of {len(self)} images were used ({' and '.join(how)})."
        return replace(
            self,
            pictures=tuple(p for p in self.pictures if p.id in ids),
            warnings=(*self.warnings, note),
            origin=None,
        )

    def describe(self) -> dict[str, Any]:
        """What a report says about the data: source, licence, counts."""
        return {**self.layout.describe(), "found": self.counts(), "name": self.name}

    def notices(self) -> list[str]:
        """Warnings, and the licence where it limits the use."""
        licence = self.layout.licence_notice()
        return [*([licence] if licence else []), *self.warnings]


def _whole_pairs(
    pictures: Sequence[Picture], most: int, order: Callable[[str], bytes]
) -> list[Picture]:
    """The first pairs in an order that fit whole; single images where no pair does."""
    if len(pictures) <= most:
        return list(pictures)
    groups: dict[str, list[Picture]] = {}
    for p in pictures:
        groups.setdefault(p.pair, []).append(p)
    members: list[Picture] = []
    for pair in sorted(groups, key=order):
        if len(members) + len(groups[pair]) <= most:
            members += groups[pair]
    if not members:  # the pairs are larger than the limit
        members = sorted(pictures, key=lambda p: order(p.id))
    return members[:most]
