"""Batches are decoded ahead, in order, bounded, and stop when nobody wants them any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from data.imagefiles import png
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clipprobe.data import Failure, ImageRecord, stream_batches
from clipprobe.errors import ConfigError, NoReadableImagesError, UnreadableImageError


def records(n: int, broken: frozenset[int] = frozenset()) -> list[ImageRecord]:
    return [ImageRecord(f"{i:03}", b"" if i in broken else png(i % 256)) for i in range(n)]


def shade(image: Image.Image) -> int:
    return image.getpixel((0, 0))[0]


def decoders() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("clipprobe-ahead")]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 25), st.integers(1, 7), st.integers(0, 3), st.sets(st.integers(0, 24)))
def test_order_content_and_size_do_not_depend_on_the_workers(
    n: int, batch_size: int, workers: int, broken: set[int]
) -> None:
    data = records(n, frozenset(broken))
    batches = list(
        stream_batches(data, shade, batch_size=batch_size, workers=workers, allow_none=True)
    )
    good = [i for i in range(n) if i not in broken]
    assert [item for batch in batches for item in batch.items] == good
    assert [r.id for batch in batches for r in batch.records] == [f"{i:03}" for i in good]
    failed = [failure for batch in batches for failure in batch.failures]
    assert failed == [Failure(f"{i:03}", "the file is empty") for i in range(n) if i in broken]
    if good:
        sizes = [len(batch.items) for batch in batches]
        assert set(sizes[:-1]) <= {batch_size} and 0 < sizes[-1] <= batch_size
    assert not decoders()


def test_nothing_readable_is_an_error_unless_allowed() -> None:
    data = records(5, frozenset(range(5)))
    with pytest.raises(
        NoReadableImagesError, match=r"None of the 5 files .*'000': the file is empty"
    ):
        list(stream_batches(data, shade, batch_size=2))
    (batch,) = stream_batches(data, shade, batch_size=2, allow_none=True)
    assert (batch.items, len(batch.failures)) == ([], 5)
    assert list(stream_batches([], shade)) == []


def test_workers_stay_ahead_but_not_without_bound() -> None:
    lock, prepared, running = threading.Lock(), [0], [0, 0]

    def prepare(image: Image.Image) -> int:
        with lock:
            running[0] += 1
            running[1] = max(running)
            prepared[0] += 1
        done = shade(image)
        with lock:
            running[0] -= 1
        return done

    taken = 0
    for batch in stream_batches(records(60), prepare, batch_size=4, workers=2):
        taken += len(batch.items)
        with lock:
            # The full batch, the item that closed it, and what may wait: 2 * 4 + 2.
            assert prepared[0] - taken <= 2 * 4 + 2 + 4 + 1
    assert taken == 60 and running[1] <= 2


def test_decoding_runs_while_the_consumer_works() -> None:
    ahead = threading.Event()

    def prepare(image: Image.Image) -> int:
        if shade(image) == 6:  # belongs to the batch after the one being consumed
            ahead.set()
        return shade(image)

    batches = stream_batches(records(12), prepare, batch_size=4, workers=2)
    next(batches)
    assert ahead.wait(timeout=60)  # set by a worker, with nobody asking for more
    batches.close()


def test_closing_early_stops_the_workers() -> None:
    seen = []

    def source() -> Iterator[ImageRecord]:
        for record in records(200):
            seen.append(record.id)
            yield record

    batches = stream_batches(source(), shade, batch_size=4, workers=3)
    next(batches)
    assert decoders()
    batches.close()
    assert not decoders() and len(seen) < 50


def test_an_error_of_prepare_arrives_in_its_place_and_leaves_no_thread() -> None:
    def prepare(image: Image.Image) -> int:
        if shade(image) == 9:
            raise ZeroDivisionError("mine")
        return shade(image)

    got = []
    with pytest.raises(ZeroDivisionError, match="mine"):
        for batch in stream_batches(records(40), prepare, batch_size=4, workers=3):
            got.extend(batch.items)
    assert got == list(range(8)) and not decoders()


def test_an_error_of_the_consumer_leaves_no_thread() -> None:
    with pytest.raises(KeyboardInterrupt):
        for _ in stream_batches(records(40), shade, batch_size=4, workers=3):
            raise KeyboardInterrupt
    assert not decoders()


def test_prepare_may_refuse_an_image() -> None:
    def prepare(image: Image.Image) -> int:
        if shade(image) == 1:
            raise UnreadableImageError("too small for this audit")
        return shade(image)

    (batch,) = stream_batches(records(3), prepare)
    assert batch.items == [0, 2]
    assert batch.failures == [Failure("001", "too small for this audit")]


def test_settings_that_cannot_run_are_refused_at_once() -> None:
    for bad in ({"batch_size": 0}, {"workers": -1}):
        with pytest.raises(ConfigError, match="cannot run"):
            stream_batches(records(1), shade, **bad)
