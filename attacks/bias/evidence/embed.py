"""Each image is embedded once; a killed audit goes on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Failure, ImageRecord, require_readable, stream_batches
from clipprobe.errors import RunFolderError

if TYPE_CHECKING:
    from attacks.bias.settings import BiasAudit
    from clipprobe.models import Clip
    from clipprobe.runs import Run

CHUNK = 512  # images of one resumable part


def embed(
    clip: Clip,
    records: Sequence[ImageRecord],
    run: Run,
    settings: BiasAudit,
    *,
    name: str,
    part: str,
) -> tuple[list[str], NDArray[np.float32], list[Failure]]:
    """Ids of the readable images, their vectors ``(n, d)``, and those that could not be read.

    They are encoded part by part; parts that an earlier try left in the run are read back.

    The vectors exist in the run folder only until it is complete: a report about groups needs no
    vector of a single person.

    Args:
        settings: Of batches, workers and progress: told of images newly finished, readable or not.
        name: What the user calls the data set, for the message when nothing could be read.
        part: Name of the parts, other for another model.
    Raises:
        NoReadableImagesError: not one image could be decoded.
    """
    vectors, used, failures = [], [], []
    for start in range(0, len(records), CHUNK):
        chunk = records[start : start + CHUNK]
        stem = f"parts/{part}-{start // CHUNK:06d}"
        if not run.has(f"{stem}.safetensors", f"{stem}.json"):
            ids, encoded, lost = _encode(clip, chunk, settings)
            run.write_arrays(f"{stem}.safetensors", {"vectors": encoded})
            run.write_json(
                f"{stem}.json", {"ids": ids, "failures": [failure.to_json() for failure in lost]}
            )
        elif settings.progress is not None:
            settings.progress(len(chunk))
        listed = run.read_json(f"{stem}.json")
        used += listed["ids"]
        failures += [Failure(item["id"], item["reason"]) for item in listed["failures"]]
        vectors.append(run.read_arrays(f"{stem}.safetensors")["vectors"])
    if sum(map(len, vectors)) != len(used):
        raise RunFolderError(
            f"The parts of the run {run.path} hold {sum(map(len, vectors))} vectors for "
            f"{len(used)} images: start it anew with --overwrite."
        )
    require_readable(len(used), failures, name)
    return used, np.concatenate(vectors), failures


def _encode(
    clip: Clip, records: Sequence[ImageRecord], settings: BiasAudit
) -> tuple[list[str], NDArray[np.float32], list[Failure]]:
    """Ids of the readable records, their vectors ``(n, d)``, and the failures."""
    ids: list[str] = []
    failures: list[Failure] = []
    vectors = [np.zeros((0, clip.d_embed), np.float32)]
    batches = stream_batches(
        records,
        clip.preprocess.to_grid,
        batch_size=settings.batch_size,
        workers=settings.workers,
        allow_none=True,
    )
    for batch in batches:
        failures += batch.failures
        if batch.items:
            ids += [record.id for record in batch.records]
            vectors.append(clip.encode_images(batch.items, batch_size=settings.batch_size))
        if settings.progress is not None:
            settings.progress(len(batch.items) + len(batch.failures))
    return ids, np.concatenate(vectors), failures
