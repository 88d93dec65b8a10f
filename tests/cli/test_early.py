"""Mistakes that are said before a model is loaded and before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app

UNIT = "vision.blocks.1.mlp.post:3"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with an image in a class folder, a class file and a file in the way."""
    (tmp_path / "images" / "dog").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "images" / "dog" / "0.png")
    (tmp_path / "classes.txt").write_text("dog\ncat\n")
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


IMAGE = "images/dog/0.png"
AUDIT = ["--images", "images", "--classes", "classes.txt"]
COMMANDS = [
    (["explain", "absent.png", "a dog"], "The image absent.png could not be read (no such file)"),
    (["explain", IMAGE, "a dog", "--out", "/proc/x.png"], "The file /proc/x.png could not be"),
    (["explain", IMAGE, "a photo of a criminal"], "explain answers for single images"),
    (["explain", IMAGE, "an old person", "a dog"], "'an old person' names a group of people"),
    (["neurons", "where", UNIT, "absent.png"], "The image absent.png could not be read"),
    (["neurons", "where", UNIT, IMAGE, "--out", "file/x.png"], "The file file/x.png could not be"),
    (["neurons", "decompose", "absent.png", "--text", "a dog"], "absent.png could not be read"),
    (["neurons", "decompose", IMAGE, "--text", "a muslim"], "neurons decompose answers for single"),
    (["neurons", "effect", "--images", "images", "--text", " ", "--unit", UNIT], "--text is empty"),
    (["neurons", "label", "--images", "images", "--scorer", "pmi"], "did you mean 'wpmi'"),
    (["neurons", "label", "--images", "images", "--alpha", "2"], "alpha=2.0 and threshold=0.1"),
    (["neurons", "scan", "--images", "images", "--out", "file"], "The run folder file could not"),
    (["neurons", "show", UNIT, "--out", "images"], "The file images could not be written (Is a"),
    (["audit", "typographic", *AUDIT, "--out", "images"], "holds other files"),
    (["audit", "sweep", *AUDIT, "--factor", "size", "--out", "file"], "The run folder file could"),
    (["audit", "why", *AUDIT, "--out", "file/run"], "The run folder file/run could not be used"),
    (["audit", "stroop", "--out", "/proc/run"], "The run folder /proc/run could not be used"),
    (["audit", "bias", "--images", "images", "--out", "file"], "The run folder file could not"),
    (["audit", "search", "absent.png", "--label", "dog", "--classes", "classes.txt", "--out", "r"],
     "The image absent.png could not be read"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), COMMANDS)
def test_it_is_said_before_a_model_is_loaded(
    folder: Path, arguments: list[str], message: str
) -> None:
    before = sorted(folder.rglob("*"))
    done = CliRunner().invoke(app, arguments, env={"CLIPPROBE_MODEL": str(folder / "no-model")})
    assert done.exit_code == 2 and "Traceback" not in done.output, done.output
    assert message in done.stderr
    assert sorted(folder.rglob("*")) == before


def test_a_class_named_twice_is_said(folder: Path) -> None:
    (folder / "classes.txt").write_text("cat\nice cream\nCat\ndog\nice-cream\n")
    done = CliRunner().invoke(
        app,
        ["audit", "typographic", *AUDIT, "--out", "run"],
        env={"CLIPPROBE_MODEL": str(folder / "no-model")},
    )
    assert "classes.txt names 'cat', 'ice cream' more than once" in done.stderr
