"""A page as one HTML file that needs nothing else: no network, no other file.

A content security policy in the page itself forbids every request and every script but the
page's own, named by their hashes: even markup that slipped through could not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clipprobe.errors import ConfigError
from clipprobe.report.cells import breakable, cell_html, plain_text, sentence
from clipprobe.report.charts import plotly_script
from clipprobe.report.explorer import MapExplorer
from clipprobe.report.grid import Cards
from clipprobe.report.numbers import format_cell, is_number
from clipprobe.report.page import Chart, Page, Paragraph, Section, Table, Warning, safe_href
from clipprobe.report.views import Addresses, hint_of, links_to, slug, view_of
from clipprobe.runs.files import write_text
from clipprobe.version import __version__

_LEAD = "verdict"
_OWN = ("content", _LEAD, "provenance")
"""Anchors of every page."""
_LIMITS = ("limits", "how-to-read-this", "how-to-read-it")


def write_html(page: Page, path: str | Path) -> Path:
    """Write ``page`` as one self-contained HTML file.

    plotly.js (4.8 MB) is inlined once, and only where there is a chart.

    Raises:
        RunFolderError: the file cannot be written.
    """
    return write_text(path, render_html(page))


def render_html(page: Page) -> str:
    """``page`` as HTML text; the same page gives the same bytes.

    Raises:
        ConfigError: the page opens with a verdict and says nowhere what its limits are.
    """
    figure = [] if page.lead is None else [page.lead.figure]
    kinds = {type(block) for part in page.sections for block in part.blocks}
    kinds |= {type(one) for one in figure}
    folds = page.lead is not None or bool(page.provenance) or Table in kinds
    scripts = [_resource("folds.js")] if folds else []
    scripts += [plotly_script(), _resource("charts.js")] if Chart in kinds else []
    scripts += [_resource("explorer.js")] if MapExplorer in kinds else []
    notes, parts = _hoisted(page)
    addresses, numbers = Addresses(*_OWN), iter(range(1, 1_000_000))
    named = [(addresses.of(part.id or slug(part.title)), part) for part in parts]
    sections = [
        {
            "id": anchor,
            "title": part.title,
            "short": short,
            "hint": hint_of(part.blocks),
            "open": part.open,
            "blocks": [view_of(b, anchor, addresses, numbers) for b in part.blocks],
        }
        for (anchor, part), short in zip(named, links_to(parts), strict=True)
    ]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            sections=sections,
            figure=[view_of(one, _LEAD, addresses, numbers) for one in figure],
            wide=any(isinstance(one, Cards) for one in figure),
            notes=notes,
            limits=_limits(page, [anchor for anchor, _ in named]),
            provenance=[(name, plain_text(text)) for name, text in flatten(page.provenance)],
            style=Markup(_resource("style.css")),
            scripts=[Markup(script) for script in scripts],
            script_hashes=[_csp_hash(script) for script in scripts],
            version=__version__,
        )
    )


def _hoisted(page: Page) -> tuple[list[Warning], list[Section]]:
    """The notes that stand beside the figure, and the sections without them.

    They are those of the first section. A page that says its limits only in its opening gets a
    section for them.
    """
    parts = list(page.sections)
    if page.lead is None:
        return [], parts
    notes: list[Warning] = []
    if parts:
        notes = [block for block in parts[0].blocks if isinstance(block, Warning)]
        rest = [block for block in parts[0].blocks if not isinstance(block, Warning)]
        parts[:1] = [replace(parts[0], blocks=rest)] if rest else []
    own = any((part.id or slug(part.title)) in _LIMITS for part in parts)
    if page.lead.limits and not own:
        limits = [Paragraph(text) for text in page.lead.limits]
        parts.append(Section("What it cannot say", limits, id="limits", short="Limits"))
    return notes, parts


def _limits(page: Page, anchors: Sequence[str]) -> str:
    """The anchor of the limits."""
    if page.lead is None:
        return ""
    anchor_of_limits = next((anchor for anchor in _LIMITS if anchor in anchors), None)
    if anchor_of_limits is None:
        raise ConfigError(
            f"The report {page.title!r} opens with a verdict and has no section of limits: give "
            f"its opening limits, or a section one of the anchors {', '.join(_LIMITS)}."
        )
    return anchor_of_limits


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


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("clipprobe", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        cell=cell_html, href=safe_href, plain=plain_text, sentence=sentence, breakable=breakable
    )
    environment.tests["numeric"] = is_number
    return environment


@cache
def _resource(name: str) -> str:
    return files("clipprobe.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
