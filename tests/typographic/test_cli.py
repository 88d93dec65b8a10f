"""``clipprobe attack`` and ``clipprobe audit typographic``, through the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app

runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes x two noisy images, and a class file."""
    for i, name in enumerate(("dog", "cat", "ship")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for j in range(2):
            noise = np.random.default_rng([i, j]).integers(0, 255, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "images" / name / f"{j}.png")
    (tmp_path / "classes.txt").write_text("dog\ncat\nship\n", encoding="utf-8")
    return tmp_path


def test_attack_writes_picture_mask_and_spec(folder: Path) -> None:
    source = folder / "images" / "dog" / "0.png"
    out, mask = folder / "attacked.png", folder / "mask.png"
    done = runner.invoke(
        app,
        ["attack", str(source), "hi", "--out", str(out), "--mask", str(mask), "--size", "0.3",
         "--position", "0.5,0.5", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["spec"]["position"] == [[0.5, 0.5]]
    inked = np.asarray(Image.open(mask)) > 0
    before, after = np.asarray(Image.open(source)), np.asarray(Image.open(out))
    touched = (before != after).any(axis=2)
    assert touched.any() and not (touched & ~inked).any()
    assert data["ink"] == pytest.approx(inked.mean())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.png", "hi", "--out", "a.png"], "could not be read (no such file)"),
        (["IMAGE", "hi", "--out", "a.jpg"], "ends in .png"),
        (["IMAGE", "hi", "--out", "IMAGE"], "is the image"),
        (["IMAGE", "hi", "--out", "a.png", "--position", "midle"], "'midle' is unknown"),
        (["IMAGE", "hi", "--out", "a.png", "--position", "3,4"], "is not a place"),
        (["IMAGE", "猫", "--out", "a.png"], "has no glyph"),
        (["IMAGE", "hippopotamuses", "--out", "a.png"], "does not fit"),
    ],
)
def test_attack_says_what_is_wrong(folder: Path, arguments: list[str], message: str) -> None:
    image = str(folder / "images" / "dog" / "0.png")
    done = runner.invoke(app, ["attack", *[image if a == "IMAGE" else a for a in arguments]])
    assert done.exit_code == 2
    assert message in done.output and "Traceback" not in done.output


def test_audit_prints_json_and_decides_on_thresholds(
    folder: Path, checkpoint: Callable[[], Path]
) -> None:
    arguments = [
        "audit", "typographic", "--model", str(checkpoint()), "--images", str(folder / "images"),
        "--classes", str(folder / "classes.txt"), "--out", str(folder / "run"), "--size", "0.25",
    ]  # fmt: skip
    done = runner.invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["n"]["images"] == 6 and summary["n"]["encoded"] == 36
    assert json.loads((folder / "run" / "summary.json").read_text()) == summary
    crossed = runner.invoke(app, [*arguments, "--fail-under", "attacked_accuracy=0.99"])
    assert crossed.exit_code == 1
    assert "lower end of its interval is under 0.99" in crossed.output
    assert "reading effect" in crossed.stdout
    wrong = runner.invoke(app, [*arguments, "--fail-under", "attacked_accuracy"])
    assert wrong.exit_code == 2 and "NAME=NUMBER" in wrong.output


def test_config_file_gives_settings_and_flags_win(
    folder: Path, checkpoint: Callable[[], Path]
) -> None:
    config = folder / "audit.yaml"
    config.write_text(
        f"model: {checkpoint()}\nimages: {folder / 'images'}\nclasses: {folder / 'classes.txt'}\n"
        "words: [ship, cat, meow]\nsize: 0.25\nposition: top\nseed: 3\noutline: none\n"
        "synonyms: {cat: [kitty]}\nfail_under: {clean_accuracy: 0}\n",
        encoding="utf-8",
    )
    out = folder / "run"
    done = runner.invoke(
        app,
        ["audit", "typographic", "--config", str(config), "--out", str(out), "--size", "0.3",
         "--word", "dog", "--word", "ship"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    written = json.loads((out / "config.json").read_text())["config"]
    assert written["attack"]["size"] == 0.3
    assert written["attack"]["position"] == "top"
    assert written["attack"]["outline"] is None
    assert written["words"]["listed"] == ["dog", "ship"]
    assert written["synonyms"] == {"cat": ["kitty"]}
    assert written["seed"] == 3
    config.write_text("sise: 3\n", encoding="utf-8")
    wrong = runner.invoke(app, ["audit", "typographic", "--config", str(config)])
    assert wrong.exit_code == 2 and "did you mean 'size'" in wrong.output


GIVEN = ["--images", "absent", "--classes", "c.txt", "--out", "run"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs --images"),
        (GIVEN, "no images at 'absent'"),
        ([*GIVEN, "--strategy", "random", "--word", "dog"], "choose one source of words"),
    ],
)
def test_audit_says_what_is_wrong(arguments: list[str], message: str) -> None:
    done = runner.invoke(app, ["audit", "typographic", *arguments])
    assert done.exit_code == 2
    assert message in done.output
