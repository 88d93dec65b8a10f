"""Real photos from the command line: killed half-way, resumed, the same files as in one go."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.testing import checkpoints as tiny

SOURCE = Path(__file__).parents[2] / "../shared/data/distill/in-the-wild-2"
N_PHOTOS = 24


@pytest.mark.skipif(not SOURCE.is_dir(), reason="the photos of the Distill article are not here")
@pytest.mark.parametrize("model", ["bundled", "vit-b32"])
def test_photos_are_scanned_killed_and_resumed(model: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in sorted(SOURCE.glob("*.jpg"))[:N_PHOTOS]:
        shutil.copy(path, photos)
    command = ["neurons", "scan", "--images", str(photos), "--batch-size", "2", "--workers", "0"]
    if model == "vit-b32":
        command += ["--model", str(tiny.vit_b32(tmp_path / model, n_blocks=2))]

    def scan(out: str) -> None:
        done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / out)])
        assert done.exit_code == 0, done.output

    out = tmp_path / "run"
    each_batch = [*command, "--checkpoint-seconds", "0", "--out", str(out)]
    killed = subprocess.Popen(
        [sys.executable, "-m", "clipprobe", *each_batch],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoint = out / "parts" / "scan.safetensors"
    while killed.poll() is None and not checkpoint.exists():
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert checkpoint.exists() and not (out / "manifest.json").exists()
    scan("run")
    scan("whole")
    whole, resumed = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir() if path.is_file()}
        for name in ("whole", "run")
    )
    assert "topk.parquet" in whole and whole.keys() == resumed.keys()
    assert [name for name in whole if whole[name] != resumed[name]] == []
