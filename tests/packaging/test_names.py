"""Names that load when they are asked for: each is there, and stands once in its package."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import clipprobe
from clipprobe.later import later

ROOT = Path(__file__).parents[2]
LAZY = [
    ".".join(path.parent.relative_to(ROOT).parts)
    for top in ("attacks", "clipprobe", "dashboard")
    for path in sorted((ROOT / top).rglob("__init__.py"))
    if "later(__name__)" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("package", LAZY)
def test_every_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert len(LAZY) > 20 and dir(module) == module.__all__ == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


def test_a_name_comes_from_the_module_that_is_said() -> None:
    from clipprobe.edits.edit import load

    everything: dict[str, object] = {}
    exec("from clipprobe.edits import *", everything)
    assert everything["load"] is load
    assert "load_edit" in everything and "TYPE_CHECKING" not in everything
    assert {"load", "capture", "__version__"} <= set(dir(clipprobe))


def test_imports_that_are_for_types_alone_are_not_public(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_package").mkdir()
    (tmp_path / "some_package" / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from json import dumps as dumps\n    from json import loads\n"
        "    from json import load as read\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    get, names = later("some_package")
    assert names() == ["dumps"] and get("dumps")([1]) == "[1]"
