"""``clipprobe neurons label``: names for units, checked on images that did not choose them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clipprobe.cli.common import load_model, open_images, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.neurons.labels.settings import LabelVerb
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.neurons.labels.result import Labels

_N_ROWS = 15


def label(settings: LabelVerb, model: Model, terminal: Terminal) -> None:
    """Label the units, and print how many have a label and the surest."""
    from clipprobe.neurons.labels.labelling import check_settings
    from clipprobe.neurons.labels.store import LABELS

    named = str(settings.judge or "")
    by_model = named not in ("", "labels") and not named.startswith("column:")
    check_settings(settings, None if by_model else settings.judge)  # before a model is loaded
    settings = open_images(settings)
    clip = load_model(model)
    judge: Any = load_model(Model(model=named, device=model.device)) if by_model else settings.judge
    bar = progress("labelling", len(settings.dataset()))
    labels = make_run(LABELS, replace(settings, judge=judge), clip, bar).value
    result(labels.summary(), as_json=terminal.as_json, text=lambda: labels_text(labels))
    say(f"The report is {settings.out}/report.html.")


def labels_text(labels: Labels) -> str:
    """The labelling for people; the sentence about the judge comes first."""
    from clipprobe.report.numbers import ends

    summary = labels.summary()
    lines = [
        labels.note,
        f"{summary['n_labelled']} of {summary['n_units']} units have a label "
        f"({labels.abstention.value:.1%} have none), of {labels.n_concepts} concepts, chosen by "
        f"{labels.scorer} on {labels.n_choose} images and scored on {labels.n_held_out} others; "
        f"corrected over {labels.family} units",
    ]
    if labels.twin_units:
        lines.append(
            f"Random twins, by the same rules: {labels.twin_labelled} of {labels.twin_units} units"
        )
    if summary["n_labelled"]:
        lines.append(f"{labels.collisions()} units share their label with one of their hook point")
    rates = labels.rates()
    if rates["picture"].defined:
        parts = [f"{name} {rate.value:.1%}" for name, rate in rates.items() if rate.defined]
        lines.append(
            f"Share of fresh renderings above the unit's top 1 %, {rates['picture'].n} units: "
            + ", ".join(parts)
        )
    for row in labels.labelled()[:_N_ROWS]:
        checked = row.validation
        r, auroc = checked.pearson, checked.auroc
        lines.append(
            f"  {row.name}  {row.formula or row.label}  r {r.value:.3f} {ends(r.low, r.high)}"
            f", AUPRC {checked.auprc:.3f} ({checked.lift:.1f} times chance), AUROC "
            f"{auroc.value:.3f} n={auroc.n}, {checked.n_positive} show it"
        )
    return "\n".join(lines)


LABEL = Verb(label, (LabelVerb, Model, Terminal))
