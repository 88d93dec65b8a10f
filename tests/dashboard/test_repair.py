"""Why and Repair on a model whose reading heads are planted: the page shows and removes them."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner
from typographic import toy_reader

import clipprobe
from clipprobe.cli import app as cli
from clipprobe.runs import load_run
from dashboard.lab.search import ANY_WORD

VIEW = "views/typographic.py"
READERS = {f"{block}:{head}" for block, head in toy_reader.READERS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_reader.save(tmp_path_factory.mktemp("planted") / "reader", reads=True)


@pytest.fixture
def lab(
    app: Callable[..., Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """The lab on the planted model: a dog's colour with "ship" on it."""
    data = io.BytesIO()
    side = toy_reader.SIDE
    Image.new("RGB", (side, side), toy_reader.colour(0)).save(data, "PNG")

    def start(**params: str) -> Any:
        monkeypatch.setenv("CLIPPROBE_MODEL", str(folder))
        monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
        look = {"word": "ship", "size": "0.34", "color": "#ffffff", "label": "none"}
        test = app(VIEW, **({"part": "Why, and repair"} | look | params))
        test.text_area(key="classes").set_value("\n".join(toy_reader.NAMES))
        test.segmented_control(key="source").set_value("Upload").run()
        test.file_uploader(key="upload").upload("dog.png", data.getvalue(), "image/png").run()
        assert not test.exception and not test.error, [item.value for item in test.error]
        return test

    return start


def table(test: Any) -> dict[str, Any]:
    protos = [item.proto for item in test.get("bidi_component")]
    (one,) = (one for one in protos if one.component_name == "clipprobe.table")
    found: dict[str, Any] = json.loads(one.json)
    return found


def test_the_grid_shows_the_planted_heads(lab: Callable[..., Any]) -> None:
    shown = table(lab())
    values = np.array(shown["values"])
    order = np.argsort(values.ravel())[: len(READERS)]
    heads = {f"{i // values.shape[1]}:{i % values.shape[1]}" for i in map(int, order)}
    assert heads == READERS
    assert shown["rows"][0] == "block 0" and shown["columns"][-1] == "head 3"
    assert not shown["marked"]


def test_the_answer_comes_back_and_random_heads_do_not_bring_it(
    lab: Callable[..., Any], markup: Any
) -> None:
    test = lab()
    assert any("Choose heads" in item.value for item in test.info)
    test.button(key="fewest").click().run()
    chosen = test.multiselect(key="heads").value
    assert chosen and set(chosen) <= READERS and len(chosen) <= 4
    assert "“ship” → “dog”" in markup(test.success[0].value)
    assert sorted(map(tuple, table(test)["marked"])) == sorted(
        tuple(map(int, one.split(":"))) for one in chosen
    )
    frame = test.table[0].value
    random = next(name for name in frame.columns if "random" in name)
    assert markup(frame[random].iloc[1]).startswith("0 of")
    test.slider(key="factor").set_value(1.0).run()  # as they were
    assert "not back" in test.warning[0].value
    assert test.query_params["heads"] == chosen


def test_heads_of_an_address_are_struck_out_at_once(app: Callable[..., Any]) -> None:
    test = app(VIEW, word="cat", part="Why, and repair", heads="0:1")
    assert not test.error and table(test)["marked"] == [[0, 1]]


def test_a_head_leads_to_the_neurons_of_its_block(lab: Callable[..., Any]) -> None:
    test = lab()
    test.session_state["head cell"] = (2, 2)
    test.run()
    rows = next(item.value for item in test.dataframe if "neuron" in item.value)
    assert rows["neuron"][0] == f"vision.blocks.2.mlp.post:{toy_reader.NAMES.index('ship')}"
    test.button(key="toggle head").click().run()
    assert test.multiselect(key="heads").value == ["2:2"]
    test.button(key="toggle head").click().run()
    assert test.multiselect(key="heads").value == []


def audit(command: str, folder: Path) -> None:
    """Run the command that the page shows, on images of one's own."""
    side = toy_reader.SIDE
    for number, name in enumerate(toy_reader.NAMES[:2]):
        (folder / "images" / name).mkdir(parents=True)
        for i in range(2):
            image = Image.new("RGB", (side, side), toy_reader.colour(number))
            image.putpixel((0, 0), (i, 0, 0))
            image.save(folder / "images" / name / f"{i}.png")
    (folder / "classes.txt").write_text("\n".join(toy_reader.NAMES))
    places = {"IMAGES": str(folder / "images"), "CLASSES.txt": str(folder / "classes.txt")}
    words = [places.get(word, word) for word in shlex.split(command)]
    done = CliRunner().invoke(cli, words[1:])
    assert done.exit_code == 0, done.output


def test_the_edit_is_saved_switched_on_and_handed_on(
    lab: Callable[..., Any], folder: Path, tmp_path: Path, markup: Any, capsys: Any
) -> None:
    test = lab(heads="1:1")
    test.text_input(key="units").set_value("vision.blocks.2.mlp.post:2").run()
    test.button(key="save edit").click().run()
    file = tmp_path / "edits" / "repair.safetensors"
    edit = clipprobe.load_edit(file)
    assert edit.made_for is not None and "vision.blocks.1.attn.z:1 zero" in str(edit)
    command = next(item.value for item in test.code if "audit typographic" in item.value)
    assert f"--edit {file}" in command and f"--model {folder}" in command
    audit(command, tmp_path)
    made = load_run(tmp_path / "typographic-repair").manifest["model"]["edits"]
    stored = load_run(tmp_path / "typographic-repair").manifest["counts"]
    assert made and "vision.blocks.1.attn.z:1 zero" in str(made) and stored["used"] == 4
    before = test.table[0].value["repaired"].tolist()
    test.multiselect(key="heads").set_value([]).run()
    test.text_input(key="units").set_value("").run()
    test.multiselect(key="edits").set_value(["repair"]).run()
    assert test.table[0].value["repaired"].tolist() == before
    (tmp_path / "edits" / "repair.safetensors").write_bytes(b"broken")
    test.run()
    assert not test.exception and "damaged" in markup(test.error[0].value)


def test_the_snippet_repairs_too(
    lab: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copied: Any
) -> None:
    test = lab(heads=["1:1", "1:3", "2:2"])
    side = toy_reader.SIDE
    Image.new("RGB", (side, side), toy_reader.colour(0)).save(tmp_path / "dog.png")
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    exec(compile(copied(test), "snippet", "exec"), space)
    answers = [space["classes"][row.argmax()] for row in space["repaired"]]
    assert answers[:2] == ["dog", "dog"]


@pytest.mark.parametrize(
    ("units", "answer"),
    [
        ("nonsense", "nonsense"),
        ("vision.blocks.9.mlp.post:1", "blocks.9"),
        ("text.blocks.0.mlp.post:1", "do not run through it"),
    ],
)
def test_a_unit_that_is_not_there_is_one_sentence(
    lab: Callable[..., Any], units: str, answer: str, markup: Any
) -> None:
    test = lab()
    test.text_input(key="units").set_value(units).run()
    assert not test.exception and len(test.error) == 1
    assert answer in markup(test.error[0].value)


def test_a_word_that_is_right_has_nothing_to_repair(lab: Callable[..., Any]) -> None:
    test = lab()
    test.text_input(key="word").set_value("dog").run()
    assert any("nothing to explain" in item.value for item in test.info)
    kinds = [item.proto.component_name for item in test.get("bidi_component")]
    assert not test.error and set(kinds) == {"clipprobe.strip", "clipprobe.place"}


def stage(test: Any) -> dict[str, Any]:
    protos = [item.proto for item in test.get("bidi_component")]
    (one,) = (one for one in protos if one.component_name == "clipprobe.place")
    found: dict[str, Any] = json.loads(one.json)
    return found


def test_the_word_can_be_put_anywhere(lab: Callable[..., Any], copied: Any) -> None:
    test = lab(place="center")
    first = stage(test)
    left, top, right, bottom = first["box"]
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.03) and first["text"] == "ship"
    for name, value in (("place", "where the sliders say"), ("across", 0.7), ("down", 0.75)):
        test.session_state[name] = value  # as the element does when the word is let go
    test.session_state["size"] = 0.25
    test.run()
    left, top, right, bottom = stage(test)["box"]
    assert (top + bottom) / 2 == pytest.approx(0.75, abs=0.03)
    assert stage(test)["size"] == 0.25 and stage(test)["src"] != first["src"]
    assert "position=[[0.7, 0.75]]" in copied(test)


def test_the_least_text_flips_and_can_be_written(lab: Callable[..., Any], markup: Any) -> None:
    test = lab()
    test.session_state["part"] = "Least text"
    test.session_state["budget"] = 40
    test.session_state["search words"] = ANY_WORD
    test.run()
    test.button(key="search").click().run()
    assert not test.exception and not test.error
    image = test.get("image")[4].proto.imgs[0]
    word, _, answer = markup(image.caption).partition(" → ")
    assert answer in toy_reader.NAMES and answer != "dog"
    test.button(key="write it").click().run()
    assert not test.exception and not test.error
    assert f"“{test.text_input(key='word').value}”" == word
    answers = test.dataframe[0].value.set_index("class")
    assert answers["attack word"].idxmax() == answer and answers["clean"].idxmax() == "dog"


def test_a_search_without_a_flip_says_so(lab: Callable[..., Any]) -> None:
    test = lab(part="Least text")  # the planted letters are read at one size, which is not tried
    test.session_state["budget"] = 20
    test.run()
    test.button(key="search").click().run()
    assert not test.exception and not test.error
    assert any("flipped the answer in 20 tries" in item.value for item in test.warning)
