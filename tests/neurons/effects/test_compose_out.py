"""Compositions as files: a row per class and unit, all as JSON, and names that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.neurons.effects import compose
from clipprobe.neurons.effects.composing.verb import check_name, write_compositions
from clipprobe.runs import jsonio
from clipprobe.runs.tables import read_csv


def test_a_table_has_every_unit_of_every_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = ["cat", "dog"] * 40
    x = rng.normal(size=(80, 6)) + 3 * np.array([[label == "cat"] for label in labels])
    found = compose(x, [f"u:{i}" for i in range(6)], labels)
    data = {"compositions": [one.to_json() for one in found]}
    expected = [(one.target, unit, weight) for one in found for unit, weight in one.units]
    for name in ("a.csv", "a.parquet"):
        path = tmp_path / name
        check_name(path)
        write_compositions(path, data, found)
        rows = (read_csv if name == "a.csv" else pq.read_table)(path).to_pylist()
        assert [(row["target"], row["unit"]) for row in rows] == [one[:2] for one in expected]
        np.testing.assert_allclose(
            [float(row["weight"]) for row in rows], [one[2] for one in expected]
        )
        assert int(rows[0]["n"]) == found[0].accuracy.n
        assert float(rows[0]["auroc"]) == pytest.approx(found[0].auroc.value)
    write_compositions(tmp_path / "a.json", data, found)
    assert jsonio.loads((tmp_path / "a.json").read_text()) == jsonio.plain(data)


def test_names_that_do_not_fit_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.json, \.csv, \.parquet"):
        check_name(tmp_path / "a.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError):
        check_name(tmp_path / "file" / "a.csv")
