"""Two models asked about the same images in one process: paired differences, and nothing else kept.

What pairs them (each figure's values on common resamples) would let a reader follow single images:
where an outcome has one hit its values are that image's weights. So it lives in memory only, and
the run holds both models' figures, their differences with intervals, and p and q.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.report.differences import (
    figures_of,
    find_differences,
    summarise,
    write_comparison,
)
from clipprobe.errors import DataError
from clipprobe.runs import Run


def write_against(
    run: Run,
    evaluations: tuple[Evaluation, Evaluation],
    provenances: tuple[Mapping[str, Any], Mapping[str, Any]],
    *,
    counts: Mapping[str, int],
    failures: Sequence[Mapping[str, Any]],
    dataset: Mapping[str, Any],
    seed: int,
    notes: Sequence[str],
    limits: Sequence[str],
) -> None:
    """Compare the figures of both models and finish the run.

    Args:
        evaluations: Of A and of B, over one sample. provenances: theirs.
        counts: Images skipped and failed. notes: what a reader must know about the data.
    Raises:
        DataError: there is no figure that both can show.
    """
    first, second = (
        figures_of([cell.to_row() | {"draws": cell.draws} for cell in one.cells])
        for one in evaluations
    )
    rows = find_differences(first, second, paired=True)
    if not rows:
        raise DataError("Nothing could be compared: no group is large enough to be shown.")
    used = n_taking_part(evaluations[0].columns)
    summary = summarise(
        rows,
        runs={
            side: {"name": side.upper(), "used": used, "seed": seed, **_about(provenance)}
            for side, provenance in zip("ab", provenances, strict=True)
        },
        first=first,
        second=second,
        paired=True,
        warnings=notes,
        settings=(),
        limits=limits,
    )
    write_comparison(summary, run)
    run.finish(
        provenance=dict(provenances[0]),
        counts={"used": used, **counts},
        failures=failures,
        seed=seed,
        dataset=dataset,
    )


def _about(provenance: Mapping[str, Any]) -> dict[str, Any]:
    model = provenance["model"]
    return {"model": model.get("id"), "weights_sha256": model.get("weights_sha256")}
