"""A run of each bias probe opens in the dashboard, with a number and its report."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clipprobe.study import STUDIES

pytest.importorskip("streamlit", reason="the dashboard extra is not installed")


@pytest.fixture(scope="module")
def bias_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run a probe, from scores or vectors that a toy model gives; and one of two compared."""
    import numpy as np

    from attacks.bias import audit_bias
    from attacks.bias.inputs import write_embeddings
    from attacks.bias.probes.registry import probe_names
    from clipprobe.study import compare_runs
    from clipprobe.testing.toys import RednessClip

    root = tmp_path_factory.mktemp("bias")
    rng = np.random.default_rng(0)
    ids = [f"{i}.jpg" for i in range(80)]
    write_embeddings(root / "e.npz", ids, rng.normal([0, 0, 2], 1, size=(80, 3)))
    with (root / "labels.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", "perceived_gender"])
        writer.writerows([one, ("man", "woman")[i % 2]] for i, one in enumerate(ids))
    given: dict[str, Any] = {
        "groups": ["perceived_gender"], "embeddings": root / "e.npz",
        "labels": root / "labels.csv", "n_boot": 100, "n_permutations": 100, "scale": 100.0,
    }  # fmt: skip
    made = {
        name: audit_bias(RednessClip(), probes=[name], out=root / "runs" / name, **given)  # type: ignore[arg-type]
        for name in probe_names()
    }
    other = audit_bias(
        RednessClip(),  # type: ignore[arg-type]
        probes=["occupations"], out=root / "runs" / "again", **given, seed=1,
    )  # fmt: skip
    compare_runs(made["occupations"], other, out=root / "runs" / "change", seed=0)
    return root / "runs"


def test_each_probes_run_opens_with_a_number_and_its_report(
    bias_runs: Path, app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPROBE_RUNS", str(bias_runs))
    names = sorted(path.name for path in bias_runs.iterdir())
    assert len(names) == 8
    table = app().dataframe[0].value
    assert sorted(table["run"]) == names and set(table["state"]) == {"complete"}
    assert all(table["first number"])
    for name in names:
        test = app("views/reports.py", run=name)
        assert not test.exception, name
        assert test.metric and len(test.get("iframe")) == 1, name


def test_a_run_that_still_holds_draws_is_named(
    bias_runs: Path, app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPROBE_RUNS", str(bias_runs))
    assert not app().warning and not app("views/reports.py", run="again").warning
    (bias_runs / "again" / "draws.safetensors").write_bytes(b"left by an earlier version")
    try:
        for test in (app(), app("views/reports.py", run="again")):
            [warning] = test.warning
            assert "draws.safetensors" in warning.value.replace("\\", "")
    finally:
        (bias_runs / "again" / "draws.safetensors").unlink()


def test_every_kind_of_run_has_its_icon() -> None:
    from dashboard.run_table import KIND_ICONS

    kinds = {study.kind for study in STUDIES.values()}
    assert len(kinds) > 10 and kinds <= set(KIND_ICONS)
