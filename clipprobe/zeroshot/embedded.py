"""Labelled images to vectors: before the projection, and in the joint space, in one pass.

Batches run side by side, each decoded and encoded by one thread, so that a pass never waits for a
decoder. Which images share a batch depends on their order alone; the bytes do not depend on the
number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Ints
from clipprobe.data import Dataset, Failure, ImageRecord, decode_image, require_readable
from clipprobe.data.images import batches
from clipprobe.data.label_names import refuse_codes
from clipprobe.errors import DataError, UnreadableImageError
from clipprobe.hooks import capture
from clipprobe.memory import fitting_batch
from clipprobe.models.threads import one_thread_each

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.models import Clip
    from clipprobe.runs import Run

Floats = npt.NDArray[np.float32]
_NOTHING = np.zeros((0, 0), np.float32)
_BATCHES = 4
"""Batches of one part of a run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedImages:
    """``n`` images through the vision tower."""

    records: tuple[ImageRecord, ...]
    """The images that could be read, in the order of the data set."""
    pooled: Floats
    """Before the projection, not normalised, ``(n, d_pooled)``."""
    vectors: Floats
    """In the joint space, of unit length, ``(n, d_embed)``."""
    failures: tuple[Failure, ...]
    """The images that could not be read."""

    @classmethod
    def joined(cls, parts: Sequence[EmbeddedImages]) -> EmbeddedImages:
        """Several parts as one, in their order."""
        filled = [part for part in parts if part.records]
        return cls(
            records=tuple(record for part in parts for record in part.records),
            pooled=np.concatenate([part.pooled for part in filled] or [_NOTHING]),
            vectors=np.concatenate([part.vectors for part in filled] or [_NOTHING]),
            failures=tuple(failure for part in parts for failure in part.failures),
        )


def encode_records(clip: Clip, records: Sequence[ImageRecord], batch_size: int) -> EmbeddedImages:
    """The readable ones of some records, and why the others are not."""
    return EmbeddedImages.joined(list(_side_by_side(clip, records, batch_size)))


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
    for number, records in enumerate(batches(dataset.records, _BATCHES * batch_size)):
        stem = f"parts/{name}-{number:06d}"
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


def pooled_vectors(clip: Clip, images: Sequence[object]) -> tuple[Floats, Floats]:
    """One batch of images: vectors before the projection ``(n, d_pooled)``, and unit vectors.

    The capture is opened by the thread that encodes, so that several can do so at once.
    """
    with capture(clip, ["vision.pooled"]) as acts:
        vectors = clip.encode_images(images, batch_size=len(images))
    return np.asarray(acts["vision.pooled"], dtype=np.float32), vectors


def label_rows(
    records: Sequence[ImageRecord], classes: Sequence[str] | None
) -> tuple[tuple[str, ...], Ints]:
    """The classes, and the class of each image.

    Args:
        classes: The names, in order; None for the labels of the images, sorted.
    Raises:
        DataError: an image has no label, or one that is not a class; or there is one class; or
            the classes would be codes.
    """
    bare = next((record for record in records if record.label is None), None)
    if bare is not None:
        raise DataError(
            f"The image {bare.id!r} has no label: put images into a folder for each class, or give "
            "a table with the columns file_name and label."
        )
    labels = [str(record.label) for record in records]
    if classes is None:
        refuse_codes(labels)
    names = tuple(sorted(set(labels))) if classes is None else tuple(classes)
    place = {name: index for index, name in enumerate(names)}
    for record, label in zip(records, labels, strict=True):
        if label not in place:
            raise DataError(
                f"The label {label!r} of the image {record.id!r} is not among the {len(names)} "
                f"classes ({', '.join(map(repr, names[:3]))}, ...): write the same names in the "
                "class file and in the labels."
            )
    if len(names) < 2:
        raise DataError("There is one class only: choosing among classes needs at least two.")
    return names, np.array([place[label] for label in labels], np.int64)


def _side_by_side(
    clip: Clip, records: Sequence[ImageRecord], batch_size: int
) -> Iterator[EmbeddedImages]:
    """Batches in order, as many at a time as the machine has cores for."""
    parts = batches(records, batch_size)
    with one_thread_each(clip) as n:
        if n == 1:  # an open capture sees its own thread only
            for part in parts:
                yield _encode(clip, part)
            return
        waiting: deque[Future[EmbeddedImages]] = deque()
        with ThreadPoolExecutor(n, thread_name_prefix="clipprobe-embed") as pool:
            for part in parts:
                waiting.append(pool.submit(_encode, clip, part))
                if len(waiting) > n:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def _encode(clip: Clip, records: Sequence[ImageRecord]) -> EmbeddedImages:
    images: list[Image.Image] = []
    read: list[ImageRecord] = []
    failures: list[Failure] = []
    for record in records:
        try:
            images.append(decode_image(record))
        except UnreadableImageError as error:
            failures.append(Failure(record.id, str(error)))
        else:
            read.append(record)
    pooled, vectors = pooled_vectors(clip, images) if images else (_NOTHING, _NOTHING)
    return EmbeddedImages(
        records=tuple(read), pooled=pooled, vectors=vectors, failures=tuple(failures)
    )
