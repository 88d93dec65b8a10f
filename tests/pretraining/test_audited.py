"""The section of the bundled model's page that audits write."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from clipprobe.models.checkpoints.bundled import bundled_folder
from clipprobe.pretraining.audited import audit_section, curves_chart, measure_audits
from clipprobe.report.curves import Panel, curves_svg
from clipprobe.zeroshot.limits.tasks import TASKS


@pytest.fixture(scope="module")
def audits(clip: Any) -> dict[str, Any]:
    return measure_audits(
        clip,
        per_thing=1,
        few_shot={"shots": [1, 2], "draws": 2, "iterations": 3},
        limits={"tasks": ["style", "several things"], "scenes": 1},
    )


def test_the_section_holds_every_figure_with_its_interval(audits: dict[str, Any]) -> None:
    section = audit_section(audits, "images/few-shot.svg")
    assert section.startswith("## ") and section.endswith("\n")
    assert [one["name"] for one in audits["few_shot"]] == ["seen", "never seen"]
    for one in audits["few_shot"]:
        for method, text in one["crossing_text"].items():
            first = one["curves"][method][0]
            cell = f"{first['value']:.2f} [{first['low']:.2f}, {first['high']:.2f}]"
            (row,) = [
                line
                for line in section.splitlines()
                if line.startswith(f"| {one['name']}, 24 | {method} |")
            ]
            assert f"| {cell} |" in row and row.endswith(f"| {text} |")
    for one in audits["limits"]:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| {one['task']} ")]
        assert f"| {one['verdict']} | {one['n']:,} |" in row
        assert row.count("|") == 11
    found = audits["abstention"]
    assert found["n_things"] == 120 and found["known"] == 224
    assert f"lets {found['unknown_answered']['value']:.3f} of the images" in section


def test_the_picture_is_drawn_from_the_same_figures(audits: dict[str, Any]) -> None:
    root = ET.fromstring(curves_chart(audits))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for one in audits["few_shot"]:
        assert f"probe crosses zero-shot at {one['crossing_text']['probe']} shots" in texts
    circles = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 2 * 2 * 2  # sets, methods, shots
    heights = [float(circle.attrib["cy"]) for circle in circles]
    values = [
        estimate["value"]
        for one in audits["few_shot"]
        for curve in one["curves"].values()
        for estimate in curve
    ]
    # Higher accuracy stands higher, by one scale for all.
    for (a, high), (b, low) in zip(
        zip(values, heights, strict=True), zip(values[1:], heights[1:], strict=False), strict=False
    ):
        assert (a - b) * 216 == pytest.approx(low - high, abs=0.2)


def test_names_in_a_picture_are_text_and_not_markup() -> None:
    one = {"value": 0.5, "low": 0.4, "high": 0.6}
    panel = Panel(
        title="<b>&", positions=[1, 4], curves={"a<b": [one, one]}, level=("z", one), note="n"
    )
    drawn = curves_svg([panel], alt='"x"', axis="k")
    root = ET.fromstring(drawn)
    assert root.attrib["aria-label"] == '"x"'
    assert "<b>&" in [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_bundled_model_was_audited_and_answers_few_unknown_things() -> None:
    """Of its own weights, whichever they are: the promise of abstention, and every task."""
    path = bundled_folder() / "evaluation.json"
    stored = json.loads(path.read_text(encoding="utf-8"))["audits"]
    unknown = stored["abstention"]["unknown_answered"]
    assert stored["abstention"]["alpha"] == 0.05 and stored["abstention"]["splits"] == 200
    assert unknown["value"] <= 0.08
    assert [one["task"] for one in stored["limits"]] == list(TASKS)
    assert all(set(one["twin"]) == set(one["numbers"]) for one in stored["limits"])
    assert {one["name"] for one in stored["few_shot"]} == {"seen", "never seen"}
