"""One file, no network, and text that stays text."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import plotly.graph_objects as go
import pytest
from PIL import Image
from report.pages import HOSTILE, hostile_page

from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.report import (
    Chart,
    Images,
    Links,
    Page,
    Paragraph,
    Section,
    Table,
    render_html,
    write_html,
)
from clipprobe.report.charts import figure_json
from clipprobe.report.views import data_uri


class Reader(HTMLParser):
    """Collects elements as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page() -> str:
    return render_html(hostile_page())


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    return Reader(page)


def test_hostile_text_makes_no_element(reader: Reader) -> None:
    harmless = Reader(render_html(hostile_page("harmless")))
    # Long words may break after a dot or colon; nothing else is made from text.
    seen, plain = ([t for t, _ in one.elements if t != "wbr"] for one in (reader, harmless))
    assert seen == plain
    for tag, attributes in reader.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
    assert "".join(reader.text).count("<script>alert(1)</script>") >= 12
    assert "49" not in "".join(reader.text)  # {{ 7*7 }} was not evaluated


def test_the_check_above_can_fail() -> None:
    broken = Reader("<p><script>alert(1)</script><img src=x onerror=alert(2)></p>")
    assert [tag for tag, _ in broken.elements] == ["p", "script", "img"]
    assert broken.all("img") == [{"src": "x", "onerror": "alert(2)"}]


def test_charts_are_data_that_html_cannot_end_early(page: str) -> None:
    charts = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert len(charts) == 4
    for chart in charts:
        assert not set("<>&") & set(chart)
    careless = json.loads(charts[3])
    # Plotly would read tags: they are entities, which it shows as they were written.
    for text in (careless["data"][0]["x"][0], careless["layout"]["title"]["text"]):
        assert text.startswith("&lt;script>alert(1)&lt;/script>&lt;img src=x")


def test_plotlys_own_markup_is_left_alone() -> None:
    figure = go.Figure(go.Bar(x=["a<br>b"], y=[1], hovertemplate="%{y}<extra></extra>"))
    data = json.loads(figure_json(figure))["data"][0]
    assert data["x"] == ["a<br>b"] and data["hovertemplate"] == "%{y}<extra></extra>"


def test_nothing_is_fetched(reader: Reader) -> None:
    for tag, attributes in reader.elements:
        for name in ("src", "srcset", "data", "poster", "action", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
        if tag != "a":
            assert (attributes.get("href") or "data:").startswith("data:"), (tag, attributes)
    assert "@import" not in "".join(reader.text)
    policy = reader.all("meta")[1]["content"]
    assert policy and policy.startswith("default-src 'none'; img-src data:")


def test_only_our_three_scripts_may_run(reader: Reader) -> None:
    policy = reader.all("meta")[1]["content"] or ""
    allowed = set(re.findall(r"'(sha256-[^']+)'", policy))
    kinds = [attributes.get("type") for attributes in reader.all("script")]
    running = [s for s, kind in zip(reader.scripts, kinds, strict=True) if kind is None]
    hashes = {
        "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in running
    }
    assert len(running) == 3 and hashes == allowed
    script_rule = next(rule for rule in policy.split(";") if "script-src" in rule)
    assert "unsafe-inline" not in script_rule


def test_plotly_is_there_once_and_only_with_charts(page: str) -> None:
    assert page.count("plotly.js v") == 1
    small = render_html(Page("t", sections=[Section("s", [Paragraph("p")])]))
    assert len(small) < 20_000 and "script-src 'none'" in small


def test_the_same_page_gives_the_same_bytes(page: str) -> None:
    assert render_html(hostile_page()) == page


def test_everything_has_words_for_those_who_do_not_see_it(reader: Reader) -> None:
    assert all(attributes.get("alt") for attributes in reader.all("img"))
    plots = [a for a in reader.all("div") if a.get("class") == "plot"]
    assert plots and all(a["role"] == "img" and a["aria-label"] for a in plots)
    ids = {attributes.get("id") for _, attributes in reader.elements}
    named = [a.get("aria-label") or a["aria-labelledby"] in ids for a in reader.all("table")]
    assert len(named) == 2 and all(named)
    assert all(attributes.get("scope") in ("col", "row") for attributes in reader.all("th"))
    assert reader.all("html") == [{"lang": "en"}] and len(reader.all("h1")) == 1
    anchors = [attributes["id"] for attributes in reader.all("h2")]
    assert len(set(anchors)) == len(anchors)
    links = {a["href"] for a in reader.all("a") if (a["href"] or "").startswith("#")}
    assert links <= {f"#{anchor}" for anchor in ids}


def test_anchors_are_unique_whatever_the_titles() -> None:
    chart = Chart(go.Figure(), "a chart")
    titles = ["Chart 1", "chart_1", "Content", "content", "Provenance", "日本", ""]
    sections = [Section(title, [chart]) for title in titles]
    reader = Reader(render_html(Page("t", sections=sections, provenance={"a": 1})))
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(set(ids)) == len(ids) == 3 * len(titles) + 2


def test_colours_of_text_are_far_enough_from_the_ground() -> None:
    style = re.search(r"<style>(.*?)</style>", render_html(Page("t")), re.DOTALL)
    assert style

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    schemes = re.findall(r":root \{(.*?)\}", style[1], re.DOTALL)
    assert len(schemes) == 3  # light, dark, print
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        for ink, ground in [
            ("ink", "ground"),
            ("quiet", "ground"),
            ("quiet", "panel"),
            ("link", "ground"),
            ("ink", "mark-ground"),
        ]:
            high, low = sorted((light(colours[ink]), light(colours[ground])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground, scheme)


def test_pictures_are_thumbnails_inside_the_page(tmp_path: Path) -> None:
    def picture(uri: str) -> Image.Image:
        head, _, body = uri.partition(",")
        assert head in ("data:image/webp;base64", "data:image/png;base64")
        return Image.open(io.BytesIO(base64.b64decode(body)))

    assert picture(data_uri(Image.new("RGB", (2000, 500)))).size == (256, 64)
    assert picture(data_uri(Image.new("RGB", (20000, 20)))).size == (256, 1)
    small = Image.effect_noise((64, 48), 90).convert("RGB")
    assert picture(data_uri(small)).convert("RGB").tobytes() == small.tobytes()
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert picture(data_uri(clear)).convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    path = tmp_path / "a.png"
    small.save(path)
    shown = render_html(Page("t", sections=[Section("s", [Images([(path, "a"), ("/no", "b")])])]))
    assert shown.count("<img ") == 1 and "could not be read: no such file" in shown


def test_links_go_to_files_and_the_web_only() -> None:
    for bad in ("javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "file:///etc"):
        with pytest.raises(ConfigError, match="is of the kind"):
            Links([("x", bad)])
    shown = render_html(Page("t", sections=[Section("s", [Links([("x", "a b/ü#1.html")])])]))
    assert 'href="a%20b/%C3%BC#1.html"' in shown


def test_blocks_that_say_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="no caption"):
        Table(["a"], [], " ")
    with pytest.raises(ConfigError, match="no alt text"):
        Chart(go.Figure(), "")
    with pytest.raises(ConfigError, match="2 columns and a row of 1"):
        Table(["a", "b"], [["x"]], "c")


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_html(hostile_page(), tmp_path / "deep" / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    with pytest.raises(RunFolderError):
        write_html(Page("t"), path / "inside-a-file.html")
    assert HOSTILE not in path.read_text(encoding="utf-8")
