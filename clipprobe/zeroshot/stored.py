"""The images of a study, encoded part by part: a killed run finds what it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from clipprobe.data import Dataset, Failure, require_readable
from clipprobe.memory import fitting_batch
from clipprobe.zeroshot.embedded import EmbeddedImages, encode_records

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.runs import Run

_BATCHES = 4
"""Batches of one part."""


def embed_in_parts(
    run: Run,
    clip: Clip,
    dataset: Dataset,
    *,
    batch_size: int,
    name: str = "images",
    progress: Callable[[int], None] | None = None,
) -> EmbeddedImages:
    """Every readable image of a data set; parts that an earlier try left are read back.

    Args:
        name: Of the parts, other for another data set.
        progress: Called with the number of images of each part.
    Raises:
        NoReadableImagesError: not one could be read.
    """
    fitting_batch(clip, batch_size, len(dataset))
    blocks: list[EmbeddedImages] = []
    size = _BATCHES * batch_size
    for start in range(0, len(dataset), size):
        records = dataset.records[start : start + size]
        stem = f"parts/{name}-{start // size:06d}"
        arrays, reasons = f"{stem}.safetensors", f"{stem}.json"
        if not run.has(arrays, reasons):
            part = encode_records(clip, records, batch_size)
            run.write_arrays(arrays, {"pooled": part.pooled, "vectors": part.vectors})
            run.write_json(reasons, {failure.id: failure.reason for failure in part.failures})
        stored, failed = run.read_arrays(arrays), run.read_json(reasons)
        blocks.append(
            EmbeddedImages(
                records=tuple(record for record in records if record.id not in failed),
                pooled=stored["pooled"],
                vectors=stored["vectors"],
                failures=tuple(
                    Failure(record.id, failed[record.id])
                    for record in records
                    if record.id in failed
                ),
            )
        )
        if progress is not None:
            progress(len(records))
    whole = EmbeddedImages.joined(blocks)
    require_readable(len(whole.records), whole.failures, dataset.name)
    return whole
