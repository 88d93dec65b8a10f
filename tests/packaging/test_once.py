"""What stands once: each of these is written in the places named and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Pattern -> the only files that may hold it.
ONCE = {
    r"did you mean": ("clipprobe/cli/boundary.py", "clipprobe/errors.py"),
    r"def _?check_templates\b": ("clipprobe/zeroshot/prompts.py",),
    r"^def fill\b": ("clipprobe/zeroshot/prompts.py",),
    r"^def _?softmax\(logits: [^,]*\) ": ("clipprobe/arrays.py",),
    r"^def read_lines\b|^def read_list\b": ("clipprobe/lines.py",),
    r"is not UTF-8 text: save": ("clipprobe/lines.py",),
    r"NAME=NUMBER: give": ("clipprobe/thresholds.py",),
    r"\"arrayminus\"": ("clipprobe/figures/common.py",),
    r"^def _?gap\(upper|^def _gap\(upper": ("clipprobe/figures/common.py",),
    r"class Batches\(": ("clipprobe/settings/shared.py",),
    r"\"pillow\": PIL\.__version__": ("clipprobe/stimuli/scenes.py",),
}


def places(pattern: str, root: Path = ROOT) -> list[str]:
    """The product's files that hold a pattern."""
    found = []
    for package in ("attacks", "clipprobe", "dashboard"):
        for path in sorted((root / package).rglob("*.py")):
            if re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE):
                found.append(path.relative_to(root).as_posix())
    return found


@pytest.mark.parametrize("pattern", ONCE)
def test_it_stands_once(pattern: str) -> None:
    assert tuple(places(pattern)) == ONCE[pattern]


def test_a_second_copy_is_found(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        path = tmp_path / "attacks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("def fill(text):\n    return text\n")
    assert places(r"^def fill\b", tmp_path) == ["attacks/a.py", "attacks/b.py"]
