"""The run folder of predicted and measured effects, one part a hook point: a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.data import Dataset
from clipprobe.neurons.effects.agreement import Agreement, SiteEffects, agreements, site_effects
from clipprobe.neurons.effects.inputs import readable
from clipprobe.runs import Run
from clipprobe.statistics import cluster_bootstrap

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.report import Page

KIND = "effects"
_ARRAYS = ("units", "predicted", "first_order", "measured", "rms")


def compare_effects(
    clip: Clip,
    dataset: Dataset,
    texts: Sequence[str],
    sites: Sequence[str],
    out: str | Path,
    *,
    per_site: int | None = 24,
    method: str = "zero",
    seed: int = 0,
    batch_size: int = 32,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[Agreement]:
    """Predicted and measured effects of units of these hook points, as a run folder.

    Args:
        sites: Plain names of hook points ``attn.head_out`` and ``mlp.post`` of one tower.
        progress: Called with 1 after each hook point.
    """
    settings = {"texts": list(texts), "sites": list(sites), "per_site": per_site,
                "method": method, "seed": seed, "batch_size": batch_size}  # fmt: skip
    config = {
        "model": clip.provenance()["model"],
        "data": dataset.describe(),
        "device": clip.device.type,
        **settings,
    }
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        records, failures = readable(dataset)
        found: list[SiteEffects] = []
        for site in sites:
            part = f"parts/{site}.safetensors"
            if not run.complete and not run.has(part):
                one = site_effects(
                    clip, records, texts, site,
                    per_site=per_site, method=method, seed=seed, batch_size=batch_size,
                )  # fmt: skip
                arrays = {name: np.asarray(getattr(one, name)) for name in _ARRAYS}
                run.write_arrays(part, {**arrays, "n_there": np.array([one.n_there])})
            name = "effects.safetensors" if run.complete else part
            prefix = f"{site}/" if run.complete else ""
            arrays = run.read_arrays(name)
            found.append(
                SiteEffects(
                    site=site,
                    kind="head" if site.endswith("head_out") else "neuron",
                    n_there=int(arrays[f"{prefix}n_there"][0]),
                    **{key: arrays[prefix + key] for key in _ARRAYS},
                )
            )
            if progress is not None:
                progress(1)
        compared = agreements(found, seed=seed)
        if not run.complete:
            _write(run, clip, dataset, found, compared, texts, method, seed, failures)
        return compared


def _write(
    run: Run,
    clip: Clip,
    dataset: Dataset,
    found: Sequence[SiteEffects],
    compared: Sequence[Agreement],
    texts: Sequence[str],
    method: str,
    seed: int,
    failures: Sequence[Any],
) -> None:
    from clipprobe.report import write_html, write_markdown

    vision = found[0].site.startswith("vision")
    targets = list(texts) if vision else [f"image {i}" for i in range(found[0].predicted.shape[1])]
    run.write_table("effects.parquet", _rows(found, targets, method, seed))
    run.write_arrays(
        "effects.safetensors",
        {f"{one.site}/{name}": np.asarray(getattr(one, name)) for one in found for name in _ARRAYS}
        | {f"{one.site}/n_there": np.array([one.n_there]) for one in found},
    )
    overall = [one for one in compared if one.name.startswith("all ")] or list(compared)
    headline = [
        {
            "name": f"rank correlation, {one.name}",
            "estimate": one.spearman,
            "meaning": "of direct effects with what ablation does, over units",
        }
        for one in overall
    ]
    summary: dict[str, Any] = {
        "kind": KIND,
        "headline": headline,
        "method": method,
        "texts": list(texts),
        "n_inputs": int(found[0].measured.shape[0]),
        "agreement": [one.to_json() for one in compared],
    }
    run.write_json("summary.json", summary)
    page = page_of(compared, method, summary["n_inputs"], texts, clip.provenance())
    write_html(page, run.file("report.html"))
    write_markdown(page, run.file("report.md"))
    run.finish(
        provenance=clip.provenance(),
        counts={"used": len(dataset) - len(failures), "skipped": 0, "failed": len(failures)},
        failures=[failure.to_json() for failure in failures],
        seed=seed,
        dataset=dataset.describe(),
    )


def _rows(
    found: Sequence[SiteEffects], targets: Sequence[str], method: str, seed: int
) -> list[dict[str, Any]]:
    rows = []
    for one in found:
        for row, unit in enumerate(one.units):
            for column, target in enumerate(targets):
                measured = cluster_bootstrap(one.measured[:, row, column], seed=seed)
                rows.append(
                    {
                        "site": one.site,
                        "unit": int(unit),
                        "kind": one.kind,
                        "method": method,
                        "target": target,
                        "predicted": float(one.predicted[row, column]),
                        "first_order": float(one.first_order[row, column]),
                        "measured": measured.value,
                        "measured_low": measured.low,
                        "measured_high": measured.high,
                        "n": measured.n,
                        "rms": float(one.rms[row]),
                    }
                )
    return rows


def page_of(
    compared: Sequence[Agreement],
    method: str,
    n_inputs: int,
    texts: Sequence[str],
    provenance: dict[str, Any],
) -> Page:
    """The report: how well direct effects predict ablation."""
    from clipprobe.report import Page, Paragraph, Section, Table

    rows = [
        [one.name, f"{one.n_units} of {one.n_there}", one.spearman, one.pearson, one.first_order,
         one.p, one.predicted_size, one.measured_size]
        for one in compared
    ]  # fmt: skip
    columns = ["units of", "compared", "rank correlation", "Pearson", "first order, rank",
               "p", "predicted, mean size", "measured, mean size"]  # fmt: skip
    caption = (
        f"Predicted change of the logit by {method} ablation (the direct effect removed, scales of "
        f"the clean pass held fixed) against the measured one, over units, mean over {n_inputs} "
        f"inputs, averaged over {len(texts)} texts; intervals resample units; p is of the rank "
        "correlation against randomly paired units. First order: the prediction in which the last "
        "norm's scale moves too."
    )
    return Page(
        title="What units do",
        subtitle="Direct effects, and what taking the unit out does",
        sections=[
            Section("Agreement", [Table(columns, rows, caption)]),
            Section(
                "How to read it",
                [Paragraph("A low correlation is a finding: such units act through later parts.")],
            ),
        ],
        provenance={**provenance, "texts": list(texts), "method": method},
    )
