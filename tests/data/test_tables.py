"""Metadata tables: labels, attributes, and nothing outside their folder."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.imagefiles import failures, ids, put

from clipprobe.data import Failure, open_dataset
from clipprobe.errors import DataError

ROWS = [
    {"file_name": "in/a.png", "label": "cat", "age": 3, "note": None},
    {"file_name": "b.png", "label": None, "age": None, "note": "x, y"},
]


def write_table(folder: Path, suffix: str) -> Path:
    path = folder / f"metadata{suffix}"
    if suffix == ".csv":
        path.write_text('file_name,label,age,note\nin/a.png,cat,3,\nb.png,,,"x, y"\n')
    elif suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in ROWS) + "\n\n")
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("by_folder", [True, False])
def test_tables_give_labels_and_attributes(tmp_path: Path, suffix: str, by_folder: bool) -> None:
    put(tmp_path / "in" / "a.png")
    put(tmp_path / "unlisted.png")
    table = write_table(tmp_path, suffix)
    dataset = open_dataset(tmp_path if by_folder else table)
    b, a = dataset.records
    assert (a.id, a.label, dict(a.attributes)) == ("in/a.png", "cat", {"age": "3"})
    assert (b.id, b.label, dict(b.attributes)) == ("b.png", None, {"note": "x, y"})
    assert failures(dataset) == [Failure("b.png", "no such file")]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "/etc/passwd",
        "in/../../secret.png",
        "..\\secret.png",
        "C:\\x.png",
        "C:x.png",
        "\\\\host\\x.png",
        ".",
    ],
)
def test_a_table_cannot_reach_outside_its_folder(tmp_path: Path, name: str) -> None:
    put(tmp_path / "secret.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "metadata.jsonl").write_text(json.dumps({"file_name": name}))
    with pytest.raises(DataError, match=r"Row 1 .* outside the table's folder"):
        open_dataset(tmp_path / "data")


def test_a_table_from_windows(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png")
    (tmp_path / "metadata.csv").write_bytes(b"\xef\xbb\xbffile_name\r\nin\\a.png\r\n")
    dataset = open_dataset(tmp_path)
    assert ids(dataset) == ["in/a.png"] and failures(dataset) == []


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "metadata.csv",
            b"image,label\na.png,cat\n",
            r"no column 'file_name' \(it has: image, label\)",
        ),
        ("metadata.csv", b"file_name,label\na.png,cat,extra\n", "Row 1 .* more cells"),
        ("metadata.csv", b"file_name\n\xff\xfe\n", "not UTF-8"),
        ("metadata.csv", b"file_name\na.png\na.png\n", r"lists 'a\.png' twice"),
        ("metadata.csv", b"file_name,label\n,cat\n", "Row 1 .* empty 'file_name'"),
        ("metadata.csv", b'file_name\n"open', "could not be read"),
        ("metadata.jsonl", b'{"file_name": "a.png"}\nnot json\n', "Line 2 .* not a JSON object"),
        ("metadata.jsonl", b'["a.png"]\n', "Line 1 .* not a JSON object"),
        ("metadata.parquet", b"PAR1 no", "could not be read"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    put(tmp_path / name, data)
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)


def test_two_tables_in_a_folder_are_one_too_many(tmp_path: Path) -> None:
    put(tmp_path / "metadata.csv", b"file_name\n")
    put(tmp_path / "metadata.jsonl", b"")
    with pytest.raises(DataError, match=r"metadata\.csv and metadata\.jsonl"):
        open_dataset(tmp_path)
