"""Where something stands in the app: one value, and the query string that says the same.

Links between pages are made from it. A field has the name of the widget that shows it, so an
address that is opened sets the widgets, and a link is the same wherever it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from urllib.parse import urlencode

RUNS, UNITS, UNIT, IMAGE, EXPLAIN = "", "units", "unit", "image", "explain"
SIMILARITY, ZEROSHOT, LAB, REPORTS = "similarity", "zeroshot", "typographic", "reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One page of the app with what it shows; an empty field is left out of the query string."""

    page: str
    """The page's name in the browser's address; the first page has none."""
    run: str = ""
    """A run, by its path below the runs folder."""
    unit: str = ""
    """A unit, as ``vision.blocks.3.mlp.post:17``."""
    image: str = ""
    """The number of an image of the atlas."""
    words: str = ""
    """A text that is shown to the model, or written on an image."""
    classes: tuple[str, ...] = ()
    """What an answer is chosen from."""
    find: str = ""
    """What units are searched by."""
    block: str = ""
    """Only units of this block."""
    site: str = ""
    """Only units of this kind of hook point, as ``mlp.post``."""
    part: str = ""
    """The part of the page that is open."""
    sheet: str = ""
    """Which page of a long list, from 1."""
    knobs: tuple[tuple[str, str], ...] = ()
    """What the other widgets of the page are set to: name and value, a name as often as it has
    values."""

    @classmethod
    def of(cls, page: str, parameters: Mapping[str, str | Sequence[str]]) -> Address:
        """The address that a query string means.

        Args:
            parameters: As of a query string; of a repeated one the last counts, but of classes and
                knobs all.
        """
        given: dict[str, str | tuple[str, ...]] = {}
        knobs: list[tuple[str, str]] = []
        for name, value in parameters.items():
            values = (value,) if isinstance(value, str) else tuple(value)
            if name in _TEXTS and values:
                given[name] = values[-1]
            elif name == "classes":
                given[name] = values
            elif name not in _NOT_IN_QUERY:
                knobs += [(name, one) for one in values]
        return cls(page=page, knobs=tuple(knobs), **given)  # type: ignore[arg-type]

    @property
    def query(self) -> str:
        """The query string, without the question mark."""
        named = {name: getattr(self, name) for name in (*_TEXTS, "classes") if getattr(self, name)}
        return urlencode([*named.items(), *self.knobs], doseq=True)

    @property
    def link(self) -> str:
        """The address below the root of the app, as ``/unit?run=atlas&unit=…``."""
        return f"/{self.page}?{self.query}" if self.query else f"/{self.page}"


_NOT_IN_QUERY = ("page", "knobs")
_TEXTS = [one.name for one in fields(Address) if one.default is not MISSING and one.default == ""]


def tab_title(*parts: str) -> str:
    """What a browser's tab says: the parts that there are, and the app."""
    return " · ".join([*filter(None, parts), "clipprobe"])
