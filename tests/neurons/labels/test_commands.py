"""The commands on a tiny model: runs as documented, circularity said, mistakes named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runs.checks import check_run, check_tables
from typer.testing import CliRunner

from clipprobe.cli import app

SITE = "vision.blocks.0.mlp.post"


@pytest.fixture
def run(checkpoint: Callable[..., Path]) -> Callable[..., Any]:
    def call(*arguments: object) -> Any:
        words = ["neurons", *map(str, arguments), "--model", str(checkpoint("clip"))]
        return CliRunner().invoke(app, words)

    return call


def test_label_writes_the_run_that_the_page_describes(
    run: Callable[..., Any], pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    options = ["--images", pictures, "--sites", SITE, "--out", out]
    done = run("label", *options, "--judge", "labels", "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["n_units"] == 64 and not summary["circular"]
    check_run(out)
    check_tables(out, "labels")
    again = run("label", *options, "--judge", "labels")
    assert again.exit_code == 0 and "already" in again.stderr
    other = run("label", *options, "--judge", "column:tags")
    assert other.exit_code == 2


def test_a_circular_labelling_says_so_in_words_json_and_report(
    run: Callable[..., Any], pictures: Path, tmp_path: Path
) -> None:
    names = tmp_path / "concepts.txt"
    names.write_text("a cat\na dog\nthe sun\n")
    options = ["--images", pictures, "--sites", SITE, "--concepts", names, "--limit", "30"]
    spoken = run("label", *options, "--out", tmp_path / "a")
    assert spoken.exit_code == 0 and spoken.stdout.startswith("Circular")
    assert json.loads(run("label", *options, "--out", tmp_path / "b", "--json").stdout)["circular"]
    for name in ("report.html", "report.md"):
        assert "Circular" in (tmp_path / "a" / name).read_text(encoding="utf-8")


def test_predict_writes_the_run_that_the_page_describes(
    run: Callable[..., Any], pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "effects"
    options = ["--images", pictures, "--limit", "4", "--text", "cat", "--per-site", "3"]
    sites = ["--sites", SITE, "--sites", "vision.blocks.1.mlp.post"]
    done = run("predict", *options, *sites, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [one["name"] for one in found] == [SITE, "vision.blocks.1.mlp.post", "all neurons"]
    check_run(out)
    check_tables(out, "effects")
    again = run("predict", *options, *sites, "--out", out, "--json")
    assert json.loads(again.stdout) == found


def test_effect_decompose_similar_where_compose_answer(
    run: Callable[..., Any], pictures: Path, tmp_path: Path
) -> None:
    image = pictures / "red" / "00.png"
    found = run("effect", "--images", pictures, "--limit", 4, "--text", "cat", "--unit",
                f"{SITE}:3", "--method", "steer:2", "--controls", 2, "--json")  # fmt: skip
    (one,) = json.loads(found.stdout)["effects"]
    assert one["effect"]["n"] in (3, 4) and len(one["controls"]) == 2
    taken = json.loads(run("decompose", image, "--text", "cat", "--json").stdout)
    assert taken["gap"] <= 1e-5 and len(taken["terms"]) == len(taken["values"][0][0])
    near = run("similar", f"{SITE}:3", "--images", pictures, "--limit", 20, "--k", 1, "--json")
    assert len(json.loads(near.stdout)["similar"]) == 1
    drawn = run("where", f"{SITE}:3", image, "--out", tmp_path / "map.png", "--json")
    assert len(json.loads(drawn.stdout)["map"]) == 4 and (tmp_path / "map.png").stat().st_size
    out = tmp_path / "made"
    made = run(
        "compose", "--images", pictures, "--sites", SITE, "--target", "red", "--json", "--out", out
    )
    kept = json.loads((out / "compositions.json").read_text(encoding="utf-8"))
    assert kept == json.loads(made.stdout)
    assert json.loads(made.stdout)["compositions"][0]["target"] == "red"


def test_mistakes_are_one_line_and_exit_2(
    run: Callable[..., Any], pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    for words in (
        ["compose"],
        ["compose", "--emotions", "--images", pictures],
        ["compose", "--emotions", "--out", tmp_path / "made.json"],
        ["effect", "--images", pictures, "--text", "a", "--unit", f"{SITE}:1", "--method", "no"],
        ["where", f"{SITE}:1", pictures / "red" / "00.png", "--out", "map.jpg"],
        ["decompose", pictures / "red" / "00.png", "--text", "a", "--tower", "both"],
        ["label", "--images", pictures, "--scorer", "pmi", "--out", out],
        ["label", "--images", pictures, "--sites", "vision.nothing", "--out", out],
        ["label", "--images", pictures, "--sites", SITE, "--judge", "column:no", "--out", out],
    ):
        done = run(*words)
        assert done.exit_code == 2 and "Traceback" not in done.output, words
    assert not out.exists()  # a wrong setting bars no next try in the same folder
