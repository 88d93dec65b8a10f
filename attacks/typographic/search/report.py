"""The report of a search: the image, the curve, and what it does and does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from attacks.typographic.search.lead import lead_of
from attacks.typographic.search.oracle import Oracle
from attacks.typographic.search.result import Arm, SearchResult, found_of
from clipprobe.data import decode_image
from clipprobe.figures.typographic import budget_chart
from clipprobe.report import Block, Chart, Images, Numbers, Page, Paragraph, Section, Table, Warning
from clipprobe.report.sections import how_to_read, settings_rows
from clipprobe.runs import Run


def trace_rows(arms: Mapping[str, Oracle]) -> list[dict[str, Any]]:
    """Every query of every arm in order, one row each."""
    rows = []
    for name, oracle in arms.items():
        for answer in sorted(oracle.answers.values(), key=lambda one: one.query):
            flip = found_of(oracle, answer)
            values = {k: str(v) if k not in _NUMBERS else float(v) for k, v in flip.values.items()}
            rows.append(
                {
                    "arm": name,
                    "query": flip.query,
                    "stage": flip.stage,
                    "text": flip.text,
                    **values,
                    "ink": flip.ink,
                    "visibility": flip.visibility,
                    "answer": flip.answer,
                    "flip": answer.flip,
                    "margin": flip.margin,
                }
            )
    return rows


_NUMBERS = ("x", "y", "size", "opacity", "rotation")


def summary_of(result: SearchResult) -> dict[str, Any]:
    """``summary.json``: the result, a headline, and warnings."""
    headline = [
        {
            "name": "flips_among_coarse_tries",
            "estimate": result.words.coarse.to_json(),
            "meaning": "share of random tries at the largest allowed size that flip the answer",
        }
    ]
    if result.nonsense is not None:
        headline.append(
            {
                "name": "flips_among_nonsense_tries",
                "estimate": result.nonsense.coarse.to_json(),
                "meaning": "the same with nonsense words: what clutter alone does",
            }
        )
    return {"kind": "typographic-search", "headline": headline, **result.to_json(),
            "warnings": warnings(result)}  # fmt: skip


def warnings(result: SearchResult) -> list[str]:
    """What a reader must know, as sentences."""
    texts = list(result.notes)
    if result.words.found is None:
        texts.append(
            f"No text flipped the answer within {result.words.queries} queries and "
            f"{result.max_area:.1%} of the pixels. Another search may find one: this is not proof "
            "that there is none."
        )
    if result.verified is False:
        texts.append(
            "The image that was found does not flip the answer when it is encoded alone: it "
            "stands on the edge of numerical precision."
        )
    if result.nonsense is None:
        texts.append("No word has a nonsense word of its shape, so there is no control.")
    elif result.nonsense_suffices and result.words.found is None:
        texts.append(
            "Nonsense words flip the answer, and no word does: that is clutter, not reading."
        )
    elif result.nonsense_suffices and result.says_the_word:
        texts.append(
            "Nonsense words flip the answer with no more ink: that it changes need not be reading, "
            "though it changes into the written word."
        )
    elif result.nonsense_suffices:
        texts.append(
            "Nonsense words flip the answer with no more ink, and it does not become the written "
            "word: that is clutter, not reading."
        )
    return texts


def build_page(
    run: Run, result: SearchResult, base: Image.Image, provenance: Mapping[str, Any]
) -> Page:
    """The page, from the result and the image that was found."""
    goal = f"“{result.target}”" if result.target else "any wrong answer"
    best = None if result.words.found is None else decode_image(run.file("best.png"))
    return Page(
        title="Least visible text that flips the answer",
        subtitle=f"{result.image}, an image of “{result.label}”, searched for {goal} within "
        f"{result.budget:,} queries and {result.max_area:.1%} of the pixels.",
        sections=[
            Section("In short", [*map(Warning, warnings(result)), _numbers(result)]),
            Section("The image", _images(run, result, base)),
            Section("Success at every budget", _budgets(result), short="Budgets"),
            how_to_read(_NOTES),
        ],
        provenance={**provenance, "settings": settings_rows(run.config)},
        lead=lead_of(result, base, best),
    )


_NOTES = (
    "This is the best of many tries on one image, chosen because it won. It says that such a "
    "text exists within the budget, not that a random text works: that is the share among the "
    "coarse tries.",
    "The coarse tries are in random order, so the chance of best-of-n for smaller budgets is "
    "computed from them exactly. Later queries follow from earlier answers; for them the table "
    "says only what this one search had found by then.",
    "Visibility is the share of inked pixels times opacity. It is not a measure of what people "
    "see: a colour close to the ground is hard to see at any size.",
    "The nonsense arm is the same search with the same budget over words of the same length that "
    "mean nothing. What it finds too is clutter.",
)


def _numbers(result: SearchResult) -> Numbers:
    words = result.words.found
    items: list[tuple[str, Any, str]] = [
        ("clean answer", result.clean_answer, f"margin {result.clean_margin:.3f} logits"),
        ("queries", result.words.queries, f"of {result.budget:,} for the words"),
        ("coarse tries that flip", result.words.coarse, "random order, largest allowed size"),
    ]
    if result.nonsense is not None:
        items.append(("nonsense tries that flip", result.nonsense.coarse, "the control"))
    if words is not None:
        items += [
            ("text", words.text, f"best of {result.words.queries:,}, found at {words.query:,}"),
            ("ink", words.ink, "share of pixels"),
            ("visibility", words.visibility, "ink times opacity"),
            ("answer", words.answer, f"margin {words.margin:.3f} logits"),
            ("verified", bool(result.verified), "read back from best.png and encoded alone"),
        ]
    return Numbers(items)


def _images(run: Run, result: SearchResult, base: Image.Image) -> list[Block]:
    items = [(base, f"clean: “{result.clean_answer}”")]
    words = result.words.found
    if words is None:
        return [Images(items)]
    items.append((decode_image(run.file("best.png")), f"attacked: “{words.answer}”"))
    rows = [[k, v["text"], v["answer"], v["margin"], v["flip"]] for k, v in result.controls.items()]
    return [
        Images(items),
        Paragraph(f"Found: {words.settings}."),
        Table(
            ["in its place", "text", "answer", "margin", "flips"],
            rows,
            "The attack and its controls at the place and size that were found.",
        ),
    ]


def _budgets(result: SearchResult) -> list[Block]:
    arms: dict[str, Arm] = {"words": result.words}
    if result.nonsense is not None:
        arms["nonsense"] = result.nonsense
    rows = [
        [name, point["queries"], point["expected"], point["flipped"], point["ink"],
         point["visibility"]]
        for name, arm in arms.items()
        for point in arm.curve
    ]  # fmt: skip
    return [
        Chart(
            budget_chart({name: list(arm.curve) for name, arm in arms.items()}),
            "Visibility of the best flip so far against queries, words and nonsense: "
            + "; ".join(
                f"{name} {'none' if arm.found is None else f'{arm.found.visibility:.4f}'}"
                for name, arm in arms.items()
            )
            + ".",
        ),
        Table(
            ["arm", "queries", "best-of-n chance", "flipped by then", "ink", "visibility"],
            rows,
            "Best-of-n: the chance that N random coarse tries hold a flip. The rest is what "
            "this search had found after N queries.",
        ),
    ]
