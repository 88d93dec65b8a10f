"""The summary of a run follows the schema that ships with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from study.making import run_of

from clipprobe.testing import image_folder

ROOT = Path(__file__).parents[2]
#: Kind -> its schema.
SCHEMAS = {
    "captions": "clipprobe/neurons/captions/summary.schema.json",
    "composition": "clipprobe/neurons/effects/composing/summary.schema.json",
    "demo": "clipprobe/study/suite/summary.schema.json",
    "effects": "clipprobe/neurons/effects/effects.summary.schema.json",
    "faithfulness": "clipprobe/attribution/faithfulness/summary.schema.json",
    "labels": "clipprobe/neurons/labels/summary.schema.json",
    "suite": "clipprobe/study/suite/summary.schema.json",
    "similar": "clipprobe/neurons/effects/similar.summary.schema.json",
}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_summary_follows_its_schema(kind: str, clip: Any, tmp_path: Path) -> None:
    schema = json.loads((ROOT / SCHEMAS[kind]).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    images = image_folder(tmp_path / "images")
    summary = run_of(kind, clip, images, tmp_path / "run").summary
    jsonschema.validate(summary, schema)
    for wrong in (
        {**summary, "more": 1},
        {**summary, "kind": "other"},
        {**summary, "headline": []},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**summary, **wrong}, schema)
