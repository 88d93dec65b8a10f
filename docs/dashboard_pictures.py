"""The pictures of the dashboard's page: every view, as a browser shows it.

    clipprobe demo --out runs/demo && clipprobe dashboard --port 8501    # in an empty folder
    python docs/dashboard_pictures.py http://127.0.0.1:8501

The folder of runs is named as it is typed there, so nothing of the machine is in a picture.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from PIL import Image

GALLERY = Path(__file__).parent / "gallery"
WINDOW, WIDTH, QUALITY = {"width": 1280, "height": 900}, 1000, 80
ATLAS = {"run": "demo/atlas"}
#: Picture -> the page and its parameters.
VIEWS: dict[str, tuple[str, dict[str, str]]] = {
    "runs": ("", {}),
    "units": ("units", ATLAS | {"find": "dog"}),
    "unit": ("unit", ATLAS | {"unit": "vision.blocks.5.mlp.post:225"}),
    "image": ("image", ATLAS | {"concept": "dog"}),
    "explain": ("explain", {"explained": "a red apple"}),
    "similarity": ("similarity", {}),
    "zeroshot": ("zeroshot", {"concept": "dog"}),
    "lab": ("typographic", {"part": "Why, and repair"}),
    "reports": ("reports", ATLAS),
}


def main(arguments: list[str]) -> None:
    """Take every picture."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        sys.exit("There is no Chromium to draw with: install it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, color_scheme="light")
        page.set_default_timeout(300_000)
        for name, (view, parameters) in VIEWS.items():
            page.goto(f"{arguments[0]}/{view}?{urlencode(parameters)}")
            page.locator("h1").first.wait_for()
            for _ in range(2):  # what an element of its own draws may run the page once more
                page.locator('[data-test-script-state="notRunning"]').wait_for(state="attached")
                page.wait_for_timeout(2000)
            keep(page, GALLERY / f"dashboard-{name}.webp")
        browser.close()


def keep(page: Any, path: Path) -> None:
    """What the window shows, at the width of a page of the docs."""
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    size = (WIDTH, round(shown.height * WIDTH / shown.width))
    shown.resize(size, Image.Resampling.LANCZOS).save(path, quality=QUALITY, method=6)


if __name__ == "__main__":
    main(sys.argv[1:])
