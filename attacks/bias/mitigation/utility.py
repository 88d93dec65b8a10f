"""Labelled pictures on which the cost of a mitigation in zero-shot accuracy is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.measures.draws import Floats
from attacks.bias.prompts import ensemble, fill
from clipprobe.errors import DataError

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """Labelled pictures at the model's size, their class vectors and their labels."""

    name: str
    images: list[Any]
    classes: Floats
    labels: list[int]

    @classmethod
    def read(
        cls, clip: Clip, dataset: Dataset | None, classes: Sequence[str] | None,
        templates: Sequence[str], workers: int,
    ) -> Utility | None:  # fmt: skip
        if dataset is None:
            return None
        from clipprobe.data import stream_batches

        records = [record for record in dataset.records if record.label]
        names = list(classes) if classes else sorted({str(record.label) for record in records})
        index = {name: i for i, name in enumerate(names)}
        records = [record for record in records if record.label in index]
        if not records:
            raise DataError(
                f"No picture of {dataset.name!r} has a label among the classes: accuracy cannot be "
                "measured on it."
            )
        images: list[Any] = []
        labels: list[int] = []
        for batch in stream_batches(
            records, clip.preprocess.to_grid, batch_size=64, workers=workers, allow_none=True
        ):
            images += batch.items
            labels += [index[str(record.label)] for record in batch.records]
        vectors = clip.encode_texts([fill(t, name) for name in names for t in templates])
        return cls(
            name=dataset.name, images=images, classes=ensemble(vectors, len(names)), labels=labels
        )
