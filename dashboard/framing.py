"""A report inside the app: shown as it was written, away from the app and from the network.

A report may come from somebody else. Streamlit's own frame shares the app's origin, so the report
stands in an inner frame with an origin of its own. The outer page carries a policy that the inner
one inherits: scripts and styles that are part of the report run, and nothing is fetched, sent or
opened. What a policy does not cover is a bare WebRTC connection from a script of the report.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from clipprobe.runs import RunView

REPORTS = ("report.html", "index.html")
MAX_BYTES = 20 << 20
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-src about:; form-action 'none'"
)
_SCRIPT = re.compile(r"(<script\b.*?(?:</script>|\Z))", re.DOTALL | re.IGNORECASE)
_OUTWARD = re.compile(
    r"""(<a\b[^<>]*?)\shref\s*=\s*(?:"(?!#)[^"]*"|'(?!#)[^']*'|(?!["'#])[^\s<>]+)""", re.IGNORECASE
)
_DOCTYPE = re.compile(r"\ufeff?(?:\s+|<!--.*?-->)*(?:<!doctype[^>]*>)?", re.DOTALL | re.IGNORECASE)
# Links to a place on the page are relative to the app's address, unless the page says otherwise.
# The parser puts what stands right after the doctype into the head.
_BASE = '<base href="about:srcdoc">'


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """A page that a run wrote.

    Attributes:
        path: Where it lies.
        problem: Why it is not shown; else empty.
    """

    path: Path
    problem: str


def report_file(run: RunView) -> ReportFile | None:
    """The report of a run, or None where it has written none.

    A link is not followed: it may lead to any file of whoever opens the dashboard.
    """
    for name in REPORTS:
        path = run.path / name
        if path.is_symlink():
            return ReportFile(path=path, problem=f"{path} is a link, and links are not followed.")
        if path.is_file():
            return ReportFile(path=path, problem=_size_problem(path))
    return None


def _size_problem(path: Path) -> str:
    size = path.stat().st_size
    if size <= MAX_BYTES:
        return ""
    return (
        f"{path} has {size / 2**20:,.0f} MB and this page shows up to {MAX_BYTES >> 20} MB: open "
        "the file itself in a browser."
    )


def framed(page: str) -> str:
    """A page around ``page`` that keeps it away from the app and from the network.

    Links that lead out of the page would lead nowhere from there, and become text.
    """
    parts = _SCRIPT.split(page)  # a script keeps its bytes: the page names it by its hash
    parts[::2] = [_OUTWARD.sub(r"\1", part) for part in parts[::2]]
    inner = "".join(parts)
    start = _DOCTYPE.match(inner)
    cut = start.end() if start else 0
    return (
        '<!doctype html><html><head><meta http-equiv="Content-Security-Policy" '
        f'content="{html.escape(POLICY)}"><style>:root{{color-scheme:light dark}}'
        "html,body{margin:0;height:100%}"
        "iframe{border:0;width:100%;height:100%}</style></head><body>"
        '<iframe sandbox="allow-scripts allow-downloads" title="report" srcdoc="'
        + html.escape(inner[:cut].lstrip("\ufeff") + _BASE + inner[cut:])
        + '"></iframe></body></html>'
    )
