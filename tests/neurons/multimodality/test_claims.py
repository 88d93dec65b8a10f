"""benchmarks/multimodality_claims.py at a small size: killed, resumed, and against the product."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.neurons.multimodality import bundled_probes
from clipprobe.stimuli import concepts

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "multimodality_claims.py"
N = 22


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("multimodality_claims", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["multimodality_claims"] = module
    spec.loader.exec_module(module)
    return module


def test_a_killed_benchmark_goes_on_and_counts_what_the_product_counts(
    script: Any,
    clip: Any,
    checkpoint: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, page = tmp_path / "claims", tmp_path / "claims.json"
    monkeypatch.setattr(script, "PAGE", page)
    arguments = ["--model", str(checkpoint("clip")), "--out", str(out), "--per-concept", "4"]
    arguments += ["--concepts", str(N), "--twins", "1", "--page"]

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(script, "planted", killed)
        script.main(arguments)
    assert "embedding is done" in capsys.readouterr().out and not page.exists()
    with monkeypatch.context() as watched:
        watched.setattr(script.Images, "activations", killed)  # the model has run
        with pytest.raises(KeyboardInterrupt):
            script.main(arguments)  # but its twin has not
    assert "embedding is done" not in capsys.readouterr().out
    script.main(arguments)
    shown = capsys.readouterr().out
    rows = {one["what"]: one for one in json.loads(page.read_text("utf-8"))["rows"]}
    assert f"planted logits of 20 found among {64 * len(clip.anatomy.vision.blocks) + 20}" in shown

    probes = bundled_probes(per_concept=4, size_px=64, concepts=concepts()[:N])
    found = clipprobe.multimodality(clip, probes, pool="late-cls", controls=["random_weights"])
    units = found.units
    for name, column in (
        ("profile test", "q_profile"),
        ("exact test, each given the others", "q_each"),
        ("exact test, all unrelated", "q_exact"),
    ):
        measured = rows[f"{name}, neurons, class token late"]["measured"]
        assert measured["n"] == len(units)
        assert measured["value"] == pytest.approx((units[column] <= 0.05).mean())
    strong = rows["strong, neurons, class token late"]["text"]
    assert strong == f"{found.n_strong:,} of {len(units):,}"
    assert found.floor is not None
    assert rows["units of 1 random networks: strong"]["text"] == str(found.floor.n_strong)
    runs = rows["… runs with a unit, everything shuffled"]["measured"]
    assert runs["n"] == 60 and 0 <= runs["value"] <= 1 and np.isfinite(runs["high"])


def test_a_missed_aim_is_said(script: Any) -> None:
    missed = script.share("runs", np.array([True, False]), "at most 5 %", most=0.05)
    met = script.mean("planted", [4, 5, 5], "at least 3.5", 3.5)
    assert missed["met"] is False and met["met"] is True
    assert script.row("units", "3 of 5")["met"] is None
    assert script.table([missed, met]).count("missed") == 1
