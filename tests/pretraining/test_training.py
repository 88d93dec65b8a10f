"""Training: reproducible, resumable after a kill, and it learns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pretraining.small import small_recipe
from safetensors.numpy import load_file

from clipprobe.errors import RunFolderError
from clipprobe.pretraining.recipe import Round
from clipprobe.pretraining.train import train


def weights(out: Path) -> dict[str, bytes]:
    return {k: v.tobytes() for k, v in load_file(out / "checkpoint.safetensors").items()}


def test_a_run_is_bit_reproducible_and_its_seed_matters(tmp_path: Path) -> None:
    train(small_recipe(), tmp_path / "a", steps=3)
    train(small_recipe(), tmp_path / "b", steps=3, workers=2)
    train(small_recipe(1), tmp_path / "c", steps=3)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")
    assert (tmp_path / "a/log.jsonl").read_text() == (tmp_path / "b/log.jsonl").read_text()


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(small_recipe(), whole, steps=6, checkpoint_every=2)
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from pretraining.small import small_recipe
        from clipprobe.pretraining.train import train

        def slow(progress, figures):
            if progress.step >= 3:
                time.sleep(600)

        if __name__ == "__main__":
            train(small_recipe(), Path(sys.argv[1]), steps=6, checkpoint_every=2, on_step=slow)
        """
    )
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), str(tests.parent), os.environ.get("PYTHONPATH", "")])
    (tmp_path / "victim.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "victim.py"), str(killed)],
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 300
        while not (killed / "checkpoint.safetensors").exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    train(small_recipe(), killed, steps=6, checkpoint_every=2)
    assert weights(killed) == weights(whole)
    assert (killed / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()


def test_a_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    train(small_recipe(), tmp_path, steps=1)
    with pytest.raises(RunFolderError, match="another recipe"):
        train(small_recipe(1), tmp_path, steps=1)


@pytest.mark.slow
def test_the_loss_falls(tmp_path: Path) -> None:
    recipe = replace(small_recipe(), rounds=(Round(warm_up_steps=2, decay_share=0.2),))
    train(recipe, tmp_path, steps=20)
    steps = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in steps] == list(range(20))
    assert steps[16]["letter_loss"] < 0.9 * steps[0]["letter_loss"]
    assert "letter_loss" not in steps[-1]
