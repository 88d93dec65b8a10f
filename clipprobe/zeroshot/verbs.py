"""``clipprobe audit zeroshot``, ``few-shot``, ``limits``, ``carriers``: to a printed headline."""

from __future__ import annotations

from typing import Any

from clipprobe.cli.common import countdown, open_images, progress
from clipprobe.cli.studies import headline, run_audit
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal
from clipprobe.zeroshot.settings import CarriersAudit, FewShotAudit, LimitsAudit, ZeroShotAudit

# A wrong path, table or threshold is said before the model is loaded.


def zeroshot(audit: ZeroShotAudit, model: Model, terminal: Terminal) -> None:
    """Run the zero-shot audit and print its headline."""
    from clipprobe.zeroshot.audit import ZEROSHOT, inputs_of

    audit = open_images(audit)
    inputs_of(audit)
    bar = countdown("images encoded")
    run_audit(ZEROSHOT, audit, model, terminal, bar=bar, text=_text)


def few_shot(audit: FewShotAudit, model: Model, terminal: Terminal) -> None:
    """Run the few-shot audit and print its headline."""
    from clipprobe.zeroshot.few_shot.audit import FEW_SHOT, refuse_unasked

    if audit.images is not None:
        audit = open_images(audit)
    refuse_unasked(audit)
    bar = countdown("images encoded and draws fitted")
    run_audit(FEW_SHOT, audit, model, terminal, bar=bar, text=_text)


def limits(audit: LimitsAudit, model: Model, terminal: Terminal) -> None:
    """Run the audit of limits and print a verdict for each task."""
    from clipprobe.zeroshot.limits.audit import LIMITS, refuse_thresholds
    from clipprobe.zeroshot.limits.pairs import Pairs

    refuse_thresholds(audit)
    if audit.foils is not None:
        Pairs.read(audit.foils, image_root=audit.image_root)

    def verdicts(summary: dict[str, Any]) -> str:
        tasks = summary["tasks"]
        return "\n".join(f"{one['task']:<18} {one['verdict']['verdict']}" for one in tasks)

    bar = countdown("asking, tasks and models")
    # What is used are questions, of which an image has several.
    run_audit(LIMITS, audit, model, terminal, bar=bar, text=verdicts, of_all=False)


def carriers(audit: CarriersAudit, model: Model, terminal: Terminal) -> None:
    """Trace a class or a claim, and print the key figures and the confirmed units."""
    from clipprobe.zeroshot.carriers.audit import CARRIERS, inputs_of
    from clipprobe.zeroshot.carriers.report import in_words

    if audit.images is not None:
        audit = open_images(audit)
    inputs_of(audit)

    def text(summary: dict[str, Any]) -> str:
        return f"{_text(summary)}\n{in_words(summary)}"

    bar = progress("images through the model")
    run_audit(CARRIERS, audit, model, terminal, bar=bar, text=text)


def _text(summary: dict[str, Any]) -> str:
    """Warnings, headline, and where the curves of a few-shot audit pass zero-shot."""
    crossings = [
        f"{one['name']}: {method} crosses zero-shot at {text} shots"
        for one in summary.get("sets", ())
        for method, text in one["crossing_text"].items()
    ]
    return "\n".join([headline(summary, width=24), *crossings])


ZEROSHOT = Verb(zeroshot, (ZeroShotAudit, Model, Terminal))
FEW_SHOT = Verb(few_shot, (FewShotAudit, Model, Terminal))
LIMITS = Verb(limits, (LimitsAudit, Model, Terminal))
CARRIERS = Verb(carriers, (CarriersAudit, Model, Terminal))
