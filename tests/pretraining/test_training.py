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
import torch
from pretraining.small import small_recipe
from safetensors.numpy import load_file

from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.pretraining.export import export_weights
from clipprobe.pretraining.recipe import Round
from clipprobe.pretraining.samples import BatchSpec
from clipprobe.pretraining.stages import STAGES, WideMix
from clipprobe.pretraining.training.begin import Begin
from clipprobe.pretraining.training.train import train
from clipprobe.pretraining.wide.batches import KINDS


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
        from clipprobe.pretraining.training.train import train

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


def test_a_run_goes_on_from_finished_weights(tmp_path: Path) -> None:
    recipe = replace(small_recipe(), rounds=(Round(warm_up_steps=2, letter_weight=0.0),))
    model, tokenizer = train(recipe, tmp_path / "first", steps=2)
    export_weights(model, tokenizer, recipe, tmp_path / "model")
    begin = Begin(folder=tmp_path / "model", step=2)
    # Step 2 on, in the batches that it would have had; nothing taken is nothing changed.
    again, words = train(recipe, tmp_path / "none", steps=2, begin=begin)
    for (name, now), then in zip(
        again.state_dict().items(), model.float().state_dict().values(), strict=True
    ):
        assert torch.equal(now, then), name
    assert words("a red dog").input_ids == tokenizer("a red dog").input_ids
    train(recipe, tmp_path / "on", steps=4, begin=begin)
    steps = [json.loads(line) for line in (tmp_path / "on/log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in steps] == [2, 3]
    assert steps[0]["difficulty"] == 1.0
    with pytest.raises(RunFolderError, match="another recipe"):
        train(recipe, tmp_path / "on", steps=4)
    with pytest.raises(ConfigError, match=r"holds no model\.safetensors"):
        Begin(folder=tmp_path, step=2)


def test_batches_of_the_wide_domain_are_trained_on(tmp_path: Path) -> None:
    small = WideMix(
        **dict.fromkeys(KINDS, 1) | {"picture": 4},  # type: ignore[arg-type]
        n_occupations=2,
    )
    recipe = small_recipe()
    assert isinstance(recipe.data, BatchSpec)
    stages = (replace(STAGES[-1], from_step=0, wide=small),)
    recipe = replace(recipe, data=replace(recipe.data, stages=(STAGES[0], *stages)))
    train(recipe, tmp_path, steps=2)
    steps = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for entry in steps:
        assert entry["n_images"] == 15 + 4 + 2 and entry["loss"] > 0
        assert {f"{kind}_accuracy" for kind in (*KINDS, "person")} <= set(entry)


@pytest.mark.slow
def test_the_loss_falls(tmp_path: Path) -> None:
    recipe = replace(small_recipe(), rounds=(Round(warm_up_steps=2, decay_share=0.2),))
    train(recipe, tmp_path, steps=20)
    steps = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in steps] == list(range(20))
    assert steps[16]["letter_loss"] < 0.9 * steps[0]["letter_loss"]
    assert "letter_loss" not in steps[-1]
