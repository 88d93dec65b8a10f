"""The strip at the top of every page: model, data, the page's link, and the same without the app.

A page is a function that draws what is below the strip and says on the way what the strip shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from clipprobe.errors import ClipprobeError
from clipprobe.models.checkpoints.bundled import BUNDLED_NAME
from clipprobe.runs import jsonio
from dashboard import snippets
from dashboard.address import Address
from dashboard.elements import strip
from dashboard.model_switch import PARAMETER
from dashboard.runs import data_words, model_words, words_of_model
from dashboard.state import chosen_spec, model_facts

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.runs import RunView

MOST_JSON = 400_000
"""Characters of JSON that the strip carries; above it the button is absent."""


@dataclass(slots=True)
class Page:
    """What a page has said of itself so far."""

    address: Address
    chips: dict[str, str] = field(default_factory=dict)
    """Facts by name, such as the model."""
    steps: dict[str, Address] = field(default_factory=dict)
    """Where to go from here, by name."""
    python: str = ""
    command: str = ""
    json: str = ""

    def of_run(self, run: RunView, name: str) -> None:
        """Model and data are those of a run."""
        self.chips |= {"Model": model_words(run), "Data": data_words(run)}
        self.address = replace(self.address, run=name)

    def of_model(self, clip: Clip, data: str) -> None:
        """The model is the session's, the data what the page was given."""
        self.chips |= {"Model": words_of_model(model_facts(clip)), "Data": data}

    def about_run(self, run: RunView, name: str) -> None:
        """The page shows one run as it is."""
        self.of_run(run, name)
        self.python = snippets.run_code(str(run.path))
        self.command = snippets.run_command(str(run.path))
        names = ("kind", "model", "dataset", "counts")
        facts = {one: run.manifest.get(one) for one in names}
        self.say({"name": name, **facts, "headline": run.summary.get("headline") or []})

    def say(self, data: Any) -> None:
        """The data of the page."""
        self.json = jsonio.dumps(data)

    def turn(self, *names: str) -> None:
        """The widgets of these names are part of the page's link, as they are set."""
        knobs = [(name, one) for name in names for one in _values(st.session_state.get(name))]
        self.address = replace(self.address, knobs=(*self.address.knobs, *knobs))


def show_page(name: str, draw: Callable[[Page], None]) -> None:
    """Draw a page and its strip; a mistake that ends the page leaves what was said until then.

    Args:
        name: The page's name in the browser's address.
    """
    page, place = Page(Address(page=name)), st.container()
    if model := st.query_params.get(PARAMETER):
        page.address = replace(page.address, knobs=((PARAMETER, model),))
    mistake: ClipprobeError | None = None
    try:
        draw(page)
    except ClipprobeError as error:
        mistake = error
    with place:
        strip(
            page.address,
            chips={"Model": chosen_spec() or BUNDLED_NAME} | page.chips,
            steps=page.steps,
            python=page.python,
            command=page.command,
            json=page.json if len(page.json) <= MOST_JSON else "",
        )
    if mistake is not None:
        raise mistake


def _values(value: Any) -> list[str]:
    """A widget's value as a query string has it."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for one in value for text in _values(one)]
    if isinstance(value, bool):
        return [str(value).lower()]
    return [f"{value:.10g}" if isinstance(value, float) else str(value)]
