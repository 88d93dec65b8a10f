"""What a stranger named, labelled and wrote is text on every page, and reaches nobody."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from browsing import ODD, ODD_UNIT, odd_text, settled

from dashboard.components import visible

pytestmark = pytest.mark.browser

ATLAS, CAPTIONS = visible(f"{ODD}/atlas"), visible(f"{ODD}/captions")
WORDS = visible(f"{ODD}/words")
UNIT = {"run": ATLAS, "unit": ODD_UNIT}


def pages(text: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Every view on what the stranger made: the name of the page, its parameters."""
    short = text[:60]
    return {
        "runs": ("", {"shown": CAPTIONS}),
        "units": ("units", {"run": ATLAS, "find": f'"{text}"', "saved": ODD}),
        "range": ("unit", UNIT),
        "captions": ("unit", UNIT | {"part": "Captions", "texts": f"{text}\na dog"}),
        "words": ("unit", UNIT | {"part": "Words"}),
        "run of words": ("", {"shown": WORDS}),
        "units of a word": ("units", {"run": ATLAS, "find": '"[evil](a)"'}),
        "labels": ("unit", UNIT | {"part": "Labels"}),
        "where": ("unit", UNIT | {"part": "Where"}),
        "similar": ("unit", UNIT | {"part": "Similar"}),
        "provenance": ("unit", UNIT | {"part": "Provenance"}),
        "image": ("image", {"run": ATLAS}),
        "explain": ("explain", {"explained": text, "methods": "gradient_x_input"}),
        "similarity": ("similarity", {"similar_texts": f"{text}\na dog"}),
        "zeroshot": ("zeroshot", {"classes": f"{text}\ndog\ncat", "rival": short}),
        "lab": ("typographic", {"classes": f"{text}\ndog\ncat", "word": short}),
        "report": ("reports", {"run": ATLAS}),
        "report of words": ("reports", {"run": WORDS}),
    }


@pytest.mark.parametrize("view", pages(""))
def test_odd_names_are_text(
    page: Any, address: str, stranger: tuple[str, list[str]], view: str
) -> None:
    home, asked = stranger
    dialogs: list[str] = []
    page.on("dialog", lambda one: (dialogs.append(one.message), one.dismiss()))
    name, given = pages(odd_text(home))[view]
    page.goto(f"{address}/{name}?{urlencode(given)}")
    page.locator(".strip").first.wait_for()
    settled(page)
    for button in page.locator(".strip button").all():
        button.click()
    fields = [one.input_value() for one in page.get_by_role("combobox").all()]
    assert page.get_by_text(re.compile("evil|alert")).count() or any("evil" in f for f in fields)
    assert page.get_by_text(re.compile("There is no run|No run is like")).count() == 0
    led = page.locator(f'a[href^="{home}"], img[src^="{home}"], [data-testid="stMain"] .katex')
    assert led.count() == 0
    assert page.locator('script:text("alert(2)"), img[onerror]').count() == 0
    assert page.locator('[data-testid="stException"]').count() == 0
    assert dialogs == [] and asked == []
