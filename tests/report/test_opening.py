"""A page that opens with a verdict: what stands above the folds, what folds, and what it says."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from report.shell import check_opening, opening_of

from clipprobe.errors import ConfigError
from clipprobe.report import (
    Intervals,
    Lead,
    Page,
    Paragraph,
    Section,
    Table,
    Warning,
    render_html,
    render_markdown,
)
from clipprobe.report.cells import cell_html, plain_text, sentence
from clipprobe.report.numbers import format_cell
from clipprobe.report.opening import compared
from clipprobe.report.views import in_few_words, short_caption
from clipprobe.report.words import amount, chance_of, counted, points, share, side_of
from clipprobe.statistics import Estimate, undefined, wilson

SECTIONS = [
    Section("In short", [Warning("Mind the label."), Paragraph("Some words.")]),
    Section("All figures", [Table(["unit", "p"], [[f"u{i}", i / 1e5] for i in range(23)], "All.")]),
    Section("How to read this", [Paragraph("Only these images.")]),
]


def lead(**more: Any) -> Lead:
    figure = Intervals(
        rows=[("attack word", "", [wilson(115, 224)]), ("nonsense", "", [wilson(0, 224)])],
        axis="share of the images",
        alt="Share answered with the word",
        percent=True,
    )
    given: dict[str, Any] = {
        "verdict": "It reads the word on 115 of 224 images",
        "evidence": "A nonsense word never does that (0 of 224).",
        "figure": figure,
    }
    return Lead(**given | more)


def page(**more: Any) -> Page:
    return Page(
        "Audit", sections=SECTIONS, provenance={"seed": 0, "y": 0.08333333333333333}, **more
    )


def tags_stripped(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def test_a_page_opens_with_its_verdict_and_everything_else_folds() -> None:
    html = render_html(page(lead=lead()))
    seen = check_opening(html)
    assert seen.verdict == "It reads the word on 115 of 224 images"
    assert seen.limits == "how-to-read-this"
    # Ten rows of the table stand open, in the head of the figure one per row and its axis.
    assert sorted(seen.open_rows) == [0, 3, 10]
    assert html.index("Mind the label.") < html.index('<details class="fold">')
    assert html.count("Mind the label.") == 1
    assert "51 %" in html and "[45, 58] n=224" in html
    assert "0.0833333<" in html and "0.08333333333333333" not in html


def test_the_figure_of_the_opening_has_an_address_of_its_own() -> None:
    named = Section("Figure", [lead().figure], id="figure")
    ids = re.findall(
        r'id="([^"]+)"', render_html(Page("A", sections=[named], lead=lead(limits=["No."])))
    )
    assert "verdict-figure" in ids and "figure" in ids and "figure-figure" in ids
    assert len(ids) == len(set(ids)) and not [one for one in ids if one.endswith("-2")]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda html: html.replace("<details", "<div").replace("</details", "</div"), "not fold"),
        (lambda html: html.replace('href="#how-to-read-this"', 'href="#gone"'), "limits"),
        (lambda html: html.replace('class="rest"', ""), "23"),
        (lambda html: html.replace('<div class="lead">', "<div>"), "0 figures"),
    ],
)
def test_the_check_above_can_fail(broken: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_opening(broken(render_html(page(lead=lead()))))


def test_a_page_without_a_verdict_stands_open_and_folds_its_provenance() -> None:
    seen = opening_of(render_html(page()))
    assert seen.open_sections == ["in-short", "all-figures", "how-to-read-this"]
    assert seen.provenance_folds and max(seen.open_rows) == 10


def test_limits_can_be_part_of_the_opening_and_must_be_somewhere() -> None:
    bare = Page("Audit", sections=SECTIONS[:2], lead=lead())
    with pytest.raises(ConfigError, match="no section of limits"):
        render_html(bare)
    html = render_html(Page("Audit", sections=SECTIONS[:2], lead=lead(limits=["One font."])))
    assert check_opening(html).limits == "limits" and "One font." in html
    with pytest.raises(ConfigError, match="no verdict"):
        lead(verdict=" ")


def test_the_markdown_twin_opens_with_the_verdict_and_is_else_the_same() -> None:
    opened, plain = render_markdown(page(lead=lead())), render_markdown(page())
    one = lead()
    assert f"**{one.verdict}**" in opened and one.evidence in opened
    assert one.verdict not in plain
    assert opened.split("\n## ")[1:] == plain.split("\n## ")[1:]


def test_every_cell_says_in_words_what_the_twin_says() -> None:
    gone = undefined("no image was attacked")
    for value in (wilson(3, 10), gone, None, "a", 12, 0.5, True, wilson(0, 9)):
        assert tags_stripped(str(cell_html(value))) == format_cell(value)


def test_numbers_are_plain() -> None:
    one = Estimate(value=1 / 4608, low=math.nan, high=math.nan, n=4608, method="count", reason="c")
    assert tags_stripped(str(cell_html(one))) == "1 of 4,608 [no interval] n=4,608 (c)"
    # A difference is not a count, even where it would be a whole number of images.
    less = Estimate(value=2 / 2400, low=-0.009, high=0.03, n=2400, method="paired")
    assert tags_stripped(str(cell_html(less))).startswith("0.00083 [−0.009")
    assert cell_html(4.81e-35, "Holm p") == "&lt; 0.001"
    assert tags_stripped(str(cell_html(4.81e-35, "mean"))) == "less than 0.000001"
    assert tags_stripped(str(cell_html(0.000217, "mean"))) == "0.00022"
    assert tags_stripped(str(cell_html(0.0421, "p"))) == "0.042"
    assert plain_text("y 0.08333333333333333, x 0.5") == "y 0.0833333, x 0.5"
    assert str(cell_html("vision.blocks.4.attn.head_out:4")).count("<wbr>") == 6


def test_numbers_of_the_opening_stay_with_their_units() -> None:
    said = str(sentence("On 51 % of 3 images, +30 points [+18, +42], n = 60 (p < 0.001)."))
    assert said == (
        "On 51\u00a0% of 3 images, +30\u00a0points [+18, +42], n\u00a0=\u00a060 "
        "(p\u00a0&lt;\u00a00.001)."
    )


def test_estimates_in_sentences() -> None:
    one = wilson(115, 224)
    assert share(one) == "51 % [45, 58], n = 224" and counted(one) == "115 of 224"
    assert points(one) == "+51 points [+45, +58], n = 224"
    assert amount(one) == "0.51 [0.45, 0.58], n = 224"
    assert share(undefined("nothing", n=3)) == "undefined, n = 3 (nothing)"
    assert share(wilson(1, 4608)) == "0.0 % [0.0, 0.1], n = 4,608"
    assert (side_of(one), side_of(one, 0.5), side_of(one, 0.6)) == (1, 0, -1)
    assert side_of(undefined("nothing")) == 0
    assert chance_of(4.81e-35) == "p < 0.001" and chance_of(0.0432) == "p = 0.043"


def test_a_caption_leaves_the_numbers_to_the_picture() -> None:
    assert short_caption("Accuracy by condition: clean 0.98; attack 0.15.") == (
        "Accuracy by condition."
    )
    assert short_caption("Share gone (1: 0.2; 5: 0.7), over random sets.") == (
        "Share gone, over random sets."
    )
    assert short_caption("The best of 3 units: as seen.") == "The best of 3 units: as seen."


def test_links_to_sections_are_short() -> None:
    assert in_few_words("Retrieval") == "Retrieval"
    assert in_few_words("Association of occupations by perceived gender") == "Association"
    assert in_few_words("What could have been seen about all of it") == "What could have…"


def test_a_comparison_says_what_differs_and_what_does_not() -> None:
    told = Estimate(value=-0.12, low=-0.2, high=-0.04, n=60, method="paired")
    same = Estimate(value=0.0, low=-0.1, high=0.1, n=60, method="paired")
    none = undefined("in A there is none", n=0)
    one = compared([("accuracy", told), ("success", same)], control="Paired.")
    assert one.verdict == "B is lower than A in accuracy"
    assert one.evidence.startswith("B minus A in accuracy: −0.120 [−0.200, −0.040], n = 60.")
    assert compared([("a", same), ("b", same)], control="P.").verdict == (
        "No difference between A and B is shown in any of the 2 figures"
    )
    assert compared([("a", none)], control="P.").verdict.startswith("Nothing can be said")
    bare = Estimate(value=0.0, low=math.nan, high=math.nan, n=48, method="none", reason="few")
    assert compared([("a", bare)], control="P.").verdict == (
        "Whether A and B differ cannot be said: no difference has an interval"
    )
    many = compared([(f"f{i}", told) for i in range(12)], control="P.")
    assert len(many.figure.rows) == 8 and "4 more below" in many.figure.axis
