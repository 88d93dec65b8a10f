"""The app, started by its command on runs of its own, and a browser to look at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from browsing import (
    CALLS_HOME,
    FLAGS,
    ODD,
    ODD_UNIT,
    ODD_WORDS,
    PATIENCE_MS,
    PROBES,
    chromium,
    faint_in_both,
    odd_text,
)
from PIL import Image

import clipprobe
from clipprobe.identity import Identity
from clipprobe.neurons.notes import PLACE, change_note
from clipprobe.runs import Run


@pytest.fixture(scope="session")
def stranger() -> Iterator[tuple[str, list[str]]]:
    """A server that nobody should call: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def runs(
    scenery: Any, clip: Any, stranger: tuple[str, list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:  # fmt: skip
    """The runs of the other tests, a second atlas, and reports that call a stranger."""
    folder = tmp_path_factory.mktemp("browser") / "runs"
    shutil.copytree(scenery.runs, folder)
    shutil.copytree(folder / "demo" / "atlas", folder / "later" / "atlas")
    for name, page in CALLS_HOME.items():
        run = Run.open(folder / name, kind="note", config={})
        run.write_text("report.html", f"<h1>Hello</h1>{page.replace('URL', stranger[0])}")
        run.finish(counts={"used": 0}, seed=0)
    odd_runs(folder / ODD, clip, odd_text(stranger[0]))
    return folder


def odd_runs(folder: Path, clip: Any, text: str) -> None:
    """An atlas, captions, words and notes in which everything that has a name has an odd one."""
    from clipprobe.neurons.captions import captions_run
    from clipprobe.neurons.words import WordGrid, word_probe

    images = folder / "images"
    images.mkdir(parents=True)
    rows = ["file_name,label"]
    for number in range(4):
        name = f"{ODD} {number}.png"
        Image.effect_noise((64, 64), 20 + 50 * number).save(images / name)
        rows.append(f'"{name}","{text}"')
    (images / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    atlas = clipprobe.scan(clip, images, out=folder / "atlas", top_k=2, workers=0)
    captions_run(clip, [ODD_UNIT], [text[:40], "a dog", "قط"], n_random=9, out=folder / "captions")
    grid = WordGrid(fonts=("DejaVuSans",), sizes=(0.3,), places=("top",))
    site = ODD_UNIT.partition(":")[0]
    word_probe(clip, [*ODD_WORDS, text], sites=[site], grid=grid, n_scrambled=3,
               out=folder / "words")  # fmt: skip
    model = Identity.stored(atlas.config["model"])
    change_note(folder.parent / PLACE, model, ODD_UNIT, star=True, text=text, add=[ODD])


@pytest.fixture(scope="session")
def address(runs: Path, scenery: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, started by its command."""
    chromium()
    with socket.socket() as probe:  # not the next free one, which another worker may take as well
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "server.log"
    command = [sys.executable, "-m", "clipprobe", "dashboard", "--port", str(port)]
    command += ["--runs", str(runs), "--model", str(scenery.model)]
    environment = os.environ | {"STREAMLIT_SERVER_HEADLESS": "true", "CI": ""}
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=Path(__file__).parents[3],
        ) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
    assert "Traceback" not in log.read_text()


def wait_for(root: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers."""
    for _ in range(600):
        if process.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"{root}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the server does not answer: {log.read_text()}")


@pytest.fixture(scope="module")  # its event loop would stay for files of other folders
def browser() -> Iterator[Any]:
    """Chromium."""
    executable = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, address: str, tmp_path: Path) -> Iterator[Any]:
    """A browser window that collects console errors and requests to elsewhere.

    What it shows in the end must be readable in both themes.
    """
    troubles: list[str] = []
    missed: list[str] = []
    window = browser.new_page(viewport={"width": 1440, "height": 1400})
    window.set_default_timeout(PATIENCE_MS)
    window.on("pageerror", lambda error: troubles.append(f"script: {error}"))
    window.on(
        "console",
        lambda said: (
            troubles.append(f"console: {said.text} {said.location['url']}")
            if said.type == "error" and not PROBES.search(said.location["url"])
            else None
        ),
    )
    window.on(
        "response",
        lambda answer: (
            missed.append(answer.url)
            if answer.status >= 400 and not PROBES.search(answer.url)
            else None
        ),
    )
    window.on(
        "request",
        lambda asked: (
            troubles.append(f"elsewhere: {asked.url}")
            if not asked.url.startswith((address, "data:", "blob:", "about:"))
            else None
        ),
    )
    try:
        yield window
        faint = faint_in_both(window)
    finally:
        window.screenshot(path=tmp_path / "last.png")
        window.close()
    assert troubles == []
    assert missed == []
    assert faint == []
