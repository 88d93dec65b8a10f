"""Hugging Face data sets: with the library where it is installed, a clear word where not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from data.imagefiles import failures, png, put

from clipprobe.data import Failure, decode_image, open_dataset
from clipprobe.errors import DataError, MissingExtraError


def test_without_the_extra_the_message_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    for spec in ("owner/name", "hf:owner/name@test"):
        with pytest.raises(MissingExtraError, match=r"pip install 'clipprobe\[datasets\]'"):
            open_dataset(spec)
    put(tmp_path / "state.json", b"{}")
    put(tmp_path / "dataset_info.json", b"{}")
    with pytest.raises(MissingExtraError, match="saved Hugging Face data set"):
        open_dataset(tmp_path)


def test_a_saved_data_set(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra datasets is not installed")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
            "light": datasets.Value("string"),
            "count": datasets.Value("int64"),
        }
    )
    rows = {
        "image": [{"bytes": png(7), "path": None}, {"bytes": b"", "path": None}, None],
        "label": [1, 0, None],
        "light": ["day", None, ""],
        "count": [3, None, 0],
    }
    saved = datasets.Dataset.from_dict(rows, features=features)
    saved.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": saved, "test": saved}).save_to_disk(str(tmp_path / "many"))
    one, many = open_dataset(tmp_path / "one"), open_dataset(tmp_path / "many")
    assert [record.id for record in one] == ["data/0", "data/1", "data/2"]
    assert [record.id for record in many] == ["test/0", "test/1", "test/2"]
    assert [record.label for record in one] == ["dog", "cat", None]
    assert [dict(record.attributes) for record in one] == [
        {"light": "day", "count": "3"},
        {},
        {"count": "0"},
    ]
    assert decode_image(one.records[0]).getpixel((0, 0)) == (7, 7, 7)
    assert failures(one) == [
        Failure("data/1", "the row has no image"),
        Failure("data/2", "the row has no image"),
    ]
    assert one.fingerprint == open_dataset(tmp_path / "one").fingerprint
    words = saved.remove_columns("image")
    words.save_to_disk(str(tmp_path / "words"))
    with pytest.raises(DataError, match="no column of images"):
        open_dataset(tmp_path / "words")
