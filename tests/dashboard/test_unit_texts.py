"""What a unit writes, on texts of the user: the library's numbers, with their floor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.neurons.captions.ranking import text_prompts, vision_captions

VIEW = "views/unit.py"
UNIT = "vision.blocks.1.mlp.post:5"
TEXTS = ["a cat", "a dog", "猫", "<script>alert(1)</script>", "قط", "a car", "\u202eevil"]


def ends(test: Any) -> dict[str, Any]:
    """The two tables of the list, by the head of their first column."""
    tables = [one.value for one in test.dataframe]
    return {one.columns[0]: one for one in tables if one.columns[0] in ("Most", "Least")}


def test_the_ends_of_a_list_are_those_of_the_library(
    app: Any, clip: Any, markup: Any, copied: Any
) -> None:
    test = app(VIEW, run="demo/atlas", unit=UNIT, part="Captions", texts="\n".join(TEXTS))
    assert not test.error and not test.exception
    (found,) = vision_captions(clip, [UNIT], TEXTS)
    shown = ends(test)
    for name, end in (("Most", found.top[:4]), ("Least", found.bottom[:4])):
        assert shown[name][name].tolist() == [one.caption for one in end]
        assert np.allclose(shown[name]["cosine"], [one.score for one in end], atol=1e-6)
        assert np.allclose(shown[name]["z"], [one.z for one in end], atol=1e-5)
    (line,) = [text for one in test.caption if "by chance" in (text := markup(one.value))]
    assert f"The highest z is {found.top[0].z:.2f}, and by chance it would be" in line
    assert f"{found.chance:.2f} on average" in line and f"p = {found.p:.3f}" in line
    assert found.reason in line
    assert "texts=a+cat%0Aa+dog" in copied(test, "Copy link")


@pytest.mark.parametrize("texts", ["", "one", "\n".join(map(str, range(501)))])
def test_a_list_that_cannot_be_compared_is_one_sentence(app: Any, markup: Any, texts: str) -> None:
    test = app(VIEW, run="demo/atlas", unit=UNIT, part="Captions")
    test.text_area(key="texts").set_value(texts).run()
    (error,) = test.error
    assert "give from 2 to 500" in markup(error.value) and not ends(test) and not test.exception


def test_a_unit_of_the_text_tower_ranks_texts_by_activation(
    app: Any, clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = "text.blocks.1.mlp.post:5"
    clipprobe.scan_texts(clip, ["a", "b c"], pool="max", out=tmp_path / "runs" / "texts")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
    test = app(VIEW, unit=unit, part="Captions", texts="a cat\na dog\na car")
    (found,) = text_prompts(clip, [unit], ["a cat", "a dog", "a car"], pool="max")
    shown = ends(test)["Most"]
    assert shown["Most"].tolist() == [one.caption for one in found.top[:2]]
    assert np.allclose(shown["activation"], [one.score for one in found.top[:2]], atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*were cut at their end")
def test_a_text_of_a_text_unit_that_is_too_long_is_named(
    app: Any, clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markup: Any
) -> None:
    clipprobe.scan_texts(clip, ["a", "b c"], pool="max", out=tmp_path / "runs" / "texts")
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path / "runs"))
    test = app(VIEW, unit="text.blocks.1.mlp.post:5", part="Where", words="dog " * 70)
    (said,) = [markup(one.value) for one in test.warning]
    assert said.startswith("1 of 1 texts have more than the 77 tokens that this model reads")
    assert not test.error and not test.exception
