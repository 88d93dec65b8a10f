"""How faithful each map is: the library's numbers beside the map, asked for and with a control."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import clipprobe
from clipprobe.attribution.faithfulness import image_faithfulness
from clipprobe.attribution.faithfulness.one_image import N_ORDERS, n_encodings
from clipprobe.attribution.terminal import faithful_words
from clipprobe.cli import app as cli
from clipprobe.stimuli import Picture, Scene, render
from dashboard import faithful

VIEW = "views/explain.py"
TEXT = "a red apple"
METHODS = ("head_tokens", "keep_only", "random")
ADDRESS = {"explained": TEXT, "methods": list(METHODS)}
UNIT = "vision.blocks.1.mlp.post:5"


@pytest.fixture
def ask(app: Any) -> Any:
    """The page with three methods, where nothing was measured yet."""
    faithful.known_faithfulness.clear()
    return lambda **more: app(VIEW, **(ADDRESS | more))


@pytest.fixture(scope="module")
def expected(clip: Any) -> Any:
    """What the library says of the page's image and text."""
    scene = Scene(items=(Picture(concept="apple"),), size_px=clip.image_size)
    image = clip.preprocess.to_grid(render(scene).image)
    maps = [clipprobe.explain(clip, image, TEXT, one, centre=True) for one in METHODS]
    return image_faithfulness(clip, image, TEXT, maps)


def texts(test: Any, markup: Any) -> str:
    """Everything that the page says in captions and paragraphs."""
    return "\n".join(markup(one.value) for one in [*test.caption, *test.markdown])


def test_the_cost_is_said_and_nothing_is_measured_unasked(
    ask: Any, markup: Any, elements: Any, copied: Any
) -> None:
    test = ask()
    said = texts(test, markup)
    assert f"the model encodes {n_encodings(len(METHODS)):,} images for it" in said
    assert f"{N_ORDERS} random orders" in said
    assert not any("random order" in one["note"] for one in elements(test, "heat")[0]["panels"])
    assert json.loads(copied(test, "JSON"))["faithfulness"] is None
    assert "--faithfulness" not in copied(test, "Copy as command")
    assert not test.get("plotly_chart")


def test_the_numbers_are_those_of_the_library_beside_each_map(
    ask: Any, expected: Any, markup: Any, elements: Any, copied: Any, charts: Any
) -> None:
    test = ask()
    test.button(key=faithful.BUTTON).click().run()
    assert not test.exception and not test.error
    panels = elements(test, "heat")[0]["panels"]
    for panel, one in zip(panels, expected.maps, strict=True):
        assert panel["note"].endswith(faithful_words(one, N_ORDERS)), one.method
    assert "does not beat random order" in panels[2]["note"]
    data = json.loads(copied(test, "JSON"))
    found = data["faithfulness"]
    for one, other in zip(found["maps"], expected.maps, strict=True):
        assert one["values"] == pytest.approx(other.values, abs=1e-6)
        assert one["above"] == other.above
    assert [one["method"] for one in data["maps"]] == list(METHODS)
    table = next(one.value for one in test.dataframe if "beats random order by" in one.value)
    controls = ["lowest random order", "highest random order", "random"]
    assert list(table["method"]) == [*controls, *METHODS[:2]]
    assert table["beats random order by"][2] == "neither"
    said = texts(test, markup)
    assert "n = 1 image, no interval" in said and "anecdote" in said
    assert "clipprobe audit faithfulness" in said
    for chart, metric in zip(charts(test), ("insertion", "deletion"), strict=True):
        names = [line["name"] for line in chart["data"]]
        assert names == [f"{N_ORDERS} random orders, lowest to highest", *METHODS]
        assert chart["data"][1]["y"] == pytest.approx(expected.maps[0].curves[metric], abs=1e-6)
        assert TEXT in chart["alt"]


def test_it_stays_until_the_question_changes_and_is_kept_for_it(ask: Any, markup: Any) -> None:
    test = ask()
    test.button(key=faithful.BUTTON).click().run()
    test.run()
    assert "anecdote" in texts(test, markup)
    test.text_input(key="explained").set_value("a dog").run()
    assert "anecdote" not in texts(test, markup) and test.button(key=faithful.BUTTON)
    test.text_input(key="explained").set_value(TEXT).run()
    assert "anecdote" in texts(test, markup)
    test.toggle(key="centre").set_value(False).run()  # other maps
    assert "anecdote" not in texts(test, markup)


def test_only_so_many_answers_are_kept(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faithful, "MOST_KNOWN", 1)
    test = ask(methods=["random"])
    test.button(key=faithful.BUTTON).click().run()
    test.text_input(key="explained").set_value("a dog").run()
    test.button(key=faithful.BUTTON).click().run()
    assert test.get("plotly_chart") and not test.error
    test.text_input(key="explained").set_value(TEXT).run()
    assert test.button(key=faithful.BUTTON)


def test_code_and_command_give_the_same(
    ask: Any, expected: Any, copied: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask()
    test.button(key=faithful.BUTTON).click().run()
    space: dict[str, Any] = {}
    exec(copied(test), space)
    for one, other in zip(space["faithful"].maps, expected.maps, strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-6) and one.above == other.above
    monkeypatch.chdir(tmp_path)
    first, second = copied(test, "Copy as command").splitlines()
    exec(shlex.split(first)[2], {})
    done = CliRunner().invoke(cli, shlex.split(second)[1:])
    assert done.exit_code == 0, done.output
    for one, other in zip(json.loads(done.stdout)["faithfulness"]["maps"], expected.maps,
                          strict=True):  # fmt: skip
        assert one["values"] == pytest.approx(other.values, abs=1e-6)


def test_of_a_unit_it_says_why_there_is_none(app: Any, markup: Any) -> None:
    test = app(VIEW, explained=UNIT)
    assert not test.error
    assert "read from the cosine with a text" in texts(test, markup)
    assert faithful.BUTTON not in [one.key for one in test.button]


def test_a_map_that_cannot_be_measured_leaves_the_rest_of_the_page(
    ask: Any, markup: Any, elements: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask()
    monkeypatch.setenv("CLIPPROBE_MEMORY_GB", "1e-6")
    test.button(key=faithful.BUTTON).click().run()
    assert not test.exception
    assert len(test.error) == 1 and "batch_size" in markup(test.error[0].value)
    assert elements(test, "heat") and elements(test, "words")
