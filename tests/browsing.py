"""What tests in a real browser share: how to wait, choose and check; see dashboard/browser."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from contrast import inks, too_faint

PATIENCE_MS = 180_000  # a busy machine takes its time to import torch
_IN_SCHEME = """dark => {
  const app = document.querySelector('[data-testid="stApp"]')
  if (!app) return true
  const [red, green, blue] = getComputedStyle(app).backgroundColor.match(/[0-9.]+/g).map(Number)
  return (red + green + blue < 384) === dark
}"""
FADING_MS = (400, 1_000, 2_000, 4_000, 8_000, 16_000)
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# A page that is opened by its own address asks for these below its name first, and then at the
# root: Streamlit's way of finding where it is mounted. Chromium logs the two misses as errors.
PROBES = re.compile(r"/\w+/_stcore/(health|host-config)$")

CALLS_HOME = {
    "loads": "<img src=URL/img><link rel=stylesheet href=URL/css><script src=URL/js></script>"
    "<style>body{background:url(URL/background)}</style><iframe src=URL/frame></iframe>"
    "<script>fetch('URL/fetch');navigator.sendBeacon('URL/beacon');open('URL/open')</script>",
    "refreshes": "<meta http-equiv=refresh content='0;url=URL/refresh'>",
    "goes": "<script>location = 'URL/location'</script>",
    "downloads": "<a id=out download href=URL/x>x</a><script>out.href='URL/x';out.click()</script>",
    "sends": "<form id=f method=post action=URL/form></form><script>f.submit()</script>",
}


ODD = "strange ‮evil $x^2$ <b>b</b> [l](a) :smile:".replace("/", "∕")
"""A name of files and folders."""
ODD_UNIT = "vision.blocks.1.mlp.post:5"
ODD_WORDS = (
    "<b>evil", "[evil](a)", "$x^2$", ":red[a]", "<script>", "``", "**evil**", 'evil,"a',
    "e\u0301vil", "собака", "قط", "猫", "👍", "\u202eevil", "\u200b", "evil\x00", "  ",
    "evil" * 60,
)  # fmt: skip
"""Words, of which some cannot be drawn."""


def odd_text(home: str) -> str:
    """What a stranger writes to be run, opened or fetched by whoever reads it."""
    return (
        f"<img src={home}/i onerror=alert(1)><script>alert(2)</script> [l]({home}/l) "
        f"![p]({home}/p.png) $x^2$ ‮evil :red[a] {home}/u"
    )


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


def choose(page: Any, label: str, option: str) -> None:
    """Take an option of a list; a run of the app that has just begun closes an open list."""
    from playwright.sync_api import TimeoutError as TooLate

    for _ in range(10):
        page.get_by_role("combobox", name=label).click()
        try:
            page.get_by_role("option", name=option, exact=True).click(timeout=10_000)
            break
        except TooLate:
            page.keyboard.press("Escape")
    else:
        pytest.fail(f"the list {label} has no {option}, or does not stay open")
    settled(page)


def until(page: Any, check: Callable[[], bool]) -> None:
    """Until something is so: what the server sent is not on the page at once."""
    for _ in range(PATIENCE_MS // 100):
        if check():
            return
        page.wait_for_timeout(100)
    pytest.fail("it did not become so")


def settled(page: Any) -> None:
    """Until the app has finished the run that is going on."""
    page.locator('[data-test-script-state="notRunning"]').wait_for(state="attached")


def faint_in_both(page: Any) -> list[str]:
    """What cannot be read well enough, in the light theme and in the dark one.

    Colours fade over, charts are drawn again, and a run that goes on greys what it will replace:
    only what stays faint counts.
    """
    lasting: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(_IN_SCHEME, arg=scheme == "dark")
        assert inks(page), "there is no text to measure"
        for pause_ms in FADING_MS:
            page.wait_for_timeout(pause_ms)
            faint = too_faint(page)
            if not faint:
                break
        lasting += [f"{scheme}: {one}" for one in faint]
    return lasting


def tiles_have_texts(page: Any) -> None:
    """Every image of a gallery says what it shows to those who cannot see it."""
    images = page.locator(".tile img")
    images.first.wait_for()
    assert all(image.get_attribute("alt") for image in images.all())
    charts = page.locator('[data-testid="stPlotlyChart"]')
    charts.first.locator("svg").first.wait_for()
    assert all(chart.get_attribute("aria-label") for chart in charts.all())


def everything_has_a_text(page: Any, *, charts: bool = True) -> None:
    """Every image and chart says what it shows to those who cannot see it."""
    pictures = page.locator('[data-testid="stMain"] [data-testid="stImage"] img')
    pictures.nth(3).wait_for()
    assert all(image.get_attribute("alt") for image in pictures.all())
    if charts:
        plots = page.locator('[data-testid="stPlotlyChart"]')
        plots.first.locator("svg").first.wait_for()
        assert all(chart.get_attribute("aria-label") for chart in plots.all())
