"""Decoding beside the encoder: worker threads stay ahead of the consumer, in order, bounded.

Pillow lets go of Python's lock while it decodes, so threads are enough and nothing is copied
between processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from PIL import Image

from clipprobe.data.decode import decode_image
from clipprobe.data.records import Failure, ImageRecord, require_readable
from clipprobe.errors import ConfigError, UnreadableImageError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Some images that were read, in order, and those that failed since the batch before.

    Attributes:
        records: The readable records, as many as ``items``.
        items: What ``prepare`` made of each.
        failures: Unreadable records met on the way.
    """

    records: list[ImageRecord]
    items: list[T]
    failures: list[Failure]


def stream_batches(
    records: Iterable[ImageRecord],
    prepare: Callable[[Image.Image], T],
    *,
    batch_size: int = 32,
    workers: int = 2,
    allow_none: bool = False,
) -> Iterator[Batch[T]]:
    """Decode and prepare images ahead of whoever consumes the batches.

    Every batch but the last has ``batch_size`` items, whatever failed; no batch is empty. Order and
    content do not depend on ``workers``. At most ``2 * batch_size + workers`` prepared items are
    waiting at any time. Closing the iterator stops the workers.

    Args:
        records: In the order in which they are wanted.
        prepare: Runs in the worker, for example the resize to the model's size.
        batch_size: Items in a batch.
        workers: Threads; 0 decodes in the caller's own.
        allow_none: When nothing at all could be read, yield one batch without items but with the
            failures, instead of raising.

    Raises:
        NoReadableImagesError: there was a record, but not one could be read.
        Exception: whatever ``prepare`` raises, at the place of the image in the order. An
            ``UnreadableImageError`` from it counts as a failure of the image.
    """
    if batch_size < 1 or workers < 0:
        raise ConfigError(
            f"A batch size of {batch_size} with {workers} workers cannot run: give a batch size "
            "of at least 1 and no negative number of workers."
        )
    return _batches(records, prepare, batch_size, workers, allow_none)


def _batches(
    records: Iterable[ImageRecord],
    prepare: Callable[[Image.Image], T],
    batch_size: int,
    workers: int,
    allow_none: bool,
) -> Iterator[Batch[T]]:
    def work(record: ImageRecord) -> tuple[ImageRecord, T | Failure]:
        try:
            return record, prepare(decode_image(record))
        except UnreadableImageError as error:
            return record, Failure(record.id, str(error))

    outcomes = ahead(work, records, workers=workers, window=2 * batch_size + workers)
    batch: Batch[T] = Batch([], [], [])
    try:
        for record, outcome in outcomes:
            if isinstance(outcome, Failure):
                batch.failures.append(outcome)
                continue
            # A full batch waits for the next item, so that failures at the very end join it.
            if len(batch.items) == batch_size:
                yield batch
                batch = Batch([], [], [])
            batch.records.append(record)
            batch.items.append(outcome)
        if batch.items or (batch.failures and allow_none):
            yield batch
        elif batch.failures:
            require_readable(0, batch.failures, "the data set")
    finally:
        outcomes.close()


def ahead(
    work: Callable[[T], R], items: Iterable[T], *, workers: int, window: int
) -> Generator[R, None, None]:
    """``map(work, items)`` in order, by threads that stay at most ``window`` items ahead.

    ``workers=0`` works in the caller's thread. Closing the generator stops the threads.
    """
    if workers == 0:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="clipprobe-ahead")
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= window:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
