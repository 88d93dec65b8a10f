"""What a user can get wrong on the command line has a sentence of its own, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app

NAMES = ("blue", "green", "red")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of images by class, class files, and tables, right and wrong."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    for name, n in (("six", 6), ("single", 1)):
        for label in NAMES:
            (folder / name / label).mkdir(parents=True)
            for i in range(n):
                pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / name / label / f"{i}.png")
    (folder / "other.txt").write_text("cyan\nmauve\nyellow\n", encoding="utf-8")
    (folder / "twice.txt").write_text("blue\ngreen\nred\nred\n", encoding="utf-8")
    (folder / "nothing.csv").write_text("file_name,label\n", encoding="utf-8")
    (folder / "no-pairs.csv").write_text("image,caption,foil\n", encoding="utf-8")
    (folder / "same.csv").write_text(
        "image,caption,foil\nsix/blue/0.png,a cat,a dog\nsix/red/0.png,a cat,a cat \n",
        encoding="utf-8",
    )
    (folder / "few.csv").write_text(
        "image,caption,foil\nsix/blue/0.png,a cat,a dog\n", encoding="utf-8"
    )
    return folder


CASES = {
    "classes that do not match": (
        ["zeroshot", "--images", "{}/six", "--classes", "{}/other.txt"],
        "The label 'blue' of the image 'blue/0.png' is not among the 3 classes",
    ),
    "classes that do not match, few-shot": (
        ["few-shot", "--images", "{}/six", "--classes", "{}/other.txt"],
        "The label 'blue' of the image 'blue/0.png' is not among the 3 classes",
    ),
    "a class twice": (
        ["zeroshot", "--images", "{}/six", "--classes", "{}/twice.txt"],
        "'red'",
    ),
    "one image per class": (
        ["few-shot", "--images", "{}/single"],
        "The class 'blue' has 1 image(s): a curve needs at least three of each class",
    ),
    "more shots than images": (
        ["few-shot", "--images", "{}/six", "--shots", "2", "--shots", "8"],
        "8 shots and 4 validation images a class were asked for, but 'blue' has 3 beside its test",
    ),
    "shifted images that are too few": (
        ["few-shot", "--images", "{}/six", "--shifted", "{}/single"],
        "The class 'blue' has 1 image(s)",
    ),
    "an empty table of images": (
        ["zeroshot", "--images", "{}/nothing.csv"],
        "The table nothing.csv has no row: give one for each image",
    ),
    "an empty table of images, few-shot": (
        ["few-shot", "--images", "{}/nothing.csv"],
        "The table nothing.csv has no row: give one for each image",
    ),
    "an empty table of pairs": (
        ["limits", "--foils", "{}/no-pairs.csv"],
        "no-pairs.csv has no row: give at least 10 images",
    ),
    "a foil equal to its caption": (
        ["limits", "--foils", "{}/same.csv"],
        "Row 3 of same.csv (six/red/0.png) has a foil equal to its caption",
    ),
    "too few pairs": (
        ["limits", "--foils", "{}/few.csv"],
        "few.csv has fewer than 10 different images",
    ),
    "no such task": (
        ["limits", "--task", "flying"],
        "There is no task 'flying': choose among left or right",
    ),
    "a threshold of a figure that is not there": (
        ["limits", "--task", "style", "--fail-under", "colour=0.5"],
        "A least value was given for 'colour': it can be given for style",
    ),
    "a threshold of units that are not traced": (
        ["carriers", "--task", "style", "--kind", "head", "--fail-under", "removed_by_neurons=0.5"],
        "it can be given for removed_by_heads",
    ),
    "a class that is not there": (
        ["carriers", "mauve", "--images", "{}/six"],
        "'mauve' is not one of two or more classes (blue, green, red)",
    ),
    "a class without a name": (
        ["carriers", "--images", "{}/six"],
        "No class was named",
    ),
    "nothing to trace": (
        ["carriers", "red"],
        "Give labelled images (--images) or a task whose images are rendered (--task)",
    ),
    "a number that is not asked for": (
        ["carriers", "ten", "--task", "counting"],
        "0 of the 9 answers of the task are called 'ten'",
    ),
    "shots that are not numbers": (
        ["few-shot", "--images", "{}/six", "--shots", "some"],
        "Shots are positive numbers or 'all'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_has_its_sentence_and_exit_code_2(
    case: str, inputs: Path, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    words, says = CASES[case]
    out = tmp_path / "run"
    filled = [word.replace("{}", str(inputs)) for word in words]
    found: Any = CliRunner().invoke(
        app, ["audit", *filled, "--model", str(checkpoint("clip")), "--out", str(out)]
    )
    assert found.exit_code == 2, found.output
    (line,) = found.stderr.splitlines()
    assert line.startswith("clipprobe: ") and says in line
    assert found.stdout == ""
    assert not out.exists()
