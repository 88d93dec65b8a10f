"""The loop of a scan, and what it leaves behind when it is killed.

The last, smaller batch is filled up to the batch size (which is no more than the whole data set
has): matrix products of another height may round
differently, and then a shard would not give the same bytes as its part of one pass.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clipprobe.data import Batch, Failure, ImageRecord
from clipprobe.models.activations import Reader, image_batches
from clipprobe.neurons.atlas.statistics.accumulator import Settings, UnitStatistics
from clipprobe.neurons.atlas.statistics.samples import priority_of

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip
    from clipprobe.runs import Run

CHECKPOINT = "parts/scan.safetensors"
_THREADS = 4


@dataclass
class ScanState:
    """What a checkpoint holds: the statistics after the first ``done`` records of the shard."""

    statistics: dict[str, UnitStatistics]
    done: int = 0
    failures: list[Failure] = field(default_factory=list)

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
            name, slash, part = key.rpartition("/")
            if slash:
                by_site[name][part] = array
        statistics = {
            name: UnitStatistics.from_state(name, settings, parts)
            for name, parts in by_site.items()
        }
        failures = json.loads(arrays["failures"].tobytes().decode())
        return cls(statistics, int(arrays["done"][0]), [Failure(*item) for item in failures])


class BackgroundUpdates:
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

    def __enter__(self) -> BackgroundUpdates:
        return self

    def __exit__(self, error: type[BaseException] | None, *rest: object) -> None:
        try:
            if error is None:
                self.wait()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)


@dataclass
class Stream:
    """The loop: batches of decoded images through the model into the statistics."""

    clip: Clip
    pool: str
    state: ScanState
    records: list[ImageRecord]
    numbers: Sequence[int]
    seed: int

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
        reader = self.reader(batch_size)
        written, cost = time.monotonic(), 0.0
        with (
            closing(cast("Generator[Batch[Tensor]]", batches)),
            BackgroundUpdates(len(state.statistics)) as behind,
        ):
            for batch in batches:
                finished = len(batch.records) + len(batch.failures)
                if batch.records:
                    behind.start(self.take(reader, batch.records, batch.items, finished))
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
        return image_batches(self.clip, records, batch_size, workers)

    def reader(self, batch_size: int) -> Reader:
        """Reads one pass into the memory that the statistics do not read any more."""
        names = list(self.state.statistics)
        return Reader(self.clip, names, self.pool, fill=batch_size, tokens=True, reuse=True)

    def take(
        self, reader: Reader, records: list[ImageRecord], pixels: list[Tensor], finished: int
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
        readings = reader(pixels)
        return [
            partial(
                statistics.update,
                readings.values[name],
                images,
                priorities,
                readings.tokens.get(name),
            )
            for name, statistics in self.state.statistics.items()
        ]
