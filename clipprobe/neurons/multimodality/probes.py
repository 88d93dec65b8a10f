"""The images of a multimodality test: which concept each shows, and in which modality.

They come from the user (a mapping or a table), or from the bundled stimuli (``bundled``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Dataset, Failure, ImageRecord, as_dataset
from clipprobe.data.records import make_dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.origin import Origin, absolute
from clipprobe.statistics import halves
from clipprobe.stimuli.probe_sets import MODALITIES

Concepts = Mapping[str, Mapping[str, Iterable[Any]]] | str | Path
CONCEPT, MODALITY, HALF = "concept", "modality", "half"
SELECT, CONFIRM = "select", "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Images of concepts in modalities.

    Attributes:
        dataset: All images in order of id; label is the concept, ``modality`` an attribute.
        concepts: In alphabetical order.
        modalities: In the order in which they are shown.
        skipped: Images left out before any was read, with the reason.
        origin: What opens or renders them again; None for images in memory.
    """

    dataset: Dataset
    concepts: tuple[str, ...]
    modalities: tuple[str, ...]
    skipped: tuple[Failure, ...] = ()
    origin: Origin | None = field(default=None, compare=False)

    def of(self, modality: str) -> list[ImageRecord]:
        """The images of one modality in order of id."""
        return [record for record in self.dataset if record.attributes[MODALITY] == modality]

    @property
    def halves(self) -> bool:
        """Whether the images say which of them select a unit's concept, and which confirm it."""
        return any(HALF in record.attributes for record in self.dataset)

    def codes(self, records: Sequence[ImageRecord]) -> NDArray[np.int64]:
        """Number of each image's concept, ``(n,)``."""
        place = {name: number for number, name in enumerate(self.concepts)}
        return np.array([place[str(record.label)] for record in records], np.int64)

    def describe(self) -> dict[str, Any]:
        """Name, fingerprint and number of images, for manifests."""
        return self.dataset.describe()


def as_probes(concepts: Concepts | Probes, *, min_images: int) -> Probes:
    """The probes in whatever form they were given, checked.

    Args:
        concepts: ``{concept: {modality: [images]}}``; or the path of a table (or of a folder with
            one) with the columns ``file_name``, ``concept`` (or ``label``) and ``modality``; a
            column ``half``, where there is one, says which images ``select`` a unit's concept, and
            which ``confirm`` it.
        min_images: A concept with fewer images in some modality is left out, and said.
    Raises:
        DataError: the table lacks a column; fewer than two modalities, or than two concepts that
            have enough images in each.
        ConfigError: ``min_images`` is below 2.
    """
    if min_images < 2:
        raise ConfigError(
            f"min_images={min_images} leaves no image to confirm on: give at least 2."
        )
    if isinstance(concepts, Probes):
        again = complete(concepts.dataset.name, list(concepts.dataset), min_images)
        return replace(again, skipped=(*concepts.skipped, *again.skipped), origin=concepts.origin)
    if isinstance(concepts, str | Path):
        dataset = as_dataset(concepts)
        records = [_of_table(record, dataset.name) for record in dataset]
        arguments = {"concepts": absolute(concepts), "min_images": min_images}
        probes = complete(dataset.name, records, min_images)
        return replace(probes, origin=Origin(opener="probes", arguments=arguments))
    if not isinstance(concepts, Mapping):
        raise DataError(
            "Concepts must be {concept: {modality: [images]}} or the path of a table, this is a "
            f"{type(concepts).__name__}."
        )
    return complete("concepts", _of_mapping(concepts), min_images)


def split(
    ids: Sequence[str], codes: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which images select, ``(n,)``; the others confirm.

    Of each concept's images, in an order drawn by the hash of their ids, the first ``share`` (at
    least one, and never all) select. With ``share=0`` none do.
    """
    if share == 0:
        return np.zeros(len(ids), bool)
    return halves.split(
        ids, halves.hashed(seed), lambda n: min(max(1, round(share * n)), n - 1), codes
    )


def enough(
    codes: Mapping[str, NDArray[np.int64]], n_concepts: int, min_images: int
) -> NDArray[np.bool_]:
    """Which concepts have enough images in every modality, ``(n_concepts,)``."""
    counts = [np.bincount(part, minlength=n_concepts) for part in codes.values()]
    enough_images: NDArray[np.bool_] = np.min(counts, axis=0) >= min_images
    return enough_images


def _of_table(record: ImageRecord, name: str) -> ImageRecord:
    concept = record.attributes.get(CONCEPT, record.label)
    modality = record.attributes.get(MODALITY)
    if concept is None or modality is None:
        absent = CONCEPT if concept is None else MODALITY
        raise DataError(
            f"The image {record.id!r} of {name!r} has no {absent}: give a table with the columns "
            f"file_name, {CONCEPT} and {MODALITY}, filled in every row."
        )
    return replace(record, label=concept, attributes={**record.attributes, MODALITY: modality})


def _of_mapping(concepts: Mapping[str, Mapping[str, Iterable[Any]]]) -> list[ImageRecord]:
    records: list[ImageRecord] = []
    for concept, modalities in concepts.items():
        if not isinstance(modalities, Mapping):
            raise DataError(
                f"The concept {concept!r} must map modalities to images, this is a "
                f"{type(modalities).__name__}: give {{modality: [images]}}."
            )
        for modality, images in modalities.items():
            items = list(images) if not isinstance(images, str) else images
            if len(items) == 0:
                continue
            for record in as_dataset(items):
                attributes = {**record.attributes, MODALITY: str(modality)}
                name = f"{concept}/{modality}/{record.id}"
                records.append(replace(record, id=name, label=str(concept), attributes=attributes))
    return records


def complete(name: str, records: list[ImageRecord], min_images: int) -> Probes:
    """Keep the concepts that have enough images in every modality."""
    named = [record.attributes.get(HALF) for record in records]
    if any(named) and set(named) != {SELECT, CONFIRM}:
        odd = next((one for one in named if one not in (SELECT, CONFIRM)), None)
        raise DataError(
            f"The column {HALF} of {name!r} must say {SELECT} or {CONFIRM} in every row, with both "
            + ("there" if odd is None else f"there, and one says {odd!r}")
            + ": fill it, or leave it out."
        )
    modalities = tuple(dict.fromkeys(record.attributes[MODALITY] for record in records))
    if set(modalities) == set(MODALITIES):
        modalities = MODALITIES
    if len(modalities) < 2:
        listed = ", ".join(map(repr, modalities)) or "none"
        raise DataError(
            f"Multimodality compares modalities, and {name!r} has {len(modalities)} ({listed}): "
            "give images of the same concepts in at least two."
        )
    names = sorted({str(record.label) for record in records})
    place = {concept: number for number, concept in enumerate(names)}
    codes = {
        modality: np.array(
            [place[str(r.label)] for r in records if r.attributes[MODALITY] == modality], np.int64
        )
        for modality in modalities
    }
    is_complete = enough(codes, len(names), min_images)
    if is_complete.sum() < 2:
        raise DataError(
            f"Only {int(is_complete.sum())} of the {len(names)} concepts of {name!r} have at least "
            f"{min_images} images in each of {', '.join(modalities)}, and two are needed (the "
            "distractors are images of the other concepts): give more images, or lower min_images."
        )
    reason = f"its concept has fewer than {min_images} images in some modality"
    complete_records = [record for record in records if is_complete[place[str(record.label)]]]
    skipped = [Failure(r.id, reason) for r in records if not is_complete[place[str(r.label)]]]
    return Probes(
        dataset=make_dataset(name, complete_records, None),
        concepts=tuple(name for name, keep in zip(names, is_complete, strict=True) if keep),
        modalities=modalities,
        skipped=tuple(skipped),
    )
