"""The model is chosen on the page, session by session; what cannot be loaded is one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe

EXPLAIN = "views/explain.py"


def load(test: Any, name: str) -> Any:
    """Type a model's name and press the button."""
    test.text_input(key="typed model").set_value(name)
    return test.button(key="load model").click().run()


@pytest.fixture(scope="session")
def other(checkpoint: Any) -> Path:
    """A second model: of another family, so with other units."""
    folder: Path = checkpoint("metaclip_2")
    return folder


def test_another_model_is_loaded_from_a_folder(
    app: Any, other: Path, scenery: Any, copied: Any
) -> None:
    test = app("views/similarity.py")
    load(test, str(other))
    assert not test.exception and not test.error
    assert test.query_params["model"] == str(other)
    clip = clipprobe.load(other)
    assert f"clipprobe.load({str(other)!r})" in copied(test)
    protos = [item.proto for item in test.get("bidi_component")]
    shown = json.loads(next(one.json for one in protos if "table" in one.component_name))
    space: dict[str, Any] = {}
    exec(copied(test), space)
    expected = clip.similarity(space["images"], space["texts"])
    assert np.allclose(shown["values"], expected, atol=1e-5)
    test.switch_page("views/typographic.py").run()  # the choice goes along
    assert any(clip.weights_sha256[:12] in item.value for item in test.caption)
    names = test.selectbox[0].options
    assert names[0] == "emoji-clip, bundled" and str(scenery.model) in names


def test_an_address_opens_its_model(app: Any, other: Path, copied: Any) -> None:
    test = app("views/similarity.py", model=str(other))
    assert f"clipprobe.load({str(other)!r})" in copied(test)


def test_the_models_of_the_runs_are_offered(
    app: Any, scenery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLIPPROBE_MODEL")
    test = app()
    assert any(f"{scenery.model}, of 2 runs" in one for one in test.selectbox[0].options)


def broken(folder: Path, other: Path) -> dict[str, tuple[str, str]]:
    """What may be typed, and what is said."""
    empty = folder / "empty"
    empty.mkdir()
    unweighted = folder / "unweighted"
    shutil.copytree(other, unweighted)
    (unweighted / "model.safetensors").unlink()
    file = folder / "file.txt"
    file.write_text("hello")
    return {
        "absent": (str(folder / "nowhere"), "there is no such folder"),
        "empty": (str(empty), "config.json"),
        "unweighted": (str(unweighted), "weights"),
        "file": (str(file), "that is a file"),
        "hub": ("no-such-owner/no-such-model", "could not be downloaded"),
        "long": ("a/" * 3000, "there is no such folder"),
        "zero": ("a\0b", "there is no such folder"),
        "nobody": ("~nobody-of-that-name/x", "there is no such folder"),
        "markup": ("![x](http://example.invalid/a.png)", "there is no such folder"),
    }


@pytest.mark.parametrize(
    "kind",
    ["absent", "empty", "unweighted", "file", "hub", "long", "zero", "nobody", "markup"],
)
def test_what_cannot_be_loaded_is_one_sentence_and_the_model_stays(
    app: Any, other: Path, tmp_path: Path, markup: Any, kind: str, copied: Any
) -> None:
    name, answer = broken(tmp_path, other)[kind]
    test = app("views/similarity.py")
    before = copied(test)
    load(test, name)
    assert not test.exception and len(test.error) == 1
    assert answer in markup(test.error[0].value)
    assert copied(test) == before and "model" not in test.query_params


def test_an_address_does_not_download(app: Any, markup: Any, elements: Any) -> None:
    test = app("views/similarity.py", model="no-such-owner/no-such-model")
    assert "may be downloaded" in test.warning[0].value and not elements(test, "table")
    test.button(key="agree").click().run()
    assert "could not be downloaded" in markup(test.error[0].value)
    assert not elements(test, "table")
    test.button(key="keep model").click().run()
    assert elements(test, "table") and not test.error and "model" not in test.query_params


def test_two_sessions_with_different_models_and_units_never_mix(
    app: Any, other: Path, scenery: Any, copied: Any
) -> None:
    def maps(test: Any) -> dict[str, Any]:
        protos = [item.proto for item in test.get("bidi_component")]
        (one,) = (json.loads(p.json) for p in protos if p.component_name == "clipprobe.heat")
        (panel,) = one["panels"]
        return dict(panel)

    folders = {"a": scenery.model, "b": other}
    clips = {name: clipprobe.load(folder) for name, folder in folders.items()}
    tests = {}
    for name, folder in folders.items():
        tests[name] = app(EXPLAIN, explained="vision.blocks.0.mlp.post:0")
        load(tests[name], str(folder))
        tests[name].multiselect(key="unit_methods").set_value(["gradient_x_input"]).run()
    checked = 0
    for step in range(20):
        name = "ab"[step % 2]
        unit = f"vision.blocks.{step % 2}.mlp.post:{step}"
        tests[name].text_input(key="explained").set_value(unit).run()
        both = [name] if step % 5 else ["a", "b"]
        for one in both:  # the other session still shows its own
            if one != name:
                tests[one].run()
            test, clip = tests[one], clips[one]
            assert not test.exception and not test.error
            target = test.text_input(key="explained").value
            assert f"clipprobe.load({str(folders[one])!r})" in copied(test)
            space: dict[str, Any] = {}
            lines = copied(test).splitlines()
            start = next(i for i, line in enumerate(lines) if line.startswith("for method"))
            exec("\n".join(lines[:start]), space)
            expected = clipprobe.explain(clip, space["image"], target, method="gradient_x_input")
            shown = maps(test)
            assert np.allclose(shown["values"], expected.map.ravel(), rtol=1e-4, atol=1e-9)
            checked += 1
    assert checked > 20
