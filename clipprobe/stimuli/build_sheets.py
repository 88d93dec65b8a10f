"""Rebuild the bundled sprite sheets from the emoji projects' own packages.

A maintainer's tool, not needed to use clipprobe: the sheets it writes are part of the package.
It needs ``rsvg-convert`` (librsvg) and fontTools, and a folder with these unpacked npm packages:
``@iconify-json/noto``, ``@iconify-json/twemoji``, ``@iconify-json/fluent-emoji-flat``,
``@iconify-json/emojione``, ``@iconify-json/noto-v1`` and ``@fontsource/noto-emoji``.
Run ``python -m clipprobe.stimuli.build_sheets PACKAGES_DIR``.

The sheets are stored losslessly, so that the same pixels are drawn on every machine whatever
renderer it has; those of the families that only training draws from are small and lossy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from clipprobe.stimuli.concepts import (
    HAIR_CODEPOINTS,
    PERSON_CODEPOINTS,
    SKIN_CODEPOINTS,
    Concept,
    concepts,
    occupations,
    unnamed_things,
    unseen_concepts,
)
from clipprobe.stimuli.sprites import (
    ASSETS,
    CELL,
    PEOPLE_STYLES,
    PERSON_CELL,
    SHEET_COLUMNS,
    SMALL_CELL,
    TRAINING_STYLES,
    person_key,
)

COLOUR_PACKAGES = {"noto": "noto", "twemoji": "twemoji", "fluent": "fluent-emoji-flat"}
GENDER_SIGNS = {"woman": "2640", "man": "2642"}
LOSSY_QUALITY = 80


def icon_set(packages: Path, name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Read one iconify package: ``{codepoints: icon name}`` and its icons."""
    for folder in packages.glob(f"iconify-json-{name}-[0-9]*/package"):
        characters = json.loads((folder / "chars.json").read_text())
        icons = json.loads((folder / "icons.json").read_text())
        return characters, icons
    raise SystemExit(f"{packages} holds no unpacked iconify-json-{name}-VERSION folder.")


def find_icon(characters: dict[str, str], codepoints: str) -> str:
    """Look a codepoint sequence up with and without the emoji variation selector."""
    parts = codepoints.split("-")
    points = [p for p in parts if p != "fe0f"]
    for key, icon in characters.items():
        if [p for p in key.split("-") if p != "fe0f"] == points:
            return icon
    raise SystemExit(f"The package has no icon for {codepoints}.")


def rasterise(icons: dict[str, Any], icon: str, size: int) -> Image.Image:
    """Render one icon to a square RGBA image of ``size`` pixels."""
    entry = icons["icons"][icon]
    width = entry.get("width", icons.get("width", 16))
    height = entry.get("height", icons.get("height", 16))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{size}" height="{size}" viewBox="0 0 {width} {height}">{entry["body"]}</svg>'
    )
    with tempfile.NamedTemporaryFile(suffix=".png") as out:
        subprocess.run(["rsvg-convert", "-o", out.name], input=svg.encode(), check=True)
        return Image.open(out.name).convert("RGBA").copy()


def rasterised(icons: dict[str, Any], names: dict[str, str], size: int) -> dict[str, Image.Image]:
    """Render icons, ``{sprite key: icon name}``, side by side."""
    with ThreadPoolExecutor() as pool:
        images = pool.map(rasterise, repeat(icons), names.values(), repeat(size))
        return dict(zip(names, images, strict=True))


def by_noto_name(
    packages: Path, icons: dict[str, Any], listed: tuple[Concept, ...]
) -> dict[str, str]:
    """Icons of a package that lists no characters, by the names that Noto's package gives them."""
    characters, _ = icon_set(packages, "noto")
    names = {c.name: find_icon(characters, c.codepoint) for c in listed}
    return {name: icon for name, icon in names.items() if icon in icons["icons"]}


def line_drawing(packages: Path, codepoint: str, size: int) -> Image.Image:
    """Render one glyph of the monochrome Noto Emoji font as black strokes on transparency."""
    from fontTools.ttLib import TTFont

    for file in sorted(packages.glob("fontsource-noto-emoji-*/package/files/*-400-normal.woff2")):
        font = TTFont(file)
        if int(codepoint, 16) in font.getBestCmap():
            font.flavor = None
            with tempfile.NamedTemporaryFile(suffix=".ttf") as plain:
                font.save(plain.name)
                face = ImageFont.truetype(plain.name, size, layout_engine=ImageFont.Layout.BASIC)
                alpha = Image.new("L", (2 * size, 2 * size))
                ImageDraw.Draw(alpha).text((size, size), chr(int(codepoint, 16)), 255, face, "mm")
            alpha = alpha.crop(alpha.getbbox())
            alpha.thumbnail((size - 6, size - 6), Image.Resampling.LANCZOS)
            cell = Image.new("L", (size, size))
            cell.paste(alpha, ((size - alpha.width) // 2, (size - alpha.height) // 2))
            drawing = Image.new("RGBA", (size, size), (0, 0, 0, 0))
            drawing.putalpha(cell)
            return drawing
    raise SystemExit(f"Noto Emoji has no glyph for U+{codepoint}.")


def people_codepoints() -> Iterator[tuple[str, str]]:
    """Yield ``(sprite key, codepoint sequence)`` for every bundled person."""
    for gender, person in PERSON_CODEPOINTS.items():
        for tone, skin in SKIN_CODEPOINTS.items():
            yield person_key(gender, tone), f"{person}-{skin}"
            for hair, code in HAIR_CODEPOINTS.items():
                yield person_key(gender, tone, hair=hair), f"{person}-{skin}-200d-{code}"
            for job in occupations():
                key = person_key(gender, tone, occupation=job.name)
                if job.suffix_codepoint:
                    yield key, f"{person}-{skin}-200d-{job.suffix_codepoint}"
                else:
                    yield key, f"{job.base_codepoint}-{skin}-200d-{GENDER_SIGNS[gender]}"


def write_sheet(
    name: str, cells: dict[str, Image.Image], size: int, *, lossless: bool = True
) -> None:
    """Lay the cells out row by row and write ``NAME.webp`` with ``NAME.json`` (the key order)."""
    keys = sorted(cells)
    rows = -(-len(keys) // SHEET_COLUMNS)
    sheet = Image.new("RGBA", (SHEET_COLUMNS * size, rows * size), (0, 0, 0, 0))
    for index, key in enumerate(keys):
        sheet.paste(cells[key], (index % SHEET_COLUMNS * size, index // SHEET_COLUMNS * size))
    ASSETS.mkdir(parents=True, exist_ok=True)
    quality = 100 if lossless else LOSSY_QUALITY
    sheet.save(ASSETS / f"{name}.webp", lossless=lossless, quality=quality, method=6, exact=False)
    (ASSETS / f"{name}.json").write_text(json.dumps(keys, indent=0) + "\n")


def main() -> None:
    """Build every sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", type=Path)
    packages = parser.parse_args().packages
    every = {"": concepts(), "unseen-": unseen_concepts()}
    for style, package in COLOUR_PACKAGES.items():
        sheets = [
            (f"{prefix}{style}", {c.name: c.codepoint for c in listed}, CELL)
            for prefix, listed in every.items()
        ]
        if style in PEOPLE_STYLES:
            sheets.append((f"people-{style}", dict(people_codepoints()), PERSON_CELL))
        if style == "noto":
            sheets.append(("unnamed", {code: code for code in unnamed_things()}, SMALL_CELL))
        characters, icons = icon_set(packages, package)
        for name, codes, size in sheets:
            icons_by_code = [find_icon(characters, code) for code in codes.values()]
            write_sheet(
                name, rasterised(icons, dict(zip(codes, icons_by_code, strict=True)), size), size
            )
    for prefix, listed in every.items():
        drawings = {c.name: line_drawing(packages, c.codepoint, CELL) for c in listed}
        write_sheet(f"{prefix}line", drawings, CELL)
    for style in TRAINING_STYLES:
        _, icons = icon_set(packages, style)
        cells = rasterised(icons, by_noto_name(packages, icons, concepts()), SMALL_CELL)
        write_sheet(style, cells, SMALL_CELL, lossless=False)


if __name__ == "__main__":
    main()
