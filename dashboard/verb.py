"""``clipprobe dashboard``: start the Streamlit app on this machine, for this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from clipprobe.cli.boundary import require_own_package
from clipprobe.cli.common import say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError, DataError, MissingExtraError
from clipprobe.settings.shared import ConfigFile
from dashboard.settings import (
    ADDRESS,
    DEFAULT_RUNS,
    EDITS_VARIABLE,
    FIRST_PORT,
    MODEL_VARIABLE,
    RUNS_VARIABLE,
    Serving,
)

_LAST_PORT = 8599
_GRACE_SECONDS = 3.0


def dashboard(settings: Serving, config: ConfigFile) -> None:
    """Serve the app until Ctrl-C."""
    app, runs, model = app_file(), settings.runs, settings.model
    if runs is not None and not runs.is_dir():
        raise DataError(
            f"There is no folder {runs} to show runs of: make a run there, for example "
            f"clipprobe demo --out {runs / 'demo'}."
        )
    if model is not None:
        check_model(model)
    check_edits(settings.edit)
    port = free_port() if settings.port is None else checked_port(settings.port)
    environment = dict(os.environ) | {RUNS_VARIABLE: str((runs or Path(DEFAULT_RUNS)).absolute())}
    # Each page view is a thread of its own, and in as many arenas malloc leaves holes that add up.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    if model is not None:
        environment[MODEL_VARIABLE] = model
    if settings.edit:
        places = [str(place.absolute()) for place in settings.edit]
        environment[EDITS_VARIABLE] = json.dumps(places)
    say(f"The dashboard opens at http://{ADDRESS}:{port}; Ctrl-C ends it.")
    code = serve(command(app, port), environment)
    if code:
        raise typer.Exit(code)


def app_file() -> Path:
    """The app that is installed with clipprobe.

    Raises:
        MissingExtraError: Streamlit is not installed.
        ConfigError: the package ``dashboard`` is absent, or another distribution's.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtraError("The dashboard", "dashboard")
    require_own_package("dashboard")
    spec = importlib.util.find_spec("dashboard")
    assert spec is not None and spec.origin is not None  # require_own_package has read that file
    return Path(spec.origin).with_name("app.py")


def check_model(model: str) -> None:
    """Find the checkpoint before the browser opens, so that a wrong name is an error here.

    A hub id is downloaded now, with its progress in the terminal.

    Raises:
        UnknownModelError: nothing of that name can be reached.
        UnsupportedModelError: the folder is not a checkpoint, or of a family that is not known.
    """
    from clipprobe.models.checkpoints.huggingface import read_family
    from clipprobe.models.checkpoints.loading import OPEN_CLIP, find

    if not model.startswith(OPEN_CLIP):
        folder, _, _ = find(model, None)
        read_family(folder)


def check_edits(edits: Sequence[Path]) -> None:
    """Read the edits before the browser opens, so that a damaged one is an error here."""
    if edits:
        from clipprobe.edits import load_edit

        for place in edits:
            load_edit(place)


def checked_port(port: int) -> int:
    """``port``, if nobody listens on it.

    Raises:
        ConfigError: it is taken, or may not be used.
    """
    if not _is_free(port):
        raise ConfigError(
            f"The port {port} on {ADDRESS} cannot be opened, something else may be using it: give "
            "another --port, or none to have a free one chosen."
        )
    return port


def free_port() -> int:
    """The first free port from Streamlit's usual one.

    Raises:
        ConfigError: all are taken.
    """
    for port in range(FIRST_PORT, _LAST_PORT + 1):
        if _is_free(port):
            return port
    raise ConfigError(
        f"No port from {FIRST_PORT} to {_LAST_PORT} on {ADDRESS} is free: give one with --port."
    )


def command(app: Path, port: int) -> list[str]:
    """What is run: Streamlit on ``app``, reachable from this machine only.

    ``-P`` keeps the working folder off the import path: a file ``torch.py`` in it is not a torch.
    """
    options = {
        "server.address": ADDRESS,
        "server.port": port,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": 20,
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "client.showErrorLinks": "false",  # they carry an error's text to search engines
        "browser.serverAddress": ADDRESS,
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-P", "-m", "streamlit", "run", str(app), *flags]


def serve(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the server until it ends, and return its exit code.

    Ctrl-C reaches the server through the terminal, and is how one ends it: no error. SIGTERM to
    this process is passed on, so that no server is left behind.
    """
    process = subprocess.Popen(arguments, env=environment)
    previous = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        code = process.wait()
    except KeyboardInterrupt:
        try:
            process.wait(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # the interrupt was sent to this process alone
            process.terminate()
            process.wait()
        return 0
    finally:
        signal.signal(signal.SIGTERM, previous)
    return max(0, code)  # negative: ended by a signal, which is how one ends it


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # a port that was just given up may be taken again
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


DASHBOARD = Verb(dashboard, (Serving, ConfigFile))
