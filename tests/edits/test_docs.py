"""The examples of docs/edits.md run as they stand and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import clipprobe
from clipprobe.edits import PARTS

PAGE = (Path(__file__).parents[2] / "docs" / "edits.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n[^`]*```\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(2))
def test_examples_print_what_the_page_says(
    number: int,
    clip: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(clipprobe, "load", lambda: clip, raising=False)
    monkeypatch.chdir(tmp_path)
    code, expected = EXAMPLES[number]
    exec(compile(code, f"example {number}", "exec"), {})
    assert capsys.readouterr().out == expected


def test_the_page_names_every_part() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 2
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for kind in PARTS:
        name = PARTS[kind].__name__
        assert name == "Interventions" or any(name in row for row in rows), name
