"""``clipprobe audit faithfulness``: the harness as a run, on scenes and on users' images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from runs.checks import check_run, check_schema, check_tables
from typer.testing import CliRunner

import clipprobe
from clipprobe.attribution.faithfulness import (
    Faithfulness,
    audit_faithfulness,
    box_cases,
    scene_cases,
)
from clipprobe.attribution.faithfulness.run import ALL_METRICS
from clipprobe.attribution.faithfulness.settings import METRIC_NAMES
from clipprobe.cli import app
from clipprobe.errors import ConfigError, DataError, NoReadableImagesError
from clipprobe.runs import load_run
from clipprobe.study import rerun

METHODS = ["grad_eclip", "random"]
SCHEMA = Path(clipprobe.__file__).parent / "attribution/faithfulness/summary.schema.json"


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["audit", "faithfulness", *map(str, arguments)])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four images of 40 x 30 pixels, a table of boxes, COCO annotations and label images."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    (tmp_path / "masks").mkdir()
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    for i in range(4):
        name = f"{i}.png"
        pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
        rows.append({"image": name, "text": "a dog", "x0": 0, "y0": 0, "x1": 20, "y1": 30})
        rows.append({"image": name, "text": "a cat", "x0": 20, "y0": 0, "x1": 40, "y1": 30})
        labels = np.ones((30, 40), np.uint8)
        labels[:, 20:] = 2
        Image.fromarray(labels).save(tmp_path / "masks" / name)
    pd.DataFrame(rows).to_csv(tmp_path / "boxes.csv", index=False)
    coco = {
        "images": [{"id": i, "file_name": f"{i}.png", "height": 30, "width": 40} for i in range(4)],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {"image_id": i, "category_id": 1 + side, "bbox": [20 * side, 0, 20, 30]}
            for i in range(4)
            for side in range(2)
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    (tmp_path / "classes.txt").write_text("dog\ncat\n")
    return tmp_path


def test_the_names_of_metrics_are_those_that_are_measured() -> None:
    assert METRIC_NAMES == ALL_METRICS


def test_a_run_has_the_numbers_of_the_function(clip: Any, tmp_path: Path) -> None:
    cases = [case for n in (1, 2) for case in scene_cases(n, 8, size_px=32)]
    expected = clipprobe.faithfulness(clip, cases, methods=METHODS, n_boot=200)
    made = audit_faithfulness(
        clip, objects=[1, 2], targets=8, methods=METHODS, n_boot=200, out=tmp_path / "run"
    )
    found = Faithfulness.from_json(
        {**made.summary, "provenance": {**made.manifest, **expected.provenance}}
    )
    key = ["method", "centred", "n_objects", "metric"]
    for one in (found, other_way(found)):
        tables = (one.measure_table, expected.measure_table)
        a, b = (table.sort_values(key).reset_index(drop=True) for table in tables)
        assert (a[key] == b[key]).all(axis=None) and len(a) == 3 * 2 * 11
        assert np.nanmax(np.abs(a["value"] - b["value"])) < 1e-6
    check_run(made.path)
    check_tables(made.path, "faithfulness")
    check_schema(made.summary, SCHEMA)
    assert found.refused_metrics.keys() == expected.refused_metrics.keys()
    table = made.read_table("cases.parquet").to_pandas()
    assert len(table) == 16 * (3 + 2 * 2)
    one = table[(table.made == "truth") & (table.name == "perfect") & (table.n_objects == 2)]
    row = next(r for r in expected.measures if (r.method, r.metric) == ("perfect", "mass"))
    assert row.estimate.n == 8
    two = next(
        r for r in expected.measures if (r.method, r.metric, r.n_objects) == ("perfect", "mass", 2)
    )
    assert one.mass.mean() == pytest.approx(two.estimate.value)


def other_way(found: Faithfulness) -> Faithfulness:
    """Through JSON text and back."""
    return Faithfulness.from_json(json.loads(json.dumps(found.to_json())))


@pytest.mark.parametrize(
    "given",
    [
        ("--boxes", "boxes.csv", "--images", "photos"),
        ("--coco", "coco.json", "--images", "photos"),
        ("--masks", "masks", "--images", "photos", "--classes", "classes.txt"),
    ],
)
def test_the_command_takes_every_kind_of_data(
    checkpoint: Any, photos: Path, given: tuple[str, ...]
) -> None:
    parts = [one if one.startswith("--") else str(photos / one) for one in given]
    out = photos / "run"
    done = run(
        *parts, "--method", "grad_eclip", "--method", "keep_only", "--set", "window=1",
        "--metric", "mass", "--metric", "zone", "--model", checkpoint("clip"), "--out", out,
        "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["n"] == {"cases": 8, "scenes": 4, "methods": 2}
    assert summary["settings"] == {"grad_eclip": {}, "keep_only": {"window": 1}}
    view = load_run(out)
    texts = set(view.read_table("cases.parquet").column("text").to_pylist())
    assert texts in ({"a dog", "a cat"}, {"a photo of a dog", "a photo of a cat"})
    # Both halves are seen after the crop to a square, so a perfect map is half of the image.
    perfect = next(
        r for r in summary["measures"] if (r["method"], r["metric"]) == ("perfect", "mass")
    )
    assert perfect["estimate"]["value"] == pytest.approx(1.0)


def test_a_config_file_says_the_same(checkpoint: Any, photos: Path) -> None:
    config = photos / "audit.yaml"
    config.write_text(
        f"boxes: {photos / 'boxes.csv'}\nimages: {photos / 'photos'}\nmethods: [random]\n"
        "metrics: [mass]\nn_boot: 100\n"
    )
    model = ("--model", checkpoint("clip"))
    done = run("--config", config, *model, "--out", photos / "a")
    assert done.exit_code == 0, done.output
    flags = ("--boxes", photos / "boxes.csv", "--images", photos / "photos", "--method", "random")
    done = run(*flags, "--metric", "mass", "--n-boot", 100, *model, "--out", photos / "b")
    assert done.exit_code == 0, done.output
    a, b = load_run(photos / "a"), load_run(photos / "b")
    assert a.manifest["files"] == b.manifest["files"]
    again = rerun(photos / "a", photos / "again")  # from its call.json alone
    assert again.manifest["files"] == a.manifest["files"]


def test_images_that_cannot_be_used_are_named_and_left_out(clip: Any, photos: Path) -> None:
    (photos / "photos" / "0.png").write_bytes(b"no image")
    Image.new("RGB", (9, 9)).save(photos / "photos" / "1.png")
    settings = {"methods": METHODS, "metrics": ["mass"], "n_boot": 100}
    made = audit_faithfulness(
        clip, images=photos / "photos", coco=photos / "coco.json", out=photos / "run", **settings
    )
    assert made.manifest["counts"] == {"used": 2, "skipped": 0, "failed": 2}
    reasons = {one["id"]: one["reason"] for one in made.manifest["failures"]}
    assert "cannot be read" in reasons["0.png"]
    assert reasons["1.png"] == "it has 9 x 9 pixels, its masks 40 x 30"
    for path in (photos / "photos").iterdir():
        path.write_bytes(b"no image")
    for data in ({"boxes": photos / "boxes.csv"}, {"coco": photos / "coco.json"}):
        with pytest.raises(NoReadableImagesError, match="could be read"):
            audit_faithfulness(
                clip, images=photos / "photos", out=photos / "none", **data, **settings
            )
        assert not (photos / "none").exists()


def test_a_limit_keeps_whole_images(clip: Any, photos: Path) -> None:
    made = audit_faithfulness(
        clip, images=photos / "photos", boxes=photos / "boxes.csv", limit=2, methods=["random"],
        metrics=["mass"], n_boot=100, out=photos / "run",
    )  # fmt: skip
    assert made.summary["n"] == {"cases": 4, "scenes": 2, "methods": 1}


def test_methods_without_a_map_are_named_where_none_was_asked_for(
    load_tiny: Any, tmp_path: Path
) -> None:
    made = audit_faithfulness(
        load_tiny("siglip"), objects=[1], targets=2, metrics=["mass"], n_boot=100,
        extra=["n_masks=40", "n_steps=2"], centring="plain", out=tmp_path / "run",
    )  # fmt: skip
    assert set(made.summary["refused_methods"]) == {"head_tokens", "patch_cosine", "value_value"}
    assert len(made.summary["settings"]) == 19
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Not supported" in page and "head_tokens" in page


def test_two_models_are_compared_case_by_case(bundled: Any, tmp_path: Path) -> None:
    from clipprobe.models import random_twin

    settings = {"objects": [2], "targets": 40, "methods": ["head_tokens", "random"],
                "metrics": ["zone"], "n_boot": 200, "centring": "plain"}  # fmt: skip
    for name, clip in (("a", bundled), ("b", random_twin(bundled))):
        audit_faithfulness(clip, out=tmp_path / name, **settings)
    done = CliRunner().invoke(app, ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--json"])
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row["difference"] for row in json.loads(done.stdout)["differences"]}
    lost = rows["head_tokens, zone, 2 shown"]
    assert lost["high"] < -0.1 and lost["n"] == 40 and "20 clusters" in lost["method"]
    same = rows["random, zone, 2 shown"]
    assert same["value"] == same["low"] == same["high"] == 0


@pytest.fixture(scope="module")
def bundled() -> Any:
    return clipprobe.load(device="cpu")


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"objects": [5]}, ConfigError, "1 to 4 things"),
        ({"images": "photos"}, ConfigError, "nothing is known yet"),
        ({"coco": "coco.json"}, ConfigError, "give --images"),
        ({"coco": "coco.json", "boxes": "boxes.csv"}, ConfigError, "one kind of data"),
        ({"coco": "coco.json", "images": "nowhere"}, DataError, "not a folder"),
        ({"masks": "masks", "images": "photos"}, ConfigError, "in --classes"),
        ({"coco": "boxes.csv", "images": "photos"}, DataError, "not a COCO"),
        ({"extra": ["windw=3"]}, ConfigError, "has a setting 'windw'"),
        ({"metrics": ["beauty"]}, ConfigError, "beauty"),
        ({"memory_gb": 1e-6}, ConfigError, "not even 1 fits"),
    ],
)
def test_mistakes_leave_no_run(
    clip: Any, photos: Path, settings: dict[str, Any], error: Any, words: str
) -> None:
    places = {k: photos / v if isinstance(v, str) else v for k, v in settings.items()}
    with pytest.raises(error, match=words):
        audit_faithfulness(clip, targets=2, out=photos / "run", **places)
    assert not (photos / "run" / "manifest.json").exists()


def test_texts_about_people_are_refused_before_a_model_is_loaded(photos: Path) -> None:
    rows = {"image": ["0.png"], "text": ["a criminal"], "x0": [0], "y0": [0], "x1": [9], "y1": [9]}
    pd.DataFrame(rows).to_csv(photos / "people.csv", index=False)
    done = run("--boxes", photos / "people.csv", "--images", photos / "photos", "--out",
               photos / "run", "--model", photos / "no-model")  # fmt: skip
    assert done.exit_code == 2 and "no-model" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert box_cases(photos / "people.csv", root=photos / "photos")[0].text == "a criminal"
