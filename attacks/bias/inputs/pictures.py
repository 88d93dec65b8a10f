"""Pictures with annotated groups, decoded once and kept at the model's size.

For what runs every picture many times (ablations); the report itself streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.measures.draws import Ints

if TYPE_CHECKING:
    from attacks.bias.inputs.annotations import Annotations
    from clipprobe.data import Failure
    from clipprobe.models.preprocess import Preprocess


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Decoded pictures with their annotations.

    ``images``: as the model sees them; ``columns``: name -> value of each; ``clusters``: ``(n,)``
    or None; ``failures``: those that could not be read.
    """

    images: list[Any]
    columns: dict[str, list[str | None]]
    clusters: Ints | None
    failures: list[Failure]

    @classmethod
    def read(cls, people: Annotations, *, workers: int, preprocess: Preprocess) -> Pictures:
        """Decode every picture once; they stay in memory at the model's size."""
        from clipprobe.data import require_readable, stream_batches

        images: list[Any] = []
        failures: list[Failure] = []
        kept: set[str] = set()
        for batch in stream_batches(
            people.records, preprocess.to_grid, batch_size=64, workers=workers, allow_none=True
        ):
            images += batch.items
            kept |= {record.id for record in batch.records}
            failures += batch.failures
        require_readable(len(images), failures, people.gathered.dataset.name)
        rows = people.rows(kept)
        return cls(
            images=images,
            columns={name: [values[i] for i in rows] for name, values in people.values.items()},
            clusters=people.cluster_ids(rows),
            failures=failures,
        )
