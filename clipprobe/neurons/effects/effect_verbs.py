"""``clipprobe neurons effect`` and ``predict``: what units do to scores."""

from __future__ import annotations

from dataclasses import KW_ONLY, replace
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.cli.common import load_model, open_images, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.neurons.effects.settings import EffectVerb
from clipprobe.settings import Flag, Texts
from clipprobe.settings.shared import Batches, Compared, Images, Model, Random, Terminal

if TYPE_CHECKING:
    from clipprobe.neurons.effects.agreement import Agreement
    from clipprobe.neurons.effects.total import UnitEffect
    from clipprobe.neurons.instruments.store import Store
    from clipprobe.settings.shared import ImagesLike
    from clipprobe.statistics import Estimate
else:
    ImagesLike = Any

_N_SAMPLE = 12


@dataclass(frozen=True)
class TotalEffect(Batches, Random, Compared, Images):
    """What ablating or steering units does to logits, with controls of the same scale."""

    panel: ClassVar[str] = "Effects"
    images: ImagesLike
    _: KW_ONLY
    units: Annotated[Texts, Flag(name="unit")]
    """A unit, as vision.blocks.3.mlp.post:17; repeat for more."""
    methods: Annotated[
        Texts, Flag(name="method", choices="clipprobe.neurons.effects.changes:METHODS")
    ] = ("zero", "mean")
    """zero, mean, resample or steer:K; repeat for more."""
    controls: Annotated[int, Ge(0)] = 20
    """Random units of the same scale."""
    limit: Annotated[int | None, Ge(1)] = 64


def effect(settings: TotalEffect, model: Model, terminal: Terminal) -> None:
    """Print what each change of each unit does to each score."""
    from clipprobe.hooks.names import parse_unit
    from clipprobe.neurons.effects.changes import parse_method

    for name in settings.methods:
        parse_method(name)  # before a model is loaded
    for unit in settings.units:
        parse_unit(unit)
    dataset = open_images(settings).dataset()
    clip = load_model(model)
    from clipprobe.neurons.effects import total_effects
    from clipprobe.tracing.inputs import readable

    records, failures = readable(dataset)
    with progress("forward passes (inputs)") as advance:
        effects = total_effects(
            clip, records, settings.texts, settings.units, methods=settings.methods,
            n_controls=settings.controls, seed=settings.seed, batch_size=settings.batch_size,
            progress=advance,
        )  # fmt: skip
    data = {
        "effects": [one.to_json() for one in effects],
        "failures": [failure.to_json() for failure in failures],
        "seed": settings.seed,
        "provenance": {**clip.provenance(), "data": dataset.describe()},
    }
    result(
        data, as_json=terminal.as_json, text=lambda: "\n".join(effect_line(one) for one in effects)
    )
    if failures:
        say(f"{len(failures)} images could not be read.")


def effect_line(one: UnitEffect) -> str:
    """One effect for people, beside its controls."""
    from clipprobe.report.numbers import ends

    e = one.effect
    line = (
        f"{one.address}  {one.method}  {one.target}: {e.value:+.4f} {ends(e.low, e.high, '+.4f')} "
        f"{one.score}, n={e.n}"
    )
    if not one.controls:
        return line
    return (
        f"{line}; {len(one.controls)} controls move it by {one.control:.4f} on average, "
        f"p={one.p:.3f}"
    )


def predict(settings: EffectVerb, model: Model, terminal: Terminal) -> None:
    """Print how well removals are predicted, at each hook point, and a sample of them."""
    settings = open_images(settings)
    clip = load_model(model)
    from clipprobe.hooks import resolve
    from clipprobe.neurons.effects.agreement import effect_sites
    from clipprobe.neurons.effects.store import EFFECTS

    named = settings.sites
    sites = [point.name for point in resolve(clip, list(named))] if named else effect_sites(clip)
    settings = replace(settings, sites=sites)
    comparison = make_run(EFFECTS, settings, clip, progress("hook points", len(sites))).value
    result(
        [one.to_json() for one in comparison],
        as_json=terminal.as_json,
        text=lambda: "\n".join(
            [*(agreement_line(one) for one in comparison), *sample_lines(comparison.store)]
        ),
    )
    say(f"The report is {settings.out}/report.html.")


def agreement_line(one: Agreement) -> str:
    """One hook point, or one kind of unit, for people."""
    from clipprobe.report.numbers import ends

    told = one.attribution
    interval = f" {ends(told.low, told.high)}" if told.defined else ""
    p = f", p={one.p:.3f}" if not isnan(one.p) else ""
    return (
        f"{one.name}: predicted against measured, rank correlation {_short(told)}{interval} "
        f"over {one.n_units} of {one.n_there} units{p}; direct effects {_short(one.spearman)}, "
        f"first-order direct {_short(one.first_order)}"
    )


def _short(one: Estimate) -> str:
    return f"{one.value:.3f}" if one.defined else f"undefined ({one.reason})"


def sample_lines(store: Store) -> list[str]:
    """Predicted beside measured for some units, the largest measured effects first."""
    from clipprobe.report.numbers import ends

    rows: Any = sorted(
        store.read_table("effects.parquet").to_pylist(), key=lambda row: -abs(row["measured"])
    )
    lines = ["The largest measured changes of the logit, predicted and measured:"]
    lines += [
        f"  {row['site']}:{row['unit']}  {row['target']}: predicted {row['attribution']:+.4f}, "
        f"measured {row['measured']:+.4f} {ends(row['measured_low'], row['measured_high'], '+.4f')}"
        f" n={row['n']}" + ("" if isnan(row["predicted"]) else f", direct {row['predicted']:+.4f}")
        for row in rows[:_N_SAMPLE]
        if "attribution" in row
    ]
    return lines if len(lines) > 1 else []


EFFECT = Verb(effect, (TotalEffect, Model, Terminal))
PREDICT = Verb(predict, (EffectVerb, Model, Terminal))
