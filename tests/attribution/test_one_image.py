"""Faithfulness of the maps of one image: the audit's numbers, beside orders drawn by chance."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import clipprobe
from clipprobe.attribution.explaining import explain_many
from clipprobe.attribution.faithfulness import Case, Protocol, image_faithfulness
from clipprobe.attribution.faithfulness.one_image import FLAT, N_ORDERS, n_encodings
from clipprobe.attribution.faithfulness.removal import CURVES, Remover
from clipprobe.attribution.faithfulness.run import harness_of
from clipprobe.attribution.page import explanation_page, faithfulness_section
from clipprobe.attribution.registry import NULLS, supported_methods
from clipprobe.attribution.terminal import faithful_lines, faithful_words
from clipprobe.cli import app
from clipprobe.errors import ConfigError
from clipprobe.report import Page, Table
from clipprobe.report.html import render_html
from clipprobe.stimuli import Picture, Scene, render

TEXT = "a red dog"
METHODS = ("head_tokens", "keep_only", "random")
_SLOW = ("rise", "integrated_gradients", "banzhaf", "interactions")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def maps_of(clip: Any, image: Any, text: str = TEXT, *, centre: bool = False) -> list[Any]:
    found = explain_many(clip, [image], [text], {name: {} for name in METHODS}, centre=centre)
    return [rows[0] for rows in found.values()]


@pytest.mark.parametrize("centred", [False, True])
def test_the_values_are_those_of_the_audit(clip: Any, picture: np.ndarray, centred: bool) -> None:
    everywhere = np.ones((1, 32, 32), bool)
    case = Case(image=picture, text=TEXT, masks=everywhere, zones=everywhere, own=0,
                names=(TEXT,), scene="one")  # fmt: skip
    harness, _ = harness_of(clip, [case], methods=METHODS, metrics=CURVES, centre=(centred,),
                            protocol=None, batch_size=16, seed=0)  # fmt: skip
    numbers = harness.measure(clip, [case], [0], None)
    of_audit = {
        (key.name, key.metric): row[0] for key, row in numbers.items() if key.made != "truth"
    }
    found = image_faithfulness(clip, picture, TEXT, maps_of(clip, picture, centre=centred))
    for one in found.maps:
        for metric in CURVES:
            expected = of_audit[one.method, metric]
            assert one.values[metric] == pytest.approx(expected, abs=1e-6), (one.method, metric)
    assert found.protocol == harness.protocol.sentence()


def test_the_control_is_the_same_curve_in_random_order(clip: Any, picture: np.ndarray) -> None:
    maps = maps_of(clip, picture)
    done: list[int] = []
    found = image_faithfulness(clip, picture, TEXT, maps, progress=done.append, seed=3)
    remover = Remover(clip, clip.preprocess([picture]), [TEXT], Protocol(), 9)
    rng = np.random.default_rng(3)
    orders = [rng.permutation(16).reshape(1, 4, 4).astype(float) for _ in range(N_ORDERS)]
    for metric in CURVES:
        values = np.array([remover.measure(metric, one)[0] for one in orders])
        assert np.allclose(found.random.values[metric], values, atol=1e-6)
        curves = np.concatenate([remover.curve(x, insert=metric == "insertion") for x in orders])
        assert np.allclose(found.random.low[metric], curves.min(axis=0), atol=1e-6)
        assert np.allclose(found.random.high[metric], curves.max(axis=0), atol=1e-6)
        for one in found.maps:
            assert one.above[metric] == (values < one.values[metric] - 1e-9).sum()
    assert sum(done) == n_encodings(len(maps)) == found.n_encodings - 1 == (3 + 19) * 2 * 9
    assert found.score == pytest.approx(clip.similarity([picture], [TEXT])[0, 0], abs=1e-6)
    again = image_faithfulness(clip, picture, TEXT, maps, seed=3)
    assert again.to_json() == found.to_json()


def test_covering_from_below_is_uncovering_from_above(clip: Any, picture: np.ndarray) -> None:
    (one, *_) = maps_of(clip, picture)
    other = replace(one, tokens=-one.tokens)
    up, down = image_faithfulness(clip, picture, TEXT, [one, other], n_orders=1).maps
    assert np.allclose(up.curves["insertion"], down.curves["deletion"][::-1], atol=1e-6)
    assert up.values["insertion"] == pytest.approx(-down.values["deletion"], abs=1e-6)


def test_a_map_that_knows_nothing_beats_all_orders_as_often_as_chance(clip: Any) -> None:
    rng = np.random.default_rng(0)
    protocol, beats = Protocol(steps=2), []
    for number in range(80):
        image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        one = clipprobe.explain(clip, image, TEXT, "random")
        found = image_faithfulness(
            clip, image, TEXT, [one], protocol=protocol, n_orders=3, seed=number
        )
        beats += [found.maps[0].above[metric] == 3 for metric in CURVES]
    assert 0.1 < np.mean(beats) < 0.4  # 1 in 4


def test_on_a_trained_model_a_method_beats_random_order_and_random_numbers_do_not() -> None:
    clip = clipprobe.load(device="cpu")
    scene = Scene(items=(Picture(concept="apple"),), size_px=clip.image_size)
    image = render(scene).image
    found = image_faithfulness(clip, image, "an apple", maps_of(clip, image, "an apple"))
    method, _, random = found.maps
    assert method.above == dict.fromkeys(CURVES, N_ORDERS)
    assert "does not beat" not in faithful_words(method, N_ORDERS)
    assert all(above is not None and above < N_ORDERS for above in random.above.values())
    assert faithful_words(random, N_ORDERS).count("does not beat random order (above ") == 2


def test_a_map_without_an_order_is_undefined_with_a_reason(clip: Any, picture: np.ndarray) -> None:
    one = clipprobe.explain(clip, picture, TEXT, "keep_only")
    flat = replace(one, tokens=np.full_like(one.tokens, 0.5))
    found = image_faithfulness(clip, picture, TEXT, [flat, one], n_orders=2)
    data = json.loads(json.dumps(found.to_json()))["maps"][0]
    assert data["values"] == data["above"] == {"deletion": None, "insertion": None}
    assert data["reason"] == FLAT and found.n_encodings == 1 + 3 * 2 * 9
    assert faithful_words(found.maps[0], 2) == f"Not measured: {FLAT}."
    (table,) = [b for b in faithfulness_section(found).blocks if isinstance(b, Table)]
    assert table.rows[-2] == ["keep_only", FLAT, "undefined", "undefined"]
    assert "keep_only" in faithful_lines(found)


def test_the_controls_stay_in_sight_where_the_table_is_folded(
    clip: Any, picture: np.ndarray
) -> None:
    names = [name for name in supported_methods(clip) if name not in (*NULLS, *_SLOW)]
    found = explain_many(clip, [picture], [TEXT], {name: {} for name in [*names, *NULLS]})
    scores = image_faithfulness(
        clip, picture, TEXT, [rows[0] for rows in found.values()], n_orders=1
    )
    page = Page(title="One image", sections=[faithfulness_section(scores)])
    table = re.search("<figure class=.table.*?</figure>", render_html(page), re.DOTALL)
    assert table is not None
    shown, folded = table[0].split('<tbody class="rest"')
    for control in ("lowest random order", "highest random order", *NULLS):
        assert f">{control}<" in shown, control
    assert len(names) > 10 and ">maskclip<" in folded


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("vision.blocks.1.mlp.post:5", {}, "is of 'vision.blocks.1.mlp.post:5"),
        ("a cat", {}, "is of 'a cat': give maps of that text"),
        (TEXT, {"n_orders": 0}, "leaves no control"),
    ],
)
def test_mistakes(
    clip: Any, picture: np.ndarray, target: str, options: dict[str, Any], words: str
) -> None:
    one = clipprobe.explain(clip, picture, target, "integrated_gradients", n_steps=2)
    with pytest.raises(ConfigError, match=words):
        image_faithfulness(clip, picture, TEXT, [one], **options)


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


def test_the_command_gives_the_same_and_its_page_shows_it(
    clip: Any, checkpoint: Any, picture: np.ndarray, tmp_path: Path
) -> None:
    file, out = tmp_path / "one.png", tmp_path / "map.html"
    Image.fromarray(picture).save(file)
    methods = [part for name in METHODS for part in ("--method", name)]
    given = (file, TEXT, *methods, "--faithfulness", "--model", checkpoint("clip"))
    done = run(*given, "--json", "--out", out)
    assert done.exit_code == 0, done.output
    found = image_faithfulness(clip, file, TEXT, maps_of(clip, file))
    said = json.loads(done.stdout)["faithfulness"]
    for one, expected in zip(said["maps"], found.maps, strict=True):
        assert one["method"] == expected.method and one["above"] == expected.above
        assert one["values"] == pytest.approx(expected.values, abs=1e-6)
    assert "How faithful is each map on this image?" in out.read_text("utf-8")
    lines = run(*given)
    assert lines.exit_code == 0 and "random orders, insertion: " in lines.stdout
    assert lines.stdout.count("does not beat random order") == sum(
        above != N_ORDERS for one in found.maps for above in one.above.values()
    )
    titles = [one.title for one in explanation_page(clip, file, maps_of(clip, file)).sections]
    assert titles == ["Maps", "Methods"]


@pytest.mark.parametrize("target", [("--unit", "vision.blocks.1.mlp.post:5"), ("a dog", "a cat")])
def test_the_command_measures_one_text(
    checkpoint: Any, picture: np.ndarray, tmp_path: Path, target: tuple[str, ...]
) -> None:
    Image.fromarray(picture).save(tmp_path / "one.png")
    done = run(tmp_path / "one.png", *target, "--faithfulness", "--model", checkpoint("clip"))
    assert done.exit_code == 2 and "with one text" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
