"""``clipprobe audit zeroshot``, ``few-shot``, ``limits``, ``carriers``: to a printed headline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from clipprobe.cli.common import countdown, load_model, open_images, progress, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal
from clipprobe.zeroshot.settings import CarriersAudit, FewShotAudit, LimitsAudit, ZeroShotAudit


def zeroshot(audit: ZeroShotAudit, model: Model, terminal: Terminal) -> None:
    """Run the zero-shot audit and print its headline."""
    from clipprobe.zeroshot.audit import audit_zeroshot, inputs_of

    _run(audit_zeroshot, inputs_of, audit, model, terminal, "images encoded")


def few_shot(audit: FewShotAudit, model: Model, terminal: Terminal) -> None:
    """Run the few-shot audit and print its headline."""
    from clipprobe.zeroshot.few_shot.audit import audit_few_shot, refuse_unasked

    doing = "images encoded and draws fitted"
    _run(audit_few_shot, refuse_unasked, audit, model, terminal, doing)


def limits(audit: LimitsAudit, model: Model, terminal: Terminal) -> None:
    """Run the audit of limits and print a verdict for each task."""
    from clipprobe.thresholds import enforce, headline_figures
    from clipprobe.zeroshot.limits.audit import audit_limits, refuse_thresholds
    from clipprobe.zeroshot.limits.pairs import Pairs

    refuse_thresholds(audit)
    if audit.foils is not None:
        # A wrong table is said before the model is loaded.
        Pairs.read(audit.foils, image_root=audit.image_root)
    clip = load_model(model)
    with countdown("asking, tasks and models") as step:
        carry_out: Any = audit_limits  # which takes the record too
        view = carry_out(clip, replace(audit, progress=step, fail_under=None))
    result(
        view.summary,
        as_json=terminal.as_json,
        text=lambda: "\n".join(
            f"{one['task']:<18} {one['verdict']['verdict']}" for one in view.summary["tasks"]
        ),
    )
    say(f"report: {view.path / 'report.html'}")
    enforce(headline_figures(view.summary), audit.fail_under)


def carriers(audit: CarriersAudit, model: Model, terminal: Terminal) -> None:
    """Trace a class or a claim, and print the key figures and the confirmed units."""
    from clipprobe.thresholds import enforce, headline_figures
    from clipprobe.zeroshot.carriers.audit import audit_carriers, inputs_of
    from clipprobe.zeroshot.carriers.report import in_words

    if audit.images is not None:  # a wrong path is said before the model is loaded
        audit = open_images(audit)
    inputs_of(audit)
    clip = load_model(model)
    with progress("images through the model") as advance:
        carry_out: Any = audit_carriers  # which takes the record too
        view = carry_out(clip, replace(audit, progress=advance, fail_under=None))
    result(
        view.summary,
        as_json=terminal.as_json,
        text=lambda: "\n".join([*_lines(view.summary), in_words(view.summary)]),
    )
    _say_where(view)
    enforce(headline_figures(view.summary), audit.fail_under)


def _say_where(view: Any) -> None:
    """What was left out, and where the report is."""
    counts = view.manifest["counts"]
    if lost := counts["failed"] + counts["skipped"]:
        say(f"{lost} of {counts['used'] + lost} images were left out; manifest.json says why.")
    say(f"report: {view.path / 'report.html'}")


def _run(
    carry_out: Any, check: Any, audit: Any, model: Model, terminal: Terminal, doing: str
) -> None:
    from clipprobe.thresholds import enforce, headline_figures

    if audit.images is not None:  # a wrong path is said before the model is loaded
        audit = open_images(audit)
    check(audit)
    clip = load_model(model)
    with countdown(doing) as step:
        view = carry_out(clip, replace(audit, progress=step, fail_under=None))
    result(
        view.summary,
        as_json=terminal.as_json,
        text=lambda: "\n".join(_lines(view.summary)),
    )
    _say_where(view)
    enforce(headline_figures(view.summary), audit.fail_under)


def _lines(summary: dict[str, Any]) -> list[str]:
    """Warnings, headline, and where the curves of a few-shot audit pass zero-shot."""
    from clipprobe.report.numbers import format_cell

    return [
        *(f"warning: {text}" for text in summary["warnings"]),
        *(
            f"{item['name'].replace('_', ' '):<24} {format_cell(item['estimate'])}"
            for item in summary["headline"]
        ),
        *(
            f"{one['name']}: {method} crosses zero-shot at {text} shots"
            for one in summary.get("sets", ())
            for method, text in one["crossing_text"].items()
        ),
    ]


ZEROSHOT = Verb(zeroshot, (ZeroShotAudit, Model, Terminal))
FEW_SHOT = Verb(few_shot, (FewShotAudit, Model, Terminal))
LIMITS = Verb(limits, (LimitsAudit, Model, Terminal))
CARRIERS = Verb(carriers, (CarriersAudit, Model, Terminal))
