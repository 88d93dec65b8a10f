"""Two models asked about the same images in one process: paired differences, and nothing else kept.

What pairs them (each figure's values on common resamples) would let a reader follow single images:
where an outcome has one hit its values are that image's weights. So it lives in memory only, and
the run holds both models' figures, their differences with intervals, and p and q.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attacks.bias.asking import ask_all
from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.prepared import Prepared, prepare
from attacks.bias.report.comparison_page import comparison_outcome
from attacks.bias.report.differences import KIND, figures_of, summarise
from attacks.bias.sections.caveats import Caveats
from attacks.bias.sections.planted import is_organism
from attacks.bias.settings import BiasAudit
from clipprobe.errors import ConfigError, DataError
from clipprobe.identity import called
from clipprobe.study import Outcome, Plan, Study

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.runs import Run


def prepare_against(settings: BiasAudit, clip: Clip | None) -> Plan[Any]:
    """Refuse what cannot be paired, and plan the comparison."""
    other = settings.against
    if other is None:
        raise ConfigError("Two models are compared, and only one was given: give --against.")
    if settings.images is None or settings.include_images:
        raise ConfigError(
            "Two models are compared on images that both can see, in a run of figures only: give "
            "images, no embeddings or predictions, and leave images out of the report."
        )
    audit = prepare(settings, clip)
    return Plan(
        config={**audit.config(), "against": other.provenance()["model"]},
        execute=lambda run: _execute(audit, other, run),
        seed=settings.seed,
        provenance=audit.provenance(),
        dataset=audit.people.description,
        workload=lambda: audit.passes() + audit.passes(),
    )


def _execute(audit: Prepared, other: Clip, run: Run) -> Outcome[Any]:
    people, evidence = audit.ask(run)
    people, sample = audit.sample(people, paired=True)
    first, missing = ask_all(audit.questions, audit.options, evidence, sample)
    again = audit.ask_again(other, people, run)
    second, _ = ask_all(audit.questions, audit.options, again, sample)
    caveats = Caveats(
        people=people,
        organism=bool(audit.planted) or is_organism(audit.clip) or is_organism(other),
        notes=(*people.notes, *sample.unread, *missing),
    )
    summary = compared(
        (first, second),
        (audit.provenance(), other.provenance()),
        seed=audit.settings.seed,
        limits=caveats.limits,
    )
    summary["warnings"] = list(caveats.notes)
    return comparison_outcome(summary, used=n_taking_part(first.columns), **people.counts)


def compared(
    evaluations: tuple[Evaluation, Evaluation],
    provenances: tuple[Mapping[str, Any], Mapping[str, Any]],
    *,
    seed: int,
    limits: Sequence[str],
) -> dict[str, Any]:
    """The summary of both models' figures and their paired differences.

    Args:
        evaluations: Of A and of B, over one sample. provenances: theirs.
    Raises:
        DataError: there is no figure that both can show.
    """
    first, second = (
        figures_of([cell.to_row() | {"draws": cell.draws} for cell in one.cells])
        for one in evaluations
    )
    used = n_taking_part(evaluations[0].columns)
    runs = {
        side: {"name": side.upper(), "used": used, "seed": seed, **_about(provenance)}
        for side, provenance in zip("ab", provenances, strict=True)
    }
    summary = summarise(first, second, runs=runs, paired=True, limits=limits)
    if not summary["differences"]:
        raise DataError("Nothing could be compared: no group is large enough to be shown.")
    return summary


def _about(provenance: Mapping[str, Any]) -> dict[str, Any]:
    model = provenance["model"]
    return {"model": called(model), "weights_sha256": model.get("weights_sha256")}


AGAINST = Study(kind=KIND, name="bias-against", settings=BiasAudit, prepare=prepare_against)
"""The comparison of two stored runs makes the same kind."""
