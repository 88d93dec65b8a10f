"""All that was measured over a data set, and its tables: per image, head, and image and head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.reading.measure import Arrays, head_name
from attacks.typographic.reading.pairs import CONDITIONS, PlannedImage
from clipprobe.tracing.ranking import Ranking
from clipprobe.zeroshot.classes import Classes

#: Why there are no shares of a change that is not there.
NOTHING = "the attack did not raise the margin of the written word"


def causal(effects: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``(n, contrast, 2, units)`` -> ``(n, units)``: both directions averaged, for the attack."""
    mean: npt.NDArray[np.float64] = effects[:, 0].mean(axis=1)
    return mean


def reading(effects: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """As :func:`causal`, the attack minus the nonsense control."""
    mean: npt.NDArray[np.float64] = (effects[:, 0] - effects[:, 1]).mean(axis=1)
    return mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurements:
    """All that was measured; arrays have one row for each planned image.

    ``neuron_units``: ``(block, neuron)`` of the patched neurons, listed ones first.
    ``curves``, ``greedy``: plain JSON, see :mod:`ablation`.
    """

    planned: list[PlannedImage]
    classes: Classes
    chooses: npt.NDArray[np.bool_]
    arrays: Arrays
    heads: Ranking
    neurons: Ranking
    neuron_units: list[tuple[int, int]]
    neuron_effects: npt.NDArray[np.float64]
    curves: dict[str, Any]
    greedy: dict[str, Any]
    n_blocks: int
    n_heads: int

    @property
    def images(self) -> npt.NDArray[np.str_]:
        """Image of each row."""
        return np.array([one.case.record.id for one in self.planned])

    def change(self, kind: str = "attack") -> npt.NDArray[np.float64]:
        """Change of the margin from the clean image, in logits."""
        margins = self.arrays["margin"]
        change: npt.NDArray[np.float64] = margins[:, CONDITIONS.index(kind)] - margins[:, 0]
        return change

    def hits(self, kind: str) -> npt.NDArray[np.bool_]:
        """Whether the answer is the written word's class."""
        group = self.classes.group
        targets = group[[one.target for one in self.planned]]
        hit: npt.NDArray[np.bool_] = self.arrays["answer"][:, CONDITIONS.index(kind)] == targets
        return hit

    def attention(self, kind: str) -> npt.NDArray[np.float64]:
        """Share of class-token attention on the ink's patches, ``(n, block, head)``."""
        share: npt.NDArray[np.float64] = self.arrays["attention"][:, CONDITIONS.index(kind)]
        return share


def tables_of(measurements: Measurements, *, images: bool) -> list[tuple[str, Any]]:
    """``heads.parquet`` (every head), arrays, and with ``images`` the two tables of images."""
    tables: list[tuple[str, Any]] = []
    if images:
        tables.append(("images.parquet", _images(measurements)))
        tables.append(("image_heads.parquet", _image_heads(measurements)))
    tables.append(("heads.parquet", _all_heads(measurements)))
    arrays = {
        "neurons/first_order": measurements.arrays["first_order"].mean(axis=0),
        "neurons/direct": measurements.arrays["direct_neurons"].mean(axis=0),
    }
    return [*tables, ("neurons.safetensors", arrays)]


def _images(measurements: Measurements) -> dict[str, list[Any]]:
    names = measurements.classes.names
    table: dict[str, list[Any]] = {
        "image": measurements.images.tolist(),
        "word": [one.word for one in measurements.planned],
        "label": [names[one.label] for one in measurements.planned],
        "target": [names[one.target] for one in measurements.planned],
        "half": ["choose" if chooses else "confirm" for chooses in measurements.chooses],
        "ink_patches": measurements.arrays["ink"].tolist(),
        "direct_ink": measurements.arrays["direct_ink"].sum(axis=(1, 2)).tolist(),
        "through_neurons": measurements.arrays["groups"][:, :, 1].mean(axis=1).tolist(),
    }
    for column, kind in enumerate(CONDITIONS):
        table[f"margin_{kind}"] = measurements.arrays["margin"][:, column].tolist()
        table[f"answer_{kind}"] = [names[i] for i in measurements.arrays["answer"][:, column]]
    return table


def _all_heads(measurements: Measurements) -> dict[str, list[Any]]:
    """Means over all images, in logits; attention as shares."""
    flat = measurements.arrays["heads"]
    effects = flat.reshape(*flat.shape[:3], -1)

    def column(values: npt.NDArray[Any]) -> list[float]:
        means: list[float] = values.reshape(len(values), -1).mean(axis=0).tolist()
        return means

    listed = {unit.column: unit for unit in measurements.heads.units}
    places = [divmod(i, measurements.n_heads) for i in range(effects.shape[-1])]
    return {
        "head": [head_name(*place) for place in places],
        "block": [block for block, _ in places],
        "index": [head for _, head in places],
        "rank": [listed[i].rank if i in listed else None for i in range(len(places))],
        "confirmed": [i in listed and listed[i].confirmed for i in range(len(places))],
        "causal": column(causal(effects)),
        "reading": column(reading(effects)),
        "to": column(effects[:, 0, 0]),
        "from": column(effects[:, 0, 1]),
        "direct": column(measurements.arrays["direct"][:, 0]),
        "direct_reading": column(
            measurements.arrays["direct"][:, 0] - measurements.arrays["direct"][:, 1]
        ),
        "direct_ink": column(measurements.arrays["direct_ink"]),
        **{f"attention_{kind}": column(measurements.attention(kind)) for kind in CONDITIONS},
    }


def _image_heads(measurements: Measurements) -> dict[str, list[Any]]:
    n, n_units = len(measurements.planned), measurements.n_blocks * measurements.n_heads
    flat = measurements.arrays["heads"].reshape(n, 2, 2, -1)
    names = [head_name(*divmod(i, measurements.n_heads)) for i in range(n_units)]
    return {
        "image": np.repeat(measurements.images, n_units).tolist(),
        "word": [one.word for one in measurements.planned for _ in range(n_units)],
        "head": names * n,
        "attention": measurements.attention("attack").reshape(-1).tolist(),
        "direct": measurements.arrays["direct"][:, 0].reshape(-1).tolist(),
        "direct_ink": measurements.arrays["direct_ink"].reshape(-1).tolist(),
        "to": flat[:, 0, 0].reshape(-1).tolist(),
        "from": flat[:, 0, 1].reshape(-1).tolist(),
        "reading": reading(flat).reshape(-1).tolist(),
    }
