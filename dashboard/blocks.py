"""Sections of a report on a page of the app: the same functions make both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from clipprobe.report import Block, Chart, Numbers, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import format_cell
from dashboard.components import numbers_row, plain

SHOWN_WHOLE = 40
"""Rows up to which a table has no scroll bar of its own."""


def show_sections(sections: Sequence[Section], *, key: str) -> None:
    """Sections one under the other; on a wide page two beside each other.

    Args:
        key: Of the run that they are of: charts of two runs are two elements.
    """
    with st.container(key="beside-sections"):
        for number, section in enumerate(sections):
            with st.container(key=f"section-{number}"):
                st.subheader(plain(section.title), anchor=False)
                for place, block in enumerate(section.blocks):
                    _show(block, f"{key} {number} {place}")


def _show(block: Block, key: str) -> None:
    if isinstance(block, Paragraph):
        st.markdown(plain(block.text))
    elif isinstance(block, Warning):
        st.warning(plain(block.text), icon=":material/warning:")
    elif isinstance(block, Numbers):
        items = [
            {"name": name, "estimate": cell, "meaning": meaning}
            for name, cell, meaning in block.items
        ]
        numbers_row(items, columns=4)
    elif isinstance(block, Chart):
        st.plotly_chart(block.figure, alt=block.alt, key=key)
    elif isinstance(block, Table):
        rows = [[format_cell(cell) for cell in row] for row in block.rows]
        columns = dict(zip(block.columns, zip(*rows, strict=True), strict=True)) if rows else {}
        height: Literal["content", "auto"] = "content" if len(rows) <= SHOWN_WHOLE else "auto"
        st.dataframe(
            columns, hide_index=True, alt=block.caption, key=key, height=height, width="content"
        )
        st.caption(plain(block.caption))
    else:
        st.info(f"The report has a {type(block).__name__.lower()} here that this page leaves out.")
