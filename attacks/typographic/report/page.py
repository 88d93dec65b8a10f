"""The report of a typographic audit: what a reader needs to believe, or doubt, its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import Renderer
from attacks.typographic.report.comparability import comparable_sections
from attacks.typographic.report.lead import lead_of
from attacks.typographic.scoring.metrics import EFFECTS
from attacks.typographic.task import Task
from clipprobe.figures.typographic import (
    TITLES,
    condition_chart,
    effect_chart,
    in_order,
    word_chart,
)
from clipprobe.report import Block, Chart, Images, Page, Paragraph, Section, Table
from clipprobe.report.numbers import decimals
from clipprobe.report.sections import how_to_read, in_short, settings_rows
from clipprobe.runs import Run

PANELS = 3
_METRICS = ("accuracy", "pairwise_accuracy", "targeted_success", "untargeted_success")
_METRICS_OF_CONTROLS = ("accuracy", "targeted_success")
_CONTROLS = ("true", "blank", "scrambled", "nonsense")
_OF_EFFECT = ("estimate", "mcnemar_p", "holm_p", "meaning")
_DENOMINATORS = {
    "all": "all images",
    "clean_right": "right when clean",
    "not_already_target": "not already the word",
}


def build_page(run: Run, task: Task) -> Page:
    """The page, from table and summary in the run folder.

    The images are rendered again; the same settings give the same images.
    """
    summary = run.read_json("summary.json")
    n = summary["n"]
    sections = [
        in_short(summary),
        Section("Accuracy and answers", _conditions(summary), short="Accuracy"),
    ]
    if summary["effects"]:
        title = "What does it: reading, clutter or hiding"
        sections.append(Section(title, _effects(summary), short="Reading or hiding"))
    sections += comparable_sections(summary)
    if run.has("results.parquet"):  # else answers of single images are withheld
        by_id = {case.record.id: case for case in task.cases}
        sections += _example_images(summary, task.renderer, by_id, _answers(run))
    if summary["words"]:
        sections.append(Section("Words", _words(summary)))
    if source := summary.get("source"):
        sections.append(Section("Data", data_blocks(source)))
    sections.append(how_to_read(_notes(summary)))
    return Page(
        title="Typographic audit",
        subtitle=f"{n['images']:,} images, {n['classes']:,} classes, {n['encoded']:,} images "
        f"encoded; {n['failed']:,} unreadable, {n['skipped']:,} left out.",
        sections=sections,
        provenance={**task.clip.provenance(), "settings": settings_rows(run.config)},
        lead=lead_of(summary),
    )


def _conditions(summary: Mapping[str, Any]) -> list[Block]:
    conditions = summary["conditions"]
    names = in_order(conditions)
    rows = [
        [TITLES[name], metric.replace("_", " "), _DENOMINATORS[denominator], estimate]
        for name in names
        for metric in (_METRICS_OF_CONTROLS if name in _CONTROLS else _METRICS)
        for denominator, estimate in conditions[name].get(metric, {}).items()
        if name in ("attack", "synth") or denominator == "all"
    ]
    sentence = "; ".join(
        f"{TITLES[name]} {decimals(conditions[name]['accuracy']['all']['value'])}" for name in names
    )
    blocks: list[Block] = [
        Chart(condition_chart(conditions), f"Share answered with the true class: {sentence}."),
        Table(
            ["condition", "measure", "of", "share"],
            rows,
            "Every share with its denominator and 95 % interval. Targeted success of a control is "
            "the share answered with the word that the attack wrote. All denominators of the "
            "controls are in summary.json.",
        ),
    ]
    fractions = summary["distill_fractions"]
    if fractions and None not in fractions.values():
        blocks.append(
            Table(
                ["change of the answer", "share"],
                [[name.replace("_", " "), value] for name, value in fractions.items()],
                "Attacked against clean, images with a target (Goh et al. 2021); sums to 1.",
            )
        )
    return blocks


def _effects(summary: Mapping[str, Any]) -> list[Block]:
    # Read back from JSON the names are sorted; here they stand from reading to clutter.
    effects = {name: summary["effects"][name] for name in EFFECTS if name in summary["effects"]}
    sentence = "; ".join(
        f"{name.replace('_', ' ')} {decimals(item['estimate']['value'])}"
        for name, item in effects.items()
    )
    return [
        Chart(effect_chart(effects), f"Paired differences: {sentence}."),
        Table(
            ["effect", "difference", "McNemar p", "Holm p", "meaning"],
            [
                [name.replace("_", " "), *(item[column] for column in _OF_EFFECT)]
                for name, item in effects.items()
            ],
            "Paired over the same images, 95 % intervals; p exact, Holm over the rows.",
        ),
    ]


def _example_images(
    summary: Mapping[str, Any],
    renderer: Renderer,
    cases: Mapping[str, Case],
    answers: Mapping[tuple[str, str, str], str],
) -> list[Section]:
    worst = summary["worst"]
    if summary["natural"]:
        images = [(renderer.base(cases[w["image"]]), _caption(w)) for w in worst]
        return [Section("Worst cases", [Images(images)])] if images else []
    attacked = [k for k in answers if k[2] == "attack"]
    pairs = [(w["image"], w["word"]) for w in worst[:PANELS]]
    pairs += [k[:2] for k in attacked if k[:2] not in pairs][: PANELS - len(pairs)]
    panels: list[Block] = [
        Paragraph(
            "The same image under every condition, with the model's answer: the controls stand "
            "in the place of the attack, at its size."
        )
    ]
    for image, word in pairs:
        base = renderer.base(cases[image])
        by_condition = {"clean": base}
        by_condition.update((k, a.image) for k, a in renderer.conditions(cases[image], base, word))
        true = renderer.classes.names[cases[image].label]
        panels.append(Paragraph(f"An image of “{true}”, attacked with “{word}” ({image})."))
        captions = [(k, answers.get((image, word, k))) for k in in_order(by_condition)]
        panels.append(
            Images([(by_condition[k], f"{TITLES[k]}: “{a}”") for k, a in captions], columns=6)
        )
    sections = [Section("Conditions side by side", panels, short="Conditions")]
    if worst:
        images = []
        for w in worst:
            case = cases[w["image"]]
            kinds = renderer.conditions(case, renderer.base(case), w["word"])
            images.append((next(kinds)[1].image, _caption(w)))
        sections.append(Section("Worst cases", [Images(images)]))
    return sections


def _caption(worst: Mapping[str, Any]) -> str:
    return (
        f"{worst['label']} with “{worst['word']}”: answered “{worst['predicted']}”, "
        f"p {worst['p_target']:.2f} (true {worst['p_label']:.2f})"
    )


def data_blocks(source: Mapping[str, Any]) -> list[Block]:
    """Where the images come from, what may be done with them, and how many there are."""
    expected = " or ".join(f"{n:,}" for n in source["expected"]) or "no number is published"
    rows = [
        ["data set", source["title"]],
        ["licence", source["licence"]],
        ["commercial use", "not allowed" if source["noncommercial"] else "see the licence"],
        ["source", source["source"] or "local"],
        ["citation", source["citation"] or "none"],
        ["images as published", expected],
        *[[f"found: {TITLES.get(name, name)}", n] for name, n in source["found"].items()],
    ]
    return [Table(["", ""], rows, "The attack data set, as its layout describes it.")]


def _words(summary: Mapping[str, Any]) -> list[Block]:
    words = summary["words"]
    return [
        Chart(
            word_chart(words),
            "Targeted success by word: "
            + "; ".join(f"{w['word']} {decimals(w['success']['value'])}" for w in words[:5])
            + ".",
        ),
        Table(
            ["word", "class", "targeted success"],
            [[w["word"], w["target"], w["success"]] for w in words],
            "Words that stand on at least five images, the most successful first; the order is "
            "itself a selection, so the first rates are too high on average.",
        ),
    ]


def _notes(summary: Mapping[str, Any]) -> list[str]:
    notes = [
        "An answer is the class whose text vector is nearest; the text vectors are averages over "
        "the templates. Pairwise accuracy chooses between the true class and the written word "
        "only, a tie counting as wrong.",
        "Intervals are 95 %: Wilson for shares of independent images, percentile bootstrap over "
        "images (photographed objects) else. They say nothing about other images, words, "
        "fonts or prompts than those used here.",
    ]
    if summary["natural"]:
        twins = (
            "Clean, photographed and synthetic twin show one scene and are compared in pairs. "
            "There is"
            if "synth" in summary["conditions"]
            else "Clean and attacked are different photographs of one object, and there is"
        )
        return [
            *notes,
            f"These images carried their words already. {twins} no nonsense-word control, so what "
            "is reading and what is clutter cannot be told apart.",
        ]
    return [
        *notes,
        "Text was written by this program. Handwriting, distance, light and perspective of real "
        "attacks are not in it.",
        "A nonsense word is made by exchanging letters and checked against the classes and words "
        "of this audit, not against a dictionary.",
    ]


def _answers(run: Run) -> dict[tuple[str, str, str], str]:
    table = run.read_table("results.parquet")
    columns = [table[name].to_pylist() for name in ("image", "word", "condition", "predicted")]
    return {(i, w, c): p for i, w, c, p in zip(*columns, strict=True)}
