"""With ``--json`` stdout holds one JSON object, the result or the error, whatever happens."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from clipprobe.cli import app as real_app
from clipprobe.cli.boundary import BoundaryGroup
from clipprobe.cli.common import result
from clipprobe.cli.output import say
from clipprobe.errors import DataError, MissingExtraError, ThresholdCrossedError, UnknownModelError

MEMORY = "give a smaller --batch-size, fewer images or units, or another --device."
RAISES: dict[str, BaseException] = {
    "data": DataError("The folder 'a' is empty: give another."),
    "model": UnknownModelError("No model is called 'x' (see `clipprobe models`)."),
    "extra": MissingExtraError("The dashboard", "dashboard"),
    "threshold": ThresholdCrossedError("The success rate 0.4 is over 0.3."),
    "interrupt": KeyboardInterrupt(),
    "bug": ZeroDivisionError("a bug"),
    "memory": MemoryError(),
    "torch": RuntimeError("[enforce fail at alloc_cpu.cpp:127] not enough memory: you tried"),
    "cuda": RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
}  # fmt: skip


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(cls=BoundaryGroup)

    @made.command("fail")
    def fail(
        how: str,
        as_json: Annotated[bool, typer.Option("--json")] = False,
        after: bool = False,
    ) -> None:
        say("a note")
        if after:
            result({"done": True}, as_json=as_json, text="done")
        raise RAISES[how]

    @made.command("other")
    def other() -> None:
        pass

    return made


def error(app: typer.Typer, *arguments: str) -> tuple[int, dict[str, Any], str]:
    done = CliRunner().invoke(app, [*arguments])
    data = json.loads(done.stdout)
    assert set(data) == {"error"} and set(data["error"]) == {
        "kind", "message", "hint", "exit_code",
    }  # fmt: skip
    return done.exit_code, data["error"], done.stderr


@pytest.mark.parametrize(
    ("how", "code", "kind", "hint"),
    [
        ("data", 2, "data", "give another."),
        ("model", 2, "unknown-model", None),
        ("extra", 2, "missing-extra", "run pip install 'clipprobe[dashboard]'."),
        ("threshold", 1, "threshold-crossed", None),
        ("interrupt", 130, "interrupted", None),
        ("memory", 2, "out-of-memory", MEMORY),
    ],
)  # fmt: skip
def test_an_error_is_an_object(
    app: typer.Typer, how: str, code: int, kind: str, hint: str | None
) -> None:
    exit_code, found, said = error(app, "fail", how, "--json")
    assert (exit_code, found["exit_code"], found["kind"], found["hint"]) == (code, code, kind, hint)
    assert said.endswith(f"clipprobe: {found['message']}\n")
    without = CliRunner().invoke(app, ["fail", how])
    assert without.exit_code == code and without.stdout == "" and without.stderr == said


def test_a_command_line_that_cannot_be_read_is_one_too(app: typer.Typer) -> None:
    code, found, _ = error(app, "fail", "data", "--jsn", "--json")
    assert code == 2 and found["kind"] == "usage" and "--jsn" in found["message"]
    assert "--json" in found["hint"]
    code, found, _ = error(app, "fial", "--json")
    assert code == 2 and found["hint"] == "did you mean 'fail'?"
    # What stands behind -- is no option.
    assert CliRunner().invoke(app, ["fail", "--", "--json", "--nope"]).stdout == ""


def test_a_result_stays_alone(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["fail", "threshold", "--json", "--after"])
    assert done.exit_code == 1 and json.loads(done.stdout) == {"done": True}
    assert "over 0.3" in done.stderr


def test_a_bug_is_said_and_keeps_its_traceback(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["fail", "bug", "--json"])
    assert isinstance(done.exception, ZeroDivisionError)
    assert json.loads(done.stdout)["error"]["kind"] == "internal"


@pytest.mark.parametrize("how", ["memory", "torch", "cuda"])
def test_memory_that_ran_out_is_a_sentence(app: typer.Typer, how: str) -> None:
    done = CliRunner().invoke(app, ["fail", how])
    assert done.exit_code == 2 and done.stderr.count("\n") == 2  # a note, and this
    assert ("of the GPU ran out" if how == "cuda" else "Memory ran out") in done.stderr


def test_a_real_verb(tmp_path: Any) -> None:
    code, found, _ = error(real_app, "similarity", str(tmp_path), "--text", "a", "--json")
    assert code == 2 and found["kind"] == "data" and "is a folder" in found["message"]
