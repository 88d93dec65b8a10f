"""The audits of zero-shot and few-shot classification as a user meets them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipprobe.cli import app
from clipprobe.data import open_dataset
from clipprobe.errors import ConfigError, DataError, RunFolderError, ThresholdCrossedError
from clipprobe.runs import load_run
from clipprobe.statistics import wilson
from clipprobe.study import compare_runs
from clipprobe.zeroshot import audit_few_shot, audit_zeroshot, build_classifier
from clipprobe.zeroshot.few_shot.concepts import concept_images

COLOURS = {"blue": (20, 20, 230), "green": (20, 200, 20), "red": (230, 20, 20)}


def colour_folder(folder: Path, n: int = 12, *, noise: int = 30, seed: int = 0) -> Path:
    """A sub-folder for each colour, with noisy images of it: any probe learns it."""
    rng = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for i in range(n):
            pixels = np.array(colour) + rng.integers(-noise, noise, (32, 32, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(folder / name / f"{i:02}.png")
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return colour_folder(tmp_path_factory.mktemp("colours") / "images")


@pytest.fixture(scope="module")
def few(clip: Any, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("few")
    shifted = colour_folder(folder / "shifted", noise=90, seed=1)
    return audit_few_shot(
        clip, images, shifted=shifted, shots=[1, 3], draws=3, iterations=20, out=folder / "run"
    )


def test_the_probe_learns_what_the_texts_of_a_random_tower_do_not_say(few: Any) -> None:
    by = {one["name"]: one for one in few.summary["sets"]}
    assert set(by) == {"images", "shifted", "transferred"}
    assert by["images"]["curves"]["probe"][-1]["value"] > 0.9
    assert by["images"]["zero_shot"]["value"] < 0.7
    assert by["images"]["crossings"]["probe"]["value"] == "-Infinity"
    assert by["images"]["crossing_text"]["probe"].startswith("<1")
    assert by["images"]["labelled_images"] == [2.0, 6.0]
    names = [item["name"] for item in few.summary["headline"]]
    assert names[:3] == ["zero_shot", "probe", "lp_plus"]
    assert "probe_transferred" in names


def test_shifted_images_that_fitted_the_probe_are_said(
    clip: Any, images: Path, few: Any, tmp_path: Path
) -> None:
    both: Any = {"shots": [1], "draws": 2, "iterations": 5}
    run = audit_few_shot(clip, images, shifted=images, out=tmp_path / "run", **both)
    said = [one for one in run.summary["warnings"] if "are among the others too" in one]
    assert len(said) == 1 and said[0].startswith(f"{12 * len(COLOURS)} of the shifted images")
    assert not any("among the others" in one for one in few.summary["warnings"])


def test_the_curves_are_the_means_of_the_draws_that_were_written(few: Any) -> None:
    with (few.path / "draws.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    for one in few.summary["sets"]:
        name, prefix = one["name"], ""
        if name == "transferred":
            name, prefix = "images", "transferred "
        for method, curve in one["curves"].items():
            for shots, estimate in zip(one["shots"], curve, strict=True):
                mine = [
                    int(row["right"]) / int(row["n"])
                    for row in rows
                    if (row["set"], row["method"], row["shots"]) == (name, prefix + method, shots)
                ]
                assert len(mine) == 3
                assert estimate["value"] == pytest.approx(np.mean(mine))
    assert all(row["C"] for row in rows if row["method"].endswith("probe"))


def test_wrong_input_of_few_shot_has_its_sentence(clip: Any, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(DataError, match=r"8 shots and 4 validation images .* has 6 beside"):
        audit_few_shot(clip, images, shots=[8], out=out)
    one = colour_folder(tmp_path / "one", n=1)
    with pytest.raises(DataError, match=r"'blue' has 1 image\(s\)"):
        audit_few_shot(clip, one, out=out)
    with pytest.raises(ConfigError, match="give a folder, or --never-seen"):
        audit_few_shot(clip, out=out)
    with pytest.raises(ConfigError, match="renders its own images"):
        audit_few_shot(clip, images, never_seen=True, out=out)
    with pytest.raises(DataError, match=r"'blue' .* is not among the 2 classes"):
        audit_few_shot(clip, images, classes=["cyan", "mauve"], out=out)
    with pytest.raises(ConfigError, match="positive numbers or 'all'"):
        audit_few_shot(clip, images, shots=["some"], out=out)
    assert not out.exists()


def test_few_images_of_a_class_leave_out_the_shots_that_do_not_fit(
    clip: Any, tmp_path: Path
) -> None:
    small = colour_folder(tmp_path / "small", n=3)
    told: list[tuple[int, int]] = []
    run = audit_few_shot(
        clip, small, draws=2, iterations=5, out=tmp_path / "run",
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    (one,) = run.summary["sets"]
    assert one["shots"] == ["1"]
    assert run.summary["warnings"][0].startswith(
        "images has a class with 2 images beside its test images, so 2, 4, 8, 16 shots"
    )
    assert told[-1] == (9 + 2, 9 + 2)


def test_seen_and_never_seen_things_are_apart_and_of_the_same_categories() -> None:
    from clipprobe.stimuli import concepts, unseen_concepts
    from clipprobe.zeroshot.few_shot.concepts import matched

    sets = concept_images(seed=0, image_size=32, per_concept=2)
    labels = {name: {record.label for record in data} for name, data in sets.items()}
    assert labels["never seen"] == {concept.name for concept in unseen_concepts()}
    assert labels["seen"] <= {concept.name for concept in concepts()}
    assert len(labels["seen"]) == len(labels["never seen"])
    assert all(len(data) == 2 * len(labels[name]) for name, data in sets.items())
    assert sorted(c.category for c in matched(unseen_concepts())) == sorted(
        c.category for c in unseen_concepts()
    )


@pytest.fixture(scope="module")
def zero(clip: Any, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return audit_zeroshot(
        clip,
        images,
        templates=["a {}", "a bad photo of a {}"],
        other_names={"red": ["scarlet"]},
        out=tmp_path_factory.mktemp("zero") / "run",
    )


def test_accuracy_and_answers_are_those_of_the_plain_classifier(
    clip: Any, zero: Any, images: Path
) -> None:
    names = sorted(COLOURS)
    vectors = build_classifier(clip, names, ["a {}", "a bad photo of a {}"])
    data = open_dataset(images)
    chosen = (clip.encode_images(list(data)) @ vectors.T).argmax(1)
    table = zero.read_table("results.parquet")
    assert table["answer"].to_pylist() == [names[i] for i in chosen]
    right = sum(names[i] == record.label for i, record in zip(chosen, data, strict=True))
    assert zero.summary["headline"][0]["estimate"] == wilson(right, 36).to_json()
    with (zero.path / "confusion.csv").open(encoding="utf-8") as handle:
        assert sum(int(row["n"]) for row in csv.DictReader(handle)) == 36
    with (zero.path / "text_effects.csv").open(encoding="utf-8") as handle:
        changes = [row["change"] for row in csv.DictReader(handle)]
    assert {change: changes.count(change) for change in changes} == {
        "alone": 2, "without": 2, "absent": 3, "renamed": 1,
    }  # fmt: skip


def test_classes_of_people_give_totals_alone(clip: Any, tmp_path: Path) -> None:
    folder = colour_folder(tmp_path / "people")
    for old, new in (("red", "woman"), ("blue", "man"), ("green", "tree")):
        (folder / old).rename(folder / new)
    run = audit_zeroshot(clip, folder, out=tmp_path / "run")
    assert not run.has("results.parquet")
    assert not run.has("confusion.csv")
    assert "confused" not in run.summary
    assert "totals alone" in run.summary["warnings"][0]
    with pytest.raises(ConfigError, match="a probe answers for single images"):
        audit_few_shot(clip, folder, shots=[1], out=tmp_path / "few")


def test_two_runs_are_compared_over_the_images_of_both(
    clip: Any, zero: Any, few: Any, images: Path, tmp_path: Path
) -> None:
    other = audit_zeroshot(clip, images, templates=["my {}"], out=tmp_path / "other")
    found = compare_runs(zero, other, out=tmp_path / "compared", seed=0)
    first = found["differences"][0]
    assert (first["name"], first["n"]) == ("zero_shot", 36)
    before, after = (v.summary["headline"][0]["estimate"]["value"] for v in (zero, other))
    assert first["difference"]["value"] == pytest.approx(after - before)
    assert load_run(tmp_path / "compared").kind == "zeroshot-comparison"
    assert (tmp_path / "compared" / "report.html").exists()
    with pytest.raises(RunFolderError, match="given twice"):
        compare_runs(zero, zero, out=None, seed=0)
    same = compare_runs(few, load_run(Path(copied(few.path, tmp_path))), out=None, seed=0)
    assert all(row["difference"]["value"] == 0 for row in same["differences"])


def copied(run: Path, folder: Path) -> Path:
    import shutil

    return Path(shutil.copytree(run, folder / "copy"))


def test_a_threshold_leaves_a_complete_run_and_fails(
    clip: Any, images: Path, tmp_path: Path
) -> None:
    with pytest.raises(ThresholdCrossedError, match=r"zero_shot is .* is under 0\.99"):
        audit_zeroshot(clip, images, fail_under={"zero_shot": 0.99}, out=tmp_path / "run")
    assert load_run(tmp_path / "run").summary
    with pytest.raises(ConfigError, match="for 'speed': it can be given for zero_shot"):
        audit_zeroshot(clip, images, fail_under={"speed": 1.0}, out=tmp_path / "run")


def test_the_commands_take_flags_and_files(
    checkpoint: Callable[[str], Path], images: Path, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    def said(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["audit", *arguments])

    config = tmp_path / "audit.yaml"
    config.write_text(f"images: {images}\nshots: [1, 2]\ndraws: 2\n", encoding="utf-8")
    model = ["--model", str(checkpoint("clip"))]
    few = said(
        "few-shot", "--config", str(config), "--iterations", "5", "--json", *model,
        "--out", str(tmp_path / "few"),
    )  # fmt: skip
    assert few.exit_code == 0, few.output
    assert json.loads(few.stdout)["sets"][0]["shots"] == ["1", "2"]
    flags = ["--images", str(images), "--template", "a {}", "--fail-under", "zero_shot=1"]
    zero = said("zeroshot", *flags, *model, "--out", str(tmp_path / "zero"))
    assert zero.exit_code == 1
    assert "mean per class" in zero.stdout
    assert said("zeroshot", "--images", str(images), *model).exit_code == 2
