"""The run folder of a multimodality test, written and read; ``docs/store-format.md`` lists it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Failure
from clipprobe.neurons.instruments.store import InMemory, Lazy
from clipprobe.neurons.multimodality.claims import TITLES
from clipprobe.neurons.multimodality.contents import Floor, MultimodalityContents, Nulls
from clipprobe.neurons.multimodality.notes import WITHDRAWN, WITHDRAWN_NOTE
from clipprobe.neurons.multimodality.probes import Probes
from clipprobe.neurons.multimodality.scoring.shuffles import Shuffles
from clipprobe.neurons.multimodality.summary import summary_of
from clipprobe.runs import RunView
from clipprobe.study import Outcome

M = TypeVar("M", bound=MultimodalityContents)

TABLES = {
    "table": "pairs.parquet",
    "units": "units.parquet",
    "concept_table": "concepts.parquet",
    "top_images": "top_images.parquet",
    "controls": "controls.parquet",
}
NULLS = "nulls.safetensors"


def outcome_of(result: M, probes: Probes) -> Outcome[M]:
    """A result with the files, the summary and the page of its run."""
    from clipprobe.neurons.multimodality.page import page_of

    failed = {failure.id for failure in result.failures}
    skipped = {failure.id for failure in probes.skipped}
    tables = {
        file: functools.partial(_arrow, getattr(result, name)) for name, file in TABLES.items()
    }
    return Outcome(
        value=replace(result, store=InMemory(tables, lambda: summary_of(result))),
        files=[*((file, table()) for file, table in tables.items()), (NULLS, _arrays(result))],
        summary=lambda: {
            **summary_of(result),
            "concepts": result.concepts,
            "counts_per_modality": result.n_images,
            "failures": [failure.to_json() for failure in result.failures],
        },
        page=lambda run: page_of(result, probes),
        used=sum(sum(counts) for counts in result.n_images.values()),
        skipped=len(skipped),
        failed=len(failed - skipped),
        failures=result.failures,
    )


def frames_of(run: RunView) -> Mapping[str, Any]:
    """The tables of a run as data frames, each read once, when it is asked for."""

    def read(name: str) -> Any:
        frame = run.read_table(TABLES[name]).to_pandas()
        return frame.drop(columns=WITHDRAWN, errors="ignore")

    return Lazy(TABLES, read, keep=True)


def read_run(run: RunView) -> MultimodalityContents:
    """Read a result from its run."""
    summary = run.read_json("summary.json")
    config = run.manifest["config"]
    arrays = run.read_arrays(NULLS)
    withdrawn = WITHDRAWN in run.read_table(TABLES["units"]).column_names
    return MultimodalityContents(
        modalities=tuple(summary["modalities"]),
        concepts=tuple(summary["concepts"]),
        frames=frames_of(run),
        alpha=config["alpha"],
        nulls=Nulls(**{name: arrays[f"nulls/{name}"] for name in Nulls.__slots__}),
        floor=_floor(summary["random_weights"], config["alpha"], arrays),
        shuffles=_shuffles(summary.get("shuffled"), arrays),
        unadjusted=_unadjusted(summary.get("pixel_covariates")),
        n_images={
            name: (int(counts[0]), int(counts[1]))
            for name, counts in summary["counts_per_modality"].items()
        },
        notes=(*summary["notes"], *([WITHDRAWN_NOTE] if withdrawn else [])),
        failures=tuple(Failure(item["id"], item["reason"]) for item in summary["failures"]),
        config=config,
        versions=run.manifest["versions"],
        path=run.path,
        store=run,
    )


FLOOR_ARRAYS = ("score", "q", "q_images", "q_each", "q_exact", "q_profile")
SHUFFLED_ARRAYS = ("one", "all")


def _arrow(frame: Any) -> Any:
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    # pandas' own kind of text differs between its versions; the file must not.
    plain = [
        field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(plain))


def _arrays(result: MultimodalityContents) -> dict[str, NDArray[Any]]:
    arrays = {f"nulls/{name}": np.asarray(getattr(result.nulls, name)) for name in Nulls.__slots__}
    if result.floor is not None:
        floor = {f"floor/{name}": getattr(result.floor, name) for name in FLOOR_ARRAYS}
        arrays |= {name: values for name, values in floor.items() if values is not None}
    if result.shuffles is not None:
        arrays |= {f"shuffled/{name}": getattr(result.shuffles, name) for name in SHUFFLED_ARRAYS}
        for claim, counts in result.shuffles.counts.items():
            both = zip(SHUFFLED_ARRAYS, counts, strict=True)
            arrays |= {f"shuffled/{claim}_{which}": part for which, part in both}
    return arrays


def _shuffles(
    data: Mapping[str, Any] | None, arrays: Mapping[str, NDArray[Any]]
) -> Shuffles | None:
    if data is None:
        return None
    first, every = SHUFFLED_ARRAYS
    return Shuffles(
        modality=data["modality"],
        one=arrays[f"shuffled/{first}"],
        all=arrays[f"shuffled/{every}"],
        counts={
            claim: (arrays[f"shuffled/{claim}_{first}"], arrays[f"shuffled/{claim}_{every}"])
            for claim in TITLES
            if f"shuffled/{claim}_{first}" in arrays
        },
    )


def _unadjusted(data: Mapping[str, Any] | None) -> dict[str, tuple[int, int | None]] | None:
    if data is None:
        return None
    return {name: (one["n"], one["random_weights"]) for name, one in data["without"].items()}


def _floor(
    data: Mapping[str, Any] | None, alpha: float, arrays: Mapping[str, NDArray[Any]]
) -> Floor | None:
    if data is None:
        return None
    # An older run lacks some.
    of_units: dict[str, Any] = {name: arrays.get(f"floor/{name}") for name in FLOOR_ARRAYS}
    return Floor(seed=int(data["seed"]), alpha=alpha, n_any=int(data["n_any"]), **of_units)
