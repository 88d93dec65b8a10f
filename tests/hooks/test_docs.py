"""The examples of docs/hook-points.md run as they stand, and its table is the code's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import clipprobe
from clipprobe.hooks.sites import BLOCK_SITES

PAGE = (Path(__file__).parents[2] / "docs" / "hook-points.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_run(
    clip: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    monkeypatch.setattr(clipprobe, "load", lambda: clip, raising=False)
    exec(compile(EXAMPLES[number], f"example {number}", "exec"), {})
    expected = ["(3, 17, 64) (3, 32) (2, 64)\n", "[0 1] (2, 16)\n[2] (1, 16)\n", "["][number]
    assert capsys.readouterr().out.startswith(expected)


def test_the_examples_were_found() -> None:
    assert len(EXAMPLES) == 3


def test_the_table_names_every_site_with_its_axes_and_unit() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `….")]
    for site, (axes, unit) in BLOCK_SITES.items():
        (row,) = [row for row in rows if f"`….{site}`" in row]
        _, _, named_axes, named_unit, _ = (cell.strip() for cell in row.split("|"))
        assert (named_axes, named_unit) == (" ".join(axes), unit)
