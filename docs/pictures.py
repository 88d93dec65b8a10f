"""The picture of each page of the docs: how the report of one run opens, as a browser shows it.

    python docs/pictures.py RUNS    # a folder where ``docs/renew.py --type --keep RUNS`` typed

Commands that the README does not have are typed there first; a run that is complete is not made
again. Each picture is the verdict of a report and the figure below it, at the width of a page, and
the page has both between ``<!-- picture: NAME -->`` markers: the verdict is the picture's
alternative text, so that it is read where nothing is seen.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it finds its own folder alone

from clipprobe.models.checkpoints.bundled import bundled_folder
from clipprobe.stimuli import concepts
from docs import examples

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
WIDTH, HEIGHT, QUALITY = 1100, 820, 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture of a report.

    Attributes:
        page: The report, relative to the folder of the README's runs.
        command: What makes it, where the README does not; typed in that folder.
    """

    page: str
    command: str = ""


def shots(chosen: dict[str, Any]) -> dict[str, Shot]:
    """Name of a picture -> what it shows."""
    things, people, unit = examples.CONCEPTS, examples.PEOPLE, chosen["unit"]["unit"]
    concept = chosen["unit"]["concept"]
    shown = f"{things}/{concept}-picture-0.png"

    def run(name: str, command: str) -> Shot:
        return Shot(page=f"{name}/report.html", command=f"clipprobe {command} --out runs/{name}")

    return {
        "demo": Shot(page="demo/index.html"),
        "atlas": Shot(page="demo/atlas/report.html"),
        "sheet": Shot(page="../sheet.html"),
        **{
            name: Shot(page=f"{name}/report.html")
            for name in (
                "typo", "sweep", "reading", "zeroshot", "limits", "bias", "gap",
            )
        },
        "stroop": run("stroop", "audit stroop"),
        "search": run(
            "search",
            f"audit search {shown} --label {concept} --classes names.txt --outline none",
        ),
        "written": run(
            "written",
            f"audit written --images {people} --groups perceived_gender --clusters drawing "
            "--word engineer",
        ),
        "section-7": run(
            "section-7",
            f"audit bias --images {people} --groups perceived_gender --clusters drawing "
            "--probe clip-section-7",
        ),
        "words": run("words", f"neurons words --words names.txt --unit {unit}"),
        "labels": Shot(page="demo/labels/report.html"),
    }  # fmt: skip


def main(arguments: list[str]) -> None:
    """Type what is missing, take every picture, and put it on its pages."""
    runs = Path(arguments[0]).resolve()
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        sys.exit("There is no Chromium to draw with: install it.")
    chosen = json.loads((bundled_folder() / "evaluation.json").read_text(encoding="utf-8"))
    named = shots(chosen["examples"])
    listed = "\n".join(one.name for one in concepts())
    (runs.parent / "names.txt").write_text(f"{listed}\n", encoding="utf-8")
    for name, shot in named.items():
        if shot.command:
            record = examples.typed(examples.Example(command=shot.command), runs.parent)
            print(f"{record['seconds']:5.0f} s  {shot.command}", flush=True)
            if record["status"]:
                sys.exit(f"{name} ended with {record['status']}:\n{record['error']}")
    verdicts = take(named, runs, chromium)
    for path in (DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))):
        text = path.read_text(encoding="utf-8")
        if (new := placed(text, path, verdicts)) != text:
            path.write_text(new, encoding="utf-8")


def take(named: dict[str, Shot], runs: Path, chromium: str) -> dict[str, str]:
    """Write the pictures; name -> the verdict that each shows."""
    from playwright.sync_api import sync_playwright

    verdicts = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name, shot in named.items():
            page.goto((runs / shot.page).resolve().as_uri())
            page.wait_for_load_state("load")
            verdicts[name] = " ".join(page.locator("#verdict h1").inner_text().split())
            end = page.locator(".lead").first.bounding_box()
            bottom = min(HEIGHT, int(end["y"] + end["height"]) + 12) if end else HEIGHT
            shown = page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": bottom})
            Image.open(io.BytesIO(shown)).convert("RGB").save(
                IMAGES / f"{name}.webp", quality=QUALITY, method=6
            )
        browser.close()
    return verdicts


def placed(text: str, path: Path, verdicts: dict[str, str]) -> str:
    """The page with the pictures between its markers."""

    def put(match: re.Match[str]) -> str:
        name = match[1]
        folder = "docs/images" if path.parent == DOCS.parent else "images"
        up = "../" * (len(path.relative_to(DOCS).parts) - 1) if path.is_relative_to(DOCS) else ""
        alt = re.sub(r"[\[\]]", "", verdicts[name])
        shown = f"![{alt}]({up}{folder}/{name}.webp)"
        return f"<!-- picture: {name} -->\n{shown}\n<!-- /picture -->"

    return re.sub(r"<!-- picture: ([\w-]+) -->\n.*?<!-- /picture -->", put, text, flags=re.DOTALL)


if __name__ == "__main__":
    main(sys.argv[1:])
