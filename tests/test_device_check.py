"""The CPU part of benchmarks/device_check.py, and that it can fail."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import clipprobe

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "device_check.py"


@pytest.fixture(scope="module")
def script() -> Any:
    sys.path.append(str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("device_check", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["device_check"] = module
    spec.loader.exec_module(module)
    return module


def device_memory() -> Any:
    """The part on memory, once the script has found it beside itself."""
    return sys.modules["device_memory"]


@pytest.fixture(scope="module")
def tiny(script: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = script.checkpoint(
        script.SIZES["tiny"], tmp_path_factory.mktemp("tiny") / "model"
    )
    return folder


def test_the_whole_check_of_the_tiny_size(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report.json"
    monkeypatch.setattr(
        sys, "argv", ["device_check.py", "--device", "cpu", "--tiny", "--out", str(out)]
    )
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 0
    report = json.loads(out.read_text())
    found = report["sizes"]["tiny"]
    assert found["equality"]["float32"]["worst"] == 0.0
    assert 0 < found["equality"]["bfloat16"]["worst"] < script.BOUNDS["bfloat16"]
    assert set(found["speed"]) == {
        "bare",
        "capture",
        "encode files",
        "scan",
        "audit (6 conditions)",
    }
    assert all(one["images_per_second"] > 0 for one in found["speed"].values())
    memory = found["memory"]
    if Path("/proc/self/clear_refs").exists():
        assert set(memory["peaks"]) == {"1", "64", "256"} and memory["fits"] > memory["tried"] == 64
        assert memory["tried_peak"] >= memory["peaks"]["1"] > 1e6
    else:
        assert "no peak" in memory["reason"]
    assert report["card"].startswith("cpu, ")


def test_it_compares_every_hook_point_and_kind_of_edit(script: Any, tiny: Path) -> None:
    clip = clipprobe.load(tiny)
    names = script.numbers(clip, _images(clip))
    points = {f"hook {point.name}" for point in clip.hook_points()}
    edits = script.edits_for(clip)
    assert set(names) == points | {f"edit {name}" for name in edits}
    kinds = {part.kind for edit in edits.values() for part in edit.parts}
    classes = {"centred-classes", "class-offsets", "class-projection"}  # numpy, on no device
    assert kinds == set(clipprobe.edits.PARTS) - classes - {"weights"}


def _images(clip: Any) -> list[Any]:
    import numpy as np

    side = clip.image_size
    return [np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)]


def test_a_difference_is_a_failure(
    script: Any, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bfloat16 does not keep the bound of float32; nor does a check that was cut short pass."""
    monkeypatch.setitem(script.BOUNDS, "bfloat16", script.BOUNDS["float32"])
    found = script.equality(tiny, script.SIZES["tiny"], "cpu", float("inf"))
    assert found["control"]["noticed"] and found["bfloat16"]["crossed"]
    assert not found["float32"]["crossed"]
    assert not script.passed({"sizes": {"tiny": {"equality": found}}})
    good = {"equality": {**found, "bfloat16": found["float32"]}}
    assert script.passed({"sizes": {"tiny": good}})
    assert not script.passed({"sizes": {"tiny": {**good, "memory": {"error": "no room"}}}})
    late = script.check("cpu", ["tiny"], seconds=-1.0)
    assert "left out after" in late["sizes"]["tiny"]["equality"]["reason"]
    assert not script.passed(late)


def test_a_part_that_breaks_does_not_take_the_others_with_it(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> dict[str, Any]:
        raise RuntimeError("a device moved\nnothing")

    monkeypatch.setattr(script, "equality", broken)
    report = script.check("cpu", ["tiny"], seconds=1e6)
    found = report["sizes"]["tiny"]
    assert found["equality"] == {"error": "RuntimeError: a device moved nothing"}
    assert found["speed"]["bare"]["n_rounds"] == 1 and not script.passed(report)


def test_the_batch_that_fits_follows_from_the_peaks(script: Any, tiny: Path) -> None:
    """A pass that takes 1,000 bytes and 10 for each image, where 5,000 are free."""
    found = device_memory().room({1: 1010, 16: 1160, 64: 1640}, 5000, 4096)
    assert found["bytes_per_image"] == pytest.approx(10)
    assert found["fits"] in (399, 400) and found["tried"] in (359, 360)
    assert device_memory().room({1: 1010, 64: 1640}, 900, 4096)["tried"] == 1
    assert device_memory().room({1: 10, 64: 640}, 10**9, 4096)["tried"] == 4096
    device_memory().streamed(clipprobe.load(tiny), 3)


def test_a_gauge_sees_what_was_held_and_begins_anew(script: Any) -> None:
    gauge = device_memory().gauge_of("cpu")
    if gauge is None:
        pytest.skip("this system does not say what a process held at most")
    torch.ones(2**25)  # 128 MB, written and given back
    before = gauge.peak()
    gauge.reset()
    after = gauge.peak()
    held = torch.ones(2**25)
    assert after < before and gauge.peak() - after > 0.9 * held.nbytes
    assert gauge.available() > held.nbytes
    assert device_memory().gauge_of("meta") is None


def test_torch_has_what_the_gauge_of_a_gpu_calls(script: Any, monkeypatch: Any) -> None:
    """No GPU is needed to see that the names are there and the calls go through in order."""
    calls = []
    answers = {"mem_get_info": (70, 80), "memory_reserved": 5, "max_memory_allocated": 9}
    for name in ("empty_cache", "reset_peak_memory_stats", "synchronize", *answers):
        signature = inspect.signature(getattr(torch.cuda, name))

        def call(*given: Any, name: str = name, signature: Any = signature) -> Any:
            signature.bind(*given)
            calls.append(name)
            return answers.get(name)

        monkeypatch.setattr(torch.cuda, name, call)
    gauge = device_memory().gauge_of("cuda:1")
    gauge.reset()
    assert gauge.peak() == 9 and gauge.available() == 75
    assert calls[:4] == [
        "empty_cache", "reset_peak_memory_stats", "synchronize", "max_memory_allocated"
    ]  # fmt: skip
