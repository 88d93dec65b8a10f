"""Data as JSON that is safe inside HTML, whatever stands in a label: plotly figures, maps."""

from __future__ import annotations

import json
import re
from typing import Any

# Plotly reads a little markup in its texts. Breaks and emphasis are harmless and figures use them;
# every other tag, for example from a user's label, is shown as it is written.
_OTHER_TAG = re.compile(r"<(?!/?(?:br|b|i|em|strong|sub|sup|extra)\s*/?>)")

# Inside <script> the parser of HTML looks for these, not for the end of the JSON.
_HTML_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028"}


def figure_json(figure: Any) -> str:
    """``figure`` (a ``plotly.graph_objects.Figure``) as JSON without ``<``, ``>`` and ``&``.

    The same figure gives the same bytes.
    """
    from plotly.io import to_json

    # The engine is named: "auto" would depend on whether orjson happens to be installed.
    return script_json(_harmless(json.loads(to_json(figure, validate=False, engine="json"))))


def script_json(content: Any) -> str:
    """JSON that may stand inside ``<script>``: without ``<``, ``>`` and ``&``."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    for char, escape in _HTML_ESCAPES.items():
        text = text.replace(char, escape)
    return text


def plotly_script() -> str:
    """The source of plotly.js, for one ``<script>``."""
    from plotly.offline import get_plotlyjs

    source: str = get_plotlyjs()
    return source.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return _OTHER_TAG.sub("&lt;", value)
    if isinstance(value, list):
        return [_harmless(item) for item in value]
    if isinstance(value, dict):
        return {key: _harmless(item) for key, item in value.items()}
    return value
