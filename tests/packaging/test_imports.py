"""Arrows between packages run one way; read from the source, so that lazy imports count too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ("clipprobe", "attacks", "dashboard")

# (who, may never import); a rule holds for everything below both names.
RULES = [
    ("clipprobe", "attacks"),
    ("clipprobe", "dashboard"),
    ("attacks", "dashboard"),
    ("clipprobe.report", "torch"),
    ("clipprobe.report", "clipprobe.models"),
    ("clipprobe.report", "clipprobe.hooks"),
    ("clipprobe.report", "clipprobe.neurons"),
    ("clipprobe.report", "clipprobe.attribution"),
    ("clipprobe.figures", "torch"),
    ("clipprobe.figures", "clipprobe.models"),
    ("clipprobe.figures", "clipprobe.hooks"),
    ("clipprobe.figures", "clipprobe.neurons"),
    ("clipprobe.figures", "clipprobe.attribution"),
    ("clipprobe.runs", "torch"),
    ("clipprobe.runs", "clipprobe.models"),
    ("clipprobe.data", "torch"),
    ("clipprobe.data", "clipprobe.models"),
    ("clipprobe.models", "clipprobe.neurons"),
    ("clipprobe.models", "clipprobe.attribution"),
    ("clipprobe.models", "clipprobe.report"),
    ("clipprobe.hooks", "clipprobe.neurons"),
    ("clipprobe.hooks", "clipprobe.attribution"),
    ("clipprobe.statistics", "torch"),
    ("clipprobe.stimuli", "torch"),
    ("clipprobe.stimuli", "clipprobe.models"),
]


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, root: Path) -> Iterator[tuple[str, int, bool]]:
    """``(module, line, inside a function)`` of every import, and every ``from a import b``.

    For types alone a foreign package costs nothing and does not count; our own do.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module_name(path, root).split(".")
    if path.name != "__init__.py":
        package = package[:-1]

    def walk(node: ast.AST, inside: bool) -> Iterator[tuple[str, int, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                typed = walk(ast.Module(child.body, []), inside)
                yield from (one for one in typed if one[0].split(".")[0] in OWN)
                yield from walk(ast.Module(child.orelse, []), inside)
                continue
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield alias.name, child.lineno, inside
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                name = ".".join([*base, *([child.module] if child.module else [])])
                yield name, child.lineno, inside
                for alias in child.names:
                    yield f"{name}.{alias.name}", child.lineno, inside
            elif isinstance(child, ast.Call) and ast.unparse(child.func).endswith("import_module"):
                if child.args and isinstance(child.args[0], ast.Constant):
                    yield str(child.args[0].value), child.lineno, inside
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from walk(child, inside or function)

    yield from walk(tree, False)


def below(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def violations(root: Path) -> list[str]:
    found = []
    for top in OWN:
        for path in sorted((root / top).rglob("*.py")):
            who = module_name(path, root)
            for what, line, _ in imports(path, root):
                bad = any(below(who, a) and below(what, b) for a, b in RULES)
                if bad:
                    found.append(f"{path.relative_to(root)}:{line} imports {what}")
    return found


def test_no_arrow_runs_back() -> None:
    assert violations(ROOT) == []


def test_there_is_something_to_read() -> None:
    read = {what for path in (ROOT / "clipprobe").rglob("*.py") for what, *_ in imports(path, ROOT)}
    assert {"torch", "clipprobe.errors", "clipprobe.runs.Run"} <= read


@pytest.mark.parametrize(
    ("path", "source", "caught"),
    [
        ("clipprobe/x.py", "def f():\n    import dashboard.views", True),
        ("clipprobe/x.py", "import attacks", True),
        ("clipprobe/neurons/x.py", "def f():\n    from attacks.bias import audit", True),
        ("clipprobe/cli/x.py", "from attacks.bias import audit", True),
        ("clipprobe/cli/x.py", "def f():\n    from attacks.bias import audit", True),
        ("clipprobe/report/x.py", "from ..models import Clip", True),
        ("clipprobe/report/x.py", "from .. import models", True),
        ("clipprobe/report/__init__.py", "from ..runs import Run", False),
        ("clipprobe/figures/x.py", "class A:\n    def f(self):\n        import torch.nn", True),
        ("clipprobe/figures/x.py", "import torchless", False),
        ("clipprobe/x.py", "import importlib\nimportlib.import_module('dashboard')", True),
        ("clipprobe/x.py", "if TYPE_CHECKING:\n    import attacks\nelse:\n    pass", True),
        ("clipprobe/report/x.py", "if TYPE_CHECKING:\n    import torch", False),
        ("attacks/x.py", "try:\n    import dashboard\nexcept ImportError:\n    pass", True),
        ("dashboard/x.py", "import attacks, clipprobe.models", False),
    ],
)
def test_the_check_sees_what_it_must(tmp_path: Path, path: str, source: str, caught: bool) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(source)
    assert bool(violations(tmp_path)) is caught
