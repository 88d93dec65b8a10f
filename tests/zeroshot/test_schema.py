"""The summaries of zero-shot, few-shot, limits and carriers follow their published schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from study.making import run_of

from clipprobe.testing import image_folder

FOLDER = Path(__file__).parents[2] / "clipprobe" / "zeroshot"


@pytest.mark.parametrize("kind", ["zeroshot", "few-shot", "limits", "carriers"])
def test_a_summary_follows_its_schema(kind: str, clip: Any, tmp_path: Path) -> None:
    schema = json.loads((FOLDER / f"{kind}.summary.schema.json").read_text(encoding="utf-8"))
    summary = run_of(kind, clip, image_folder(tmp_path / "images"), tmp_path / "run").summary
    jsonschema.validate(summary, schema)
    for broken in ({**summary, "grade": "A"}, {**summary, "headline": "good"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)
