"""One journey through the app in a real browser, as a user makes it.

What only a browser shows: that the command serves the app, that addresses open what they name,
that nothing is fetched from elsewhere, that pictures and charts have texts, that a report works in
its frame, and that the console stays free of errors.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

PATIENCE_MS = 180_000  # a busy machine takes its time to import torch
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# A page that is opened by its own address asks for these below its name first, and then at the
# root: Streamlit's way of finding where it is mounted. Chromium logs the two misses as errors.
PROBES = re.compile(r"/\w+/_stcore/(health|host-config)$")


def chromium() -> str:
    """The browser. Without one the test is skipped, and in CI it fails."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    try:
        import playwright  # noqa: F401
    except ImportError:
        found = None
    if found is None:
        message = "NO CHROMIUM OR NO PLAYWRIGHT: the journey through the dashboard did not run"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture
def address(scenery: Any, tmp_path: Path) -> Iterator[str]:
    """The app, started by its command."""
    chromium()
    from clipprobe.cli.dashboard_cmd import free_port

    port = free_port()
    log = tmp_path / "server.log"
    command = [sys.executable, "-m", "clipprobe", "dashboard", "--port", str(port)]
    command += ["--runs", str(scenery.runs), "--model", str(scenery.model)]
    environment = os.environ | {"STREAMLIT_SERVER_HEADLESS": "true", "CI": ""}
    with (
        log.open("w") as output,
        subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=Path(__file__).parents[2],
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


@pytest.fixture
def page(address: str, tmp_path: Path) -> Iterator[Any]:
    """A browser window that collects console errors and requests to elsewhere."""
    from playwright.sync_api import sync_playwright

    troubles: list[str] = []
    missed: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
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
        finally:
            window.screenshot(path=tmp_path / "last.png")
            browser.close()
    assert troubles == []
    assert missed == []


def test_a_journey(page: Any, address: str, tmp_path: Path) -> None:
    page.goto(address)
    page.get_by_role("heading", name="What has been run?").wait_for()
    page.get_by_text("3 complete, 2 not").wait_for()
    page.get_by_text("demo/atlas", exact=True).wait_for()
    page.locator('[data-testid="stMetric"]').nth(7).wait_for()
    assert page.get_by_text("![x](http").count() >= 3  # kind, name, reason
    assert page.locator('script:text("alert(1)"), a[href*="example.invalid"]').count() == 0
    page.screenshot(path=tmp_path / "1-overview.png")

    page.locator('a[href*="neuron?run=demo%2Fatlas"]').click()
    page.get_by_role("heading", name="What does this unit respond to?").wait_for()
    page.get_by_text("Find a unit in a table").click()
    page.locator('[data-testid="stDataFrame"] canvas').first.wait_for()
    table = page.locator('[data-testid="stDataFrame"]').first
    table.click(position={"x": 16, "y": 52})  # the box of the first row
    page.wait_for_url("**/neuron?*unit=vision.blocks.*")
    heading = page.get_by_role("heading", name=re.compile(r"^vision\.blocks\.0\.mlp\.post:\d+$"))
    unit = heading.inner_text()
    page.get_by_text("Largest on the picture").first.wait_for()
    settled(page)
    everything_has_a_text(page)
    page.screenshot(path=tmp_path / "2-neuron.png", full_page=True)

    shared = page.url
    assert "run=demo%2Fatlas" in shared
    page.goto(address)
    page.goto(shared)  # as somebody else would open it
    page.get_by_role("heading", name=unit, exact=True).wait_for()
    page.get_by_text("Largest on the picture").first.wait_for()

    page.get_by_role("link", name="Typographic lab").click()
    page.get_by_text("Reading effect").first.wait_for()
    attacked = page.get_by_alt_text(re.compile("attack word “guitar”"))
    attacked.wait_for()
    before = attacked.get_attribute("src")
    box = page.get_by_label("Write", exact=True)
    box.fill("cat")
    box.press("Enter")
    attacked = page.get_by_alt_text(re.compile("attack word “cat”"))
    attacked.wait_for()
    assert attacked.get_attribute("src") != before
    page.wait_for_url("**/typographic?*word=cat*")
    slider = page.get_by_role("slider", name="Size").first
    slider.press("ArrowRight")
    page.wait_for_url("**/typographic?*size=0.31*")
    settled(page)
    everything_has_a_text(page)
    page.screenshot(path=tmp_path / "3-lab.png", full_page=True)

    page.get_by_role("link", name="Reports").click()
    page.get_by_role("heading", name="What does the report say?").wait_for()
    report = page.frame_locator("iframe").frame_locator('iframe[title="report"]')
    report.get_by_role("heading", name="Neuron atlas").wait_for()
    report.locator(".plot-container").first.wait_for()  # its charts are drawn
    frame = page.frames[-1]
    assert frame.evaluate("origin") == "null"
    reached = "() => { try { return !!window.top.document } catch (error) { return false } }"
    assert frame.evaluate(reached) is False
    page.screenshot(path=tmp_path / "4-reports.png", full_page=True)


def settled(page: Any) -> None:
    """Until the app has finished the run that is going on."""
    page.locator('[data-test-script-state="notRunning"]').wait_for(state="attached")


def everything_has_a_text(page: Any) -> None:
    """Every picture and chart says what it shows to those who cannot see it."""
    pictures = page.locator('[data-testid="stMain"] [data-testid="stImage"] img')
    pictures.nth(3).wait_for()
    assert all(image.get_attribute("alt") for image in pictures.all())
    charts = page.locator('[data-testid="stPlotlyChart"]')
    charts.first.locator("svg").first.wait_for()
    assert all(chart.get_attribute("aria-label") for chart in charts.all())
