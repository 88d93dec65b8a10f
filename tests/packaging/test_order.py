"""Inside each package the folders have an order, written down here: an import goes down it.

A folder, or a module that stands beside folders, is a *room*. Lazy and type imports count. Modules
that the table of verbs names stand above all rooms of their package: nothing imports them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from clipprobe.cli import verbs

ROOT = Path(__file__).parents[2]
TOP = "(verbs)"
#: Package -> its rooms from the ground up; those of one line do not know each other.
ORDER = {
    "clipprobe": """
        arrays blocked errors identity later origin version yamltext
        lines
        anatomy data figures memory people registry statistics stimuli thresholds
        hooks settings
        models runs
        edits report
        study
        attribution
        tracing
        zeroshot
        neurons
        __init__ pretraining
        cli
        __main__ testing (verbs)
    """,
    "clipprobe.neurons": """
        direction_results instruments notes pooled settings where
        atlas effects labels multimodality words
        captions circuits one_image sheet
        __init__
        (verbs)
    """,
    "attacks": """
        __init__ typographic
        bias
        demo
        (verbs)
    """,
    "attacks.bias": """
        terminal
        groups
        measures settings
        evidence inputs
        people
        sections
        probe
        probes
        core
        asking
        prepared
        report
        audit written
        __init__ gap
        mitigation
        (verbs)
    """,
    "attacks.typographic": """
        attack datasets withholding
        rendering
        scoring
        protocols published words
        texts
        inputs settings
        task
        choosing
        engine report terminal
        job reading search stroop sweep
        audit
        __init__
        (verbs)
    """,
    "dashboard": """
        __init__ address byte_cache components framing settings snippets
        blocks elements runs state texts (verbs)
        atlas_state image_choice
        explained faithful lab model_switch one_image run_table units
        app header one_image_panels
        views
    """,
}


def rooms(order: str) -> dict[str, int]:
    """Room -> its floor."""
    lines = [line.split() for line in order.split("\n") if line.strip()]
    return {room: floor for floor, line in enumerate(lines) for room in line}


def modules(root: Path, package: str) -> dict[str, Path]:
    folder = root.joinpath(*package.split("."))
    found = {}
    for path in folder.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: Mapping[str, Path]) -> Iterator[tuple[str, int]]:
    """The modules that a file names in an import, wherever that stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [one if one in known else node.module for one in inner]
        else:
            continue
        yield from ((name, node.lineno) for name in names if name in known)


def room_of(module: str, package: str, tops: frozenset[str]) -> str:
    if module in tops:
        return TOP
    inner = module[len(package) + 1 :]
    return inner.split(".")[0] if inner else "__init__"


TOPS = frozenset(entry.place.partition(":")[0] for entry in verbs.VERBS.values() if entry.place)


def against(root: Path, package: str, order: str, tops: frozenset[str] = TOPS) -> list[str]:
    """Imports that do not go down, and rooms that stand in no line."""
    floors, known, wrong = rooms(order), modules(root, package), []
    for module, path in sorted(known.items()):
        own = room_of(module, package, tops)
        if own not in floors:
            wrong.append(f"{own} stands in no line")
            continue
        for other, line in imported(path, known):
            room = room_of(other, package, tops)
            if room != own and floors.get(room, -1) >= floors[own]:
                wrong.append(f"{path.relative_to(root)}:{line} imports {other}")
    return wrong


@pytest.mark.parametrize("package", ORDER)
def test_imports_go_down(package: str) -> None:
    assert against(ROOT, package, ORDER[package]) == []


@pytest.mark.parametrize("package", ORDER)
def test_every_room_is_there(package: str) -> None:
    there = {room_of(module, package, TOPS) for module in modules(ROOT, package)}
    assert set(rooms(ORDER[package])) == there


def test_nothing_imports_the_module_of_a_verb() -> None:
    known = {name: path for top in ("clipprobe", "attacks", "dashboard")
             for name, path in modules(ROOT, top).items()}  # fmt: skip
    not_yet = {name for name in TOPS if name.startswith("clipprobe.cli.")}
    found = {
        f"{module} imports {other}"
        for module, path in known.items()
        for other, _ in imported(path, known)
        if other in TOPS - not_yet
    }
    assert len(known) > 300 and TOPS and found == set()


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("from clipprobe.b import x", True),
        ("def f():\n    import clipprobe.b.c", True),
        ("if TYPE_CHECKING:\n    from clipprobe import b", True),
        ("import clipprobe.ground", False),
        ("import clipprobe.verb", True),
        ("import os, clipprobe.a.other", False),
    ],
)
def test_the_check_sees_what_it_must(tmp_path: Path, source: str, caught: bool) -> None:
    for name in ("a/__init__", "a/other", "a/x", "b/__init__", "b/c", "ground", "verb"):
        path = tmp_path / "clipprobe" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source if name == "a/x" else "")
    order = "ground\na b\n(verbs)"
    assert bool(against(tmp_path, "clipprobe", order, frozenset({"clipprobe.verb"}))) is caught


def test_a_room_without_a_line_is_seen(tmp_path: Path) -> None:
    (tmp_path / "clipprobe").mkdir()
    (tmp_path / "clipprobe" / "new.py").touch()
    assert against(tmp_path, "clipprobe", "old") == ["new stands in no line"]
