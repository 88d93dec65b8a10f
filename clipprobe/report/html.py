"""A page as one HTML file that needs nothing else: no network, no other file.

A content security policy in the page itself forbids every request and every script but the
page's own, named by their hashes: even markup that slipped through could not run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clipprobe.errors import UnreadableImageError
from clipprobe.report.bars import histogram_svg
from clipprobe.report.charts import figure_json, plotly_script, script_json
from clipprobe.report.explorer import EXPLORED, explorer_data
from clipprobe.report.images import data_uri
from clipprobe.report.numbers import format_cell, is_number
from clipprobe.report.page import (
    Block,
    Chart,
    Histogram,
    ImageRows,
    Images,
    MapExplorer,
    Page,
    safe_href,
)
from clipprobe.runs.files import write_text
from clipprobe.version import __version__


def write_html(page: Page, path: str | Path) -> Path:
    """Write ``page`` as one self-contained HTML file.

    plotly.js (4.8 MB) is inlined once, and only where there is a chart.

    Raises:
        RunFolderError: the file cannot be written.
    """
    return write_text(path, render_html(page))


def render_html(page: Page) -> str:
    """``page`` as HTML text; the same page gives the same bytes."""
    kinds = {type(block) for part in page.sections for block in part.blocks}
    scripts = [plotly_script(), _resource("charts.js")] if Chart in kinds else []
    scripts += [_resource("explorer.js")] if MapExplorer in kinds else []
    numbers = iter(range(1, 1_000_000))
    sections = [
        {"id": anchor, "title": part.title, "blocks": [_view(b, numbers) for b in part.blocks]}
        for anchor, part in zip(anchors(page.sections), page.sections, strict=True)
    ]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            sections=sections,
            provenance=flatten(page.provenance),
            style=Markup(_resource("style.css")),
            scripts=[Markup(script) for script in scripts],
            script_hashes=[_csp_hash(script) for script in scripts],
            version=__version__,
        )
    )


def anchors(sections: Any) -> list[str]:
    """A unique anchor for each section: its ``id``, or one made from its title."""
    used = {"content", "provenance"}  # the page's own
    result = []
    for section in sections:
        stem = section.id or _slug(section.title)
        anchor, copy = stem, 2
        while anchor in used:
            anchor, copy = f"{stem}-{copy}", copy + 1
        used.add(anchor)
        result.append(anchor)
    return result


def flatten(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested mappings as ``("model.id", "…")`` rows, in order."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return [
            row
            for key, item in value.items()
            for row in flatten(item, f"{name}.{key}" if name else str(key))
        ]
    if isinstance(value, (list, tuple)) and any(hasattr(item, "items") for item in value):
        numbered = enumerate(value, start=1)
        return [row for i, item in numbered for row in flatten(item, f"{name}.{i}")]
    if isinstance(value, (list, tuple)):
        return [(name, ", ".join(format_cell(item) for item in value))]
    # A seed or a hash is an identity: no separators, no rounding.
    text = str(value) if isinstance(value, (int, float)) else format_cell(value)
    return [(name, text)]


def _view(block: Block, numbers: Any) -> dict[str, Any]:
    """``block`` as the template takes it; ``kind`` names the macro."""
    view: dict[str, Any] = {"kind": type(block).__name__.lower(), "block": block}
    if isinstance(block, Chart):
        view.update(id=f"chart_{next(numbers)}", json=Markup(figure_json(block.figure)))
    elif isinstance(block, MapExplorer):
        view.update(
            uri=data_uri(block.picture, longest=EXPLORED),
            small=max(block.picture.size) < EXPLORED // 2,
            json=Markup(script_json(explorer_data(block))),
        )
    elif isinstance(block, Images):
        view["items"] = [_picture(image, caption, block.exact) for image, caption in block.items]
    elif isinstance(block, ImageRows):
        view["rows"] = [
            (name, note, [_picture(image, caption, exact=False) for image, caption in items])
            for name, note, items in block.rows
        ]
    elif isinstance(block, Histogram):
        view["svg"] = histogram_svg(
            block.edges,
            block.counts,
            alt=block.alt,
            axis=block.axis,
            what=block.what,
            marks=block.marks,
        )
    return view


def _picture(image: Any, caption: str, exact: bool) -> dict[str, Any]:
    try:
        return {"uri": data_uri(image, exact=exact), "caption": caption, "reason": ""}
    except UnreadableImageError as error:
        return {"uri": "", "caption": caption, "reason": str(error)}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("clipprobe", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(cell=format_cell, href=safe_href)
    environment.tests["numeric"] = is_number
    return environment


@cache
def _resource(name: str) -> str:
    return files("clipprobe.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
