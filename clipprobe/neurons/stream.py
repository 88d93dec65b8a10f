"""The loop of a scan, and what it leaves behind when it is killed.

The last, smaller batch is filled up to the batch size: matrix products of another height may round
differently, and then a shard would not give the same bytes as its part of one pass.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.data import Failure, ImageRecord, stream_batches
from clipprobe.neurons.accumulator import Settings, UnitStatistics
from clipprobe.neurons.samples import priority_of

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from clipprobe.models import Clip
    from clipprobe.runs import Run

CHECKPOINT = "parts/scan.safetensors"


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
    def read(cls, run: Run, settings: Settings) -> ScanState:
        arrays = run.read_arrays(CHECKPOINT)
        done = int(arrays.pop("done")[0])
        failures = json.loads(arrays.pop("failures").tobytes().decode())
        by_site: dict[str, dict[str, Any]] = {}
        for key, array in arrays.items():
            name, _, field = key.rpartition("/")
            by_site.setdefault(name, {})[field] = array
        state = cls(
            {
                name: UnitStatistics.from_state(name, settings, part)
                for name, part in by_site.items()
            }
        )
        state.done = done
        state.failures = [Failure(*item) for item in failures]
        return state


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
        batches = stream_batches(
            self.records[state.done :],
            self._prepare,
            batch_size=batch_size,
            workers=workers,
            allow_none=True,
        )
        written = time.monotonic()
        for batch in batches:
            finished = len(batch.records) + len(batch.failures)
            if batch.records:
                self._take(batch.records, batch.items, finished, batch_size)
            state.done += finished
            state.failures += batch.failures
            if run is not None and time.monotonic() - written >= checkpoint_seconds:
                state.write(run)
                written = time.monotonic()
            if progress is not None:
                progress(finished)
        for statistics in state.statistics.values():
            statistics.flush()

    def _prepare(self, image: Image.Image) -> Tensor:
        return self.clip.preprocess([image])[0]

    def _take(
        self, records: list[ImageRecord], pixels: list[Tensor], finished: int, batch_size: int
    ) -> None:
        """Run one batch; the statistics change only after the whole batch went through."""
        done = self.state.done
        place = {
            record.id: done + i for i, record in enumerate(self.records[done : done + finished])
        }
        images = np.array([self.numbers[place[record.id]] for record in records], np.int64)
        priorities = np.array([priority_of(record.id, self.seed) for record in records], np.int64)
        for rows in _same_shape(pixels):
            pooled = self._forward([pixels[row] for row in rows], batch_size)
            for name, (values, tokens) in pooled.items():
                self.state.statistics[name].update(
                    values[: len(rows)],
                    images[rows],
                    priorities[rows],
                    None if tokens is None else tokens[: len(rows)],
                )

    def _forward(
        self, pixels: list[Tensor], batch_size: int
    ) -> Mapping[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]]:
        import torch

        from clipprobe.hooks import capture

        pooled: dict[str, tuple[Any, Any]] = {}

        def sink(name: str, values: Tensor, rows: Any, tokens: Tensor | None) -> None:
            where = None if tokens is None else tokens.to(torch.int32).cpu().numpy()
            pooled[name] = (values.float().cpu().numpy(), where)

        batch = torch.stack(pixels)
        missing = batch_size - len(pixels)
        if missing > 0:
            batch = torch.cat([batch, batch[-1:].expand(missing, -1, -1, -1)])
        names = list(self.state.statistics)
        with torch.no_grad(), capture(self.clip, names, pool=self.pool, sink=sink):
            self.clip.image_embeddings(batch)
        return pooled


def _same_shape(pixels: Sequence[Tensor]) -> list[list[int]]:
    """Rows that can share a batch; all of them unless the model keeps each image's shape."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, item in enumerate(pixels):
        groups.setdefault(tuple(item.shape), []).append(row)
    return list(groups.values())
