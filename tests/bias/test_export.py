"""A bias report as a model card, images on request, and words that no report may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from attacks.bias import audit_bias
from attacks.bias.report.model_card import export_model_card
from attacks.bias.sections.limits import LIMITS
from clipprobe.cli import app
from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.runs import Run, RunView, load_run
from clipprobe.testing.toys import RednessClip

QUICK: dict[str, Any] = {"n_boot": 100, "n_permutations": 199, "workers": 0}
TEXT = {"type": "string"}


def many(**properties: Any) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "object", "properties": properties, "additionalProperties": False},
    }


# The parts of the toolkit's schema 0.0.2 that a bias report fills, as strict as can be.
CARD = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema_version", "model_details", "quantitative_analysis", "considerations"],
    "properties": {
        "schema_version": {"const": "0.0.2"},
        "model_details": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "name": TEXT, "overview": TEXT, "documentation": TEXT,
                "version": {"type": "object", "properties": {"name": TEXT, "date": TEXT},
                            "additionalProperties": False},
                "references": many(reference=TEXT),
            },
        },
        "model_parameters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "data": many(
                    name=TEXT, link=TEXT, description=TEXT,
                    sensitive={"type": "object", "properties": {"sensitive_data": {
                        "type": "array", "items": TEXT}}, "additionalProperties": False},
                )
            },
        },
        "quantitative_analysis": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "performance_metrics": many(
                    type=TEXT, value=TEXT, slice=TEXT,
                    confidence_interval={
                        "type": "object",
                        "required": ["lower_bound", "upper_bound"],
                        "additionalProperties": False,
                        "properties": {"lower_bound": TEXT, "upper_bound": TEXT},
                    },
                )
            },
        },
        "considerations": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "users": many(description=TEXT), "use_cases": many(description=TEXT),
                "limitations": many(description=TEXT),
                "ethical_considerations": many(name=TEXT, mitigation_strategy=TEXT),
            },
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def card_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("card") / "card.yaml"
    path.write_text(
        "title: Drawn faces\nannotation: generated\nannotators: nobody\nlicence: CC0 1.0\n"
        "link: https://example.org/faces\n"
    )
    return path


@pytest.fixture(scope="module")
def run(
    people: Callable[..., Path], card_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunView:
    ages = ["young", "old"] * 36 + ["middle"] * 28 + ["very old"] * 8
    return audit_bias(
        RednessClip(), people(108, age=ages), ["perceived_gender", "age"],
        probes=["occupations", "clip-section-7", "association", "class-design", "label-thresholds"],
        out=tmp_path_factory.mktemp("run") / "r", card=card_file, scale=20.0, **QUICK,
    )  # fmt: skip


def body(run: RunView) -> str:
    """The page without plotly's code."""
    html = run.file("report.html").read_text(encoding="utf-8")
    return re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)


def test_every_shown_figure_is_a_metric_with_slice_and_interval(
    run: RunView, tmp_path: Path
) -> None:
    path = export_model_card(run, tmp_path / "deep/card.json")
    card = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(card, CARD)
    with pytest.raises(jsonschema.ValidationError):  # the schema refuses what it should
        jsonschema.validate(card | {"grade": "A"}, CARD)
    cells = run.read_table("cells.parquet").to_pylist()
    shown = [c for c in cells if c["value"] is not None]
    metrics = card["quantitative_analysis"]["performance_metrics"]
    assert len(metrics) == len(shown) > 100
    for metric, cell in zip(metrics, shown, strict=True):
        assert float(metric["value"]) == cell["value"]
        assert ("confidence_interval" in metric) == (cell["low"] is not None)
        if cell["low"] is not None:
            assert float(metric["confidence_interval"]["lower_bound"]) == cell["low"]
        assert (
            cell["group"] in metric["slice"]
            and f"n={cell['n']}" in (metric["slice"] or f"n={cell['n']}")
        ) or not cell["column"]
        assert not cell["column"] or re.match("perceived|annotated", metric["slice"])
    assert not any("very old" in m["slice"] for m in metrics)
    limits = [one["description"] for one in card["considerations"]["limitations"]]
    assert set(LIMITS) <= set(limits)
    data = card["model_parameters"]["data"][0]
    assert data["name"] == "Drawn faces" and data["link"] == "https://example.org/faces"
    assert sorted(data["sensitive"]["sensitive_data"]) == ["annotated age", "perceived gender"]


def test_the_command_writes_beside_the_run_and_refuses_other_runs(
    run: RunView, tmp_path: Path
) -> None:
    out = tmp_path / "card.json"
    called = CliRunner().invoke(app, ["export-card", str(run.path), "--out", str(out), "--json"])
    assert called.exit_code == 0 and json.loads(called.stdout) == {"model_card": str(out)}
    again = export_model_card(str(run.path), tmp_path / "again.json")
    assert out.read_bytes() == again.read_bytes()
    other = Run.open(tmp_path / "other", kind="atlas", config={})
    other.finish(counts={"used": 0}, seed=0)
    with pytest.raises(RunFolderError, match="is of the kind 'atlas'"):
        export_model_card(load_run(tmp_path / "other"), out)
    called = CliRunner().invoke(app, ["export-card", str(tmp_path / "none")])
    assert called.exit_code == 2 and "holds no run" in called.stderr


def test_headings_say_perceived_and_no_report_grades(run: RunView) -> None:
    markdown = run.file("report.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", markdown, re.MULTILINE)[:-1]
    silent = [h for h in headings if not re.search("erceived|annotated|self-reported", h)]
    assert len(headings) > 12 and not silent
    captions = re.findall(r"^\*(.*(?:gender|age).*)\*$", markdown, re.MULTILINE)
    assert all(re.search("erceived|annotated", c) for c in captions if "perceived" not in c)
    said = markdown[: markdown.index("## Limits")]
    assert not re.search(
        r"\b(grade|badge|passed|failed the|certif\w+|unbiased|score card)\b", said, re.IGNORECASE
    )
    harmful = said.index("gorilla")
    assert said.index("Content warning") < harmful
    for limit in LIMITS:
        assert " ".join(limit.split()) in " ".join(markdown.replace("\\", "").split())
    assert "What could have been found" in markdown and "n_images" not in markdown
    power = run.summary["detectable"]
    assert {one["group"] for one in power} == {"woman", "young"} and power[0]["power"] == 0.8
    counted = run.summary["small_cells"]["age"]
    # All images less the ages shown would be the eight: a second age is withheld.
    assert counted["groups"] == {
        "inferred": 2, "value_only": 0, "insufficient": 1, "withheld": 1
    }  # fmt: skip
    assert counted["n_images"] == 108 and counted["not_shown"] == 36
    assert "withheld: it would give away a group below 10" in markdown
    assert not re.search(r"insufficient \(n=[1-9]\)", markdown)


def test_pictures_are_shown_only_on_request_and_with_a_licence(
    run: RunView, people: Callable[..., Path], card_file: Path, tmp_path: Path
) -> None:
    assert "data:image" not in body(run)
    folder = people(60, "shown")
    asked: dict[str, Any] = {"words": ["judge"], "include_images": True, **QUICK}
    shown = audit_bias(
        RednessClip(), folder, "perceived_gender", out=tmp_path / "s", card=card_file, **asked
    )
    html = body(shown)
    assert html.count("data:image/") == 12 and "image 12 of 12" in html
    assert "000.png" not in html
    with pytest.raises(ConfigError, match="states the licence"):
        audit_bias(RednessClip(), folder, "perceived_gender", out=tmp_path / "n", **asked)
    predictions = tmp_path / "p.csv"
    predictions.write_text("file,perceived_gender,judge,pilot\n" + "".join(
        f"{i},{'ab'[i % 2]},{i / 7},{i / 9}\n" for i in range(40)))  # fmt: skip
    with pytest.raises(ConfigError, match="without images"):
        audit_bias(
            None, predictions=predictions, groups="perceived_gender", out=tmp_path / "m",
            card=card_file, **asked,
        )  # fmt: skip
