"""The page Explain shows the library's maps, words and parts, and its code gives the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import clipprobe
from clipprobe.stimuli import Picture, Scene, render

VIEW = "views/explain.py"
TEXT = "a red apple"


def elements(test: Any, name: str) -> list[dict[str, Any]]:
    """What the elements of a kind were given."""
    protos = [item.proto for item in test.get("bidi_component")]
    return [json.loads(one.json) for one in protos if one.component_name == f"clipprobe.{name}"]


def apple(clip: Any) -> Any:
    scene = Scene(items=(Picture(concept="apple"),), size_px=clip.image_size)
    return clip.preprocess.to_grid(render(scene).image)


def test_the_maps_are_those_of_the_library(app: Any, clip: Any) -> None:
    test = app(VIEW, explained=TEXT)
    (maps,) = elements(test, "heat")
    assert {"head x token decomposition", "random numbers"} <= {p["title"] for p in maps["panels"]}
    for panel, method in zip(maps["panels"], test.multiselect[0].value, strict=True):
        one = clipprobe.explain(clip, apple(clip), TEXT, method=method, centre=True)
        values = np.reshape(panel["values"], (panel["h"], panel["w"]))
        assert np.allclose(values, one.map, rtol=1e-4, atol=1e-9), method


def test_the_words_of_a_patch_are_those_of_the_pairs(app: Any, clip: Any) -> None:
    test = app(VIEW, explained=TEXT)
    (words,) = elements(test, "words")
    (one,) = clipprobe.explain_words(clip, [apple(clip)], [TEXT])
    assert words["words"] == ["a", "red", "apple"]
    assert np.allclose(words["values"], one.values, rtol=1e-4, atol=1e-9)
    test.session_state[f"place {TEXT}"] = (0.9, 0.1)
    test.run()
    assert not test.exception
    _, of_patch = elements(test, "words")
    pairs = clipprobe.interactions(clip, apple(clip), TEXT)
    rows, columns = pairs.grid
    place = int(0.1 * rows) * columns + int(0.9 * columns)
    assert np.allclose(of_patch["values"], pairs.matrix[place], rtol=1e-4, atol=1e-9)


def test_a_unit_has_no_words(app: Any, clip: Any) -> None:
    unit = "vision.blocks.1.mlp.post:5"
    test = app(VIEW, explained=unit)
    assert elements(test, "heat") and not elements(test, "words")
    assert not test.error


def test_a_person_is_not_explained(app: Any) -> None:
    test = app(VIEW, explained="a photo of a woman")
    assert len(test.error) == 1 and not elements(test, "heat")


def test_the_code_gives_the_scores_of_the_page(app: Any, capsys: Any, copied: Any) -> None:
    test = app(VIEW, explained=TEXT)
    exec(compile(copied(test), "snippet", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == test.multiselect[0].value


def test_the_matrix_is_that_of_the_library(app: Any, clip: Any) -> None:
    test = app("views/similarity.py")
    (table,) = elements(test, "table")
    assert table["rows"] == ["apple", "dog", "guitar"]
    assert np.allclose(
        table["values"][0], clip.similarity([apple(clip)], table["columns"])[0], atol=1e-5
    )
    test.radio[0].set_value("softmax over the texts").run()
    (table,) = elements(test, "table")
    assert np.allclose(np.sum(table["values"], axis=1), 1.0, atol=1e-5)
    test.radio[0].set_value("percentile among names of other things").run()
    (table,) = elements(test, "table")
    assert 0 <= np.min(table["values"]) <= np.max(table["values"]) <= 1


def test_nothing_to_compare_and_people_are_sentences(app: Any) -> None:
    test = app("views/similarity.py")
    test.text_area[0].set_value("").run()
    assert "nothing to compare" in test.error[0].value
    test.text_area[0].set_value("a woman\na man").run()
    assert len(test.error) == 1 and not elements(test, "table")
