"""Which Parquet files hold their images, and which are tables of files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipprobe.data.archives import image_column


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
    tmp_path: Path, columns: dict[str, list[object]], found: str | None
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert image_column(tmp_path / "t.parquet") == found
