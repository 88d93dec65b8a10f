"""constraints.txt pins everything that an installation with its extras pulls in."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("dashboard", "dev")


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"([\w.-]+)==(\S+)", line) for line in lines if not line.startswith("#")]
    assert all(found), "a line is not a pin"
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def direct() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    return [Requirement(text) for text in PROJECT["dependencies"]] + [
        Requirement(text) for name in EXTRAS for text in extras[name]
    ]


def test_every_direct_dependency_is_pinned_inside_its_range() -> None:
    pinned = pins()
    for requirement in direct():
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} but {version}"


def test_everything_they_pull_in_is_pinned() -> None:
    pinned = pins()
    waiting = [(requirement.name, frozenset(requirement.extras)) for requirement in direct()]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        assert canonicalize_name(name) in pinned, f"{name} is pulled in and not pinned"
        try:
            needs = requires(name) or []
        except PackageNotFoundError:
            continue  # an extra that is not installed here
        for text in needs:
            need = Requirement(text)
            # CUDA's packages belong to another build of torch than the one that is tested.
            environments = [{"extra": extra} for extra in (*extras, "")]
            if need.marker and not any(need.marker.evaluate(e) for e in environments):
                continue
            if not need.name.startswith(("nvidia-", "cuda-", "triton")):
                waiting.append((need.name, frozenset(need.extras)))
    assert len(seen) > 60


def test_everything_imported_is_declared() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in direct()}
    for texts in PROJECT["optional-dependencies"].values():
        declared |= {canonicalize_name(Requirement(text).name) for text in texts}
    known = packages_distributions()
    missing = set()
    for top in ("clipprobe", "attacks", "dashboard", "tests"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                for name in {name.split(".")[0] for name in names}:
                    if name in sys.stdlib_module_names or name not in known:
                        continue  # of Python, of ours, or of an extra that is not installed
                    makers = {canonicalize_name(maker) for maker in known[name]} - {"clipprobe"}
                    if makers and not makers & declared:
                        missing.add(f"{path.relative_to(ROOT)} imports {name}")
    assert not missing


def test_torch_is_the_tested_one_of_any_build() -> None:
    assert pins()["torch"] == "2.13.0"
    assert "open-clip-torch" not in pins() and "torchvision" not in pins()


def test_the_extras_of_the_design_are_there() -> None:
    assert set(PROJECT["optional-dependencies"]) == {
        "dashboard",
        "openclip",
        "ray",
        "datasets",
        "dev",
    }
