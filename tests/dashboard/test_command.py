"""``clipprobe dashboard`` starts the app for this machine only, or says in one line why not."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clipprobe.cli import app as cli
from dashboard import verb as dashboard_cmd


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What would have been run: ``arguments`` and ``environment``."""
    seen: dict[str, Any] = {}

    def serve(arguments: list[str], environment: dict[str, str]) -> int:
        seen.update(arguments=arguments, environment=environment)
        return 0

    monkeypatch.setattr(dashboard_cmd, "serve", serve)
    return seen


def run(*arguments: str) -> Any:
    """The command's result."""
    return CliRunner().invoke(cli, ["dashboard", *arguments])


def test_the_server_is_for_this_machine_and_calls_nobody(
    started: dict[str, Any], tmp_path: Path, scenery: Any
) -> None:
    result = run("--runs", str(tmp_path), "--model", str(scenery.model))
    assert result.exit_code == 0, result.output
    arguments = started["arguments"]
    assert arguments[:5] == [sys.executable, "-P", "-m", "streamlit", "run"]
    assert Path(arguments[5]) == Path(__file__).parents[2] / "dashboard" / "app.py"
    for flag in (
        "--server.address=127.0.0.1",
        "--browser.gatherUsageStats=false",
        "--client.showErrorLinks=false",
        "--server.fileWatcherType=none",
        "--server.maxUploadSize=20",
    ):
        assert flag in arguments
    assert started["environment"]["CLIPPROBE_RUNS"] == str(tmp_path)
    assert started["environment"]["CLIPPROBE_MODEL"] == str(scenery.model)


def test_defaults_are_the_folder_runs_and_the_bundled_model(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLIPPROBE_MODEL", raising=False)
    assert run().exit_code == 0
    assert started["environment"]["CLIPPROBE_RUNS"] == str(tmp_path / "runs")
    assert "CLIPPROBE_MODEL" not in started["environment"]


def test_the_bundled_model_goes_by_its_name(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--model", "emoji-clip").exit_code == 0
    assert started["environment"]["CLIPPROBE_MODEL"] == "emoji-clip"


def test_edits_reach_the_app_and_the_model_that_it_loads(
    started: dict[str, Any], tmp_path: Path, scenery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import clipprobe
    from dashboard import settings, state

    edit = clipprobe.Edit({"vision.blocks.0.mlp.post:1": clipprobe.Zero()})
    edit.save(tmp_path / "edit.safetensors")
    flags = ["--runs", str(tmp_path), "--model", str(scenery.model)]
    result = run(*flags, "--edit", str(tmp_path / "edit.safetensors"))
    assert result.exit_code == 0, result.output
    monkeypatch.setenv(settings.EDITS_VARIABLE, started["environment"][settings.EDITS_VARIABLE])
    monkeypatch.setenv("CLIPPROBE_MODEL", started["environment"]["CLIPPROBE_MODEL"])
    [note] = state.the_model().network.edits
    assert note.kind == "interventions"
    result = run(*flags, "--edit", str(tmp_path))
    assert result.exit_code == 2 and "holds no edit" in result.output


def test_streamlit_knows_every_flag_and_the_theme() -> None:
    from streamlit import config

    known = set(config.get_config_options())
    for flag in dashboard_cmd.command(Path("app.py"), 8501)[6:]:
        assert flag.removeprefix("--").partition("=")[0] in known
    import tomllib

    file = Path(__file__).parents[2] / "dashboard" / ".streamlit" / "config.toml"
    settings = tomllib.loads(file.read_text(encoding="utf-8"))
    assert settings["server"]["address"] == "127.0.0.1"
    for section, values in settings.items():
        for name, value in values.items():
            keys = [f"{section}.{name}.{part}" for part in value] if isinstance(value, dict) else []
            assert set(keys or [f"{section}.{name}"]) <= known


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["--runs", "nowhere"], "There is no folder nowhere"),
        (["--model", "./nowhere"], "nowhere"),
        (["--model", "."], "has no config.json"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    started: dict[str, Any],
    arguments: list[str],
    answer: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert answer in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert not started


def test_a_port_that_is_taken_is_said_and_avoided(started: dict[str, Any]) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        result = run("--port", str(port))
        assert result.exit_code == 2 and f"port {port}" in result.stderr
        assert not started
    assert run("--port", str(port)).exit_code == 0
    assert f"--server.port={port}" in started["arguments"]


def test_malloc_is_kept_from_an_arena_for_each_view(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert run().exit_code == 0 and started["environment"]["MALLOC_ARENA_MAX"] == "2"
    monkeypatch.setenv("MALLOC_ARENA_MAX", "7")  # whoever sets it is asked
    assert run().exit_code == 0 and started["environment"]["MALLOC_ARENA_MAX"] == "7"


def test_without_streamlit_the_extra_is_named(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "streamlit" else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    result = run()
    assert result.exit_code == 2
    assert "pip install 'clipprobe[dashboard]'" in result.stderr
    assert not started


def test_another_package_called_dashboard_is_refused(
    started: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intruder = tmp_path / "dashboard" / "__init__.py"
    intruder.parent.mkdir()
    intruder.write_text("raise SystemExit('the intruder ran')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "dashboard", raising=False)
    result = run()
    assert result.exit_code == 2
    assert str(intruder) in result.stderr and "intruder ran" not in result.output
    assert not started


def test_the_server_s_exit_code_is_returned() -> None:
    code = dashboard_cmd.serve([sys.executable, "-c", "raise SystemExit(3)"], os.environ)
    assert code == 3


SERVE = """
import os, signal, sys
# A shell starts its background jobs with interrupts ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from dashboard.verb import serve
child = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
raise SystemExit(serve([sys.executable, "-c", child], os.environ))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_no_server_is_left_behind(number: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(getattr(signal, number))
        assert process.wait(timeout=60) == 0
    assert not alive(child)


def alive(pid: int) -> bool:
    """Whether a process still runs after a moment in which it may end."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True
