"""The run folder of the units that are like one unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clipprobe.data import Failure
from clipprobe.memory import fitting_batch
from clipprobe.neurons.effects.settings import SimilarTest
from clipprobe.neurons.effects.similar import NONE_COMPARED, SimilarUnits, compared, similar_units
from clipprobe.neurons.instruments.store import InMemory
from clipprobe.report.numbers import decimals
from clipprobe.runs import Run, RunView
from clipprobe.runs.tables import columns_of
from clipprobe.settings import takes
from clipprobe.statistics import Estimate, undefined
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.report import Page

KIND = "similar"
TABLE = "similar.parquet"
COLUMNS = {
    "site": "string",
    "unit": "int32",
    "measure": "string",
    "end": "string",
    "rank": "int16",
    "other": "string",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
    "method": "string",
    "reason": "string",
}
"""Columns of the table, in order, with their types."""


@takes(SimilarTest)
def similar_run(clip: Clip, settings: SimilarTest) -> SimilarUnits:
    """:func:`similar_units`, kept on disk; a complete run of the same settings is read.

    Raises:
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    return carry_out(SIMILAR, settings, clip).value


def prepare_similar(settings: SimilarTest, clip: Clip) -> Plan[SimilarUnits]:
    """Find the unit, what it is compared with, and the images."""
    dataset = settings.dataset()
    own, _, _ = compared(clip, settings.address, settings.sites, settings.pool)
    fitting_batch(clip, settings.batch_size, len(dataset))
    provenance = clip.provenance()
    config = {
        "model": provenance["model"],
        "data": dataset.describe(),
        "device": clip.device.type,
        "unit": own,
        "sites": list(settings.sites) if settings.sites else None,
        **settings.values_of("pool", "k", "batch_size"),
    }

    def execute(run: Run) -> Outcome[SimilarUnits]:
        options = settings.values_of("sites", "pool", "k", "batch_size", "workers", "progress")
        similar = similar_units(clip, dataset, own, **options)
        table = columns_of(list(_rows(similar)), COLUMNS)
        store = InMemory({TABLE: lambda: table}, lambda: summarise(similar))
        return Outcome(
            value=replace(similar, store=store),
            files=[(TABLE, table)],
            summary=lambda: summarise(similar),
            page=lambda run: page_of(similar),
            used=similar.n_images,
            failed=similar.n_failed,
            failures=similar.failures,
        )

    return Plan(
        config=config,
        execute=execute,
        provenance={key: provenance[key] for key in ("model", "versions")},
        dataset=dataset.describe(),
        workload=lambda: Workload(images=len(dataset), texts=0),
    )


def summarise(result: SimilarUnits) -> dict[str, Any]:
    """``summary.json``."""
    nothing = undefined(NONE_COMPARED, n=result.n_images)
    other, best = result.similar[0] if result.similar else ("no unit", nothing)
    headline = {
        "name": "most similar",
        "estimate": best,
        "meaning": f"Pearson's r of {result.address} with {other}; the best of "
        "as many unrelated units exceeds the floor in 5 % of cases",
    }
    summary = {"kind": KIND, "headline": [headline], **result.to_json()}
    del summary["provenance"], summary["failures"]  # the manifest has both
    return summary


def read(run: RunView) -> SimilarUnits:
    """The result that a run kept."""
    data = run.read_json("summary.json")
    rows = run.read_table(TABLE).to_pylist()
    config = run.read_json("config.json")["config"]
    manifest = run.read_json("manifest.json")

    def listed(measure: str, end: str) -> tuple[tuple[str, Any], ...]:
        return tuple(
            (row["other"], Estimate.from_json(row) if measure == "activation" else row["value"])
            for row in rows
            if row["measure"] == measure and row["end"] == end
        )

    return SimilarUnits(
        address=data["unit"],
        **{name: data[name] for name in ("name", "n_units", "n_images", "n_failed")},
        similar=listed("activation", "most alike"),
        opposed=listed("activation", "most opposed"),
        floor=math.nan if data["floor"] is None else data["floor"],
        same_output=listed("output", "most alike"),
        opposite_output=listed("output", "most opposed"),
        failures=tuple(Failure(one["id"], one["reason"]) for one in manifest["failures"]),
        provenance={
            **{name: manifest[name] for name in ("model", "versions")},
            **{name: config[name] for name in ("data", "pool")},
        },
        store=run,
    )


def page_of(result: SimilarUnits) -> Page:
    """The report."""
    from clipprobe.neurons.effects.opening import similar_lead
    from clipprobe.report import Page, Section, Table

    def table(measure: str, name: str, caption: str) -> Table:
        lists = [(end, pairs) for what, end, pairs in _lists(result) if what == measure]
        rows = [[other, end, value] for end, pairs in lists for other, value in pairs]
        return Table(["unit", "is", name], rows, caption)

    caption = (
        f"Pearson's r of activations with {result.name} over {result.n_images:,} images, of "
        f"{result.n_units:,} units; the best of as many unrelated units exceeds |r| = "
        f"{decimals(result.floor)} in 5 % of cases."
    )
    sections = [Section("By what they respond to", [table("activation", "r", caption)])]
    if result.same_output:
        caption = "Cosine of what the neurons write into the residual stream, from the weights."
        sections.append(Section("By what they write", [table("output", "cosine", caption)]))
    return Page(
        title=f"Units like {result.address}",
        subtitle=f"{result.name}, on {result.n_images:,} images",
        sections=sections,
        provenance=result.provenance,
        lead=similar_lead(result),
    )


def _lists(result: SimilarUnits) -> list[tuple[str, str, Sequence[tuple[str, Any]]]]:
    """Measure, end, and the units there."""
    return [
        ("activation", "most alike", result.similar),
        ("activation", "most opposed", result.opposed),
        ("output", "most alike", result.same_output),
        ("output", "most opposed", result.opposite_output),
    ]


def _rows(result: SimilarUnits) -> Iterable[dict[str, Any]]:
    site, _, unit = result.address.rpartition(":")
    for measure, end, pairs in _lists(result):
        for rank, (other, value) in enumerate(pairs):
            known = isinstance(value, Estimate)
            yield {
                "site": site,
                "unit": int(unit),
                "measure": measure,
                "end": end,
                "rank": rank,
                "other": other,
                "value": value.value if known else value,
                "low": value.low if known else math.nan,
                "high": value.high if known else math.nan,
                "n": value.n if known else 0,
                "method": value.method if known else "from the weights",
                "reason": value.reason if known else "",
            }


SIMILAR = Study(kind=KIND, settings=SimilarTest, prepare=prepare_similar, load=read)
