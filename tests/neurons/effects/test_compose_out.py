"""Compositions as run folders: what is in them, read back, and names of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.neurons.effects import composition_run
from clipprobe.runs import jsonio, load_run
from clipprobe.testing import image_folder

POST = "vision.blocks.1.mlp.post"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


def test_a_run_holds_every_unit_of_every_class_and_reads_back(
    clip: Any, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    kept = composition_run(clip, images, sites=[POST], max_units=3, out=out)
    memory = composition_run(clip, images, sites=[POST], max_units=3)
    assert jsonio.dumps(kept.to_json()) == jsonio.dumps(memory.to_json())
    assert [one.target for one in kept.compositions] == ["cat", "dog"]
    assert kept.compositions == memory.compositions
    run = load_run(out)
    assert run.kind == "composition" and run.read_json("compositions.json") == kept.to_json()
    rows = run.read_table("compositions.parquet").to_pylist()
    expected = [(one.target, *pair) for one in kept.compositions for pair in one.units]
    assert expected and [(r["target"], r["unit"], r["weight"]) for r in rows] == expected
    assert rows[0]["n"] == kept.compositions[0].accuracy.n
    assert rows[0]["auroc"] == kept.compositions[0].auroc.value
    page = (out / "report.md").read_text("utf-8")
    assert "shuffled labels" in page and expected[0][1] in page
    with pytest.raises(RunFolderError, match="max_units"):
        composition_run(clip, images, sites=[POST], max_units=2, out=out)


def test_the_command_writes_a_run_and_reads_it_again(
    checkpoint: Any, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = ["neurons", "compose", "--model", str(checkpoint("clip")), "--emotions", "--json"]
    command += ["--sites", "vision.blocks.2.mlp.post", "--target", "joy", "--out", str(out)]
    first, second = (CliRunner().invoke(app, command) for _ in range(2))
    assert first.exit_code == second.exit_code == 0, first.output
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert json.loads(first.stdout)["compositions"][0]["target"] == "joy"
    assert "report.html" in first.stderr and (out / "report.html").is_file()


@pytest.mark.parametrize("name", ["found.json", "found.CSV", "found.parquet"])
def test_the_name_of_a_file_is_answered_with_the_folder_that_holds_it(
    clip: Any, images: Path, tmp_path: Path, name: str
) -> None:
    words = r"found, which will hold everything in compositions\.json"
    with pytest.raises(ConfigError, match=words):
        composition_run(clip, images, sites=[POST], out=tmp_path / name)
    assert not (tmp_path / name).exists()
