"""A matrix of images by texts as a file: a table, a page, or an image.

The end of the name says which: ``.csv`` and ``.parquet`` have one row per image and text,
``.html`` is a heat map to hover over with the same table below, ``.png`` a heat map with the
images beside its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from clipprobe.data import decode_image
from clipprobe.errors import ConfigError
from clipprobe.lines import one_line
from clipprobe.report.html import write_html
from clipprobe.report.page import Chart, Page, Paragraph, Section, Table
from clipprobe.runs.files import file_errors, write_atomically
from clipprobe.runs.tables import write_csv, write_parquet

SUFFIXES = (".csv", ".parquet", ".html", ".png")
_CELL, _THUMBNAIL, _LINE, _PAD, _NAME = 76, 56, 20, 12, 220
_SCALE = "Viridis"
_MOST_IN_TABLE = 2000
_WHAT = "cosine"
"""What a value is: the column of the tables, and the unit of the colours."""


def check_matrix_name(path: Path) -> None:
    """Raises ConfigError unless the end of the name says how to write it."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"A matrix is written as {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, and {path} ends "
            "otherwise: name it one of these."
        )


def write_matrix(
    path: Path,
    values: npt.NDArray[np.float32],
    images: Sequence[Path],
    texts: Sequence[str],
    *,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write the matrix in the way that the end of the name says.

    Args:
        values: ``(n images, m texts)``.
        provenance: What the page says of the model.
    Raises:
        ConfigError: the name ends otherwise.
        RunFolderError: the file cannot be written.
    """
    check_matrix_name(path)
    suffix = path.suffix.lower()
    if suffix == ".html":
        write_html(_page(values, images, texts, provenance or {}), path)
        return
    if suffix == ".png":
        canvas = heat_map(values, images, texts)
        with file_errors(path):
            write_atomically(path, lambda temporary: canvas.save(temporary, "PNG"))
        return
    writer = write_csv if suffix == ".csv" else write_parquet
    columns = {
        "image": [str(image) for image in images for _ in texts],
        "text": [text for _ in images for text in texts],
        _WHAT: np.asarray(values, np.float64).ravel().tolist(),
    }
    with file_errors(path):
        write_atomically(path, lambda temporary: writer(temporary, columns))


def _page(
    values: npt.NDArray[np.float32],
    images: Sequence[Path],
    texts: Sequence[str],
    provenance: Mapping[str, Any],
) -> Page:
    from clipprobe.figures.common import heatmap

    names = [one_line(str(image)) for image in images]
    figure = heatmap(
        values, rows=names, columns=[one_line(text) for text in texts], unit=_WHAT,
        height=160 + 34 * len(images),
    )  # fmt: skip
    alt = f"The {_WHAT} of {len(images)} images (rows) with {len(texts)} texts (columns)."
    blocks: list[Chart | Table | Paragraph] = [Chart(figure, alt)]
    if values.size <= _MOST_IN_TABLE:
        rows = [[name, *map(float, row)] for name, row in zip(names, values, strict=True)]
        blocks.append(Table(["image", *map(one_line, texts)], rows, alt))
    else:
        blocks.append(Paragraph("The numbers: write the same matrix as .csv or .parquet."))
    return Page(
        title="Similarity",
        subtitle=alt,
        sections=[Section("The matrix", blocks)],
        provenance=provenance,
    )


def heat_map(
    values: npt.NDArray[np.float32], images: Sequence[Path], texts: Sequence[str]
) -> Image.Image:
    """The matrix as an image: a thumbnail and name for each row, a number for each column."""
    from clipprobe.stimuli.text.fonts import face, freetype

    with freetype():
        return _heat_map(values, images, texts, face("DejaVuSans", _LINE - 5))


def _heat_map(
    values: npt.NDArray[np.float32],
    images: Sequence[Path],
    texts: Sequence[str],
    font: ImageFont.FreeTypeFont,
) -> Image.Image:
    from plotly.colors import sample_colorscale

    n, m = values.shape
    top = _PAD + _LINE * (m + 1)
    left = _PAD + _THUMBNAIL + _NAME
    canvas = Image.new("RGB", (max(left + m * _CELL, 640) + _PAD, top + n * _CELL + _PAD), "white")
    draw = ImageDraw.Draw(canvas)
    for j, text in enumerate(texts):
        _write(
            draw, (_PAD, _PAD + _LINE * j), f"[{j}] {one_line(text)}", canvas.width - 2 * _PAD, font
        )
        draw.text((left + (j + 0.5) * _CELL, top - 4), f"[{j}]", "black", font, anchor="ms")
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    for i, image in enumerate(images):
        y = top + i * _CELL
        small = decode_image(image)
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
        canvas.paste(small, (_PAD, y + (_CELL - small.height) // 2))
        at = (_PAD + _THUMBNAIL + 8, y + _CELL // 2 - _LINE // 2)
        _write(draw, at, one_line(Path(image).name), _NAME - 16, font)
        for j in range(m):
            share = (float(values[i, j]) - low) / (high - low) if high > low else 0.5
            colour = sample_colorscale(_SCALE, [share])[0]
            x = left + j * _CELL
            draw.rectangle((x, y, x + _CELL - 2, y + _CELL - 2), fill=colour)
            ink = "black" if share > 0.6 else "white"
            middle = (x + _CELL / 2, y + _CELL / 2)
            draw.text(middle, f"{values[i, j]:.3f}", ink, font, anchor="mm")
    return canvas


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    room: int,
    font: ImageFont.FreeTypeFont,
) -> None:
    """One line, cut where the room ends."""
    while len(text) > 1 and draw.textlength(text, font) > room:
        text = text[:-2].rstrip() + "…"
    draw.text(at, text, "black", font)
