"""A user's own images: a table of labels elsewhere on disk, in every verb that takes images."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from clipprobe.cli import app
from clipprobe.cli.verbs import VERBS, load
from clipprobe.runs import load_run
from clipprobe.settings import settings_of
from clipprobe.settings.shared import Images
from clipprobe.study.rerun import rerun
from clipprobe.testing.checkpoints import tiny_clip

NAMES = ("dog", "cat", "sun")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``photos`` without labels, and a table of them somewhere else; one row and image too many."""
    place = tmp_path_factory.mktemp("data")
    rows = []
    for i in range(18):
        path = place / "set" / "photos" / f"{i // 6}" / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (48, 40), (10 * i, 200 - 9 * i, 90)).save(path)
        rows.append((f"photos/{i // 6}/{i:02}.png", NAMES[i % 3], "group " + "ab"[i % 2]))
    Image.new("RGB", (48, 40)).save(place / "set" / "photos" / "loose.png")
    (place / "else").mkdir()
    with (place / "else" / "labels.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows(
            [("file_name", "label", "side"), *rows, ("gone.png", "dog", "")]
        )
    return place


def invoke(model: Path, data: Path, verb: str, *more: object) -> Result:
    labels = ["--labels", data / "else" / "labels.csv", "--image-root", data / "set"]
    done = CliRunner().invoke(
        app, [str(one) for one in (*verb.split(), "--model", model, *labels, *more)]
    )
    return done


def test_every_verb_with_images_takes_labels_and_a_sample() -> None:
    checked = []
    for name, entry in VERBS.items():
        thing = load(entry.place) if entry.place else None
        for record in getattr(thing, "records", ()):
            if not (isinstance(record, type) and issubclass(record, Images)):
                continue
            flags = {one.flag for one in settings_of(record) if one.where != "file"}
            assert {"images", "limit", "sample"} <= flags, name
            if name != "audit faithfulness":  # whose tables are boxes, masks and COCO's
                assert {"labels", "image-root", "id-column"} <= flags, name
            checked.append(name)
    assert {"neurons scan", "neurons label", "audit typographic", "audit sweep"} <= set(checked)
    assert {"audit reading", "audit zeroshot", "audit few-shot", "audit all"} <= set(checked)


def test_zeroshot_reads_the_table_and_says_what_is_left_out(
    model: Path, data: Path, tmp_path: Path
) -> None:
    done = invoke(model, data, "audit zeroshot", "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert (
        "left out: 1 (an image without a row in the label table): 'photos/loose.png'" in done.stderr
    )
    assert "left out: 1 (a row of the label table without an image): 'gone.png'" in done.stderr
    view = load_run(tmp_path / "run")
    assert view.manifest["config"]["classes"] == sorted(NAMES)
    assert view.manifest["counts"] == {"used": 18, "skipped": 2, "failed": 0}
    assert {one["id"] for one in view.manifest["failures"]} == {"photos/loose.png", "gone.png"}
    again = rerun(tmp_path / "run", tmp_path / "again")
    for name in ("results.parquet", "summary.json"):
        assert (again.path / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


@pytest.mark.parametrize("verb", ["audit zeroshot", "audit zeroshot --sample 2 --per-class"])
def test_a_file_beside_the_folders_of_the_classes_does_no_harm(
    model: Path, tmp_path: Path, verb: str
) -> None:
    for i in range(8):
        path = tmp_path / "photos" / NAMES[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (48, 40), (30 * i, 90, 90)).save(path)
    (tmp_path / "photos" / "README.txt").write_text("photos")
    line = [*verb.split(), "--model", model, "--images", tmp_path / "photos"]
    done = CliRunner().invoke(app, [*map(str, line), "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    manifest = load_run(tmp_path / "run").manifest
    assert manifest["counts"] == {"used": 4 if "2" in verb else 8, "skipped": 1, "failed": 0}
    assert [one["id"] for one in manifest["failures"]] == ["README.txt"]


def test_a_calibration_error_is_held_under_a_number(
    model: Path, data: Path, tmp_path: Path
) -> None:
    out = ["--out", tmp_path / "run", "--fail-over"]
    done = invoke(model, data, "audit zeroshot", *out, "calibration_error=1")
    assert done.exit_code == 0, done.output
    done = invoke(model, data, "audit zeroshot", *out, "calibration_error=0")
    assert done.exit_code == 1, done.output
    assert "the upper end of its interval is over 0." in done.stderr


def test_classes_restrict_and_order(model: Path, data: Path, tmp_path: Path) -> None:
    classes = tmp_path / "classes.txt"
    classes.write_text("sun\nmoon\ndog\n")
    out = tmp_path / "zeroshot"
    done = invoke(model, data, "audit zeroshot", "--classes", classes, "--out", out)
    assert done.exit_code == 0, done.output
    assert "8 of 20 images were left out" in done.stderr
    view = load_run(out)
    assert view.manifest["config"]["classes"] == ["sun", "moon", "dog"]
    out = tmp_path / "typographic"
    done = invoke(model, data, "audit typographic", "--classes", classes, "--out", out)
    assert done.exit_code == 0, done.output
    reasons = {one["reason"] for one in load_run(out).manifest["failures"]}
    assert "its label 'cat' is not among the 3 classes" in reasons
    assert load_run(out).manifest["counts"]["used"] == 12


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("audit typographic", ["--size", "0.3"]),
        ("audit sweep", ["--factor", "size=0.3,0.4"]),
        ("audit reading", ["--random", "20", "--heads", "1", "--neurons", "1"]),
        ("neurons scan", ["--sites", "vision.blocks.0.mlp.post"]),
        ("neurons label", ["--judge", "labels", "--sites", "vision.blocks.0.mlp.post",
                           "--renderings", "0", "--twins", "0"]),
        ("audit few-shot", ["--draws", "2", "--iterations", "2"]),
        ("audit bias", ["--groups", "side", "--n-boot", "100", "--n-permutations", "100"]),
    ],
)  # fmt: skip
def test_other_verbs_read_it_too(
    model: Path, data: Path, tmp_path: Path, verb: str, more: list[str]
) -> None:
    done = invoke(model, data, verb, *more, "--sample", "15", "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    described = load_run(tmp_path / "run").manifest["dataset"]
    if verb != "audit bias":  # which keeps the number of people to itself
        assert described["records"] == 15
        assert [one["n"] for one in described["left_out"]] == [1, 1]


def test_a_sample_per_class_is_compared_over_shared_images(
    model: Path, data: Path, tmp_path: Path
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        more: list[Any] = ["--sample", 4, "--per-class", "--seed", seed, "--size", "0.3"]
        if name == "b":
            more[1] = 3
        done = invoke(model, data, "audit typographic", *more, "--out", tmp_path / name)
        assert done.exit_code == 0, done.output
    rows = {
        name: pq.read_table(tmp_path / name / "results.parquet", columns=["image", "label"])
        for name in "abc"
    }
    counts = {name: len(set(table["image"].to_pylist())) for name, table in rows.items()}
    assert counts == {"a": 12, "b": 9, "c": 12}
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["n"] == {"pairs": 9, "only_a": 3, "only_b": 0}


def test_a_suite_hands_the_labels_to_its_studies(model: Path, data: Path, tmp_path: Path) -> None:
    config = tmp_path / "suite.yaml"
    config.write_text("studies: [zeroshot, {study: typographic, size: 0.3}]\n")
    done = invoke(
        model, data, "audit all", "--config", config, "--sample", "12", "--out", tmp_path / "all"
    )
    assert done.exit_code == 0, done.output
    for name in ("zeroshot", "typographic"):
        manifest = load_run(tmp_path / "all" / name).manifest
        assert manifest["dataset"]["records"] == 12
        assert manifest["config"]["classes"] == sorted(NAMES)


def test_what_does_not_fit_together_has_its_sentence(
    model: Path, data: Path, tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path / "run")]
    photos = str(data / "set" / "photos")
    runner = CliRunner()
    alone = runner.invoke(
        app, ["audit", "zeroshot", "--images", photos, "--image-root", str(data), *out]
    )
    assert alone.exit_code == 2 and "and there is no table: give --labels TABLE" in alone.stderr
    per_class = invoke(model, data, "audit zeroshot", "--per-class", *out)
    assert per_class.exit_code == 2 and "give --sample N too" in per_class.stderr
    column = invoke(model, data, "audit zeroshot", "--label-column", "kind", *out)
    assert column.exit_code == 2 and "has no column 'kind'" in column.stderr
    absent = runner.invoke(
        app, ["audit", "zeroshot", "--images", photos, "--labels", "no.csv", *out]
    )
    assert absent.exit_code == 2 and "'no.csv' does not exist" in absent.stderr
    layout = invoke(model, data, "audit typographic", "--layout", "label-text", *out)
    assert layout.exit_code == 2 and "brings its own labels: omit --labels" in layout.stderr
    assert not (tmp_path / "run").exists()
