"""Attack data that a table names: `image,label,word`, and lists of words to be written."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typographic.attack_files import facts, fill, parquet, png, reasons

from attacks.typographic.datasets import load_attacks
from clipprobe.data import decode_image
from clipprobe.errors import DataError


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_any_table(tmp_path: Path, suffix: str) -> None:
    fill(tmp_path, ["a/1.png", "a/2.png"])
    rows = [
        {"image": "a/1.png", "label": "dog", "word": "cat"},
        {"image": "a/2.png", "label": "dog", "word": ""},
        {"image": "a/1.png", "label": "dog", "word": "cat"},
        {"image": "a/3.png", "label": "dog", "word": "cat"},
        {"image": "../x.png", "label": "dog", "word": "cat"},
    ]
    path = tmp_path / f"t{suffix}"
    if suffix in (".csv", ".tsv"):
        comma = "," if suffix == ".csv" else "\t"
        lines = [comma.join(("image", "label", "word")), *(comma.join(r.values()) for r in rows)]
        path.write_text("\n".join(lines))
    elif suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    found = load_attacks("auto", path)
    assert found.layout.name == "table"
    assert facts(found) == [("a/1.png", "dog", "cat"), ("a/2.png", "dog", "")]
    assert set(reasons(found).values()) == {
        "the table names it twice",
        "the table names it and no such file is there",
        "its file name leads out of the folder",
    }


def test_a_table_with_pictures_inside(tmp_path: Path) -> None:
    rows = [{"image": {"bytes": png(), "path": None}, "label": "dog", "word": "cat"}]
    found = load_attacks("table", parquet(tmp_path / "t.parquet", rows))
    assert decode_image(found.pictures[0].source).size == (8, 6)
    with pytest.raises(DataError, match=r"no column 'word' \(it has: image, label\)"):
        (tmp_path / "t.csv").write_text("image,label\na.png,dog\n")
        load_attacks("table", tmp_path / "t.csv")


def test_self_generated_lists_plan_words(tmp_path: Path) -> None:
    fill(tmp_path, ["Abyssinian_12.jpg", "pug/1.jpg"])
    (tmp_path / "pets.txt").write_text(
        'Abyssinian_12.jpg,"a cat, on a sofa",Bengal\n1.jpg,beagle\nabsent.jpg,Birman\n'
        "Abyssinian_12.jpg,Birman\n1.jpg\n"
    )
    found = load_attacks("self-gen", tmp_path)
    assert found.planned
    assert facts(found) == [
        ("Abyssinian_12.jpg", "Abyssinian", "Bengal"),
        ("pug/1.jpg", "pug", "beagle"),
    ]
    assert len(found.skipped) == 3
