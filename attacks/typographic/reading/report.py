"""The report of an explanation: the ranked list, the curves, one worked image, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.typographic.reading.example import worked_image
from attacks.typographic.reading.greedy import CLEAN_BUDGET
from attacks.typographic.reading.lead import lead_of
from attacks.typographic.reading.measure import head_name
from attacks.typographic.reading.measurements import Measurements
from attacks.typographic.reading.pairs import Drawer
from clipprobe.figures.reading import LINES, ablation_chart, place_chart
from clipprobe.report import Block, Chart, Numbers, Page, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import decimals
from clipprobe.report.sections import how_to_read, settings_rows
from clipprobe.runs import Run

_WHERE = {"cls": "the class token alone", "all": "every token"}


def build_page(
    run: Run,
    measurements: Measurements,
    drawer: Drawer,
    grid: tuple[int, int],
    provenance: Mapping[str, Any],
) -> Page:
    """The page."""
    summary = run.read_json("summary.json")
    n = summary["n"]
    short: list[Block] = [Warning(text) for text in summary["warnings"]]
    short += [Warning(f"Not available: {text}.") for text in summary["unavailable"]]
    short.append(
        Numbers(
            [(i["name"].replace("_", " "), i["estimate"], i["meaning"])
             for i in summary["headline"]]
        )
    )  # fmt: skip
    sections = [
        Section("In short", short),
        Section("Heads", _heads(summary)),
        Section("Taking heads out", _curves(summary)),
        Section("Where the word is", _places(summary)),
        Section("Neurons", _neurons(summary)),
        *(
            [Section("One image", worked_image(measurements, drawer, grid))]
            if run.has("images.parquet")  # else answers of single images are withheld
            else []
        ),
        how_to_read(_notes(summary)),
    ]
    return Page(
        title="Why it reads",
        subtitle=f"{n['pairs']:,} attacked images; units were chosen on {n['choose']:,} and "
        f"checked on the other {n['confirm']:,}. {n['heads']:,} heads, {n['neurons']:,} neurons.",
        sections=sections,
        provenance={**provenance, "settings": settings_rows(run.config)},
        lead=lead_of(summary),
    )


def _heads(summary: Mapping[str, Any]) -> list[Block]:
    rows = [
        [r["head"], "yes" if r["confirmed"] else "no", r["share"], r["reading"], r["holm_p"],
         r["direct"], r["direct_ink"], r["attention"], r["excess_blank"], r["excess_nonsense"]]
        for r in summary["heads"]
    ]  # fmt: skip
    random = summary["random"]["heads"]
    ink = f"{summary['heads'][0]['ink_patches']:.0%}" if summary["heads"] else "an unknown share"
    return [
        Table(
            ["head", "confirmed", "share of the change", "reading, logits", "Holm p",
             "direct, logits", "direct from ink, logits", "attention on ink",
             "more than blank label", "more than nonsense"],
            rows,
            "Heads in the order of the causal effect on the choosing half; share, reading and p "
            "are of the other half. Share: mean of patching the attacked head into the clean "
            "image and the reverse, over the rise of the margin. Reading: that effect less the "
            "same for the nonsense word. Direct effects and attention are means over all images; "
            f"{ink} of the patches hold ink.",
        ),
        Paragraph(
            f"Random heads: the {random['n']} heads that are not listed have a mean effect of "
            f"{decimals(random['mean'])} logits, 95 % of them between {decimals(random['low'])} "
            f"and {decimals(random['high'])}."
        ),
    ]  # fmt: skip


def _curves(summary: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    for where, rows in summary["curves"].items():
        last = rows[-1]
        sentence = "; ".join(
            f"{title} {decimals(rows[0][name]['value'])} to {decimals(last[name]['value'])}"
            for name, title in LINES.items()
        )
        blocks += [
            Paragraph(
                f"Heads taken out at {_WHERE[where]}, replaced by "
                f"{'zero' if summary['ablation'] == 'zero' else 'their mean over clean images'}."
            ),
            Chart(ablation_chart(rows), f"From 0 to {last['k']} heads out: {sentence}."),
            Table(
                ["heads out", "last one", *LINES.values(), "random: answers the word", "p"],
                [
                    [r["k"], "" if r["head"] is None else head_name(*r["head"]),
                     *(r[name] for name in LINES),
                     "" if r["random"] is None else _band(r["random"]["success"]),
                     "" if r["random"] is None else r["random"]["success"]["p"]]
                    for r in rows
                ],
                "On the confirming half. Random: as many heads drawn from the same blocks, mean "
                "and 95 % of the draws; p: share of draws that lower success at least as much.",
            ),
        ]  # fmt: skip
    return [*blocks, *_greedy(summary["greedy"])]


def _greedy(greedy: Mapping[str, Any]) -> list[Block]:
    if not greedy["tries"]:
        return [
            Paragraph(
                "Greedy selection: none, because the word does not move the margin more than a "
                "nonsense word does, with confidence."
            )
        ]
    names = [head_name(*head) for head in greedy["heads"]]
    rows = [
        [title, greedy["before"][name], greedy["after"][name],
         "" if greedy["random"] is None else _band(greedy["random"][name])]
        for name, title in LINES.items()
    ]  # fmt: skip
    order = "attention on ink" if greedy["order"] == "attention" else "causal effect"
    return [
        Paragraph(
            f"Greedy selection in the order of {order}, {len(greedy['tries'])} heads tried on the "
            f"choosing half, at most {CLEAN_BUDGET:.0%} of clean accuracy lost there: "
            f"{', '.join(names) if names else 'no head'}."
        ),
        Table(
            ["measure", "before", "after", f"{len(names)} random heads"],
            rows,
            "The greedy selection on the confirming half, which took no part in it.",
        ),
    ]


def _places(summary: Mapping[str, Any]) -> list[Block]:
    places = summary["places"]
    sentence = "; ".join(
        f"block {item['block']} {item['place']} {decimals(item['to']['value'])}" for item in places
    )
    blocks = [
        [row["block"], row["heads"], row["neurons"]] for row in summary["blocks"]
    ]  # fmt: skip
    return [
        Chart(
            place_chart(places),
            f"Share of the change that a group of tokens carries before each block: {sentence}.",
        ),
        Table(
            ["block", "all its heads", "all its neurons"],
            blocks,
            "Share of the change when all heads, or all neurons, of one block are patched.",
        ),
        Table(
            ["part", "share"],
            [[name, estimate] for name, estimate in summary["direct"].items()],
            "Direct effects: what the parts themselves write to the logit, attacked minus clean; "
            "they add up to the whole change.",
        ),
    ]


def _neurons(summary: Mapping[str, Any]) -> list[Block]:
    rows = [
        [r["neuron"], "yes" if r["confirmed"] else "no", r["share"], r["reading"], r["holm_p"],
         r["first_order"], r["direct"]]
        for r in summary["neurons"]
    ]  # fmt: skip
    random = summary["random"]["neurons"]
    return [
        Table(
            ["neuron", "confirmed", "share of the change", "reading, logits", "Holm p",
             "first order, logits", "direct, logits"],
            rows,
            "Neurons with the largest first-order effect on the choosing half, patched exactly; "
            "as for heads. 95 % of "
            f"{random['n']} random neurons of the same blocks lie between "
            f"{decimals(random['low'])} and {decimals(random['high'])} logits.",
        )
    ]  # fmt: skip


def _notes(summary: Mapping[str, Any]) -> list[str]:
    checks = summary["checks"]
    where = _WHERE[summary["tokens"]]
    return [
        "The margin is the logit of the written word's class minus that of the true class. Heads "
        f"and neurons are patched at {where}.",
        f"Checks: direct effects add up to the margin within {checks['direct_gap']:.1e} logits"
        + (
            f"; patching all heads and neurons gives the whole change within "
            f"{checks['patch_gap']:.1e}."
            if checks["patch_gap"] is not None
            else "."
        ),
        "A direct effect is what a part writes to the output itself; a causal effect includes what "
        "later parts make of it. Effects of single heads do not add up: heads can stand in for "
        "each other.",
        "Putting in shows what suffices, taking back what is needed. Attention shows where a head "
        "looks, not what it does with it.",
        "Confirmed: on images that took no part in choosing, more than the nonsense word "
        "(sign-flip permutation, Holm, p < 0.05), more than 97.5 % of random units, and at least a "
        "stated share of the change.",
        "It holds for these images, words, fonts and places; text here was written by this "
        "program.",
    ]


def _band(band: Mapping[str, Any]) -> str:
    return f"{band['mean']:.3f} [{band['low']:.3f}, {band['high']:.3f}] n={band['n']}"
