"""A real photo explained from the command line, on every family and at the size of ViT-B/32."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.runs import load_run
from clipprobe.testing import checkpoints as tiny

PHOTOS = Path(__file__).parents[2] / "../shared/data/distill/in-the-wild-2"
PHOTO = PHOTOS / "apple-ipod.jpg"

pytestmark = pytest.mark.skipif(
    not PHOTO.is_file(), reason="the photos of the Distill article are not here"
)


def run(*arguments: object) -> Any:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize("family", sorted(tiny.BUILDERS))
def test_a_photo_is_explained_on_every_family(checkpoint: Any, family: str, tmp_path: Path) -> None:
    out, model = tmp_path / "map.html", ("--model", checkpoint(family))
    done = run("explain", PHOTO, "an apple with a label", "--words", "occlusion", "--out", out,
               "--json", *model)  # fmt: skip
    said = json.loads(done.stdout)
    assert len(said["tokens"]) == said["grid"][0] * said["grid"][1]
    assert [*map(bool, said["words"]["values"])] == [True] * 5
    assert "an apple with a label" in out.read_text("utf-8")
    many = ("--method", "keep_only", "--method", "integrated_gradients", "--steps", 4)
    run("explain", PHOTO, "an apple", *many, "--out", tmp_path / "map.png", *model)
    with Image.open(tmp_path / "map.png") as sheet:
        assert sheet.width > 3 * 224


def test_the_audit_takes_photos_with_a_table_of_boxes(checkpoint: Any, tmp_path: Path) -> None:
    rows = []
    for path in sorted(PHOTOS.glob("*.jpg"))[:6]:
        with Image.open(path) as photo:
            size = photo.size
        box = {"x0": size[0] // 4, "y0": size[1] // 4, "x1": 3 * size[0] // 4,
               "y1": 3 * size[1] // 4}  # fmt: skip
        rows.append({"image": path.name, "text": path.stem.split("-")[0], **box})
    pd.DataFrame(rows).to_csv(tmp_path / "boxes.csv", index=False)
    run("audit", "faithfulness", "--boxes", tmp_path / "boxes.csv", "--images", PHOTOS,
        "--method", "grad_eclip", "--method", "centre", "--n-boot", 100,
        "--model", checkpoint("clip"), "--out", tmp_path / "run")  # fmt: skip
    summary = load_run(tmp_path / "run").summary
    assert summary["n"] == {"cases": 6, "scenes": 6, "methods": 2}


@pytest.mark.slow
def test_a_photo_is_explained_at_the_size_of_vit_b32(tmp_path: Path) -> None:
    model = ("--model", tiny.vit_b32(tmp_path / "model"))
    out = tmp_path / "map.html"
    done = run("explain", PHOTO, "an apple", "--out", out, "--parts", "--json", *model)
    said = json.loads(done.stdout)
    assert said["grid"] == [7, 7] and said["method"] == "head_tokens" and len(said["parts"]) == 50
    assert out.stat().st_size < 2e6
    many = ("--method", "grad_eclip", "--method", "keep_only", "--method", "cci")
    run("explain", PHOTO, "an apple", *many, "--out", tmp_path / "map.png", *model)
