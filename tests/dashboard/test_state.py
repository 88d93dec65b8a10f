"""What was encoded before is not encoded again, and what is kept is bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipprobe.zeroshot import TEMPLATES, build_classifier
from dashboard import state

VIEW = "views/typographic.py"


def test_only_what_changed_is_encoded(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from clipprobe.models import Clip

    counted = {"images": 0, "texts": 0}
    images, texts = Clip.encode_images, Clip.tokenize

    def count_images(self: Any, items: Any, **options: Any) -> Any:
        counted["images"] += len(items)
        return images(self, items, **options)

    def count_texts(self: Any, items: Any) -> Any:
        counted["texts"] += len(items)
        return texts(self, items)

    monkeypatch.setattr(Clip, "encode_images", count_images)
    monkeypatch.setattr(Clip, "tokenize", count_texts)
    state.known_classes.clear()
    state.known_images.clear()
    test = app(VIEW, word="cat")
    assert counted["images"] == 4 and counted["texts"] > 0
    counted.update(images=0, texts=0)
    test.run()
    assert counted == {"images": 0, "texts": 0}
    test.number_input(key="seed").set_value(1).run()  # another nonsense word, all else the same
    assert counted == {"images": 1, "texts": 0}
    test.text_input(key="word").set_value("zebra").run()  # one class more
    assert "zebra" in list(test.dataframe[0].value["class"])
    assert counted["texts"] == len(TEMPLATES)


def test_more_classes_than_are_kept_are_encoded_all_the_same(
    clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_KNOWN_CLASSES", 3)
    monkeypatch.setattr(state, "CLASSES_AT_ONCE", 2)
    state.known_classes.clear()
    left: list[int] = []
    for names in (["a", "b", "c", "d", "e"], ["e", "a"]):
        found = state.class_vectors(clip, names, ("a {}",), left.append)
        assert np.allclose(found, build_classifier(clip, names, ["a {}"]), atol=1e-6)
    assert left == [5, 3, 1, 1]  # the oldest were dropped
    assert list(state.known_classes(clip, ("a {}",))) == ["d", "e", "a"]


def test_pictures_that_differ_in_one_pixel_are_told_apart(
    clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[Any] = []
    encode = type(clip).encode_images

    def count(self: Any, items: Any, **options: Any) -> Any:
        encoded.extend(items)
        return encode(self, items, **options)

    monkeypatch.setattr(type(clip), "encode_images", count)
    for place in range(8):
        image = Image.new("RGB", (512, 512))
        image.putpixel((60 * place, 31 * place), (0, 0, 255))
        state.image_vectors(clip, [image])
    assert len(encoded) == 8
