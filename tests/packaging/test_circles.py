"""No file imports, by any way, a file that imports it: lazy and type imports count."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Graph = dict[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    found = {}
    for top in ("clipprobe", "attacks", "dashboard"):
        for path in (root / top).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def arrows(root: Path) -> Graph:
    """Module -> the modules that it names in an import, wherever that stands."""
    files = modules(root)
    graph: Graph = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                wanted = [one if one in files else node.module for one in inner]
            else:
                continue
            graph[name].update(one for one in wanted if one in files and one != name)
    return graph


def circles(graph: Graph) -> Iterator[list[str]]:
    """Groups of modules each of which reaches the others (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> Iterator[list[str]]:
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in number:
                yield from visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], number[other])
        if low[name] == number[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                yield group

    for name in sorted(graph):
        if name not in number:
            yield from visit(name)


def test_no_circle() -> None:
    graph = arrows(ROOT)
    assert len(graph) > 300 and sum(map(len, graph.values())) > 1000
    assert list(circles(graph)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import clipprobe.b",
        "def f():\n    from clipprobe.b import x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from clipprobe import b",
    ],
)
def test_the_check_sees_every_kind_of_import(tmp_path: Path, source: str) -> None:
    (tmp_path / "clipprobe").mkdir()
    (tmp_path / "clipprobe" / "a.py").write_text(source)
    (tmp_path / "clipprobe" / "b.py").write_text("from clipprobe.a import f")
    assert list(circles(arrows(tmp_path))) == [["clipprobe.a", "clipprobe.b"]]
