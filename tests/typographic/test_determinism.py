"""The same settings give the same bytes: any workers, any order, killed and resumed or not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attacks.typographic import audit_typographic

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
SIZE = 0.2


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a run by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_bytes_do_not_depend_on_workers_order_or_interruption(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    data = colours(4)

    def audit(out: str, clip: Any, workers: int, records: Any = data) -> dict[str, bytes]:
        view = audit_typographic(
            clip, records, NAMES, out=tmp_path / out, size=SIZE, batch_size=2, workers=workers
        )
        return files(view.path)

    alone = audit("one", toy(reads=True), 1)
    assert {"results.parquet", "summary.json", "report.html", "manifest.json"} <= set(alone)
    assert audit("four", toy(reads=True), 4) == alone
    assert audit("inline", toy(reads=True), 0) == alone
    turned = replace(data, records=data.records[::-1])
    assert audit("turned", toy(reads=True), 4, turned) == alone

    stopped = toy(reads=True)
    stopped.interrupt_after = 70
    with pytest.raises(KeyboardInterrupt):
        audit("resumed", stopped, 2)
    assert not (tmp_path / "resumed" / "manifest.json").exists()
    rest = toy(reads=True)
    assert audit("resumed", rest, 3) == alone
    # Nothing of a finished chunk was encoded again, not even a look-alike in a later chunk.
    whole = toy(reads=True)
    audit("whole", whole, 1)
    assert 0 < sum(rest.seen.values()) < len(whole.seen)
    again = toy(reads=True)
    assert audit("resumed", again, 1) == alone
    assert not again.seen  # a complete run is recognised


def test_bytes_of_a_real_model_do_not_depend_on_workers_or_order(
    clip: Any, colours: Callable[..., Any], tmp_path: Path
) -> None:
    data = colours(2)

    def audit(out: str, workers: int, records: Any) -> dict[str, bytes]:
        view = audit_typographic(
            clip, records, NAMES, out=tmp_path / out, size=0.3, batch_size=5, workers=workers
        )
        return files(view.path)

    alone = audit("one", 1, data)
    assert audit("four", 4, replace(data, records=data.records[::-1])) == alone


KILLED = """
    import sys, time
    from pathlib import Path
    sys.path[:0] = {paths!r}
    from clipprobe.testing.toys import NAMES, SIDE, ToyClip
    from attacks.typographic import audit_typographic
    from clipprobe.data import open_dataset

    class Slow(ToyClip):
        def encode_images(self, images, *, batch_size=32):
            time.sleep({pause})
            return super().encode_images(images, batch_size=batch_size)

    audit_typographic(
        Slow(True, {size} * SIDE), open_dataset({images!r}), NAMES, out={out!r}, size={size},
        batch_size=2,
    )
"""


def test_a_run_killed_without_warning_goes_on_and_ends_in_the_same_bytes(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    from clipprobe.data import open_dataset

    colours(4)
    images, out = tmp_path / "colours", tmp_path / "killed"
    script = textwrap.dedent(KILLED).format(
        paths=[str(ROOT), str(ROOT / "tests")], pause=0.05, size=SIZE, images=str(images),
        out=str(out),
    )  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        deadline = time.monotonic() + 500
        while child.poll() is None and time.monotonic() < deadline:
            if (out / "parts" / "0000000.parquet").exists():  # one of three chunks is finished
                break
            time.sleep(0.01)
        assert child.poll() is None, "it ended before it could be killed"
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    assert not (out / "manifest.json").exists()

    def audit(folder: Path, clip: Any) -> dict[str, bytes]:
        data = open_dataset(images)
        audit_typographic(clip, data, NAMES, out=folder, size=SIZE, batch_size=2, workers=4)
        return files(folder)

    rest, whole = toy(reads=True), toy(reads=True)
    assert audit(out, rest) == audit(tmp_path / "whole", whole)
    assert 0 < sum(rest.seen.values()) < sum(whole.seen.values())
