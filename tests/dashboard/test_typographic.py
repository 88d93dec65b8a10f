"""The lab's probabilities are the model's, its controls are controls, its code does the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from attacks.typographic import TypographicAttack
from clipprobe.stimuli import Picture, Scene, render
from clipprobe.zeroshot import TEMPLATES, build_classifier

VIEW = "views/typographic.py"
CONDITIONS = ["clean", "blank label", "nonsense word", "attack word"]


def test_probabilities_are_those_of_the_model(app: Any, clip: Any) -> None:
    from dashboard.texts import STARTING_CLASSES

    test = app(VIEW, word="cat", size="0.4")
    scene = Scene(items=(Picture(concept="apple"),), size_px=clip.image_size)
    base = clip.preprocess.to_grid(render(scene).image)
    attack = TypographicAttack(
        word="cat", size=0.4, position="center", color="black", outline=None, background="white"
    )
    attacked = attack(base)
    vectors = build_classifier(clip, STARTING_CLASSES, TEMPLATES)
    pictures = [base, attack.blank(attacked, base).image, attacked.image]
    expected = softmax(clip.logits(pictures, vectors).astype(float), axis=1)
    table = test.dataframe[0].value
    assert list(table["class"]) == list(STARTING_CLASSES)
    for row, condition in zip(expected, ("clean", "blank label", "attack word"), strict=True):
        assert np.allclose(table[condition], row, atol=1e-6)
    assert np.allclose(table[CONDITIONS].sum(), 1.0)


def test_the_reading_effect_is_attack_minus_nonsense(app: Any, markup: Any) -> None:
    test = app(VIEW, word="cat")
    table = test.dataframe[0].value.set_index("class")
    effect = table.loc["cat", "attack word"] - table.loc["cat", "nonsense word"]
    shown = {markup(item.label): item.value for item in test.metric}
    assert shown["Reading effect"].replace("−", "-") == f"{effect:+.3f}"
    assert shown["p(cat), attack word"] == f"{table.loc['cat', 'attack word']:.3f}"
    assert shown["p(cat), nonsense word"] == f"{table.loc['cat', 'nonsense word']:.3f}"


def test_four_pictures_stand_side_by_side_with_answer_and_text(app: Any, markup: Any) -> None:
    test = app(VIEW, word="cat")
    table = test.dataframe[0].value
    images = test.get("image")
    assert len(images) == 4
    for image, condition in zip(images, CONDITIONS, strict=True):
        best = table[condition].idxmax()
        answer = f"{table['class'][best]}, p {table[condition][best]:.3f}"
        assert markup(image.captions[0]).startswith(condition)
        assert markup(image.captions[0]).endswith(answer)
        assert answer in image.proto.imgs[0].alt
    assert "“cat”" in markup(images[3].captions[0])


def test_the_chart_shows_the_table(app: Any, charts: Any) -> None:
    test = app(VIEW)
    table = test.dataframe[0].value.set_index("class")
    (chart,) = charts(test)
    assert chart["data"][0]["x"][:2] == ["apple", "guitar"]  # what is shown and what is written
    likeliest = table[CONDITIONS].max(axis=1).drop(["apple", "guitar"]).nlargest(4)
    assert chart["data"][0]["x"][2:] == likeliest.index.tolist()
    assert [bars["name"] for bars in chart["data"]] == CONDITIONS
    for bars in chart["data"]:
        assert np.allclose(bars["y"], table.loc[bars["x"], bars["name"]], atol=1e-9)
        assert not bars["error_y"]["visible"]  # there is no interval to draw
    assert chart["alt"].startswith("Probabilities")


def test_size_and_place_move_the_word(app: Any, copied: Any) -> None:
    test = app(VIEW)
    first = test.get("image")[3].value
    test.slider(key="size").set_value(0.5).run()
    larger = test.get("image")[3].value
    test.selectbox(key="place").set_value("top").run()
    moved = test.get("image")[3].value
    test.selectbox(key="place").set_value("where the sliders say").run()
    test.slider(key="across").set_value(0.1).run()
    assert "position=[[0.1, 0.5]]" in copied(test)
    assert len({str(first), str(larger), str(moved), str(test.get("image")[3].value)}) == 4


def test_picture_and_word_are_added_to_the_classes(app: Any, markup: Any) -> None:
    test = app(VIEW, word="zebra", concept="whale")
    test.text_area(key="classes").set_value("dog\ncat\n\ncat\nDog").run()
    assert list(test.dataframe[0].value["class"]) == ["dog", "cat", "whale", "zebra"]
    notes = [markup(item.value) for item in test.caption]
    assert any("4 classes, of them added" in note and "whale, zebra" in note for note in notes)


def test_the_snippet_gives_the_same_probabilities(app: Any, copied: Any) -> None:
    test = app(VIEW, word="cat", place="top-left")
    test.slider(key="rotation").set_value(20).run()
    space: dict[str, Any] = {}
    exec(copied(test), space)
    table = test.dataframe[0].value
    assert space["classes"] == list(table["class"])
    names = {"clean": "clean", "blank": "blank label", "nonsense": "nonsense word"}
    names["attack"] = "attack word"
    for key, row in zip(space["images"], space["probabilities"], strict=True):
        assert np.allclose(table[names[key]], row, atol=1e-6)


@pytest.mark.parametrize(
    ("field", "value", "answer"),
    [
        ("word", "", "empty"),
        ("word", "日本", "no glyph"),
        ("word", "w" * 60, "does not fit"),
        ("classes", "dog", "at least two"),
        ("classes", "", "at least two"),
        ("classes", "dog\na young woman", "audit bias"),
        ("word", "criminal", "audit bias"),
        ("templates", "a photo", "has no {}"),
        ("templates", "", "No template"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    app: Any, markup: Any, field: str, value: str, answer: str
) -> None:
    test = app(VIEW)
    box = test.text_input(key="word") if field == "word" else test.text_area(key=field)
    box.set_value(value).run()
    assert not test.exception
    assert len(test.error) == 1
    assert answer in markup(test.error[0].value)
    assert not test.metric and len(test.get("image")) == 1  # the clean image stays


def test_a_run_leads_to_the_lab_with_its_own_question(app: Any, scenery: Any, copied: Any) -> None:
    from clipprobe.runs import load_run
    from dashboard.lab.widgets import of_run

    config = load_run(scenery.runs / "demo" / "typographic").manifest["config"]
    address = of_run(config)
    test = app(VIEW, **address)
    assert not test.error
    assert list(test.dataframe[0].value["class"]) == config["classes"]
    assert test.selectbox(key="concept").value == config["classes"][0]
    assert test.text_input(key="word").value == config["classes"][1]
    code = copied(test)
    assert f"size={config['attack']['size']!r}" in code
    assert "background=None" in code and f"font={config['attack']['font']!r}" in code
    assert of_run({"attack": {"color": "no colour", "size": [1]}, "classes": 3 * [None]}) == {}


def test_every_knob_is_in_the_address(app: Any, copied: Any) -> None:
    address = {
        "classes": "apple\ncat\nguitar", "templates": "a {}", "outline": "white",
        "label": "yellow", "color": "#112233", "rotation": "20", "opacity": "0.5", "seed": "3",
        "font": "DejaVuSans", "across": "0.3", "down": "0.6", "place": "where the sliders say",
    }  # fmt: skip
    test = app(VIEW, **address)
    assert not test.error
    assert list(test.dataframe[0].value["class"]) == ["apple", "cat", "guitar"]
    code = copied(test)
    for said in ("font='DejaVuSans'", "color='#112233'", "outline='#ffffff'", "rotation=20.0",
                 "background='#f0e442'", "opacity=0.5", "seed=3", "position=[[0.3, 0.6]]",
                 "['a {}']"):  # fmt: skip
        assert said in code, (said, code)


def test_a_word_that_is_what_is_shown_is_remarked(app: Any) -> None:
    test = app(VIEW, concept="dog", word="dog")
    assert any("no mistake here" in item.value for item in test.info)


def test_long_names_stay_short_below_the_bars(app: Any, charts: Any) -> None:
    test = app(VIEW)
    long = "a class whose name is much longer than the others"
    test.text_area(key="classes").set_value(f"dog\n{long}").run()
    (chart,) = charts(test)
    axis = chart["layout"]["xaxis"]
    assert axis["tickangle"] == 0 and max(map(len, axis["ticktext"])) <= 16
    assert long in chart["data"][0]["x"]


def test_an_address_with_impossible_values_opens_the_page(app: Any) -> None:
    test = app(VIEW, size="99", concept="nothing", place="elsewhere", style="")
    assert not test.error and len(test.get("image")) == 4


def test_a_word_without_letters_to_exchange_has_no_effect(app: Any, markup: Any) -> None:
    test = app(VIEW, word="—…—")
    assert {item.label: item.value for item in test.metric}["Reading effect"] == "undefined"
    assert any("No nonsense word can be made" in markup(item.value) for item in test.caption)
    assert len(test.get("image")) == 3


def test_the_sentences_are_those_of_the_audit(app: Any) -> None:
    assert app(VIEW).text_area(key="templates").value.splitlines() == list(TEMPLATES)


def test_an_unknown_model_is_one_sentence(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any
) -> None:
    monkeypatch.setenv("CLIPPROBE_MODEL", str(tmp_path / "nowhere"))
    test = app(VIEW)
    assert len(test.error) == 1 and "nowhere" in markup(test.error[0].value)
