"""Batches side by side: the settings come back, and the bytes do not depend on the threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from attacks.typographic.rendering.encodings import Encodings
from attacks.typographic.rendering.render import Caption, SizedImage, digest
from clipprobe.models.threads import one_thread_each
from clipprobe.stimuli import concept_set, concepts, render


@pytest.fixture(scope="module")
def bundled() -> Any:
    return clipprobe.load()


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_threads_are_held_and_come_back(bundled: Any, two_threads: None) -> None:
    inside: list[int] = []
    with one_thread_each(bundled) as outer:
        thread = threading.Thread(target=lambda: inside.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        with one_thread_each(bundled) as inner:
            assert inner == outer == 2
        assert torch.get_num_threads() == 1, "the outer block still holds them"
    assert inside == [1]
    assert torch.get_num_threads() == 2


def test_an_error_gives_the_threads_back(bundled: Any, two_threads: None) -> None:
    with pytest.raises(ValueError, match="stop"), one_thread_each(bundled):
        raise ValueError("stop")
    assert torch.get_num_threads() == 2


def test_captures_and_other_models_get_one_batch_at_a_time(bundled: Any, two_threads: None) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    with clipprobe.capture(bundled, ["vision.pooled"]), one_thread_each(bundled) as at_once:
        assert at_once == 1
        bundled.encode_images([picture])
    with one_thread_each(object()) as at_once:
        assert at_once == 1
        assert torch.get_num_threads() == 2


def test_pictures_have_the_same_bytes_on_one_thread_and_on_two(
    bundled: Any, two_threads: None
) -> None:
    images = [render(sample.scene).image for sample in concept_set("picture", names=concepts()[:9])]
    shots = [
        SizedImage(image, Caption(condition="clean", pixels=digest(image)))
        for image in [*images, *images[:3]]
    ]

    def encoded(n_threads: int) -> tuple[list[str], bytes]:
        torch.set_num_threads(n_threads)
        encodings = Encodings(bundled, 4)
        blocks = list(encodings(iter(shots)))
        assert encodings.tally.done == len(images), "a picture that comes twice is encoded once"
        captions = [caption.pixels for block, _ in blocks for caption in block]
        return captions, b"".join(vectors.tobytes() for _, vectors in blocks)

    two = encoded(2)
    assert torch.get_num_threads() == 2
    assert encoded(1) == two
    assert two[0] == [shot.caption.pixels for shot in shots]
