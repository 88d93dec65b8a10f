"""The search against known minima: toys that read only ink of one colour, size and place."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from runs.checks import check_schema
from typer.testing import CliRunner
from typographic.ink_toy import NAMES, SPACE, InkToy, picture

import attacks.typographic.search
from attacks.typographic.search import SearchResult, search_attack
from attacks.typographic.search.result import best_of
from attacks.typographic.search.space import SearchSpace
from attacks.typographic.search.verb import sentences
from clipprobe.cli import app
from clipprobe.errors import (
    ConfigError,
    DataError,
    RunFolderError,
    TextFitError,
    UnreadableImageError,
)
from clipprobe.runs.tables import read_parquet

SCHEMA = Path(attacks.typographic.search.__file__).with_name("summary.schema.json")


def run(clip: Any, out: Path, **options: Any) -> SearchResult:
    arguments = {"words": ["wide", "il"], "queries": 160, **SPACE, **options}
    return search_attack(clip, picture(), "dog", NAMES, out=out, **arguments)


def least(toy: InkToy) -> dict[str, Any]:
    """The least visible flip, by trying everything."""
    space = SearchSpace(words=("wide", "il"), **SPACE)
    found = []
    for point in itertools.product(*map(range, space.shape)):
        try:
            attacked = space.attack(point)(picture())
        except TextFitError:
            continue
        if toy.flips(np.asarray(attacked.image)):
            values = space.values(point)
            found.append((float(attacked.mask.mean()) * values["opacity"], values))
    visibility, values = min(found, key=lambda one: one[0])
    return {"visibility": visibility, **values}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_known_minimum_is_found_within_one_step(tmp_path: Path, seed: int) -> None:
    toy = InkToy()
    truth, found = least(toy), run(toy, tmp_path / "run", seed=seed).words.found
    assert found is not None
    assert found.values["color"] == truth["color"] == "red"
    assert found.values["word"] == truth["word"] == "il"
    for name in ("size", "opacity"):
        grid = SPACE["sizes" if name == "size" else "opacities"]
        assert abs(grid.index(found.values[name]) - grid.index(truth[name])) <= 1
    assert found.visibility >= truth["visibility"] - 1e-12
    assert found.visibility <= 1.5 * truth["visibility"]
    assert found.values["y"] > 0.5 > found.values["x"]


def test_budget_area_and_queries_are_kept_and_told(tmp_path: Path) -> None:
    toy = InkToy()
    result = run(toy, tmp_path / "run", max_area=0.04)
    rows = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert result.words.queries <= 160
    table = read_parquet(tmp_path / "run" / "trace.parquet")
    assert max(table["ink"].to_pylist()) <= 0.04
    assert table.num_rows == result.words.queries + (result.nonsense or result.words).queries
    # Clean, both arms, the check, and the attack with its controls.
    asked = result.words.queries + (result.nonsense.queries if result.nonsense else 0)
    assert toy.n_images == asked + 1 + 1 + len(result.controls)
    assert rows["words"]["curve"][-1]["queries"] == 160
    assert result.words.found is not None and result.words.found.ink <= 0.04
    assert result.verified is True
    assert result.controls["attack"]["flip"] is True
    curve = result.words.curve
    seen = [p["visibility"] for p in curve if p["visibility"] is not None]
    assert seen == sorted(seen, reverse=True)


def test_a_search_that_cannot_succeed_says_so(tmp_path: Path) -> None:
    result = run(InkToy(height=60), tmp_path / "run", queries=40)
    assert result.words.found is None and result.verified is None and not result.controls
    assert result.words.coarse.value == 0.0 and result.words.coarse.high > 0
    assert "not proof" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "run" / "best.png").exists()


def test_bytes_do_not_depend_on_interruption(tmp_path: Path) -> None:
    names = ["trace.parquet", "summary.json", "best.png", "report.html", "report.md"]
    run(InkToy(), tmp_path / "a")
    stopped = InkToy()
    stopped.stop_at = 120
    with pytest.raises(KeyboardInterrupt):
        run(stopped, tmp_path / "b")
    assert not (tmp_path / "b" / "manifest.json").exists()
    rest, whole = InkToy(), InkToy()
    again = run(rest, tmp_path / "b")
    run(whole, tmp_path / "c")
    for name in names:
        first = (tmp_path / "a" / name).read_bytes()
        assert (tmp_path / "b" / name).read_bytes() == first
        assert (tmp_path / "c" / name).read_bytes() == first
    assert rest.n_images < whole.n_images  # the finished batches were not asked again
    complete = InkToy()
    loaded = run(complete, tmp_path / "b")
    assert complete.n_images == 0  # not even the clean image, to know what was asked
    assert loaded == again


def test_reading_is_told_from_clutter(toy: Callable[..., Any], tmp_path: Path) -> None:
    names = ["dog", "cat", "ship", "lamp", "tree", "fish"]
    dog = Image.new("RGB", (96, 96), "#c81e1e")
    result = search_attack(
        toy(reads=True), dog, "dog", names, out=tmp_path / "run", target="ship", queries=40,
        sizes=(0.15, 0.2), opacities=(1.0,), colors=("white", "black"), places=3, max_area=0.2,
    )  # fmt: skip
    found = result.words.found
    assert found is not None and found.text == "ship" and found.answer == "ship"
    assert found.values["size"] == 0.2  # the only size at which this toy reads
    assert result.verified is True
    assert result.nonsense is not None and result.nonsense.found is None
    assert result.words.coarse.value == 1.0 and result.nonsense.coarse.value == 0.0
    assert not result.controls["nonsense"]["flip"] and not result.controls["blank"]["flip"]


def test_a_warning_of_clutter_looks_at_the_answer(tmp_path: Path) -> None:
    """This toy answers "cat" to anything red, so nonsense flips it as well as words do."""
    for words, ending in (
        (["cat"], "need not be reading, though it changes into the written word."),
        (["wide"], "it does not become the written word: that is clutter, not reading."),
    ):
        result = run(InkToy(), tmp_path / words[0], words=words)
        stored = json.loads((tmp_path / words[0] / "summary.json").read_text())
        assert result.words.found is not None and result.words.found.answer == "cat"
        assert result.nonsense_suffices and result.says_the_word is (words == ["cat"])
        assert stored["warnings"][-1].endswith(ending)


def test_best_of_n_is_the_mean_over_orders() -> None:
    hits = [True, False, False, True, False]
    for n in range(1, 6):
        orders = [any(order[:n]) for order in itertools.permutations(hits)]
        assert best_of(n, 5, 2) == pytest.approx(np.mean(orders))
    assert best_of(6, 5, 2) is None and best_of(3, 5, 0) == 0.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": "dog"}, DataError, "means the label"),
        ({"target": "horse"}, DataError, "'horse'.*not among"),
        ({"words": ["Dog"]}, DataError, "may be written on an image of 'dog'"),
        ({"max_area": 0}, ConfigError, "max_area=0 is out of range"),
        ({"max_area": 0.0001}, DataError, "fits on image within 0.0%"),
        ({"queries": 1}, ConfigError, "queries=1"),
        ({"sizes": (0.3, 0.2)}, ConfigError, "numbers that rise"),
        ({"places": 0}, ConfigError, "places=0"),
        ({"knobs": {"fnt": ("a",)}}, ConfigError, "no knob 'fnt'"),
        ({"colors": ("redd",)}, ConfigError, "colour 'redd' is unknown"),
        ({"forbidden": ["il", "wide"]}, DataError, "are forbidden"),
    ],
)
def test_wrong_use_has_its_sentence(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(InkToy(), tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_an_answer_that_is_flipped_already_is_no_case(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="already wrong"):
        search_attack(InkToy(), picture(), "cat", NAMES, out=tmp_path / "run")
    with pytest.raises(DataError, match="is the target"):
        search_attack(InkToy(), picture(), "cat", NAMES, target="dog", out=tmp_path / "run")
    with pytest.raises(UnreadableImageError, match="could not be read"):
        search_attack(InkToy(), tmp_path / "no.png", "cat", NAMES, out=tmp_path / "run")


def test_nothing_is_asked_before_the_run_is_open(tmp_path: Path) -> None:
    """A folder that cannot be used is refused without a pass, and a flip leaves no folder."""
    run(InkToy(), tmp_path / "run", queries=8)
    toy = InkToy()
    with pytest.raises(RunFolderError, match=r"seed"):
        run(toy, tmp_path / "run", queries=8, seed=1)
    assert toy.n_images == 0
    with pytest.raises(DataError, match="already wrong"):
        search_attack(InkToy(), picture(), "cat", NAMES, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_model_s_words_stand_in_the_summary(tmp_path: Path) -> None:
    toy = InkToy()
    result = search_attack(toy, picture(), "dog", NAMES, out=tmp_path / "run", queries=4, **SPACE)
    assert sorted(result.candidates) == ["cat", "ship"]
    named = search_attack(
        toy, picture(), "dog", NAMES, out=tmp_path / "b", queries=4, target="ship", **SPACE
    )
    assert named.candidates == ("ship",)


def test_the_command(tmp_path: Path, checkpoint: Callable[[], Path]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    (tmp_path / "classes.txt").write_text("dog\ncat\nship\n", encoding="utf-8")
    for name in NAMES:  # whichever the random model answers
        done = CliRunner().invoke(
            app,
            ["audit", "search", str(tmp_path / "a.png"), "--label", name, "--classes",
             str(tmp_path / "classes.txt"), "--out", str(tmp_path / "run"), "--model",
             str(checkpoint()), "--queries", "12", "--sizes", "0.2,0.3", "--opacities", "1",
             "--max-area", "0.4", "--places", "2", "--json"],
        )  # fmt: skip
        if done.exit_code == 0:
            break
        assert "already wrong" in done.output
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary == json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["words"]["queries"] <= 12 and 1 <= len(summary["candidates"]) <= 2
    check_schema(summary, SCHEMA)
    config = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert config["space"]["words"] is None  # what was said, not what the model made of it
    wrong = CliRunner().invoke(
        app,
        ["audit", "search", str(tmp_path / "a.png"), "--label", "dog", "--classes",
         str(tmp_path / "classes.txt"), "--out", str(tmp_path / "no"), "--sizes", "big"],
    )  # fmt: skip
    assert wrong.exit_code == 2 and "--sizes 'big' is not a list of numbers" in wrong.output


def test_black_letters_are_no_blot() -> None:
    space = SearchSpace(words=("cat",), colors=("black", "red"))
    black, red = (space.attack((0, 0, 0, i, 4, 4)) for i in (0, 1))
    assert (black.color, black.outline, red.outline) == ("black", "white", "black")
    chosen = SearchSpace(words=("cat",), colors=("black",), fixed={"outline": None})
    assert chosen.attack((0, 0, 0, 0, 4, 4)).outline is None


def test_a_size_too_small_to_be_written_does_not_end_the_bisection(tmp_path: Path) -> None:
    toy = InkToy(height=4)
    space = {
        "places": 2, "sizes": (0.05, 0.16), "colors": ("red",),
        "opacities": tuple(i / 20 for i in range(10, 21)),
    }  # fmt: skip
    found = run(toy, tmp_path / "run", words=["il"], queries=8, **space).words.found
    assert found is not None and found.values["size"] == 0.16  # 0.05 is 3 px high
    assert found.values["opacity"] < 0.9, found  # bisected, not lowered step by step


def test_a_place_is_said_with_six_digits_at_most(tmp_path: Path) -> None:
    result = run(InkToy(), tmp_path / "run", words=["il"], places=3)
    assert result.words.found is not None
    assert result.words.found.values["y"] == 5 / 6
    page = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "y 0.833333." in page and "0.8333333333" not in page + sentences(result)
