"""The run folder of the units that are like one unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.data import Dataset, Failure, as_dataset
from clipprobe.neurons.effects.similar import SimilarUnits, similar_units
from clipprobe.runs import Run, RunView, jsonio
from clipprobe.statistics import Estimate

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.report import Page

KIND = "similar"
TABLE = "similar.parquet"
COLUMNS: dict[str, type] = {
    "site": str,
    "unit": np.int32,
    "measure": str,
    "end": str,
    "rank": np.int16,
    "other": str,
    "value": np.float64,
    "low": np.float64,
    "high": np.float64,
    "n": np.int64,
    "method": str,
    "reason": str,
}
"""Columns of the table, in order."""


def similar_run(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    address: str,
    *,
    out: str | Path,
    sites: Sequence[str] | None = None,
    pool: str = "max",
    k: int = 10,
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 2,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> SimilarUnits:
    """:func:`similar_units`, kept on disk; a complete run of the same settings is read.

    Raises:
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    from clipprobe.neurons.effects.sweep import find_units

    dataset = as_dataset(images, limit=limit)
    (own,) = find_units(clip, [address])
    config = jsonio.plain(
        {
            "model": clip.provenance()["model"],
            "data": dataset.describe(),
            "device": clip.device.type,
            "unit": own,
            "sites": list(sites) if sites else None,
            "pool": pool,
            "k": k,
            "batch_size": batch_size,
        }
    )
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        if run.complete:
            return read(run)
        found = similar_units(
            clip,
            dataset,
            own,
            sites=sites,
            pool=pool,
            k=k,
            batch_size=batch_size,
            workers=workers,
            progress=progress,
        )
        write(found, run)
        return found


def write(found: SimilarUnits, run: Run) -> None:
    """Write the table, the summary and the report, and complete the run."""
    import pyarrow as pa

    from clipprobe.report import write_html, write_markdown

    rows = list(_rows(found))
    run.write_table(
        TABLE,
        {
            name: np.array([row[name] for row in rows], kind)
            if kind is not str
            else pa.array([row[name] for row in rows], pa.string())
            for name, kind in COLUMNS.items()
        },
    )
    best = found.similar[0] if found.similar else ("", _no_unit(found))
    headline = {
        "name": "most similar",
        "estimate": best[1],
        "meaning": f"Pearson's r of {found.address} with {best[0] or 'no unit'}; the best of "
        "as many unrelated units exceeds the floor in 5 % of cases",
    }
    summary = {"kind": KIND, "headline": [headline], **found.to_json()}
    del summary["provenance"], summary["failures"]  # the manifest has both
    run.write_json("summary.json", summary)
    page = page_of(found)
    write_html(page, run.file("report.html"))
    write_markdown(page, run.file("report.md"))
    provenance = dict(found.provenance)
    run.finish(
        provenance={key: provenance[key] for key in ("model", "versions") if key in provenance},
        counts={"used": found.n_images, "skipped": 0, "failed": found.n_failed},
        failures=[failure.to_json() for failure in found.failures],
        seed=0,
        dataset=provenance["data"],
    )


def read(run: Run | RunView) -> SimilarUnits:
    """The result that :func:`write` kept."""
    data = run.read_json("summary.json")
    rows = run.read_table(TABLE).to_pylist()
    config = run.read_json("config.json")["config"]
    manifest = run.read_json("manifest.json")

    def listed(measure: str, end: str) -> tuple[tuple[str, Any], ...]:
        return tuple(
            (row["other"], _estimate(row) if measure == "activation" else row["value"])
            for row in rows
            if row["measure"] == measure and row["end"] == end
        )

    return SimilarUnits(
        address=data["unit"],
        name=data["name"],
        similar=listed("activation", "most alike"),
        opposed=listed("activation", "most opposed"),
        floor=math.nan if data["floor"] is None else data["floor"],
        n_units=data["n_units"],
        n_images=data["n_images"],
        n_failed=data["n_failed"],
        same_output=listed("output", "most alike"),
        opposite_output=listed("output", "most opposed"),
        failures=tuple(Failure(one["id"], one["reason"]) for one in manifest["failures"]),
        provenance={
            "model": manifest["model"],
            "versions": manifest["versions"],
            "data": config["data"],
            "pool": config["pool"],
        },
    )


def page_of(found: SimilarUnits) -> Page:
    """The report."""
    from clipprobe.report import Page, Section, Table

    floor = "undefined" if math.isnan(found.floor) else f"{found.floor:.3f}"
    by_activation = Table(
        ["unit", "is", "r"],
        [[other, "most alike", r] for other, r in found.similar]
        + [[other, "most opposed", r] for other, r in found.opposed],
        f"Pearson's r of activations with {found.name} over {found.n_images:,} images, of "
        f"{found.n_units:,} units; the best of as many unrelated units exceeds |r| = {floor} in "
        "5 % of cases.",
    )
    sections = [Section("By what they answer to", [by_activation])]
    if found.same_output:
        by_output = Table(
            ["unit", "is", "cosine"],
            [[other, "most alike", value] for other, value in found.same_output]
            + [[other, "most opposed", value] for other, value in found.opposite_output],
            "Cosine of what the neurons write into the residual stream, from the weights.",
        )
        sections.append(Section("By what they write", [by_output]))
    return Page(
        title=f"Units like {found.address}",
        subtitle=f"{found.name}, on {found.n_images:,} images",
        sections=sections,
        provenance=found.provenance,
    )


def _rows(found: SimilarUnits) -> Iterable[dict[str, Any]]:
    site, _, unit = found.address.rpartition(":")
    lists: list[tuple[str, str, Sequence[tuple[str, Any]]]] = [
        ("activation", "most alike", found.similar),
        ("activation", "most opposed", found.opposed),
        ("output", "most alike", found.same_output),
        ("output", "most opposed", found.opposite_output),
    ]
    for measure, end, pairs in lists:
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


def _estimate(row: dict[str, Any]) -> Estimate:
    names = ("value", "low", "high", "n", "method", "reason")
    return Estimate(**{name: row[name] for name in names})


def _no_unit(found: SimilarUnits) -> Estimate:
    from clipprobe.statistics import undefined

    return undefined("no other unit varies over the images", n=found.n_images)
