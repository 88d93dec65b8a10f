"""``explain``: targets, names, results, and what reaches people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import clipprobe
from clipprobe.attribution import Explanation, attribution_methods, explain
from clipprobe.attribution.explaining import patch_sums
from clipprobe.cli import app
from clipprobe.errors import (
    ConfigError,
    UnknownHookPointError,
    UnknownMethodError,
    UnreadableImageError,
    UnsupportedHookError,
)
from clipprobe.figures.attribution import map_image, overlay, panel, side_by_side
from clipprobe.hooks import UnitAddress
from clipprobe.runs.jsonio import dumps

METHODS = ("integrated_gradients", "token_grad_cam")
UNIT = "vision.blocks.1.mlp.post:7"


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def test_the_methods_are_known_by_name() -> None:
    names = clipprobe.attribution_methods()
    assert attribution_methods() == names == sorted(names)
    assert len(names) >= 20 and set(METHODS) < set(names)


@pytest.mark.parametrize("method", METHODS)
def test_the_score_is_the_models(clip: Any, picture: np.ndarray, method: str) -> None:
    cosine = clip.similarity([picture], ["a dog"])[0, 0]
    assert explain(clip, picture, "a dog", method).score == pytest.approx(cosine, abs=1e-6)
    with clipprobe.capture(clip, ["vision.blocks.1.mlp.post"]) as seen:
        clip.encode_images([picture])
    values = seen["vision.blocks.1.mlp.post"][0, :, 7]
    pools = {"max": values.max(), "mean": values.mean(), "cls": values[0]}
    for pool, value in pools.items():
        found = explain(clip, picture, UNIT, method, pool=pool, **QUICK[method])
        assert found.score == pytest.approx(float(value), abs=1e-6)


QUICK: dict[str, dict[str, Any]] = {"integrated_gradients": {"n_steps": 4}, "token_grad_cam": {}}


def test_several_texts_are_explained_by_their_mean_direction(
    clip: Any, picture: np.ndarray
) -> None:
    texts = ["a dog", "a photo of a dog"]
    found = explain(clip, picture, texts, "token_grad_cam")
    mean = clip.encode_texts(texts).mean(0)
    expected = clip.encode_images([picture])[0] @ (mean / np.linalg.norm(mean))
    assert found.score == pytest.approx(expected, abs=1e-6)
    single = [explain(clip, picture, text, "token_grad_cam").map for text in texts]
    # The cosine is linear in the direction, and so is the map.
    assert np.abs(found.map - sum(single) / 2 / np.linalg.norm(mean)).max() < 1e-6


def test_a_unit_may_be_given_as_text_or_address(clip: Any, picture: np.ndarray) -> None:
    by_text = explain(clip, picture, UNIT, "token_grad_cam")
    by_address = explain(
        clip, picture, UnitAddress("vision.blocks.-2.mlp.post", 7), "token_grad_cam"
    )
    assert by_text.kind == by_address.kind == "unit"
    assert by_text.target == by_address.target == f"{UNIT} (max over tokens)"
    assert by_text.map.tobytes() == by_address.map.tobytes()
    assert explain(clip, picture, "at 12:30", "token_grad_cam").kind == "text"


@pytest.mark.parametrize("method", METHODS)
def test_explanations_repeat_and_leave_nothing_behind(
    clip: Any, picture: np.ndarray, method: str
) -> None:
    before = clip.encode_images([picture])
    first = explain(clip, picture, "a dog", method)
    again = explain(clip, picture, "a dog", method)
    assert first.map.tobytes() == again.map.tobytes()
    assert clip.encode_images([picture]).tobytes() == before.tobytes()
    assert all(p.grad is None and not p.requires_grad for p in clip.module.parameters())
    assert not any(m._forward_pre_hooks for m in clip.module.modules())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("method", METHODS)
def test_it_works_where_gradients_are_switched_off(
    clip: Any, picture: np.ndarray, method: str
) -> None:
    expected = explain(clip, picture, "a dog", method)
    with torch.no_grad():
        found = explain(clip, picture, "a dog", method)
    assert found.map.tobytes() == expected.map.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_results_round_trip_and_say_what_made_them(
    clip: Any, picture: np.ndarray, method: str
) -> None:
    found = explain(clip, picture, "a dog", method)
    again = Explanation.from_json(json.loads(dumps(found.to_json())))
    assert dumps(again.to_json()) == dumps(found.to_json())
    assert again.map.tobytes() == found.map.tobytes()
    assert found.provenance["model"]["weights_sha256"] == clip.weights_sha256
    assert "cosine similarity" in found.units
    assert found.patches.shape == found.grid == (4, 4)
    assert ("baseline" in found.settings) == (method == "integrated_gradients")


def test_sums_over_patches() -> None:
    values = np.arange(35.0).reshape(5, 7)  # a border that fills no cell joins the last one
    sums = patch_sums(values, 2, 3)
    assert sums[0, 0] == values[:2, :2].sum()
    assert sums[1, 2] == values[2:, 4:].sum()
    assert sums.sum() == values.sum()


@pytest.mark.parametrize(
    ("target", "options", "error", "words"),
    [
        ("a dog", {"method": "lime"}, UnknownMethodError, "integrated_gradients, interactions"),
        ("a dog", {"method": "token_gradcam"}, UnknownMethodError, "did you mean 'token_grad_cam'"),
        ("a dog", {"method": METHODS[0], "stepps": 3}, ConfigError, "n_steps"),
        ("a dog", {"method": "rise", "n_masks": "abc"}, ConfigError, "n_masks='abc' .* a whole"),
        ("a dog", {"method": "rise", "n_masks": 2.5}, ConfigError, "n_masks=2.5 .* a whole"),
        ("a dog", {"method": "rise", "keep": None}, ConfigError, "keep=None .* a number"),
        ("a dog", {"method": "cci", "seed": -1}, ConfigError, "seed=-1 .* at least 0"),
        ("a dog", {"method": "token_grad_cam", "hook": 3}, ConfigError, "hook=3 .* a text"),
        ("a dog", {"clip": None}, TypeError, "clip"),
        (" ", {}, ConfigError, "no text"),
        ([], {}, ConfigError, "no text"),
        ("vision.blocks.1.mlp.pots:7", {}, UnknownHookPointError, "nearest"),
        ("vision.blocks.1.mlp.post:64", {}, UnknownHookPointError, "numbered 0 to 63"),
        ("text.blocks.1.mlp.post:7", {}, UnsupportedHookError, "does not depend on the image"),
        ("vision.blocks.1.attn.z:2", {}, UnsupportedHookError, "single number per token"),
        (UNIT, {"pool": "median"}, ConfigError, "median"),
        (UNIT, {"pool": "none"}, UnsupportedHookError, "choose pool"),
    ],
)
def test_mistakes(
    clip: Any,
    picture: np.ndarray,
    target: Any,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        explain(clip, picture, target, **options)


@pytest.mark.parametrize("method", ["attention_rollout", "chefer"])
def test_a_first_block_is_counted_from_the_end_too(
    clip: Any, picture: np.ndarray, method: str
) -> None:
    last = explain(clip, picture, "a dog", method, first_block=np.int64(2))
    same = explain(clip, picture, "a dog", method, first_block=-1)
    np.testing.assert_array_equal(same.map, last.map)
    assert same.settings["first_block"] == 2


def test_an_image_that_cannot_be_read(clip: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UnreadableImageError, match=r"a\.png"):
        explain(clip, tmp_path / "a.png", "a dog")


def test_the_overlay_colours_by_sign_and_magnitude() -> None:
    grey = Image.new("RGB", (40, 40), (120, 120, 120))
    drawn = np.asarray(overlay(grey, [[1.0, -1.0], [0.25, 0.0]]), int)
    assert drawn.shape == (40, 40, 3)
    up, down, faint, none = (drawn[y, x] for y, x in ((5, 5), (5, 35), (35, 5), (35, 35)))
    assert up[0] > up[2] + 80 and down[2] > down[0] + 80  # orange and blue
    assert 0 < faint[0] - faint[2] < up[0] - up[2]
    assert none[0] == none[1] == none[2]
    blank = np.asarray(overlay(grey, np.zeros((2, 2))))
    assert (blank == blank[0, 0]).all()


def test_the_map_alone_is_white_at_zero() -> None:
    drawn = np.asarray(map_image([[0.0, 2.0]], (20, 10)))
    assert drawn[0, 0].tolist() == [255, 255, 255]
    assert drawn[0, 19].tolist() == [213, 94, 0]


def test_the_panel_holds_every_part() -> None:
    picture = Image.new("RGB", (64, 64), (10, 200, 10))
    two, three = panel(picture, np.eye(4)), panel(picture, np.eye(4), np.eye(64))
    assert three.width > two.width and two.height == three.height
    assert two.getpixel((20, 20)) == (10, 200, 10)


@pytest.fixture(scope="module")
def image_file(picture: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "image.png"
    Image.fromarray(picture).save(path)
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


def test_the_command_prints_numbers_and_draws(
    clip: Any, checkpoint: Any, image_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "map.png"
    model = ("--model", checkpoint("clip"))
    done = run(image_file, "a dog", *model, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    found = explain(clip, image_file, "a dog")
    assert data["score"] == found.score and data["tokens"] == found.tokens.tolist()
    assert data["method"] == found.method == "head_tokens" and data["completeness_gap"] is None
    with Image.open(out) as sheet:
        sheet.load()
        assert sheet.text["target"] == "a dog"  # type: ignore[attr-defined]
    done = run(image_file, "--unit", UNIT, *model, "--method", "token_grad_cam")
    assert done.exit_code == 0, done.output
    assert f"{UNIT} (max over tokens)" in done.stdout


def test_the_command_takes_every_method_and_option(
    checkpoint: Any, image_file: Path, tmp_path: Path
) -> None:
    model = ("--model", checkpoint("clip"))
    methods = ("--method", "grad_eclip", "--method", "keep_only", "--set", "window=1")
    more = ("--words", "occlusion", "--interactions", "--parts", "--centre")
    out = tmp_path / "maps.png"
    done = run(image_file, "a red dog", *methods, *more, *model, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["method"] == "grad_eclip" and data["centred"]
    assert [one["method"] for one in data["others"]] == ["keep_only"]
    assert data["others"][0]["settings"]["window"] == 1
    assert data["words"]["words"] == ["a", "red", "dog"] == data["interactions"]["words"]
    assert len(data["parts"]) == 50
    with Image.open(out) as sheet:
        sheet.load()
        assert sheet.text["method"] == "grad_eclip | keep_only"  # type: ignore[attr-defined]
        wide = sheet.width
    one = panel(Image.new("RGB", (32, 32)), np.eye(4))
    assert wide > one.width
    done = run(image_file, "a red dog", *methods, *more, *model, "--against", "a cat")
    assert done.exit_code == 0, done.output
    assert "a red dog less a cat" in done.stdout and "R2 on 1,000" in done.stdout
    assert "all parts sum to the embedding" in done.stdout


def test_several_maps_stand_side_by_side_with_their_scales() -> None:
    picture = Image.new("RGB", (64, 64), (10, 200, 10))
    maps = [(f"method {i}", np.eye(4) * 10.0**-i) for i in range(5)]
    sheet = side_by_side(picture, maps, columns=3, side=64)
    assert sheet.size == (3 * 76 + 12, 2 * (64 + 26 + 12 + 12 + 26) + 12)
    assert sheet.getpixel((20, 60)) == (10, 200, 10)
    strong = sheet.getpixel((12 + 76 + 4, 12 + 26 + 4))
    assert strong[0] > strong[2] + 80


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{image}", "a dog", "--set", "window"), "NAME=VALUE"),
        (
            ("{image}", "a dog", "--method", "grad_eclip", "--method", "chefer", "--steps", "9"),
            "None of the methods grad_eclip, chefer has a setting",
        ),
        (("{image}", "--unit", UNIT, "--parts"), "take a text apart"),
        (("{image}",), "Either a text or --unit"),
        (("{image}", "a dog", "--unit", UNIT), "not both"),
        (("{image}", "a dog", "--method", "lime"), "token_grad_cam"),
        (("{image}", "a dog", "--out", "map.jpg"), "a page (.html)"),
        (("{image}", "a dog", "--hook", "vision.blocks.0.resid_post"), "no setting 'hook'"),
        (("nowhere.png", "a dog"), "nowhere.png"),
        (("{image}", "--unit", "vision.blocks.1.mlp.post"), "add a colon"),
    ],
)
def test_mistakes_get_one_sentence_and_exit_code_2(
    checkpoint: Any, image_file: Path, arguments: tuple[str, ...], words: str
) -> None:
    parts = [part.replace("{image}", str(image_file)) for part in arguments]
    done = run(*parts, "--model", checkpoint("clip"))
    assert done.exit_code == 2
    assert words in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("target", ["a photo of a criminal", ["a dog", "an Asian face"]])
def test_what_a_person_is_is_not_explained(
    clip: Any, picture: np.ndarray, target: str | list[str]
) -> None:
    with pytest.raises(ConfigError, match="explain answers for single images"):
        explain(clip, picture, target)
    texts = [target] if isinstance(target, str) else target
    assert clip.similarity([picture], texts).shape == (1, len(texts))  # numbers stay open
