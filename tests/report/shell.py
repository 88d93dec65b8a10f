"""What every page of a report promises, for tests of any page that is written by the package.

``opening_of`` and ``check_opening`` read the HTML; ``too_wide`` looks at it in a browser.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

VOID = {
    "meta",
    "link",
    "br",
    "img",
    "wbr",
    "hr",
    "input",
    "col",
    "source",
    "line",
    "circle",
    "path",
}
MOST_ROWS = 10

_WIDE = """() => {
  document.querySelectorAll("details").forEach(fold => { fold.open = true; });
  const page = document.documentElement;
  const found = [];
  if (page.scrollWidth > page.clientWidth) {
    const past = [...document.querySelectorAll("body *")].filter(
      e => e.getBoundingClientRect().right > page.clientWidth + 1 && !e.closest(".scroll"));
    found.push(`the page is ${page.scrollWidth} px wide in ${page.clientWidth}: `
      + past.slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(" | "));
  }
  if (innerWidth >= 1280) {
    document.querySelectorAll(".scroll, .code, table").forEach(e => {
      const most = e.matches("table") ? e.parentElement.clientWidth : e.clientWidth;
      if (e.scrollWidth > most + 1) {
        found.push(`${e.scrollWidth} px in ${most}: ` + e.textContent.trim().slice(0, 80));
      }
    });
  }
  return found;
}"""


@dataclass
class Opening:
    """What stands before the first fold of a page, and what its tables and folds are like."""

    verdict: str = ""
    evidence: str = ""
    figures: int = 0
    limits: str = ""
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    section_links: list[str] = field(default_factory=list)
    open_rows: list[int] = field(default_factory=list)
    provenance_folds: bool | None = None
    open_sections: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen = Opening()
        self.path: list[tuple[str, dict[str, str]]] = []
        self.folded = False
        self.feed(page)

    def within(self, tag: str, **attributes: str) -> bool:
        return any(
            name == tag
            and all(value in own.get(key, "").split() for key, value in attributes.items())
            for name, own in self.path
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name.rstrip("_"): value or "" for name, value in attrs}
        seen = self.seen
        if "id" in own:
            seen.ids.append(own["id"])
        if tag == "a" and own.get("href", "").startswith("#"):
            seen.links.append(own["href"][1:])
            if self.within("p", **{"class": "limits"}) and not self.folded:
                seen.limits = own["href"][1:]
            if self.within("nav"):
                seen.section_links.append("")
        # Findings side by side are one figure, each with a heading of its own.
        lead = self.within("div", **{"class": "lead"}) and not self.within(
            "div", **{"class": "cards"}
        )
        if lead and not self.folded and (
            (tag == "figure" and not self.within("ul") and not self.within("figure"))
            or (tag in ("ul", "div") and own.get("class") in ("pictures", "strips", "cards"))
        ):  # fmt: skip
            seen.figures += 1
        if tag == "details" and own.get("class") == "fold":
            self.folded = True
        if tag == "h2" and not self.within("details") and not self.within("article"):
            seen.open_sections.append(own.get("id", ""))
        if own.get("id") == "provenance":
            seen.provenance_folds = self.within("details", **{"class": "fold"})
        if tag == "table":
            seen.open_rows.append(0)
        if tag == "tr" and self.within("tbody") and not self.within("tbody", **{"class": "rest"}):
            seen.open_rows[-1] += not self.within("table", **{"class": "provenance"})
        if tag not in VOID:
            self.path.append((tag, own))

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self.path) - 1, -1, -1):
            if self.path[place][0] == tag:
                del self.path[place:]
                return

    def handle_data(self, data: str) -> None:
        if self.within("h1"):
            self.seen.verdict += data
        if self.within("p", **{"class": "evidence"}):
            self.seen.evidence += data
        if self.within("nav") and self.within("a"):
            self.seen.section_links[-1] += data


def opening_of(page: str) -> Opening:
    """What the HTML of a page opens with."""
    return _Reader(page).seen


def check_opening(page: str) -> Opening:
    """Fail where a page does not open as every report does, or does not fold."""
    seen = opening_of(page)
    words = seen.verdict.split()
    assert 4 <= len(words) <= 45, seen.verdict
    assert not seen.verdict.endswith(".") and len(seen.evidence.split()) >= 5, seen
    assert any(digit.isdigit() for digit in seen.evidence), f"no n: {seen.evidence}"
    assert seen.figures == 1, f"{seen.figures} figures before the first fold"
    assert seen.limits and seen.limits in seen.ids, f"no link to the limits: {seen.limits!r}"
    assert seen.open_sections == [], f"sections that do not fold: {seen.open_sections}"
    assert seen.provenance_folds is not False
    assert max(seen.open_rows, default=0) <= MOST_ROWS, seen.open_rows
    assert len(set(seen.ids)) == len(seen.ids)
    assert set(seen.links) <= set(seen.ids), set(seen.links) - set(seen.ids)
    for text in ("nan", "nan,", "None,"):
        assert text not in f"{seen.verdict} {seen.evidence}".split(), seen
    return seen


def look(browser: Any, report: Path, width: int) -> tuple[float, list[str]]:
    """How many pixels verdict, figure and the link to the limits take, and what is too wide.

    A page without any of these never fits: their height is infinite.
    """
    page = browser.new_page(viewport={"width": width, "height": 900})
    try:
        page.goto(report.as_uri())
        ends: list[float] = page.locator("h1, .evidence, .lead, .limits").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect().bottom)"
        )
        found: list[str] = page.evaluate(_WIDE)
        return max(ends, default=math.inf), found
    finally:
        page.close()


def too_wide(browser: Any, report: Path, width: int) -> list[str]:
    """What of a page is wider than its room, every fold open; at phone width, the page itself."""
    return look(browser, report, width)[1]
