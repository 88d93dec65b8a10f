"""The summary of a real run of each kind keeps to its published schema, and the schema can fail."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from study.making import run_of

import attacks.bias
from attacks.bias import audit_bias
from attacks.bias.probes.registry import probe_names
from clipprobe.testing import image_folder

HOME = Path(attacks.bias.__file__).parent
#: Study -> folder of the schema of its summary, and a change that the schema has to refuse.
SCHEMAS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "bias": (".", lambda s: s["groups"]["gender"]["sizes"].update(man=9)),
    "bias-against": ("report", lambda s: s["differences"][0].update(draws=[0.1])),
    "bias-comparison": ("report", lambda s: s["differences"][0].update(p=2)),
    "bias-gap": ("gap", lambda s: s["gap"].update(value=None, reason="")),
    "bias-mitigation": ("mitigation", lambda s: s["methods"][0].update(method="prayer")),
    "bias-written": ("written", lambda s: s["small_cells"]["gender"]["images"].update(hidden=3)),
}


def validator(folder: str) -> Any:
    schema = json.loads((HOME / folder / "summary.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_real_summary_keeps_to_its_schema(kind: str, clip: Any, tmp_path: Path) -> None:
    folder, spoil = SCHEMAS[kind]
    images = image_folder(tmp_path / "images", 96)
    summary = run_of(kind, clip, images, tmp_path / "run").summary
    checked = validator(folder)
    assert [error.message for error in checked.iter_errors(summary)] == []
    for absent in summary:
        rest = {name: value for name, value in summary.items() if name != absent}
        assert list(checked.iter_errors(rest)), absent
    spoilt = copy.deepcopy(summary)
    spoil(spoilt)
    assert list(checked.iter_errors(spoilt))


def test_a_report_of_every_probe_keeps_to_the_schema(
    clip: Any, people: Callable[..., Path], tmp_path: Path
) -> None:
    truth = {"judge": {"rate_perceived_woman": 0.9, "kind": "skewed"}}
    planted = tmp_path / "planted.json"
    planted.write_text(json.dumps({"seed": 0, "occupations": truth}), encoding="utf-8")
    run = audit_bias(
        clip, people(80), ["perceived_gender", "skin_tone"], probe_names(), tmp_path / "run",
        words=["judge", "pilot"], planted=planted, n_boot=100, n_permutations=100,
        card="clipprobe-people", clusters="skin_tone",
    )  # fmt: skip
    assert run.summary["planted"] and run.summary["answers"]
    assert [error.message for error in validator(".").iter_errors(run.summary)] == []
