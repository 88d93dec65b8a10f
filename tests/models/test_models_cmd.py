"""The commands ``models``, ``hooks`` and ``similarity``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageColor
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.report.numbers import format_number
from clipprobe.runs.tables import read_csv, read_parquet
from clipprobe.testing import checkpoints as tiny


def run(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "red.png"
    tiny.pictures()[0].save(path)
    return str(path)


def test_models_lists_what_can_be_loaded() -> None:
    data = json.loads(run("models", "--json").stdout)
    kinds = {kind["model_type"] for kind in data["hugging_face"]}
    assert kinds == set(tiny.BUILDERS)
    assert data["bundled"]["name"] == "emoji-clip"
    assert data["open_clip"]["installed"] in (True, False)
    text = run("models").stdout
    assert all(kind in text for kind in kinds)


def test_hooks_lists_every_hook_point(checkpoint: Callable[[str], Path], clip: Any) -> None:
    folder = str(checkpoint("clip"))
    data = json.loads(run("hooks", folder, "--json").stdout)
    points = {point["name"]: point for point in data["hook_points"]}
    assert list(points) == [point.name for point in clip.hook_points()]
    assert points["vision.blocks.1.mlp.post"] == {
        "name": "vision.blocks.1.mlp.post",
        "axes": ["b", "t", "d_mlp"],
        "unit": "neuron",
        "n_units": tiny.D_MLP,
    }
    assert data["model"]["weights_sha256"] == clip.weights_sha256
    result = run("hooks", folder)
    assert len(result.stdout.splitlines()) == len(points)
    assert f"{len(points)} hook points of tiny-clip" in result.stderr


def test_hooks_takes_the_model_from_the_environment_and_filters(
    checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPROBE_MODEL", str(checkpoint("clip")))
    lines = run("hooks", "--sites", "*.projected").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["vision.projected", "b", "d", "16", "dimensions"],
        ["text.projected", "b", "d", "16", "dimensions"],
    ]
    result = run("hooks", "--sites", "vision.blocks.0.mlp.pots", code=2)
    assert "vision.blocks.0.mlp.post" in result.stderr


def test_similarity_prints_the_cosines(
    checkpoint: Callable[[str], Path], clip: Any, picture: str
) -> None:
    words = ["similarity", picture, picture, "--text", "a dog", "--text", "x"]
    words += ["--model", str(checkpoint("clip"))]
    data = json.loads(run(*words, "--json").stdout)
    expected = clip.similarity([picture], ["a dog", "x"])
    assert data["texts"] == ["a dog", "x"]
    assert np.allclose(data["cosine"], np.repeat(expected, 2, axis=0), atol=1e-6)
    row = run(*words).stdout.splitlines()[-1]
    assert row.split() == [picture, *(f"{value:.4f}" for value in expected[0])]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "html", "png"])
def test_similarity_writes_table_page_and_picture(
    checkpoint: Callable[[str], Path], clip: Any, picture: str, tmp_path: Path, suffix: str
) -> None:
    texts = ["a dog", "x <b>"]
    words = ["similarity", picture, picture, "--model", str(checkpoint("clip"))]
    words += [word for text in texts for word in ("--text", text)]
    out = tmp_path / "new" / f"matrix.{suffix}"
    assert f"The matrix is {out}." in run(*words, "--out", str(out)).stderr
    expected = np.repeat(clip.similarity([picture], texts), 2, axis=0)
    if suffix in ("csv", "parquet"):
        table = (read_csv if suffix == "csv" else read_parquet)(out).to_pydict()
        assert table["image"] == [picture] * 4
        assert table["text"] == texts * 2
        assert np.allclose(np.array(table["cosine"], float), expected.ravel(), atol=1e-6)
    elif suffix == "html":
        page = out.read_text(encoding="utf-8")
        assert "x &lt;b&gt;" in page and "Plotly.newPlot" in page
        assert format_number(float(expected[0, 0])) in page
    else:
        pixels = np.asarray(Image.open(out).convert("RGB"), np.int64)
        # The cells of the two columns have two colours, those of the smallest and largest value.
        scale = [ImageColor.getrgb(one) for one in ("#440154", "#fde725")]
        counts = [int((pixels == colour).all(axis=2).sum()) for colour in scale]
        assert min(counts) > 5000 and max(counts) / min(counts) < 1.3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["hooks", "openai/clip-vit-base-patch32"], "could not be downloaded"),
        (["hooks", "/no/such/folder"], "there is no such folder"),
        (["similarity", "{folder}", "--text", "x", "--model", "{folder}"], "is a folder"),
        (["similarity", "{folder}/config.json", "--text", "x", "--model", "{folder}"], "cannot"),
        (
            ["similarity", "{folder}/config.json", "--text", "x", "--out", "m.txt"],
            "ends otherwise: name it one of these",
        ),
        (["similarity", "no.png", "--text", "x", "--model", "{folder}"], "no.png could not"),
        (["hooks", "{folder}", "--device", "tpu9"], "'tpu9' cannot be used here"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    checkpoint: Callable[[str], Path], words: list[str], says: str
) -> None:
    filled = [word.replace("{folder}", str(checkpoint("clip"))) for word in words]
    result = run(*filled, code=2)
    assert says in result.stderr
    assert result.stderr.startswith("clipprobe: ")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.filterwarnings("default")
def test_a_long_text_is_shortened_and_its_cut_is_a_sentence(
    checkpoint: Callable[[str], Path], picture: str
) -> None:
    text = " ".join(["dog"] * 500)
    done = run("similarity", picture, "--text", text, "--model", str(checkpoint("clip")))
    (said,) = [line for line in done.stderr.splitlines() if "cut at their end" in line]
    assert said.startswith("clipprobe: warning: 1 of 1 texts have more than the ")
    assert "UserWarning" not in done.stderr and ".py" not in done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("[0] dog dog") and first.endswith("…") and len(first) <= 104
