"""Words from the inside: which written words drive the units that write towards a class.

Goh et al. 2021 (Distill) found attack words by looking at units that respond to text: ``$$$``
drives the unit that writes towards "piggy bank". Here that is done by the direct effects of
``clipprobe.neurons.effects``: every word is drawn on grey, and what each unit (neuron or head)
writes towards each class is read off exactly (its term of the logit). A unit is *text-sensitive*
where that differs most between words; the words' shifts are the sums over the most sensitive units,
with the mean over words taken off, because that is what any writing does.

No image of the audit is used, so nothing is chosen on what is reported. Direct paths only: what
later blocks make of a unit is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from attacks.typographic.attack.attack import TypographicAttack
from clipprobe.errors import DataError, GlyphError, TextFitError
from clipprobe.models import Clip

Floats = npt.NDArray[np.float64]
#: Units that the shifts are summed over.
N_UNITS = {"neuron": 32, "head": 6}
#: Classes that the sensitivity of units is measured towards, spread over the list.
_CLASSES = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitWords:
    """What the words do through the text-sensitive units.

    ``shifts``: ``(n_words, n_classes)`` predicted change of each logit; NaN for what does not fit.
    ``units``: addresses of the units, the most sensitive first.
    ``sensitivity``: ``(u,)`` their standard deviation over words, rms over classes, in logits.
    """

    shifts: Floats
    units: tuple[str, ...]
    sensitivity: Floats


def unit_words(
    clip: Clip,
    words: Sequence[str],
    classifier: npt.NDArray[np.float32],
    *,
    kind: str,
    attack: TypographicAttack,
    n_units: int | None = None,
    batch_size: int = 32,
) -> UnitWords:
    """Shifts of every class by every word, through the text-sensitive neurons or heads.

    Args:
        classifier: Unit text vectors of the classes, ``(n_classes, d)``.
        kind: ``neuron`` or ``head``.
        attack: How a word is written; it stands in the centre, once.
        n_units: How many units; None for :data:`N_UNITS`.
    Raises:
        UnsupportedHookError: the vision tower has no exact decomposition (ResNets).
        DataError: fewer than two words fit on the model's input.
    """
    from clipprobe.tracing.inputs import Inputs
    from clipprobe.tracing.parts import TowerParts

    images = list(_word_images(words, attack, clip.image_size))
    rows = [i for i, image in enumerate(images) if image is not None]
    if len(rows) < 2:
        raise DataError(
            f"Only {len(rows)} of {len(words)} words fit on the model's input, and units are "
            "compared between words: give more or shorter words, or a smaller size."
        )
    parts = TowerParts(clip, "vision")
    inputs = Inputs(clip, "vision", [images[i] for i in rows], batch_size)
    targets = torch.from_numpy(classifier).to(clip.device)
    some = np.unique(np.linspace(0, len(classifier) - 1, _CLASSES).astype(int))
    # First pass: how much each unit's effects differ between words.
    first: dict[str, Floats] = {}
    second: dict[str, Floats] = {}
    for batch in inputs.batches():
        for name, values in _effects(parts, inputs, batch, targets[some], kind).items():
            first[name] = first.get(name, 0.0) + values.sum(axis=0)
            second[name] = second.get(name, 0.0) + (values**2).sum(axis=0)
    spread = {
        name: np.sqrt(
            np.maximum(second[name] / len(rows) - (first[name] / len(rows)) ** 2, 0).mean(axis=0)
        )
        for name in first
    }
    every = [(float(v), name, i) for name, values in spread.items() for i, v in enumerate(values)]
    every.sort(key=lambda one: (-one[0], one[1], one[2]))
    units = every[: n_units or N_UNITS[kind]]
    # Second pass: what the chosen ones do for each class.
    shifts = np.full((len(words), len(classifier)), np.nan)
    for batch in inputs.batches():
        effects = _effects(parts, inputs, batch, targets, kind)
        total = sum(effects[name][..., index] for _, name, index in units)
        shifts[[rows[i] for i in batch.rows]] = total
    shifts -= np.nanmean(shifts, axis=0)
    return UnitWords(
        shifts=shifts,
        units=tuple(f"{name}:{index}" for _, name, index in units),
        sensitivity=np.array([value for value, *_ in units]),
    )


def _word_images(
    words: Sequence[str], attack: TypographicAttack, side: int
) -> Iterator[Image.Image | None]:
    ground = Image.new("RGB", (side, side), (128, 128, 128))
    placed = dataclasses.replace(attack, position="center", copies=1)
    for word in words:
        try:
            yield placed.with_word(word)(ground, image_id=word).image
        except (GlyphError, TextFitError):
            yield None


def _effects(parts: Any, inputs: Any, batch: Any, targets: Any, kind: str) -> dict[str, Floats]:
    """Hook point -> ``(b, m, n_units)`` direct effects of one batch."""
    with torch.no_grad():
        state = parts.run(inputs, batch, targets)
        if kind == "neuron":
            table: dict[str, Floats] = parts.neurons(state)
            return table
        heads: dict[str, list[Floats]] = {}
        for name, values in parts.terms(state).items():
            site, _, index = name.rpartition(":")
            if site.endswith("attn.head_out") and index.isdecimal():
                heads.setdefault(site, []).append(values)
        return {site: np.stack(values, axis=-1) for site, values in heads.items()}
