"""The run folder of predicted and measured effects, one part per hook point, so it resumes."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from clipprobe.data import Dataset
from clipprobe.errors import ConfigError
from clipprobe.neurons.effects.agreement import (
    Agreement,
    SiteEffects,
    agreements,
    effect_sites,
    site_effects,
)
from clipprobe.neurons.effects.direct import comparable
from clipprobe.neurons.effects.predicting import exact_norms, passes_of, refuse_passes
from clipprobe.neurons.effects.settings import EffectTest
from clipprobe.neurons.instruments.store import InMemory, Store
from clipprobe.neurons.instruments.value import UnitValue
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.statistics import cluster_bootstrap
from clipprobe.study import Outcome, Plan, Study, carry_out
from clipprobe.tracing.inputs import readable

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.report import Page

KIND = "effects"
TABLE = "effects.parquet"
ARRAYS = "effects.safetensors"
_KINDS = {".attn.head_out": "head", ".mlp.post": "neuron"}
_ARRAYS = ("units", "predicted", "first_order", "measured", "rms", "attribution")


class EffectComparison(list[Agreement], UnitValue):
    """How well effects are predicted at each hook point, with the effects of each unit."""

    instrument: ClassVar[str] = "effects"

    def __init__(self, compared: Iterable[Agreement], store: Store) -> None:
        super().__init__(compared)
        self.store = store


@takes(EffectTest)
def compare_effects(clip: Clip, settings: EffectTest) -> EffectComparison:
    """Predicted and measured effects of units of hook points of one tower, as a run folder.

    Hook points are ``attn.head_out``, ``mlp.post`` and directions; ``progress`` is called with 1
    after each.
    """
    return carry_out(EFFECTS, settings, clip).value


def prepare_effects(settings: EffectTest, clip: Clip) -> Plan[EffectComparison]:
    """Find the images and hook points, and refuse what has no direct effect."""
    from clipprobe.hooks import resolve

    dataset = settings.dataset()
    named = settings.sites
    sites = [point.name for point in resolve(clip, list(named))] if named else effect_sites(clip)
    refuse_passes(settings.steps, settings.probes)
    for site in sites:
        comparable(clip, site)
    if len({site.partition(".")[0] for site in sites}) > 1:
        raise ConfigError("Hook points of both towers were named: compare one tower at a time.")
    norms = exact_norms(clip, sites[0].partition(".")[0], settings.steps, settings.probes)
    config = {
        "model": clip.provenance()["model"],
        "data": dataset.describe(),
        "device": clip.device.type,
        "sites": sites,
        **settings.values_of("texts", "per_site", "method", "steps", "seed", "batch_size"),
        **({"probes": settings.probes} if settings.probes else {}),
        **({"norms": True} if norms else {}),
    }
    return Plan(
        config=config,
        execute=lambda run: _execute(run, settings, clip, dataset, sites),
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=dataset.describe(),
        workload=lambda: passes_of(settings, clip, len(dataset), sites),
    )


def _execute(
    run: Run, settings: EffectTest, clip: Clip, dataset: Dataset, sites: Sequence[str]
) -> Outcome[EffectComparison]:
    """Measure the hook points that are not measured yet, one part each."""
    records, failures = readable(dataset)
    texts, method, seed = settings.texts, settings.method, settings.seed
    comparisons: list[SiteEffects] = []
    for site in sites:
        part = f"parts/{site}.safetensors"
        if not run.has(part):
            options = settings.values_of(
                "per_site", "method", "steps", "probes", "seed", "batch_size"
            )
            one = site_effects(clip, records, texts, site, **options)
            run.write_arrays(part, _arrays(one))
        comparisons.append(_site(site, run.read_arrays(part)))
        if settings.progress is not None:
            settings.progress(1)
    compared = agreements(comparisons, seed=seed)
    n_inputs, _, n_targets = comparisons[0].measured.shape
    targets = list(texts)
    if not sites[0].startswith("vision"):
        targets = [f"image {i}" for i in range(n_targets)]
    arrays = {
        f"{one.site}/{key}": array for one in comparisons for key, array in _arrays(one).items()
    }
    rows = functools.cache(lambda: _rows(comparisons, targets, method, seed))

    def summary() -> dict[str, Any]:
        return summarise(compared, method, texts, n_inputs)

    return Outcome(
        value=EffectComparison(compared, InMemory({TABLE: rows}, summary)),
        files=((name, make()) for name, make in ((TABLE, rows), (ARRAYS, lambda: arrays))),
        summary=summary,
        page=lambda run: page_of(compared, method, n_inputs, texts, clip.provenance()),
        used=len(records),
        failed=len(failures),
        failures=failures,
    )


def _arrays(one: SiteEffects) -> dict[str, Any]:
    arrays = {name: np.asarray(getattr(one, name)) for name in _ARRAYS}
    return {**arrays, "n_there": np.array([one.n_there])}


def _site(site: str, arrays: Mapping[str, Any]) -> SiteEffects:
    known = {"attribution": np.full(arrays["predicted"].shape, np.nan), **arrays}
    return SiteEffects(
        site=site,
        kind=next((kind for end, kind in _KINDS.items() if site.endswith(end)), "direction"),
        n_there=int(arrays["n_there"][0]),
        **{key: known[key] for key in _ARRAYS},
    )


def load_effects(run: RunView) -> EffectComparison:
    """The comparison that a run kept, from its arrays; no image is read."""
    config = run.read_json("config.json")["config"]
    arrays = run.read_arrays(ARRAYS)
    by_site: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        site, _, key = name.rpartition("/")
        by_site.setdefault(site, {})[key] = array
    comparisons = [_site(site, by_site[site]) for site in config["sites"]]
    return EffectComparison(agreements(comparisons, seed=config["seed"]), run)


def summarise(
    compared: Sequence[Agreement], method: str, texts: Sequence[str], n_inputs: int
) -> dict[str, Any]:
    """``summary.json``."""
    overall = [one for one in compared if one.name.startswith("all ")] or list(compared)
    headline = [
        {
            "name": f"rank correlation, {one.name}",
            "estimate": one.attribution,
            "meaning": "of what attribution patching predicts with what ablation does, over units",
        }
        for one in overall
    ]
    return {
        "kind": KIND,
        "headline": headline,
        "method": method,
        "texts": list(texts),
        "n_inputs": n_inputs,
        "agreement": [one.to_json() for one in compared],
    }


def _rows(
    sites: Sequence[SiteEffects], targets: Sequence[str], method: str, seed: int
) -> list[dict[str, Any]]:
    rows = []
    for one in sites:
        for (row, column), attribution in np.ndenumerate(one.attribution):
            measured = cluster_bootstrap(one.measured[:, row, column], seed=seed)
            rows.append(
                {
                    "site": one.site,
                    "unit": int(one.units[row]),
                    "kind": one.kind,
                    "method": method,
                    "target": targets[column],
                    "attribution": float(attribution),
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
    """The report: what predicts ablation, and how well."""
    from clipprobe.neurons.effects.opening import effects_lead
    from clipprobe.report import Page, Paragraph, Section, Table

    rows = [
        [one.name, f"{one.n_units} of {one.n_there}", one.attribution, one.p, one.spearman,
         one.first_order, one.attribution_size, one.measured_size]
        for one in compared
    ]  # fmt: skip
    columns = ["units of", "compared", "attribution patching, rank correlation", "p",
               "direct effect, rank correlation", "first-order direct, rank correlation",
               "predicted, mean size", "measured, mean size"]  # fmt: skip
    caption = (
        f"Predicted change of the logit by {method} ablation against the measured one, over units, "
        f"mean over {n_inputs} inputs, averaged over {len(texts)} texts; intervals resample units; "
        "p is of attribution patching's correlation against randomly paired units. The direct "
        "effect (scales of the clean pass held fixed; first-order: the last norm's moves) is what "
        "the unit itself writes, not what removing it does."
    )
    how = Paragraph(
        "Attribution patching counts what later parts make of a unit, the direct effect does not: "
        "where the second is low and the first is not, units act through later parts."
    )
    return Page(
        title="What units do",
        subtitle="What taking the unit out does: predicted and measured",
        sections=[
            Section("Agreement", [Table(columns, rows, caption)]),
            Section("How to read it", [how]),
        ],
        provenance={**provenance, "texts": list(texts), "method": method},
        lead=effects_lead(compared, method, n_inputs, len(texts)),
    )


EFFECTS = Study(kind=KIND, settings=EffectTest, prepare=prepare_effects, load=load_effects)
