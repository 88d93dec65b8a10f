"""Pictures with annotated groups, decoded once and kept at the model's size.

For what runs every picture many times (ablations); the report itself streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.columns import cluster_ids, read_attribute, read_columns

if TYPE_CHECKING:
    from clipprobe.data import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Decoded pictures with their annotations.

    ``images``: as the model sees them; ``columns``: name -> value of each; ``clusters``: ``(n,)``
    or None; ``failures``: those that could not be read.
    """

    images: list[Any]
    columns: dict[str, list[str | None]]
    clusters: Any
    failures: list[Any]

    @classmethod
    def read(
        cls, dataset: Dataset, columns: Sequence[str], clusters: str | None, *, workers: int,
        preprocess: Any,
    ) -> Pictures:  # fmt: skip
        """Decode every picture once; they stay in memory at the model's size."""
        from clipprobe.data import require_readable, stream_batches

        annotated = read_columns(dataset.records, list(columns))
        pictured = (
            None if clusters is None else read_attribute(dataset.records, clusters, "cluster")
        )
        images: list[Any] = []
        failures: list[Any] = []
        kept: set[str] = set()
        for batch in stream_batches(
            dataset.records, preprocess.to_grid, batch_size=64, workers=workers, allow_none=True
        ):
            images += batch.items
            kept |= {record.id for record in batch.records}
            failures += batch.failures
        require_readable(len(images), failures, dataset.name)
        rows = [i for i, record in enumerate(dataset.records) if record.id in kept]
        ids = None
        if clusters is not None and pictured is not None:
            ids = cluster_ids([pictured[i] for i in rows], clusters)
        return cls(
            images=images,
            columns={name: [values[i] for i in rows] for name, values in annotated.items()},
            clusters=ids,
            failures=failures,
        )
