"""From what was measured to ``summary.json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from attacks.typographic.reading.measure import PLACES, head_name, neuron_name
from attacks.typographic.reading.measurements import NOTHING, Measurements
from attacks.typographic.reading.pairs import CONDITIONS
from attacks.typographic.reading.source import Measuring
from attacks.typographic.scoring.metrics import rate
from clipprobe.arrays import Floats
from clipprobe.statistics import Estimate, difference_of_paired_proportions, undefined
from clipprobe.tracing.ranking import RankedUnit, Ranking, mean_of, share_of

Mean = Callable[[Floats], Estimate]
#: Numbers of the headline, and what they mean.
HEADLINE = {
    "success": "share of images answered with the written word",
    "reading_effect": "the same, minus the share answered so when a nonsense word stands there",
    "margin_change": "rise of the logit margin (written word minus true class), clean to attacked",
    "margin_change_reading": "the same, attack minus nonsense control",
    "direct_ink": "share of the rise that heads write to the output themselves, moved from patches "
    "with ink",
    "through_neurons": "share that goes through all neurons, patched together",
    "attention_on_ink": "class-token attention on patches with ink, mean over all heads",
    "attention_excess": "the same, minus what those patches get with the nonsense word",
}
_NO_TOKEN = "the model has no class token, so there is no attention of it"
_FEW = 12


def summarise(data: Measurements, settings: Measuring, audit_gap: float | None) -> dict[str, Any]:
    """All numbers of an explanation."""
    images, seed = data.images, settings.seed
    change = data.change()

    def share(part: Floats) -> Estimate:
        return share_of(part, change, images, seed=seed, nothing=NOTHING)

    groups = data.arrays["groups"].mean(axis=1)  # n group
    n = data.n_blocks
    headline = _headline(data, seed)
    through_ink = data.arrays["direct_ink"].sum(axis=(1, 2))
    visible = not np.isnan(through_ink).any()
    headline["direct_ink"] = share(through_ink) if visible else undefined(_NO_TOKEN)
    headline["through_neurons"] = share(groups[:, 1])
    parts = ("embedding", "heads", "MLPs", "biases and scales")
    patch_gap = float(np.abs(data.arrays["groups"][:, :, 2] - change[:, None]).max())
    return {
        "kind": "why",
        "headline": [
            {"name": name, "estimate": headline[name], "meaning": meaning}
            for name, meaning in HEADLINE.items()
        ],
        "n": {
            "images": len(set(images.tolist())),
            "pairs": len(images),
            "choose": int(data.chooses.sum()),
            "confirm": int((~data.chooses).sum()),
            "classes": len(data.classes.names),
            "heads": data.n_blocks * data.n_heads,
            "neurons": int(np.prod(data.arrays["first_order"].shape[1:])),
        },
        "tokens": "cls" if settings.cls else "all",
        "ablation": settings.ablation,
        "direct": {
            name: share(data.arrays["direct_parts"][:, i]) for i, name in enumerate(parts)
        },
        "blocks": [
            {"block": i, "heads": share(groups[:, 3 + i]), "neurons": share(groups[:, 3 + n + i])}
            for i in range(n)
        ],
        "places": [
            {
                "block": block,
                "place": place,
                **{
                    way: share(data.arrays["places"][:, row, block, column])
                    for row, way in enumerate(("to", "from"))
                },
            }
            for block in range(n)
            for column, place in enumerate(PLACES)
            if not np.isnan(data.arrays["places"][:, 0, block, column]).any()
        ],
        "heads": _head_rows(data, seed),
        "neurons": _neuron_rows(data, seed),
        "random": {"heads": _random(data.heads), "neurons": _random(data.neurons)},
        "curves": data.curves,
        "greedy": data.greedy,
        "checks": {
            "direct_gap": float(data.arrays["gap"].max()),
            "patch_gap": patch_gap if settings.cls else None,
            "audit_gap": audit_gap,
        },
        "unavailable": [] if settings.cls or not np.isnan(data.attention("attack")).all() else
        [f"attention on ink and class-token patching: {_NO_TOKEN}"],
        "warnings": _warnings(data, headline, audit_gap),
    }  # fmt: skip


def _mean(data: Measurements, seed: int) -> Mean:
    """A mean over images with its interval; NaN comes of attention that the model has not."""
    images = data.images

    def mean(values: Floats) -> Estimate:
        if np.isnan(values).any():
            return undefined(_NO_TOKEN)
        return mean_of(values, images, seed=seed)

    return mean


def _headline(data: Measurements, seed: int) -> dict[str, Estimate]:
    mean = _mean(data, seed)
    hit, control = data.hits("attack"), data.hits("nonsense")
    attention = data.attention("attack").mean(axis=(1, 2))
    return {
        "success": rate(hit, data.images, seed=seed),
        "reading_effect": difference_of_paired_proportions(
            hit, control, clusters=data.images, seed=seed
        ),
        "margin_change": mean(data.change()),
        "margin_change_reading": mean(data.change() - data.change("nonsense")),
        "attention_on_ink": mean(attention),
        "attention_excess": mean(attention - data.attention("nonsense").mean(axis=(1, 2))),
    }


def _head_rows(data: Measurements, seed: int) -> list[dict[str, Any]]:
    """One row for each listed head; what has no name of a half is over all images."""
    rows = []
    arrays, mean = data.arrays, _mean(data, seed)
    for unit in data.heads.units:
        block, head = divmod(unit.column, data.n_heads)
        attention = {kind: data.attention(kind)[:, block, head] for kind in CONDITIONS}
        direct, control = arrays["direct"][:, :, block, head].T
        rows.append(
            {
                **_row(unit, block, head, arrays["heads"][:, 0, :, block, head], mean),
                "head": head_name(block, head),
                "chosen_by": unit.chosen_by,
                "direct": mean(direct),
                "direct_reading": mean(direct - control),
                "direct_ink": mean(arrays["direct_ink"][:, block, head]),
                "direct_share": share_of(
                    direct, data.change(), data.images, seed=seed, nothing=NOTHING
                ),
                "attention": mean(attention["attack"]),
                "excess_blank": mean(attention["attack"] - attention["blank"]),
                "excess_nonsense": mean(attention["attack"] - attention["nonsense"]),
                "ink_patches": float(arrays["ink"].mean()),
            }
        )
    return rows


def _neuron_rows(data: Measurements, seed: int) -> list[dict[str, Any]]:
    rows = []
    direct, mean = data.arrays["direct_neurons"], _mean(data, seed)
    for unit in data.neurons.units:
        block, neuron = data.neuron_units[unit.column]
        first = data.arrays["first_order"][:, block, neuron]
        rows.append(
            {
                **_row(unit, block, neuron, data.neuron_effects[:, 0, :, unit.column], mean),
                "neuron": neuron_name(block, neuron),
                "first_order": mean(first.astype(np.float64)),
                "direct": mean(direct[:, block, neuron].astype(np.float64))
                if direct.shape[2]
                else undefined("what the neurons write cannot be told apart in this model"),
            }
        )
    return rows


def _row(unit: RankedUnit, block: int, index: int, effects: Floats, mean: Mean) -> dict[str, Any]:
    """What heads and neurons have in common; ``effects`` are ``(n, 2)``, put in and taken back."""
    return {
        "rank": unit.rank,
        "block": block,
        "index": index,
        "confirmed": unit.confirmed,
        "share": unit.share,
        "causal": unit.effect,
        "reading": unit.controlled,
        "p": unit.p,
        "holm_p": unit.holm_p,
        "to": mean(effects[:, 0]),
        "from": mean(effects[:, 1]),
    }


def _random(ranking: Ranking) -> dict[str, Any]:
    effects = ranking.random_effects
    return {
        "n": len(effects),
        "mean": float(effects.mean()) if len(effects) else None,
        "low": ranking.band[0],
        "high": ranking.band[1],
        "what": "units that are not listed, on the confirming half, in logits",
    }


def _warnings(
    data: Measurements, headline: dict[str, Estimate], audit_gap: float | None
) -> list[str]:
    texts = []
    effect, rise = headline["reading_effect"], headline["margin_change_reading"]
    if not effect.low > 0:
        texts.append(
            "The reading effect is not above 0 with confidence: these images and words hardly "
            "show that the model reads, so there is little to explain."
        )
    if not rise.low > 0:
        texts.append(
            "The word does not move the margin more than a nonsense word does, with confidence: "
            "what the units below carry may be clutter."
        )
    half = len(set(data.images[~data.chooses].tolist()))
    if half < _FEW:
        texts.append(
            f"The list was checked on {half} images: with so few hardly any unit can be "
            "confirmed; give more."
        )
    if audit_gap is not None and audit_gap > 0.05:
        texts.append(
            f"The logits differ from those of the audit by up to {audit_gap:.3g}: other images, "
            "synonyms, or another version of Pillow."
        )
    return texts
