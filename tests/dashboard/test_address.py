"""An address and its query string say the same."""

from __future__ import annotations

from dataclasses import fields
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("streamlit", reason="the dashboard extra is not installed")

from dashboard.address import Address, tab_title

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
FIELDS = [one.name for one in fields(Address) if one.name not in ("page", "classes", "knobs")]


KNOBS = st.dictionaries(st.sampled_from(("size", "heads", "λ&=")), st.lists(TEXT, min_size=1))


@given(st.fixed_dictionaries({name: TEXT for name in FIELDS}), st.lists(TEXT.filter(bool)), KNOBS)
def test_a_link_read_back_is_the_address(
    texts: dict[str, str], classes: list[str], several: dict[str, list[str]]
) -> None:
    knobs = tuple((name, value) for name, values in several.items() for value in values)
    address = Address(page="unit", classes=tuple(classes), knobs=knobs, **texts)
    parts = urlsplit(address.link)
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == ("", "", "/unit", "")
    read = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    assert Address.of("unit", read) == address


def test_what_is_empty_is_left_out_and_what_is_unknown_is_a_knob() -> None:
    address = Address(page="unit", run="demo/atlas", unit="vision.blocks.3.mlp.post:17")
    assert address.link == "/unit?run=demo%2Fatlas&unit=vision.blocks.3.mlp.post%3A17"
    assert Address(page="units").link == "/units"
    read = {"run": ["a", "b"], "unit": "x", "page": "other", "size": "3", "find": []}
    knobs = (("size", "3"),)
    assert Address.of("units", read) == Address(page="units", run="b", unit="x", knobs=knobs)
    assert Address(page="", run="b").link == "/?run=b"


def test_a_tab_says_what_it_shows() -> None:
    assert tab_title("post:17", "", "block 5") == "post:17 · block 5 · clipprobe"
    assert tab_title() == "clipprobe"
