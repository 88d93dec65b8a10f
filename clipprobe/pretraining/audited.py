"""What the audits of few-shot curves and limits say of the bundled model, for its page.

:func:`measure_audits` runs them, and :func:`audit_section` writes their results as Markdown, with
:func:`curves_chart` beside it. No figure is typed by hand, so that new weights bring a new page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.pretraining.evaluation.ability import SEED, concept_classifier
from clipprobe.report.curves import Panel, curves_svg
from clipprobe.report.numbers import format_cell, format_short
from clipprobe.stimuli import (
    Concept,
    concept_set,
    concepts,
    render,
    unnamed_things,
    unseen_concepts,
)
from clipprobe.zeroshot import audit_few_shot, audit_limits
from clipprobe.zeroshot.scores import abstention

if TYPE_CHECKING:
    from clipprobe.models import Clip

CHART = "few-shot.svg"
_ALPHA = 0.05
_NUMBERS = ("zero_shot", "image", "text", "mapped", "blind")
_TITLES = {"seen": "Shown in training", "never seen": "Never shown in training"}


def measure_audits(
    clip: Clip,
    *,
    per_thing: int = 4,
    few_shot: Mapping[str, Any] = {},
    limits: Mapping[str, Any] = {},
) -> dict[str, Any]:
    """Run the three, and keep what the page says.

    Args:
        per_thing: Images of each thing on which abstention is measured.
        few_shot, limits: Settings of the audits; their defaults where empty.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        curves = audit_few_shot(
            clip, never_seen=True, seed=SEED, out=folder / "few-shot", **few_shot
        ).summary
        tasks = audit_limits(clip, seed=SEED, out=folder / "limits", **limits).summary["tasks"]
    facts = ("task", "question", "taught", "n", "groups", "chance")
    keys = ("name", "n_classes", "shots", "positions", "zero_shot", "curves", "crossing_text")
    return {
        "few_shot": [{key: one[key] for key in keys} for one in curves["sets"]],
        "abstention": _abstention(clip, per_thing),
        "limits": [
            {
                **{key: one[key] for key in facts},
                **{key: one["verdict"][key] for key in ("verdict", "reason", "numbers")},
                "twin": one["twin"],
            }
            for one in tasks
        ],
    }


def _abstention(clip: Clip, per_thing: int) -> dict[str, Any]:
    """Answers to things that training never showed, named or not, and to those that it did."""
    classifier = concept_classifier(clip)
    nameless = [
        Concept(
            name=code, article="", plural="", kind="count", synonyms=(), category="", codepoint=code
        )
        for code in unnamed_things()
    ]

    def best(names: Sequence[Concept]) -> tuple[Any, list[str]]:
        samples = list(
            concept_set(
                "picture", per_concept=per_thing, seed=SEED, names=names, styles=("noto",),
                size_px=clip.image_size,
            )
        )  # fmt: skip
        images = clip.encode_images(
            (render(sample.scene).image for sample in samples), batch_size=64
        )
        return (images @ classifier.T).max(axis=1), [sample.label for sample in samples]

    unknown, things = best([*unseen_concepts(), *nameless])
    known, known_things = best(concepts())
    result = abstention(
        unknown, things, known, known_things=known_things, alpha=_ALPHA, seed=SEED
    ).to_json()
    return {**result, "known": len(np.unique(known_things))}


def curves_chart(audits: Mapping[str, Any]) -> str:
    """The curves of both sets side by side, as SVG."""
    panels = [
        Panel(
            title=f"{_TITLES[one['name']]}: {one['n_classes']} things",
            positions=one["positions"],
            curves=one["curves"],
            level=("zero-shot", one["zero_shot"]),
            note=f"probe crosses zero-shot at {one['crossing_text']['probe']} shots",
        )
        for one in audits["few_shot"]
    ]
    return curves_svg(panels, alt=_alt(audits), axis="labelled images of each thing")


def _alt(audits: Mapping[str, Any]) -> str:
    ends = "; ".join(
        f"{_TITLES[one['name']].lower()}: {_crossings(one)}" for one in audits["few_shot"]
    )
    return f"Accuracy of a linear probe and of LP++ over labelled images, beside zero-shot; {ends}"


def _crossings(one: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{method} crosses zero-shot at {text} shots"
        for method, text in one["crossing_text"].items()
    )


def audit_section(audits: Mapping[str, Any], chart: str) -> str:
    """The section of the page; ``chart`` is where the curves are, relative to it."""
    return "\n".join(
        [
            "## Zero-shot, few-shot and limits",
            "",
            "`clipprobe audit few-shot --never-seen`: pictures of things that training showed, and "
            "of as many of the same\ncategories that it never showed or named. Means over draws, "
            "with intervals over draws and things; a crossing\nis where a curve passes zero-shot.",
            "",
            f"![{_alt(audits)}]({chart})",
            "",
            *_curve_table(audits["few_shot"]),
            "",
            *_abstention_lines(audits["abstention"]),
            "",
            *_limit_lines(audits["limits"]),
            "",
        ]
    )


def _curve_table(sets: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield (
        "| things | method | zero-shot | "
        + " | ".join("1 shot" if shots == "1" else f"{shots} shots" for shots in sets[0]["shots"])
        + " | crosses zero-shot at |"
    )
    yield "|" + "---|" * (4 + len(sets[0]["shots"]))
    for one in sets:
        for method, estimates in one["curves"].items():
            cells = " | ".join(format_short(estimate) for estimate in estimates)
            yield (
                f"| {one['name']}, {one['n_classes']} | {method} | {format_cell(one['zero_shot'])} "
                f"| {cells} | {one['crossing_text'][method]} |"
            )


def _abstention_lines(result: Mapping[str, Any]) -> Iterable[str]:
    unknown, known = result["unknown_answered"], result["known_answered"]
    yield (
        f"Abstention at {result['alpha']:g}: the score below which an image is not answered, "
        f"calibrated on half of {result['n_things']} things\nthat training never showed (mean of "
        f"{result['splits']} splits by thing), lets {unknown['value']:.3f} of the images of the "
        f"other half through\n(central 95 % of single splits [{unknown['low']:.3f}, "
        f"{unknown['high']:.3f}], n={unknown['n']:,}) and {format_cell(known)} of those of the "
        f"{result['known']} things that it knows."
    )


def _limit_lines(tasks: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield (
        "`clipprobe audit limits`: share right of the same questions by zero-shot, by a probe on "
        "each tower, by zero-shot after\none linear map, and by a probe that sees the texts alone; "
        "what each verdict means stands in [its page](zero-shot.md).\nTaught: the images or "
        "captions of these weights' training show or say such things. Twin: the same network at "
        "random\nweights, its zero-shot, image probe, text probe and map."
    )
    yield ""
    yield (
        "| task | chance | zero-shot | image tower | text tower | after one map | texts alone | "
        "twin | verdict | n |"
    )
    yield "|" + "---|" * 10
    for one in tasks:
        twin = " / ".join(f"{one['twin'][name]['value']:.2f}" for name in _NUMBERS[:4])
        cells = [
            one["task"] + (" (taught)" if one["taught"] else ""),
            f"{one['chance']:.2f}",
            *(format_short(one["numbers"][name]) for name in _NUMBERS),
            twin,
            one["verdict"],
            f"{one['n']:,}",
        ]
        yield f"| {' | '.join(cells)} |"
