"""A page with hostile text in every place that takes text."""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go
from PIL import Image

from clipprobe.figures.common import heatmap, histogram, interval_bars
from clipprobe.report import (
    Chart,
    Images,
    Links,
    Numbers,
    Page,
    Paragraph,
    Section,
    Table,
    Warning,
)
from clipprobe.statistics import Estimate

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\n--><!-- ]]> {{ 7*7 }} \" ' `"
SURE = Estimate(value=0.7131, low=0.655, high=0.765, n=1240, method="Wilson, 95 %")
UNDEFINED = Estimate(
    value=math.nan, low=math.nan, high=math.nan, n=0, method="none", reason="no image was attacked"
)


def watched(browser: Any, **options: Any) -> tuple[Any, list[str], list[str]]:
    """A new page, what it says or asks the reader, and the addresses that it requests."""
    page = browser.new_page(**options)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    return page, said, asked


def hostile_page(text: str = HOSTILE) -> Page:
    """A page with every kind of block, ``text`` wherever a user's text can be."""
    careless = go.Figure(go.Bar(x=[text, "b"], y=[1, 2], name=text, hovertext=[text, text]))
    careless.update_layout(title=text, xaxis_title=text)
    careless.add_annotation(text=text, x=0, y=1)
    return Page(
        title=text,
        subtitle=text,
        sections=[
            Section(text, [Paragraph(text), Warning(text), Numbers([(text, SURE, text)])]),
            Section("Tables", [Table([text, "n"], [[text, SURE], [1, UNDEFINED]], text)]),
            Section(
                "Charts",
                [
                    Chart(interval_bars([text, "b"], {text: [SURE, UNDEFINED]}, title=text), text),
                    Chart(histogram([0, 1, 2], [3, 4], axis=text, mark=1, mark_name=text), text),
                    Chart(heatmap([[1.0, math.nan]], rows=[text], columns=[text, "b"]), text),
                    Chart(careless, text),
                ],
            ),
            Section(
                "Pictures",
                [
                    Images([(Image.new("RGB", (4, 4)), text), (f"/nowhere/{text}", text)]),
                    Links([(text, text.replace(":", "")), ("web", "https://example.org/?a=1&b=2")]),
                ],
            ),
        ],
        provenance={"model": {"id": text, "revision": None}, "seed": 1234567, text: [1, 2]},
    )
