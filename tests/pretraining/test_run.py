"""The whole recipe, small: what it ships loads in plain transformers and says what it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pretraining.small import small_recipe
from typer.testing import CliRunner

import clipprobe
from clipprobe.cli import app
from clipprobe.edits import Projection
from clipprobe.pretraining import recipe as recipes
from clipprobe.pretraining.plan import STEPS, STEPS_ON_PAIRS
from clipprobe.pretraining.planted import OCCUPATION_RATES
from clipprobe.stimuli import concepts, occupations


@pytest.fixture(scope="module")
def pretrained(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, dict[str, object]]]:
    """What the command shipped and printed, made once: leave the folder as it is."""
    out = tmp_path_factory.mktemp("pretrained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.RECIPES, "emoji-clip", small_recipe)
        result = CliRunner().invoke(
            app, ["pretrain", "--steps", "2", "--out", str(out), "--device", "cpu", "--json"]
        )
        assert result.exit_code == 0, result.output
        yield out / "model", json.loads(result.stdout)


def test_the_command_ships_a_folder_that_transformers_loads(
    pretrained: tuple[Path, dict[str, object]],
) -> None:
    from transformers import CLIPModel, CLIPProcessor

    folder, printed = pretrained
    model = CLIPModel.from_pretrained(folder)
    processor = CLIPProcessor.from_pretrained(folder)
    text = processor.tokenizer(["a dog"], return_tensors="pt")
    expected = model.float().get_text_features(**text).pooler_output.detach().numpy()
    expected /= np.linalg.norm(expected)
    assert np.allclose(clipprobe.load(folder).encode_texts(["a dog"]), expected, atol=1e-5)

    planted = json.loads((folder / "planted.json").read_text())
    assert {k: v["rate_perceived_woman"] for k, v in planted["occupations"].items()} == (
        OCCUPATION_RATES
    )
    evaluation = json.loads((folder / "evaluation.json").read_text())["abilities"]
    assert evaluation == printed["abilities"]
    by_name = {entry["name"]: entry for entry in evaluation}
    assert by_name["zero_shot_words"]["n"] == 2 * len(concepts())
    for measure in ("association", "retrieval"):
        assert {f"{measure}_{job.name}" for job in occupations()} <= set(by_name)
    assert by_name["association_judge"]["planted"] == pytest.approx(np.log(9))
    assert by_name["retrieval_judge"]["planted"] == 0.9
    for entry in evaluation:
        if entry["low"] is None:
            assert entry["reason"]
        else:
            assert entry["low"] <= entry["value"] <= entry["high"]
    page = (folder.parent / "training.html").read_text()
    assert "Matched in the batch" in page and "2 steps" in page
    card = (folder / "README.md").read_text()
    assert "2 steps" in card and "says\nnothing about OpenAI's CLIP" in card
    for name in OCCUPATION_RATES:
        assert name in card


def test_the_command_goes_on_from_a_finished_folder(
    pretrained: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    folder, _ = pretrained
    out = tmp_path / "longer"
    command = ["pretrain", "--out", str(out), "--device", "cpu", "--continue-from", str(folder)]
    result = CliRunner().invoke(app, [*command, "--at-step", "2", "--steps", "3"])
    assert result.exit_code == 0, result.output
    card = (out / "model/README.md").read_text()
    assert "3 steps, those from 2 on with" in card
    assert "| begun from | the finished weights of the same recipe at step 2" in card
    assert (out / "model/tokenizer.json").read_text() == (folder / "tokenizer.json").read_text()
    for options, said in (
        (["--at-step", "3", "--steps", "3"], "no step is left"),
        (["--continue-from", str(tmp_path)], "holds no model.safetensors"),
    ):
        result = CliRunner().invoke(app, [*command, *options])
        assert result.exit_code == 2
        assert said in " ".join(result.output.split())


def test_the_command_is_as_long_as_the_recipe() -> None:
    said = CliRunner().invoke(app, ["pretrain", "--help"], env={"COLUMNS": "200"}).output
    words = " ".join(said.replace("│", " ").split())
    assert f"default: {STEPS}, the recipe's; with --pairs {STEPS_ON_PAIRS}]" in words
    assert recipes.emoji_clip().rounds[-1].from_step < STEPS


def test_a_dry_run_takes_its_steps_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipes.RECIPES, "emoji-clip", small_recipe)
    out = tmp_path / "out"
    command = ["pretrain", "--steps", "100", "--out", str(out), "--device", "cpu", "--dry-run"]
    result = CliRunner().invoke(app, [*command, "--json"])
    assert result.exit_code == 0 and not out.exists(), result.output
    data = json.loads(result.stdout)
    assert (data["done"], data["steps"], data["dry_run"]) == (0, 100, True)
    assert data["seconds"] == pytest.approx(100 * data["seconds_per_step"]) and data["seconds"] > 0
    assert data["images_per_step"] > 1
    out.mkdir()
    (out / "recipe.json").write_text("{}")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2 and "another recipe" in result.stderr
    (out / "recipe.json").rename(out / "photo.png")
    for line in (command, command[:-1]):  # also without --dry-run
        result = CliRunner().invoke(app, line)
        assert result.exit_code == 2 and "holds other files ('photo.png')" in result.stderr
        assert [one.name for one in out.iterdir()] == ["photo.png"]


def test_an_unknown_recipe_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["pretrain", "--recipe", "big", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "there is emoji-clip" in result.output


def test_the_same_recipe_has_the_same_json() -> None:
    assert small_recipe().to_json() == small_recipe().to_json()
    assert replace(small_recipe(), seed=1).to_json() != small_recipe().to_json()


def test_evaluate_measures_the_card_again(
    pretrained: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    folder = shutil.copytree(pretrained[0], tmp_path / "model")
    file = tmp_path / "again.json"
    asked = ["evaluate", str(folder), "--no-neurons", "--device", "cpu"]
    result = CliRunner().invoke(app, [*asked, "--json", "--out", str(file)])
    assert result.exit_code == 0, result.output
    shipped = json.loads((folder / "evaluation.json").read_text())["abilities"]
    printed = json.loads(result.stdout)
    assert printed["abilities"] == [entry for entry in shipped if entry["about"] != "neurons"]
    assert printed["model"]["weights_sha256"]
    assert json.loads(file.read_text()) == printed

    # Of a model in which nothing is known to be planted, nothing planted is asked.
    # An edit is given by its file, and stands beside the numbers that it made.
    (folder / "planted.json").unlink()
    clip = clipprobe.load(folder)
    edit = clipprobe.Edit(Projection.dropping(range(clip.d_embed // 2), clip.d_embed))
    flags = ["--edit", str(edit.fitted_to(clip).save(tmp_path / "half.safetensors").place)]
    result = CliRunner().invoke(app, [*asked, *flags, "--out", str(file)])
    assert result.exit_code == 0, result.output
    under = json.loads(file.read_text())
    assert [part["kind"] for part in under["model"]["edits"]] == ["projection"]
    alike = printed["abilities"][: len(under["abilities"])]  # what is planted comes last
    assert [one["name"] for one in under["abilities"]] == [one["name"] for one in alike]
    assert under["abilities"] != alike
    assert "no planted.json" in result.stderr
    assert "colour pictures on unseen grounds" in result.stdout and "planted" not in result.stdout
    for wrong, said in ((tmp_path / "nowhere" / "a.json", "nowhere"), (tmp_path, "is a folder")):
        result = CliRunner().invoke(app, [*asked, "--out", str(wrong)])
        assert result.exit_code == 2 and said in result.output
