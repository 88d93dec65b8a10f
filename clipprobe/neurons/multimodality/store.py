"""The run folder of a multimodality test, written and read; ``docs/store-format.md`` lists it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Failure
from clipprobe.errors import RunFolderError
from clipprobe.neurons.multimodality.contents import KIND, Floor, MultimodalityContents, Nulls
from clipprobe.neurons.multimodality.notes import WITHDRAWN, WITHDRAWN_NOTE
from clipprobe.neurons.multimodality.scoring.shuffles import Shuffles
from clipprobe.neurons.multimodality.summary import summary_of

if TYPE_CHECKING:
    from clipprobe.neurons.multimodality.probes import Probes
    from clipprobe.runs import Run

TABLES = {
    "table": "pairs.parquet",
    "units": "units.parquet",
    "concept_table": "concepts.parquet",
    "top_images": "top_images.parquet",
    "controls": "controls.parquet",
}
NULLS = "nulls.safetensors"


def write(result: MultimodalityContents, run: Run, probes: Probes) -> None:
    """Write everything, the report included, and complete the run."""
    from clipprobe.neurons.multimodality.page import page_of
    from clipprobe.report import write_html, write_markdown

    for name, file in TABLES.items():
        run.write_table(file, _arrow(getattr(result, name)))
    run.write_arrays(NULLS, _arrays(result))
    run.write_json(
        "summary.json",
        {
            **summary_of(result),
            "concepts": result.concepts,
            "counts_per_modality": result.n_images,
            "failures": [failure.to_json() for failure in result.failures],
        },
    )
    page = page_of(result, probes)
    write_html(page, run.file("report.html"))
    write_markdown(page, run.file("report.md"))
    failed = {failure.id for failure in result.failures}
    skipped = {failure.id for failure in probes.skipped}
    run.finish(
        provenance={"model": result.config["model"], "versions": result.versions},
        counts={
            "used": sum(sum(counts) for counts in result.n_images.values()),
            "skipped": len(skipped),
            "failed": len(failed - skipped),
        },
        failures=[failure.to_json() for failure in result.failures],
        seed=int(result.config["seed"]),
        dataset=result.config["data"],
    )


def read(path: str | Path) -> MultimodalityContents:
    """Read a result.

    Raises:
        RunFolderError: the folder holds no complete run, or one of another kind.
    """
    from clipprobe.runs import load_run

    run = load_run(path)
    if run.kind != KIND:
        raise RunFolderError(
            f"The run {path} is of the kind {run.kind!r} and no multimodality test: make one with "
            "`clipprobe neurons multimodal`."
        )
    summary = run.read_json("summary.json")
    config = run.manifest["config"]
    arrays = run.read_arrays(NULLS)
    frames: dict[str, Any] = {
        name: run.read_table(file).to_pandas() for name, file in TABLES.items()
    }
    notes = tuple(summary["notes"])
    if WITHDRAWN in frames["units"]:
        frames["units"] = frames["units"].drop(columns=WITHDRAWN)
        notes = (*notes, WITHDRAWN_NOTE)
    return MultimodalityContents(
        **frames,
        modalities=tuple(summary["modalities"]),
        concepts=tuple(summary["concepts"]),
        pool=config["pool"],
        alpha=config["alpha"],
        nulls=Nulls(**{name: arrays[f"nulls/{name}"] for name in Nulls.__slots__}),
        floor=_floor(summary["random_weights"], config["alpha"], arrays),
        shuffles=_shuffles(summary.get("shuffled"), arrays),
        n_images={
            name: (int(counts[0]), int(counts[1]))
            for name, counts in summary["counts_per_modality"].items()
        },
        notes=notes,
        failures=tuple(Failure(item["id"], item["reason"]) for item in summary["failures"]),
        config=config,
        versions=run.manifest["versions"],
        path=run.path,
    )


FLOOR_ARRAYS = ("score", "q", "q_images")
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
        floor = result.floor
        arrays |= {f"floor/{name}": getattr(floor, name) for name in FLOOR_ARRAYS}
    if result.shuffles is not None:
        arrays |= {f"shuffled/{name}": getattr(result.shuffles, name) for name in SHUFFLED_ARRAYS}
    return arrays


def _shuffles(
    data: Mapping[str, Any] | None, arrays: Mapping[str, NDArray[Any]]
) -> Shuffles | None:
    if data is None:
        return None
    return Shuffles(
        modality=data["modality"],
        **{name: arrays[f"shuffled/{name}"] for name in SHUFFLED_ARRAYS},
    )


def _floor(
    data: Mapping[str, Any] | None, alpha: float, arrays: Mapping[str, NDArray[Any]]
) -> Floor | None:
    if data is None:
        return None
    return Floor(
        seed=int(data["seed"]),
        alpha=alpha,
        score=arrays["floor/score"],
        q=arrays["floor/q"],
        q_images=arrays["floor/q_images"],
        n_any=int(data["n_any"]),
    )
