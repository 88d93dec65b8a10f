"""The report of a Stroop audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.typographic.stroop.lead import KINDS, lead_of
from attacks.typographic.stroop.sources import CardImage, Cards
from clipprobe.errors import TextFitError, UnreadableImageError
from clipprobe.figures.typographic import answer_chart, matrix_chart
from clipprobe.report import Block, Chart, Images, Page, Paragraph, Section, Table
from clipprobe.report.numbers import decimals
from clipprobe.report.sections import how_to_read, in_short, settings_rows
from clipprobe.runs import Run

_SHARES = ("ink", "word", "other", "read")
_EXPLAINED = {
    "upright": "as written",
    "mirrored": "left and right exchanged",
    "inverted": "turned upside down, by 180 degrees",
    "negative": "figure and ground exchanged: a field of the colour with letters of the ground",
}


def build_page(run: Run, cards: Cards, provenance: Mapping[str, Any]) -> Page:
    """The page, from what is in the run folder."""
    summary = run.read_json("summary.json")
    n, presentations = summary["n"], summary["presentations"]
    order = [name for name in _EXPLAINED if name in presentations]
    order += [name for name in presentations if name not in order]
    first = summary["headline_of"]
    sections = [
        in_short(summary, Paragraph(f"These numbers are of the {first} cards.")),
        Section(
            "Ink, word or another colour",
            _answers({name: presentations[name] for name in order}),
            short="Answers",
        ),
    ]
    sections += [
        Section(
            f"{name.capitalize()}: ink by word",
            _matrix(name, presentations[name]),
            short=name.capitalize(),
        )
        for name in order
    ]
    if examples := _examples(run, cards, order):
        sections.append(Section("Cards with their answers", examples, short="Cards"))
    sections.append(how_to_read(_notes(cards)))
    return Page(
        title="Stroop audit",
        subtitle=f"{n['cards']:,} cards, {n['inks']} inks; {n['failed']:,} could not be shown, "
        f"{n['skipped']:,} left out.",
        sections=sections,
        provenance={**provenance, "settings": settings_rows(run.config)},
        lead=lead_of(summary),
    )


def _answers(parts: Mapping[str, Any]) -> list[Block]:
    rows, effects = [], []
    for name, part in parts.items():
        for kind in KINDS:
            if numbers := part["kinds"].get(kind):
                rows.append([name, kind, *(numbers.get(share) for share in _SHARES)])
        for control in ("control", "nonsense"):
            effect = part[f"reading_effect_over_{control}"]
            if effect["value"] is not None:
                effects.append([name, control, effect, part[f"interference_over_{control}"]])
    sentence = "; ".join(
        f"{name} {decimals(part['kinds']['incongruent']['word']['value'])}"
        for name, part in parts.items()
        if "incongruent" in part["kinds"]
    )
    blocks: list[Block] = [
        Chart(answer_chart(parts), f"Incongruent cards answered with the word: {sentence}."),
        Table(
            ["presentation", "cards", "names the ink", "names the word", "another colour",
             "word, when asked for it"],
            rows,
            "Answers to the question for the ink, and in the last column to the one for the word.",
        ),
    ]  # fmt: skip
    if effects:
        blocks.append(
            Table(
                ["presentation", "compared with", "reading effect", "interference"],
                effects,
                "Reading effect: answers that are the written colour, minus answers of that colour "
                "where a word that is not a colour stands in the same ink and design. "
                "Interference: the ink's share there minus its share on incongruent cards. "
                "Clustered by ink.",
            )
        )
    return blocks


def _matrix(name: str, part: Mapping[str, Any]) -> list[Block]:
    incongruent = part["kinds"].get("incongruent")
    sentence = "no incongruent card" if incongruent is None else (
        f"over incongruent cards the word {decimals(incongruent['word'])}, "
        f"the ink {decimals(incongruent['ink'])}"
    )  # fmt: skip
    return [
        Paragraph(f"Presentation: {_EXPLAINED.get(name, 'cards of the folder ' + name)}."),
        Chart(
            matrix_chart(part["matrix"]),
            f"Share of cards answered with the word minus share answered with the ink, asked for "
            f"the ink; rows are inks, columns words; {sentence}.",
        ),
    ]


def _examples(run: Run, cards: Cards, order: list[str]) -> list[Block]:
    """For each presentation the first cards of a few kinds, with both answers."""
    table = run.read_table("results.parquet")
    names = ("card", "ink_answer", "word_answer")
    answers = {c: (i, w) for c, i, w in zip(*(table[n].to_pylist() for n in names), strict=True)}
    blocks: list[Block] = []
    for name in order:
        items = []
        for card in _example_cards([c for c in cards.cards if c.presentation == name]):
            if card.id not in answers:
                continue
            try:
                image = card.image()
            except (UnreadableImageError, TextFitError):
                continue
            ink, word = answers[card.id]
            items.append((image, f"{card.ink} ink, “{card.word}”: ink “{ink}”, word “{word}”"))
        if items:
            blocks += [Paragraph(f"{name.capitalize()}:"), Images(items, columns=8)]
    return blocks


def _example_cards(cards: list[CardImage]) -> list[CardImage]:
    """Up to eight cards of different inks and kinds."""
    kinds = ["incongruent"] * 5 + ["congruent", "control", "nonsense"]
    examples: list[CardImage] = []
    for i, kind in enumerate(kinds):
        fitting = [
            c for c in cards
            if c.kind == kind and c.ink not in {d.ink for d in examples} and c.variant == i % 2
        ] or [c for c in cards if c.kind == kind and c not in examples]  # fmt: skip
        if fitting:
            examples.append(fitting[(7 * i) % len(fitting)])
    return examples


def _notes(cards: Cards) -> list[str]:
    notes = [
        "Each card is encoded once and asked two questions: which colour it is written in, and "
        "which word it is. An answer is the nearest of the listed texts, so it is always one of "
        "them; nobody can answer “I do not know”.",
        "A model that does not know the ink on control cards cannot show interference. A model "
        "that names the written colour no more often than it names that colour on control cards "
        "is not reading: it may prefer a colour.",
        "Intervals are 95 %: Wilson where each card stands for itself, else percentile bootstrap "
        "over combinations of ink and word (effects: over inks). They say nothing about other "
        "fonts, colours or questions.",
    ]
    if cards.dataset is None:
        notes.append(
            "Grounds on which an ink would not show are not used with it, so inks differ in their "
            "grounds; all words of one ink have the same. Longer words are drawn smaller where "
            "they would not fit."
        )
    return notes
