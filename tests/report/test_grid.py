"""Findings side by side: every part of a card is shown, safe, and in the Markdown too."""

from __future__ import annotations

import re
from html import unescape

import pytest
from PIL import Image

from clipprobe.errors import ConfigError
from clipprobe.report import (
    Card,
    Cards,
    Images,
    Intervals,
    Lead,
    Page,
    Section,
    render_html,
    render_markdown,
)
from clipprobe.report import Paragraph as Text
from clipprobe.statistics import wilson

EVIL = "<script>alert(1)</script>"


def page() -> Page:
    pictures = Images([(Image.new("RGB", (8, 8)), f"caption {EVIL}")], columns=2)
    forest = Intervals(rows=[("a", "", [wilson(3, 10)])], axis="share", alt="One share")
    cards = Cards(
        [
            Card(title=EVIL, text="First.", blocks=[pictures], links=[("Sheet", "a b.html")]),
            Card(title="Twice", text="Second.", blocks=[forest], width=8),
            Card(title="Twice", text="Third."),
        ]
    )
    lead = Lead(verdict="Two of three were found", evidence="n = 3.", figure=cards, limits=["No."])
    return Page(title="Front", sections=[Section("More", [Text("x")], open=True)], lead=lead)


def test_cards_in_html() -> None:
    html = render_html(page())
    assert EVIL not in html and html.count("<article") == 3
    ids = re.findall(r'<article class="card" id="([^"]+)"', html)
    assert len(set(ids)) == 3 and ids[1:] == ["twice", "twice-2"]
    assert 'href="a%20b.html"' in html and "data:image/" in html
    assert 'style="--width: 8"' in html
    assert "0.300" in unescape(html) and '<details class="fold" open>' in html
    assert '<header id="verdict" class="full">' in html


def test_cards_in_markdown() -> None:
    text = render_markdown(page())
    assert EVIL not in text
    assert "### Twice" in text and "Second." in text and "[Sheet](a%20b.html)" in text
    assert "Chart (see the HTML report): One share" in text


def test_a_card_needs_words_and_safe_links() -> None:
    with pytest.raises(ConfigError, match="no sentence"):
        Card(title="a", text=" ")
    with pytest.raises(ConfigError, match="'javascript'"):
        render_html(
            Page(
                title="x",
                sections=[
                    Section(
                        "s",
                        [Cards([Card(title="a", text="b", links=[("c", "javascript:alert(1)")])])],
                    )
                ],
            )
        )
