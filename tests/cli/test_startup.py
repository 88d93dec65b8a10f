"""The command line answers at once: help, version and completion load nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import clipprobe
from clipprobe.cli import verbs

HEAVY = (
    "torch transformers pandas plotly pyarrow scipy sklearn statsmodels streamlit captum matplotlib"
).split()

SCRIPT = """
import json, sys
sys.argv[0] = "clipprobe"
code = 0
try:
    {action}
except SystemExit as error:
    code = error.code
loaded = sorted({{name.split(".")[0] for name in sys.modules}})
print(json.dumps([code, loaded]), file=sys.stderr)
"""


def run(action: str, *arguments: str, **environment: str) -> tuple[str, int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(action=action), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    return done.stdout, code or 0, set(loaded)


MAIN = "from clipprobe.cli import main; main()"
VERBS = sorted({name.split(" ")[0] for name in verbs.VERBS})


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)]
)
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    out, code, loaded = run(MAIN, *arguments)
    assert code == 0 and out
    assert not loaded & set(HEAVY)


def test_importing_the_package_loads_nothing_heavy() -> None:
    _, _, loaded = run("import clipprobe; dir(clipprobe); clipprobe.__version__")
    assert "clipprobe" in loaded and not loaded & {*HEAVY, "numpy", "typer"}


def test_the_source_of_a_package_is_not_read_before_a_name_is_asked_for() -> None:
    def loaded(action: str) -> set[str]:
        script = f"import sys; {action}; print(*sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        return set(done.stdout.split())

    reader = {"ast", "pkgutil"}
    assert not (loaded("import clipprobe") - loaded("pass")) & reader
    assert reader <= loaded("import clipprobe; dir(clipprobe)")


def test_the_check_can_fail() -> None:
    assert "pyarrow" in run("import pyarrow")[2]


def test_version_and_verbs() -> None:
    assert run(MAIN, "--version")[0] == f"clipprobe {clipprobe.__version__}\n"
    out = run(MAIN, "--help")[0]
    assert VERBS and all(f" {verb} " in out for verb in VERBS)


def test_completion_knows_the_verbs() -> None:
    out, _, loaded = run(
        MAIN,
        _CLIPPROBE_COMPLETE="complete_bash",
        COMP_WORDS="clipprobe mod",
        COMP_CWORD="1",
    )
    assert out.split() == ["models"] and not loaded & set(HEAVY)
    assert "complete" in run(MAIN, _CLIPPROBE_COMPLETE="source_bash")[0]
