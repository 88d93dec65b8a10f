"""The harness: metrics by hand, the measure of the measure, order and nulls, and data from disk."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import clipprobe
from clipprobe.attribution.faithfulness import (
    Case,
    Protocol,
    box_cases,
    coco_cases,
    scene_cases,
    segmentation_cases,
)
from clipprobe.attribution.faithfulness.cases import CaseOnGrid, on_grid, on_input
from clipprobe.attribution.faithfulness.metrics import METRICS
from clipprobe.attribution.faithfulness.removal import Remover
from clipprobe.attribution.faithfulness.truths import TRUTHS
from clipprobe.errors import ConfigError, DataError
from clipprobe.models import random_twin


def truth() -> CaseOnGrid:
    """A thing that fills the first of 2 x 2 patches, and one that fills half of the last."""
    pixels = np.zeros((2, 8, 8), bool)
    pixels[0, :4, :4] = True
    pixels[1, 4:, 6:] = True
    patches = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 0.5]]], float)
    return CaseOnGrid(pixels=pixels, patches=patches, zones=patches > 0)


@pytest.mark.parametrize(
    ("values", "own", "expected"),
    [
        ([[3, 1], [0, -1]], 0, {"inside": 1, "zone": 1, "mass": 0.75, "pixel_accuracy": 0.75,
                                "miou": (1 / 2 + 2 / 3) / 2, "map": 1.0}),
        ([[0, 0], [0, 2]], 0, {"inside": 0, "zone": 0, "mass": 0.0, "pixel_accuracy": 0.5,
                               "miou": (0 + 2 / 4) / 2, "map": 1.0 / 2}),
        ([[0, 0], [0, 2]], 1, {"inside": 1, "inside_strict": 1, "zone": 1, "mass": 0.5,
                               "pixel_accuracy": 0.875, "map": 0.5}),
        ([[1, 1], [1, 1]], 0, {"zone": 0.5}),
    ],
)  # fmt: skip
def test_metrics_by_hand(values: Any, own: int, expected: dict[str, float]) -> None:
    for name, value in expected.items():
        found = METRICS[name](np.array(values, float), truth(), own)
        assert found == pytest.approx(value), name


def test_scenes_have_distinct_things_in_quadrants_of_their_own() -> None:
    cases = scene_cases(3, 7)
    assert len(cases) == 7 and [case.own for case in cases] == [0, 1, 2, 0, 1, 2, 0]
    for case in cases:
        assert len(set(case.names)) == case.n_objects == 3 and case.text == case.names[case.own]
        assert (case.zones.sum(axis=0) <= 1).all() and case.zones[0].sum() == 32 * 32
        for mask, zone in zip(case.masks, case.zones, strict=True):
            assert mask.any() and not (mask & ~zone).any()
    assert cases[0].scene == cases[2].scene != cases[3].scene
    again = scene_cases(3, 7)[5]
    assert np.asarray(again.image).tobytes() == np.asarray(cases[5].image).tobytes()
    with pytest.raises(ConfigError, match="1 to 4"):
        scene_cases(5)


@pytest.fixture(scope="module")
def bundled() -> Any:
    return clipprobe.load(device="cpu")


@pytest.fixture(scope="module")
def measured(bundled: Any) -> Any:
    cases = scene_cases(2, 40)
    methods = ["head_tokens", "grad_eclip", "random", "centre"]
    return clipprobe.faithfulness(bundled, cases, methods=methods, centre=[False], n_boot=400)


def test_truth_beats_a_method_beats_random(measured: Any) -> None:
    assert measured.refused_metrics == {}
    perfect = measured.measure_table.query("method == 'perfect'").set_index("metric")["value"]
    table = measured.table.set_index(["method", "metric"])["value"]
    metrics = [name for name in perfect.index if name != "randomisation"]
    assert len(metrics) == 11
    for metric in metrics:
        truth_, method, null = (
            perfect[metric], table["head_tokens", metric], table["random", metric],
        )  # fmt: skip
        assert truth_ > null and method > null, metric
        # Removal asks the model, which does not look at the whole thing; the truth's outer patches
        # hold ground too, so a map of its inner patches has more of its mass on it.
        if metric in METRICS and metric != "mass":
            assert truth_ >= method, metric
    assert table["head_tokens", "zone"] > 0.85
    assert table["random", "zone"] == pytest.approx(0.5, abs=0.2)
    assert table["random", "randomisation"] == pytest.approx(0, abs=1e-9)
    assert table["head_tokens", "randomisation"] > 0.5


def test_oracle_beats_a_noisy_map_beats_random_where_the_region_is_the_cause() -> None:
    """A score that is the brightness of one patch: removal metrics too rank all three."""
    rng = np.random.default_rng(0)
    pixels = torch.rand(30, 3, 32, 32, generator=torch.Generator().manual_seed(0)) + 0.5
    places = rng.integers(0, 16, 30)

    def embed(x: torch.Tensor) -> torch.Tensor:
        cells = x.mean(1).unfold(1, 8, 8).unfold(2, 8, 8).mean((3, 4)).flatten(1)  # b 16
        rest = (4 - (cells**2).sum(1, keepdim=True)).clamp(min=0).sqrt()
        return torch.cat([cells / 2, rest / 2], dim=1)

    toy = SimpleNamespace(
        image_embeddings=embed,
        encode_texts=lambda texts: np.eye(17, dtype=np.float32)[[int(text) for text in texts]],
        scale=10.0,
        bias=0.0,
    )
    pixels[:, :, :, :] *= 0.2
    remover = Remover(toy, pixels, [str(place) for place in places], Protocol(steps=8), 16)
    oracle = np.eye(16)[places].reshape(-1, 4, 4)
    noise = rng.random((30, 4, 4))
    for metric in ("deletion", "insertion", "drop"):
        best, method, null = (
            remover.measure(metric, maps).mean() for maps in (oracle, oracle + 1.5 * noise, noise)
        )
        assert best > method > null, metric


def test_the_measures_rank_and_say_so(measured: Any) -> None:
    table = measured.measure_table.set_index(["method", "metric"])["value"]
    for metric in METRICS:
        values = [table[name, metric] for name in TRUTHS]
        assert values == sorted(values, reverse=True), metric
    assert "patches covered by mean" in measured.protocol
    data = json.loads(json.dumps(measured.to_json()))
    assert data["provenance"]["n_cases"] == 40 and data["provenance"]["n_scenes"] == 20
    row = measured.get("grad_eclip", "zone", 2)
    assert row.n == 40 and row.low <= row.value <= row.high and "20 clusters" in row.method


def test_a_metric_that_measures_nothing_is_not_printed(
    bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "mass", lambda values, truth, own: 1 / (1 + values.std()))
    found = clipprobe.faithfulness(
        bundled, scene_cases(2, 16), methods=["random"], metrics=["mass", "zone"], n_boot=200
    )
    assert list(found.refused_metrics) == ["mass, 2 shown"]
    assert set(found.table["metric"]) == {"zone"}


def test_random_weights_bring_methods_to_their_null(bundled: Any) -> None:
    found = clipprobe.faithfulness(
        random_twin(bundled),
        scene_cases(4, 120),
        methods=["head_tokens", "grad_eclip", "values_x_gradient", "legrad", "maskclip"],
        metrics=["zone"],
        centre=[False],
        n_boot=300,
    )
    for value in found.table["value"]:
        assert value == pytest.approx(0.25, abs=0.12)


def test_random_weights_bring_every_method_to_its_null(clip: Any) -> None:
    """Chance is a quarter, whatever the method; a method that reads no text is exactly there."""
    few: dict[str, dict[str, Any]] = {
        "banzhaf": {"n_masks": 32},
        "interactions": {"n_masks": 32},
        "rise": {"n_masks": 24},
        "integrated_gradients": {"n_steps": 3},
        "cci": {"n_clusters": 4},
    }
    methods = {name: few.get(name, {}) for name in clipprobe.attribution_methods()}
    found = clipprobe.faithfulness(
        clip,  # its weights are random numbers
        scene_cases(4, 120, size_px=32),
        methods=methods,
        metrics=["zone"],
        centre=[False],
        n_boot=200,
    )
    values = found.table.set_index("method")["value"]
    assert set(values.index) == {*methods, "banzhaf of the whole text"}
    for name, value in values.items():
        assert value == pytest.approx(0.25, abs=0.12), name  # three standard errors of 120
    for name in ("attention_rollout", "banzhaf of the whole text", "centre"):
        assert values[name] == pytest.approx(0.25, abs=1e-9)


def test_first_order_of_a_whole_text_is_at_chance_and_interactions_are_not(bundled: Any) -> None:
    found = clipprobe.faithfulness(
        bundled,
        scene_cases(4, 32),
        methods={"interactions": {"n_masks": 128}},
        metrics=["zone"],
        n_boot=200,
    )
    whole = found.get("banzhaf of the whole text", "zone", 4)
    assert whole.value == pytest.approx(0.25, abs=1e-9)
    assert found.get("interactions", "zone", 4).value > 0.6


def test_curves_by_hand(clip: Any) -> None:
    rng = np.random.default_rng(0)
    pixels = clip.preprocess(list(rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)))
    protocol = Protocol(steps=4)
    remover = Remover(clip, pixels, ["a dog", "a cat"], protocol, 8)
    maps = rng.normal(size=(2, 4, 4))
    curve = remover.curve(maps, insert=False)
    text = clip.encode_texts(["a dog", "a cat"])
    for case in range(2):
        order = np.argsort(-maps[case].reshape(-1))
        for step in range(5):
            covered = pixels[case].clone()
            for patch in order[: 4 * step]:
                row, column = divmod(int(patch), 4)
                covered[:, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = 0
            score = clip.image_embeddings(covered[None])[0] @ torch.from_numpy(text[case])
            assert curve[case, step] == pytest.approx(float(score), abs=1e-6)
    area = (curve[:, 0] / 2 + curve[:, 1:4].sum(1) + curve[:, 4] / 2) / 4
    assert np.abs(remover.measure("deletion", maps) + area).max() < 1e-12
    shown = remover.curve(maps, insert=True)
    assert np.abs(shown[:, 0] - curve[:, 4]).max() < 1e-6
    assert np.abs(shown[:, 4] - curve[:, 0]).max() < 1e-6
    ones = np.ones((2, 4, 4))
    assert np.abs(remover.measure("drop", ones)).max() < 1e-6


@pytest.mark.parametrize("fill", ["mean", "black", "blur"])
@pytest.mark.parametrize("score", ["cosine", "logit", "softmax", "top1", "top5"])
def test_every_protocol_runs_and_says_what_it_is(clip: Any, fill: str, score: str) -> None:
    rng = np.random.default_rng(0)
    pixels = clip.preprocess([rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)])
    protocol = Protocol(fill=fill, score=score, steps=2, until=0.5, prompts=("a cat", "a hat"))
    remover = Remover(clip, pixels, ["a dog"], protocol, 4)
    found = remover.curve(rng.normal(size=(1, 4, 4)), insert=False)
    assert found.shape == (1, 3) and np.isfinite(found).all()
    assert fill in protocol.sentence() and score in protocol.sentence()
    assert "50%" in protocol.sentence()


def test_protocols_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="not both known"):
        Protocol(fill="pink")
    with pytest.raises(ConfigError, match="no curve"):
        Protocol(until=0)


def test_masks_follow_the_models_crop(clip: Any) -> None:
    mask = np.zeros((40, 80), bool)
    mask[:, 20:60] = True  # the middle square, which is what the model sees
    assert on_input(clip, mask, (32, 32)).all()
    edges = np.zeros((40, 80), bool)
    edges[:, :20] = True
    assert not on_input(clip, edges, (32, 32)).any()
    half = np.zeros((1, 64, 64), bool)
    half[0, :, :36] = True
    case = Case(image=None, text="", masks=half, zones=half, own=0, names=("",), scene="s")
    grid = on_grid(clip, case, (4, 4), (32, 32))
    assert grid.patches[0, 0].tolist() == [1, 1, 0.25, 0]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    path = tmp_path / "images" / "a.png"
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    return path


def test_a_table_of_boxes(clip: Any, photo: Path, tmp_path: Path) -> None:
    table = tmp_path / "boxes.csv"
    rows = [
        {"image": "images/a.png", "text": "a dog", "x0": 0, "y0": 0, "x1": 10, "y1": 20},
        {"image": "images/a.png", "text": "a cat", "x0": 20, "y0": 20, "x1": 40, "y1": 40},
    ]
    pd.DataFrame(rows).to_csv(table, index=False)
    dog, cat = box_cases(table)
    assert dog.n_objects == 2 and (dog.own, cat.own) == (0, 1) and cat.text == "a cat"
    assert dog.masks[0].sum() == 200 and dog.masks[1].sum() == 400
    found = clipprobe.faithfulness(clip, [dog, cat], methods=["grad_eclip"], n_boot=50)
    assert found.refused_metrics  # two cases are too few to tell anything apart
    rows[0]["x1"] = 50
    pd.DataFrame(rows).to_csv(table, index=False)
    with pytest.raises(DataError, match="does not lie in its 40 x 40"):
        box_cases(table)
    pd.DataFrame([{"image": "a.png"}]).to_csv(table, index=False)
    with pytest.raises(DataError, match="no column text, x0"):
        box_cases(table)


def test_coco_annotations(photo: Path, tmp_path: Path) -> None:
    data = {
        "images": [{"id": 7, "file_name": "a.png", "height": 40, "width": 40}],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {"image_id": 7, "category_id": 1, "bbox": [0, 0, 10, 10], "segmentation": []},
            {"image_id": 7, "category_id": 1, "bbox": [10, 10, 10, 10], "segmentation": []},
            {"image_id": 7, "category_id": 2, "bbox": [0, 0, 0, 0],
             "segmentation": [[20, 0, 39, 0, 39, 39, 20, 39]]},
            {"image_id": 7, "category_id": 2, "iscrowd": 1, "bbox": [0, 0, 40, 40]},
        ],
    }  # fmt: skip
    file = tmp_path / "instances.json"
    file.write_text(json.dumps(data))
    dog, cat = coco_cases(file, tmp_path / "images")
    assert (dog.text, cat.text) == ("a photo of a dog", "a photo of a cat")
    assert dog.masks[0].sum() == 200 and dog.masks[1].sum() == 20 * 40
    assert dog.image == str(photo)
    file.write_text("[]")
    with pytest.raises(DataError, match="not a COCO annotation file"):
        coco_cases(file, tmp_path)


def test_folders_of_masks(photo: Path, tmp_path: Path) -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[:10], labels[30:], labels[20] = 1, 2, 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(labels).save(tmp_path / "masks" / "a.png")
    dog, cat = segmentation_cases(tmp_path / "images", tmp_path / "masks", ["dog", "cat"])
    assert dog.masks[0].sum() == cat.masks[1].sum() == 400 and cat.text == "a photo of a cat"
    with pytest.raises(DataError, match="1 classes were named"):
        segmentation_cases(tmp_path / "images", tmp_path / "masks", ["dog"])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"metrics": ["beauty"]}, ConfigError, "insertion"),
        ({"methods": ["patch_cosine"]}, Exception, "pooling head"),
    ],
)
def test_mistakes(load_tiny: Any, options: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        clipprobe.faithfulness(load_tiny("siglip"), scene_cases(1, 2), **options)


def test_no_cases(clip: Any) -> None:
    with pytest.raises(DataError, match="nothing to measure on"):
        clipprobe.faithfulness(clip, [])
