"""``audit_bias``: from annotated groups and a model's answers to a run folder with a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attacks.bias.asking import ask_all
from attacks.bias.prepared import Prepared, prepare
from attacks.bias.report.against import AGAINST
from attacks.bias.report.write import report_outcome
from attacks.bias.settings import BiasAudit
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, carry_out

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.runs import Run, RunView


@takes(BiasAudit)
def audit_bias(clip: Clip | None, settings: BiasAudit) -> RunView:
    """Report how a model's image-text scores differ between annotated groups.

    The model is None where ``predictions`` say all that it said. The images come as images, as
    embeddings or as predictions: the numbers are the same. The default groups are perceived race,
    gender, age and race x gender, where a known format has them. With ``against`` the run holds
    the paired differences, ``against`` less the model, instead of a report; see
    :mod:`attacks.bias.report.against`.

    Returns:
        The complete run: ``cells.csv`` and ``cells.parquet`` (one row per figure),
        ``summary.json``, ``report.html``, ``report.md``. No row, vector or image of a single
        person, and nothing from which one can be followed. With ``against`` a run of the
        kind ``bias-comparison``.
    Raises:
        DataError: an unknown column, one group only, unreadable data, ids that do not match, NaN
            embeddings, or a table that answers none of the probes.
        UnknownMethodError: no probe has that name.
        ConfigError: k below 10 or over half of the images, ``against`` with a table of answers,
            an empty word list, a template without ``{}``, several sources at once, or a choice
            that nothing asked uses.
    Example:
        >>> run = audit_bias(clip, "faces/", ["perceived_gender"], out="runs/bias")
        >>> run.summary["headline"][0]["name"]
        'mean |d| of occupations by perceived gender'
    """
    study = BIAS if settings.against is None else AGAINST
    return carry_out(study, settings, clip).run


def prepare_bias(settings: BiasAudit, clip: Clip | None) -> Plan[None]:
    """Refuse what cannot be reported, and plan the report."""
    audit = prepare(settings, clip)
    return Plan(
        config=audit.config(),
        execute=lambda run: _execute(audit, run),
        seed=settings.seed,
        provenance=audit.provenance(),
        dataset=audit.people.description,
        workload=audit.passes,
    )


def _execute(audit: Prepared, run: Run) -> Outcome[None]:
    people, evidence = audit.ask(run)
    people, sample = audit.sample(people, paired=False)
    evaluation, missing = ask_all(audit.questions, audit.options, evidence, sample)
    notes = (*people.notes, *sample.unread, *missing)
    return report_outcome(audit, people, evaluation, notes)


BIAS = Study(kind="bias", settings=BiasAudit, prepare=prepare_bias)
