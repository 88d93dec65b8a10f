"""The loop of a scan, and what it leaves behind when it is killed.

The last, smaller batch is filled up to the batch size (which is no more than the whole data set
has): matrix products of another height may round
differently, and then a shard would not give the same bytes as its part of one pass.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Batch, Failure, ImageRecord, stream_batches
from clipprobe.neurons.atlas.statistics.accumulator import Settings, UnitStatistics
from clipprobe.neurons.atlas.statistics.samples import priority_of

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from clipprobe.models import Clip
    from clipprobe.runs import Run

CHECKPOINT = "parts/scan.safetensors"
_THREADS = 4
Pooled = tuple[NDArray[np.float32], NDArray[np.int32] | None]
"""Values and tokens ``(b, n_units)`` of one hook point."""


class ScanState:
    """What a checkpoint holds: the statistics after the first ``done`` records of the shard."""

    def __init__(self, statistics: dict[str, UnitStatistics]) -> None:
        self.statistics = statistics
        self.done = 0
        self.failures: list[Failure] = []

    def write(self, run: Run) -> None:
        """One file, so that statistics and progress cannot be of different moments."""
        arrays = {
            f"{name}/{key}": array
            for name, statistics in self.statistics.items()
            for key, array in statistics.state().items()
        }
        failures = json.dumps([[item.id, item.reason] for item in self.failures])
        arrays["done"] = np.array([self.done], np.int64)
        arrays["failures"] = np.frombuffer(failures.encode(), np.uint8)
        run.write_arrays(CHECKPOINT, arrays)

    @classmethod
    def read(cls, run: Run, sites: Sequence[str], settings: Settings) -> ScanState:
        """The checkpoint of a run, its hook points in the order given."""
        arrays = run.read_arrays(CHECKPOINT)
        by_site: dict[str, dict[str, Any]] = {name: {} for name in sites}
        for key, array in arrays.items():
            name, slash, field = key.rpartition("/")
            if slash:
                by_site[name][field] = array
        state = cls(
            {
                name: UnitStatistics.from_state(name, settings, part)
                for name, part in by_site.items()
            }
        )
        state.done = int(arrays["done"][0])
        failures = json.loads(arrays["failures"].tobytes().decode())
        state.failures = [Failure(*item) for item in failures]
        return state


class Behind:
    """Threads that take a batch into the statistics while the model runs the next one.

    Each hook point has statistics of its own, and their content does not depend on who comes first,
    so the result is the same as without threads.
    """

    def __init__(self, n_tasks: int) -> None:
        n_threads = max(1, min(_THREADS, n_tasks, os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="clipprobe-atlas")
        self._running: list[Future[None]] = []

    def start(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Begin with the tasks once those before are done."""
        self.wait()
        self._running = [self._pool.submit(task) for task in tasks]

    def wait(self) -> None:
        """Return when nothing is running; raises what a task raised."""
        for task in self._running:
            task.result()
        self._running = []

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, error: type[BaseException] | None, *rest: object) -> None:
        try:
            if error is None:
                self.wait()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)


class PooledBuffer:
    """Where the pooled values of a batch are put, the same memory for every batch of its size.

    See :class:`~clipprobe.neurons.atlas.statistics.accumulator.Waiting` for why.
    """

    def __init__(self) -> None:
        self.content: dict[str, Pooled] = {}

    def fill(self, name: str, values: Tensor, rows: Any, tokens: Tensor | None) -> None:
        """The sink of a capture."""
        import torch

        held = self.content.get(name)
        if held is None or held[0].shape != tuple(values.shape):
            empty = np.empty(tuple(values.shape), np.float32)
            where = None if tokens is None else np.empty(tuple(values.shape), np.int32)
            held = self.content[name] = (empty, where)
        torch.from_numpy(held[0]).copy_(values)
        if tokens is not None and held[1] is not None:
            torch.from_numpy(held[1]).copy_(tokens)


class Stream:
    """The loop: batches of decoded images through the model into the statistics."""

    def __init__(
        self,
        clip: Clip,
        pool: str,
        state: ScanState,
        records: list[ImageRecord],
        numbers: Sequence[int],
        seed: int,
    ) -> None:
        self.clip = clip
        self.pool = pool
        self.state = state
        self.records = records
        self.numbers = numbers
        self.seed = seed
        self._buffers = (PooledBuffer(), PooledBuffer())
        self._turn = 0

    def run(
        self,
        batch_size: int,
        workers: int,
        run: Run | None,
        checkpoint_seconds: float,
        progress: Callable[[int], None] | None,
    ) -> None:
        state = self.state
        if progress is not None and state.done:
            progress(state.done)
        batches = self._batches(self.records[state.done :], batch_size, workers)
        written, cost = time.monotonic(), 0.0
        with (
            closing(cast("Generator[Batch[Tensor]]", batches)),
            Behind(len(state.statistics)) as behind,
        ):
            for batch in batches:
                finished = len(batch.records) + len(batch.failures)
                if batch.records:
                    behind.start(self.take(batch.records, batch.items, finished, batch_size))
                state.done += finished
                state.failures += batch.failures
                started = time.monotonic()
                pause = checkpoint_seconds and max(checkpoint_seconds, 30 * cost)
                if run is not None and started - written >= pause:
                    behind.wait()
                    state.write(run)
                    written = time.monotonic()
                    cost = written - started
                if progress is not None:
                    progress(finished)
            behind.start([statistics.flush for statistics in state.statistics.values()])

    def _batches(
        self, records: Sequence[ImageRecord], batch_size: int, workers: int
    ) -> Iterator[Batch[Tensor]]:
        """What is to run, a batch at a time; every item a tensor that can be stacked."""
        return stream_batches(
            records, self._prepare, batch_size=batch_size, workers=workers, allow_none=True
        )

    def _embed(self, batch: Tensor) -> None:
        """Run one batch through the tower."""
        self.clip.image_embeddings(batch)

    def _prepare(self, image: Image.Image) -> Tensor:
        return self.clip.preprocess([image])[0]

    def take(
        self, records: list[ImageRecord], pixels: list[Tensor], finished: int, batch_size: int
    ) -> list[Callable[[], None]]:
        """Run the next batch.

        Args:
            records, pixels: The readable images.
            finished: How many records they are of, the unreadable ones included.
        Returns:
            What is left to do: one call per hook point, which takes the batch into its statistics.
        """
        done = self.state.done
        place = {
            record.id: done + i for i, record in enumerate(self.records[done : done + finished])
        }
        images = np.array([self.numbers[place[record.id]] for record in records], np.int64)
        priorities = np.array([priority_of(record.id, self.seed) for record in records], np.int64)
        groups = same_shape(pixels)
        parts = []
        # Two in turn: one is read into the statistics while the next batch fills the other.
        self._turn = 1 - self._turn
        for rows in groups:
            alone = len(groups) == 1
            pooled = self._forward(
                [pixels[row] for row in rows],
                batch_size if alone else len(rows),
                self._buffers[self._turn] if alone else PooledBuffer(),
            )
            parts.append((images[rows], priorities[rows], pooled))
        return [
            partial(self._update, statistics, [(i, p, pooled[name]) for i, p, pooled in parts])
            for name, statistics in self.state.statistics.items()
        ]

    @staticmethod
    def _update(statistics: UnitStatistics, parts: list[tuple[Any, Any, Pooled]]) -> None:
        for images, priorities, (values, tokens) in parts:
            n = len(images)
            statistics.update(
                values[:n], images, priorities, None if tokens is None else tokens[:n]
            )

    def _forward(
        self, pixels: list[Tensor], batch_size: int, pooled: PooledBuffer
    ) -> Mapping[str, Pooled]:
        import torch

        from clipprobe.hooks import capture

        batch = torch.stack(pixels)
        missing = batch_size - len(pixels)
        if missing > 0:
            batch = torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])])
        names = list(self.state.statistics)
        with torch.no_grad(), capture(self.clip, names, pool=self.pool, sink=pooled.fill):
            self._embed(batch)
        return pooled.content


def same_shape(pixels: Sequence[Tensor]) -> list[list[int]]:
    """Rows that can share a batch; all of them unless the model keeps each image's shape."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, item in enumerate(pixels):
        groups.setdefault(tuple(item.shape), []).append(row)
    return list(groups.values())
