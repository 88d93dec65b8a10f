"""What a record says of itself, and the function that takes its fields."""

from __future__ import annotations

import dataclasses
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass
from settings.toys import Toy

from clipprobe.errors import ConfigError
from clipprobe.settings import HOW, PRIVATE, Settings, marked, settings_of, takes

ROOT = Path(__file__).parents[2]


def test_a_setting_is_described_once() -> None:
    found = {one.name: one for one in settings_of(Toy)}
    assert found["limit"].shown == "all" and found["limit"].limits == "at least 1"
    assert found["probes"].flag == "probe" and found["probes"].many
    assert found["probes"].shown == "jobs, moods"
    assert found["kind"].choices == ("cosine", "logit")
    assert found["levels"].limits == "above 0, below 1" and found["levels"].type is float
    assert found["words"].type is Path and not found["words"].many
    assert found["out"].help == "The run folder to write." and found["out"].shown == "runs/toy"
    assert found["images"].panel == "Images" and found["kind"].panel == "Toy"
    assert marked(Toy, HOW) == {"out", "overwrite", "workers", "progress"}
    assert marked(Toy, PRIVATE) == {"people"}


def test_a_record_can_hide_the_flags_of_what_it_inherits() -> None:
    @dataclass(frozen=True)
    class Quiet(Toy):
        without_flags: ClassVar[frozenset[str]] = frozenset({"alpha", "seed"})

    found = {one.name: one.where for one in settings_of(Quiet)}
    assert found["alpha"] == found["seed"] == "file" and found["kind"] == "anywhere"
    assert {one.where for one in settings_of(Toy) if one.name in ("alpha", "seed")} == {"anywhere"}
    assert Quiet.from_texts({}, {"alpha": 0.2}).alpha == 0.2


def test_a_record_must_be_declared_as_one() -> None:
    @dataclass(frozen=True)
    class Silent(Settings):
        number: int = 1

    with pytest.raises(TypeError, match="needs a text"):
        settings_of(Silent)

    @dataclasses.dataclass(frozen=True)
    class Plain(Settings):
        number: int = 1
        """A number."""

    with pytest.raises(TypeError, match="decorator of pydantic"):
        settings_of(Plain)


def test_a_record_comes_back_from_json() -> None:
    toy = Toy("faces/", ["a"], levels=[0.5], limit=3)
    adapter = TypeAdapter(Toy)
    assert adapter.validate_json(adapter.dump_json(toy)) == toy
    assert toy.levels == [0.5] and toy.probes == ("a",)


@takes(Toy)
def count(clip: int, settings: Toy) -> tuple[int, Toy]:
    """Count."""
    return clip, settings


def test_a_function_takes_the_fields_or_the_record() -> None:
    assert count(1, "faces/", seed=2) == (1, Toy("faces/", seed=2))
    record: Any = Toy(seed=5)
    assert count(1, record)[1] is record
    with pytest.raises(ConfigError, match="There is no setting 'sed': did you mean 'seed'"):
        count(1, sed=3)  # type: ignore[call-arg]
    names = list(inspect.signature(count).parameters)
    assert names[:4] == ["clip", "images", "probes", "limit"]
    assert inspect.signature(count).parameters["alpha"].default == 0.05
    assert "alpha: False discovery rate." in (count.__doc__ or "")


def test_type_checkers_see_the_settings(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "from pydantic.dataclasses import dataclass\n"
        "from clipprobe.settings import Settings, takes\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass S(Settings):\n    n_boot: int = 3\n\n"
        "@takes(S)\ndef f(clip: int, settings: S) -> int:\n    return settings.n_boot\n\n"
        "f(1, n_boot=4)\nf(1, n_boots=3)\nf(1, n_boot='x')\nreveal_type(f)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"),
         "--cache-dir", str(tmp_path / "cache"), "--follow-imports=silent", "use.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    found = done.stdout
    assert 'use.py:13: error: Unexpected keyword argument "n_boots"' in found
    assert 'did you mean "n_boot"?' in found
    assert 'use.py:14: error: Argument "n_boot" to "f" has incompatible type "str"' in found
    assert "n_boot: int =" in found and found.count("error:") == 2


def test_importing_settings_loads_nothing_heavy() -> None:
    script = "import sys, clipprobe.settings.shared; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "pydantic" in loaded and not {"torch", "numpy", "yaml", "typer", "PIL"} & set(loaded)
