"""Text can be read in both themes: every page of the other tests here is measured when they end
(``page`` of conftest); here the measure itself is measured, and the pages of reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browsing import CALLS_HOME, faint_in_both
from contrast import LARGE, TEXT, inks, luminance, ratio, too_faint

PAIRS = {
    ("#000000", "#ffffff"): 21.0,
    ("#767676", "#ffffff"): 4.54,
    ("#777777", "#ffffff"): 4.48,
    ("#0000ff", "#ffffff"): 8.59,
    ("#ff0000", "#ffffff"): 4.00,
    ("#808080", "#808080"): 1.0,
}
"""Known contrasts, as WebAIM's checker gives them."""

SAMPLE = """<style>body { background: white; margin: 0 } p { font: 16px sans-serif; color: #767676 }
</style><p>enough</p><p style="color: #777">grey</p>
<p style="color: black; opacity: 0.5">half</p>
<p style="color: #949494; font-size: 24px">large</p>
<p style="color: #949494; font-size: 18.7px; font-weight: 700">bold</p>
<p style="color: #949494; font-size: 23px">not large</p>
<div style="background: black"><p>on black: enough</p>
<div style="background: rgba(255, 255, 255, 0.5)"><p>on grey</p></div></div>
<div style="background: black; opacity: 0"><p style="color: #eee">unseen</p></div>
<button disabled style="color: #ddd">switched off</button>
<style>::placeholder { color: #999 }</style><input placeholder="placeholder">
<div style="position: relative; width: 99px"><canvas width="99" height="40"></canvas>
<p style="position: absolute; top: 0; color: black">over</p></div>
<div style="position: relative; width: 99px"><canvas width="99" height="40"></canvas>
<p style="position: absolute; top: 0; color: black; background: white">boxed</p></div>
<div style="position: relative; width: 99px; overflow: hidden; white-space: nowrap">
<p style="margin: 0">enough, and cut off where it is wide</p></div>
<div style="position: absolute; left: 99px; margin-top: -30px">
<canvas width="99" height="20"></canvas></div>
<svg width="200" height="40"><rect width="100" height="40" fill="#000"/>
<text x="10" y="25" fill="#222">on a bar</text><text x="120" y="25" fill="#222">beside</text></svg>
<div id="host"></div><script>host.attachShadow({ mode: "open" }).innerHTML =
"<p style='color: #888; font: 16px sans-serif'>in the shadow</p>"</script>"""
FAINT = [
    "grey", "half", "not large", "on grey", "placeholder", "over", "on a bar", "in the shadow",
]  # fmt: skip


def rgb(text: str) -> list[int]:
    """Of ``#rrggbb``."""
    return [int(text[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize(("colours", "known"), PAIRS.items())
def test_the_ratio_is_that_of_wcag(colours: tuple[str, str], known: float) -> None:
    one, other = map(rgb, colours)
    assert ratio(one, other) == ratio(other, one) == pytest.approx(known, abs=0.005)
    assert luminance((255, 255, 255)) == pytest.approx(1) and luminance((0, 0, 0)) == 0


@pytest.mark.browser
def test_what_is_faint_is_seen_and_nothing_else(browser: Any) -> None:
    window = browser.new_page(color_scheme="light")
    window.set_content(SAMPLE)
    measured = {ink.words: ink for ink in inks(window)}
    faint = too_faint(window)
    window.close()
    assert sorted(one.split("'")[1] for one in faint) == sorted(FAINT)
    assert measured["enough"].ratio == pytest.approx(4.54, abs=0.005)
    assert measured["half"].ratio == pytest.approx(ratio([127.5] * 3, [255] * 3))
    assert measured["large"].needed == measured["bold"].needed == LARGE
    assert measured["not large"].needed == TEXT and measured["over"].bare
    assert not {"unseen", "switched off"} & set(measured)


@pytest.mark.browser
def test_the_pages_of_reports_can_be_read(browser: Any, runs: Path) -> None:
    pages = [
        path
        for path in sorted(runs.rglob("report.html"))
        if path.parent.name not in CALLS_HOME and not path.is_symlink()
    ]
    assert len(pages) > 1
    window = browser.new_page(viewport={"width": 1000, "height": 900})
    for path in pages[:2]:
        window.goto(path.as_uri())
        window.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true })")
        window.wait_for_timeout(500)
        assert faint_in_both(window) == []
    window.close()
