"""The Markdown twin: every block in words, no text that turns into markup."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from report.pages import hostile_page

from clipprobe.report import Page, Paragraph, Section, Table, render_markdown, write_markdown
from clipprobe.report.markdown import escape


def html(markdown: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(markdown)


def test_hostile_text_stays_text() -> None:
    shown = html(render_markdown(hostile_page()))
    assert "<script" not in shown and "<img" not in shown and "<!--" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


@pytest.mark.parametrize(
    "text",
    ["# no heading", "* a", "- a", "+ a", "1. a", "12) a", "> a", "a | b", "_a_ *b* `c`", "[a](b)",
     "&lt;", "\\*", "![a](b)", "a  \n b", "===", "---", "~~~", "<b>"],
)  # fmt: skip
def test_a_reader_sees_what_was_written(text: str) -> None:
    shown = html(escape(text))
    plain = " ".join(text.split())
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        plain = plain.replace(char, entity)
    assert shown == f"<p>{plain}</p>\n"


def test_tables_keep_their_shape(tmp_path: Path) -> None:
    table = Table(["name", "n"], [["a|b\nc", 1], [None, 2000]], "Some | rows")
    page = Page("T", sections=[Section("S", [Paragraph("p"), table])], provenance={"seed": 10000})
    path = write_markdown(page, tmp_path / "report.md")
    text = path.read_text(encoding="utf-8")
    assert "| a\\|b c | 1 |\n| – | 2,000 |" in text and "| --- | ---: |" in text
    shown = html(text)
    assert shown.count("<tr>") == 5 and "<td>a|b c</td>" in shown
    assert "<td>10000</td>" in shown
