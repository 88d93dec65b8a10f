"""Images to vectors, several batches at once: the same bytes, the same failures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clipprobe.data import as_dataset, open_dataset
from clipprobe.errors import DataError, NoReadableImagesError
from clipprobe.hooks import capture
from clipprobe.runs import Run
from clipprobe.testing import checkpoints as tiny
from clipprobe.zeroshot.embedded import embed_in_parts, encode_records, label_rows


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_both_vectors_are_those_of_one_capture(load_tiny: Any, family: str) -> None:
    clip = load_tiny(family)
    found = encode_records(clip, as_dataset(tiny.pictures()).records, 3)
    with capture(clip, ["vision.pooled"]) as acts:
        vectors = clip.encode_images(tiny.pictures(), batch_size=3)
    assert np.array_equal(found.pooled, np.asarray(acts["vision.pooled"]))
    assert np.array_equal(found.vectors, vectors)


def test_threads_change_no_byte(clip: Any) -> None:
    before = torch.get_num_threads()
    records = as_dataset(tiny.pictures()).records
    one = encode_records(clip, records, 2)
    torch.set_num_threads(3)
    try:
        three = encode_records(clip, records, 2)
    finally:
        torch.set_num_threads(before)
    assert one.pooled.tobytes() == three.pooled.tobytes()
    assert one.vectors.tobytes() == three.vectors.tobytes()


def test_what_cannot_be_read_is_named_and_the_rest_kept(clip: Any, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for place, image in enumerate(tiny.pictures()[:4]):
        image.convert("RGB").save(images / f"{place}.png")
    (images / "1.png").write_bytes(b"not an image")
    told: list[int] = []
    with Run.scratch(tmp_path / "one", kind="zeroshot", config={}) as run:
        found = embed_in_parts(run, clip, open_dataset(images), batch_size=1, progress=told.append)
    assert sum(told) == 4
    assert [record.id for record in found.records] == ["0.png", "2.png", "3.png"]
    assert [failure.id for failure in found.failures] == ["1.png"]
    assert found.vectors.shape[0] == 3
    for path in images.iterdir():
        path.write_bytes(b"")
    with (
        Run.scratch(tmp_path / "two", kind="zeroshot", config={}) as run,
        pytest.raises(NoReadableImagesError, match="None of the 4 files"),
    ):
        embed_in_parts(run, clip, open_dataset(images), batch_size=1)


def test_labels_fit_the_classes_or_the_message_says_which_does_not() -> None:
    from clipprobe.data import ImageRecord

    records = [ImageRecord(f"{i}.png", b"", label) for i, label in enumerate(["b", "a", "b"])]
    names, rows = label_rows(records, None)
    assert names == ("a", "b")
    assert rows.tolist() == [1, 0, 1]
    assert label_rows(records, ["b", "a", "c"])[1].tolist() == [0, 1, 0]
    with pytest.raises(DataError, match=r"label 'b' of the image '0\.png' is not among the 2"):
        label_rows(records, ["a", "c"])
    with pytest.raises(DataError, match="no label"):
        label_rows([ImageRecord("x.png", b"")], None)
    with pytest.raises(DataError, match="one class only"):
        label_rows([records[1]], None)
