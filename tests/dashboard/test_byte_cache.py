"""What is kept between reruns is bounded by what it takes in memory."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from dashboard import state
from dashboard.byte_cache import byte_cached, bytes_of
from dashboard.explained import explanations

MB = 2**20


def test_the_oldest_goes_first_and_the_last_stays() -> None:
    made: list[int] = []

    @byte_cached(most_mb=3)
    def value(mb: int, _other: object = None) -> np.ndarray:  # type: ignore[type-arg]
        made.append(mb)
        return np.zeros(mb * MB, np.uint8)

    assert value(1) is value(1, object())  # what begins with _ is not of the key
    value(2)
    assert made == [1, 2]  # both are kept: 3 MB
    value(1)
    value(0)
    value(3)  # the others go, the one used longest ago first, as far as need be
    value(0)
    assert made == [1, 2, 0, 3]
    value(2)
    value(3)
    assert made == [1, 2, 0, 3, 2, 3]
    assert value(9) is value(9)  # larger than all may be together
    assert made == [1, 2, 0, 3, 2, 3, 9]


def test_sessions_that_miss_together_make_a_value_once() -> None:
    made, meeting = [], threading.Barrier(4)

    @byte_cached(most_mb=1)
    def value() -> object:
        made.append(threading.get_ident())
        time.sleep(0.05)  # the others come meanwhile
        return object()

    def ask() -> object:
        meeting.wait()
        return value()

    with ThreadPoolExecutor(4) as pool:
        values = [one.result() for one in [pool.submit(ask) for _ in range(4)]]
    assert len(made) == 1 and all(one is values[0] for one in values)


def test_an_image_is_known_by_its_pixels_and_an_error_is_not_kept() -> None:
    calls: list[str] = []

    @byte_cached(most_mb=1, hash_funcs=state.BY_CONTENT)
    def look(image: Image.Image) -> tuple[int, int]:
        calls.append(image.mode)
        if image.mode == "L":
            raise ValueError("grey")
        return image.size

    image = Image.new("RGB", (3, 2), "red")
    assert look(image) is look(image.copy())
    look(Image.new("RGB", (3, 2), "blue"))
    for _ in range(2):
        with pytest.raises(ValueError, match="grey"):
            look(Image.new("L", (1, 1)))
    assert calls == ["RGB", "RGB", "L", "L"]


def test_a_size_is_that_of_all_arrays_images_and_texts() -> None:
    @dataclass(frozen=True, slots=True)
    class Some:
        numbers: np.ndarray  # type: ignore[type-arg]
        parts: dict[str, object]

    numbers = np.zeros((10, 20), np.float32)
    some = Some(numbers, {"view": numbers[0], "image": Image.new("RGB", (5, 4)), "text": "four"})
    assert bytes_of(some) == 800 + 5 * 4 * 3 + len("viewimagetext") + 4
    assert bytes_of([some, some]) == bytes_of(some)
    assert bytes_of(numbers[:1].copy()) == 80 and bytes_of(3) == 0


def test_a_map_is_made_once(clip: object) -> None:
    image = Image.effect_noise((64, 64), 30).convert("RGB")
    once, twice = (explanations(clip, image, "a dog", ["random"]) for _ in range(2))  # type: ignore[arg-type]
    assert once["random"] is twice["random"]
