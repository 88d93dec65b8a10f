"""Which Parquet files hold their images, and which are tables of files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipprobe.data.archives import image_column, parquet_images
from clipprobe.data.text_table import read_text_table
from clipprobe.errors import DataError


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"image": [b"x"], "label": ["a"]}, "image"),
        ({"photo": [{"bytes": b"x", "path": "a.png"}], "label": ["a"]}, "photo"),
        ({"jpeg": [b"x"]}, "jpeg"),
        ({"file_name": ["a.png"], "hash": [b"x"]}, None),
        ({"file_name": ["a.png"], "image": [b"x"]}, "image"),
        ({"file_name": ["a.png"], "label": ["a"]}, None),
    ],
)
def test_bytes_beside_a_file_name_are_not_the_image(
    columns: dict[str, list[object]], found: str | None
) -> None:
    assert image_column(pa.table(columns).schema) == found


def test_the_row_of_an_unknown_class_is_that_of_the_file(tmp_path: Path) -> None:
    names = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    table = pa.table({"image": [b"x"] * 5, "label": [1, 0, 1, 0, 7], "hash": [[1]] * 5})
    metadata = {"huggingface": json.dumps({"info": {"features": names}})}
    pq.write_table(
        table.replace_schema_metadata(metadata), tmp_path / "t.parquet", row_group_size=2
    )
    for read in (parquet_images, read_text_table):
        with pytest.raises(DataError, match=r"Row 5 of .* has the class 7 in 'label'"):
            read(tmp_path / "t.parquet")


def test_columns_of_bytes_of_any_length_are_not_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": ["a", "b"],
            "thumb": pa.array([b"x", b"y"], pa.large_binary()),
            "age": [30.0, None],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    columns = read_text_table(tmp_path / "t.parquet").columns
    assert columns == {"id": ("a", "b"), "age": ("30", None)}


def test_a_column_that_begins_or_ends_late_is_filled_up(tmp_path: Path) -> None:
    rows = ['{"id": "a", "x": 1}', '{"id": "b"}', '{"id": "c", "y": 2}', '{"id": "d"}']
    (tmp_path / "t.jsonl").write_text("\n".join(rows))
    assert read_text_table(tmp_path / "t.jsonl").columns == {
        "id": ("a", "b", "c", "d"),
        "x": ("1", None, None, None),
        "y": (None, None, "2", None),
    }
