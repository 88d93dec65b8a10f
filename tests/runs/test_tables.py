"""Tables and arrays: the same bytes for the same values, and no cell that runs in a spreadsheet."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipprobe.errors import ConfigError
from clipprobe.runs import tables

ROWS = [{"image": "a.png", "p": 0.1}, {"image": "b.png", "p": math.nan, "label": "cat"}]


def test_rows_and_columns_give_one_table(tmp_path: Path) -> None:
    tables.write_parquet(tmp_path / "rows.parquet", ROWS)
    columns = {"image": ["a.png", "b.png"], "p": np.array([0.1, math.nan]), "label": [None, "cat"]}
    tables.write_parquet(tmp_path / "columns.parquet", columns)
    assert (tmp_path / "rows.parquet").read_bytes() == (tmp_path / "columns.parquet").read_bytes()
    back = tables.read_parquet(tmp_path / "rows.parquet").to_pylist()
    assert back[0] == {"image": "a.png", "p": 0.1, "label": None}
    assert back[1]["label"] == "cat" and math.isnan(back[1]["p"])


def test_neither_chunks_nor_pandas_reach_the_bytes(tmp_path: Path) -> None:
    plain = pa.table({"x": list(range(1000)), "y": [f"word {i % 7}" for i in range(1000)]})
    chunked = pa.concat_tables([plain.slice(0, 3), plain.slice(3, 600), plain.slice(603)])
    from_pandas = pa.Table.from_pandas(plain.to_pandas(), preserve_index=False)
    from_pandas = from_pandas.cast(plain.schema).replace_schema_metadata({"pandas": "3.1.1"})
    written = []
    for name, table in (("a", plain), ("b", chunked), ("c", from_pandas)):
        tables.write_parquet(tmp_path / name, table)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1] == written[2]
    tables.write_parquet(tmp_path / "d", plain.slice(1))
    assert (tmp_path / "d").read_bytes() != written[0]


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    tables.write_parquet(
        tmp_path / "t.parquet", {"x": np.empty(0, np.float32), "y": pa.array([], pa.string())}
    )
    back = tables.read_parquet(tmp_path / "t.parquet")
    assert back.num_rows == 0 and back.schema.names == ["x", "y"]
    assert back.schema.field("x").type == pa.float32()


def test_columns_with_a_type_keep_it_where_nothing_tells() -> None:
    types = {"name": "string", "n": "int16"}
    assert [str(one.type) for one in tables.columns_of([], types).values()] == ["string", "int16"]
    table = tables.as_table(tables.columns_of([{"name": None, "p": math.nan, "n": 2}], types))
    assert [str(kind) for kind in table.schema.types] == ["string", "double", "int16"]
    assert table.column("name").to_pylist() == [None] and math.isnan(table.column("p")[0].as_py())


def test_a_folder_that_looks_like_a_partition_is_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "label=dog"
    folder.mkdir()
    tables.write_parquet(folder / "t.parquet", {"x": [1]})
    assert tables.read_parquet(folder / "t.parquet").column_names == ["x"]


def test_tables_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="differ in length"):
        tables.as_table({"x": [1], "y": [1, 2]})
    with pytest.raises(ConfigError, match=r"column 'x'.*one type"):
        tables.as_table([{"x": 1}, {"x": "one"}])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_formulas_are_neutralised_and_come_back(tmp_path: Path, start: str) -> None:
    text = f"{start}HYPERLINK(1)"
    path = tmp_path / "t.csv"
    tables.write_csv(path, {text: [text, "plain"], "n": [-1, 2]})
    with path.open(newline="", encoding="utf-8") as handle:
        cells = list(csv.reader(handle))
    assert cells == [["'" + text, "n"], ["'" + text, "-1"], ["plain", "2"]]
    assert tables.read_csv(path).to_pydict() == {text: [text, "plain"], "n": ["-1", "2"]}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_csv_text_round_trips_and_is_never_a_formula(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    tables.write_csv(path, {"n": [1] * len(words), "word": words})
    assert tables.read_csv(path)["word"].to_pylist() == words
    with path.open(newline="", encoding="utf-8") as handle:
        assert not [row for row in csv.reader(handle) if row[1][:1] in set("=+-@\t\r\n")]


def test_csv_numbers_and_gaps(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    tables.write_csv(path, [{"x": 0.1, "y": None}, {"x": math.nan, "y": True}])
    assert path.read_bytes() == b"x,y\n0.1,\n,True\n"


def test_arrays_round_trip_whatever_their_strides_and_order(tmp_path: Path) -> None:
    grid = np.arange(12, dtype=np.float32).reshape(3, 4)
    tables.write_arrays(tmp_path / "a", {"x": grid.T, "y": grid[:, ::2]})
    tables.write_arrays(tmp_path / "b", {"y": grid[:, ::2].copy(), "x": grid.T.copy()})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = tables.read_arrays(tmp_path / "a")
    tables.write_arrays(tmp_path / "scalar", {"n": np.float64(3.5)})
    assert tables.read_arrays(tmp_path / "scalar")["n"].shape == ()
    np.testing.assert_array_equal(back["x"], grid.T)
    np.testing.assert_array_equal(back["y"], grid[:, ::2])


def test_pandas_reads_what_we_write(tmp_path: Path) -> None:
    tables.write_parquet(tmp_path / "t.parquet", ROWS)
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert list(frame["image"]) == ["a.png", "b.png"]
