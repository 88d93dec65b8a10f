"""Why one image is read: every head and neuron, for this image and this word.

There is no interval over one image. What a head does is set beside what the other heads do, and
beside a nonsense word in the same place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.reading.measure import Measurer, head_name, neuron_name
from attacks.typographic.reading.measurements import causal, reading
from attacks.typographic.reading.pairs import (
    CONDITIONS,
    Drawer,
    ImageConditions,
    PlannedImage,
    of_word,
)
from attacks.typographic.reading.settings import knobs_of
from attacks.typographic.reading.source import at_class_token
from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import DrawAt, Renderer
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.withholding import asked_of
from clipprobe.arrays import none_for_nan
from clipprobe.data import Failure, as_dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.models import Clip
from clipprobe.people import refuse_person_groups
from clipprobe.zeroshot import TEMPLATES
from clipprobe.zeroshot.classes import Classes, label_index
from clipprobe.zeroshot.classifier import class_vectors
from clipprobe.zeroshot.prompts import check_templates

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WhyImage:
    """One attacked image explained; ``L`` blocks, ``H`` heads, ``M`` neurons a block.

    ``label``, ``word``, ``target``: true class, written word, the class it means.
    ``images``: what the model saw: clean, blank, nonsense, attack.
    ``answers``: the answered class of each. ``margins``: logit of target minus label of each.
    ``ink``: ``(rows, columns)`` which patches hold ink.
    ``attention``: condition -> ``(L, H)`` share of class-token attention on those patches; NaN
    without a class token.
    ``direct``: ``(L, H)`` direct effect, attack minus clean, logits; ``direct_ink``: its part that
    was moved from ink patches.
    ``to``, ``back``: ``(L, H)`` effect of patching the attacked head into the clean run, and the
    clean one into the attacked run, logits.
    ``causal``, ``reading``: ``(L, H)`` their mean, and that less the same for the nonsense word.
    ``neurons``: ``(L, M)`` first-order effects, logits.
    ``direct_neurons``: ``(L, M)`` direct effects, logits.
    ``gap``: how far the direct effects are from adding up to the logit difference.
    """

    label: str
    word: str
    target: str
    images: Mapping[str, Image.Image]
    answers: Mapping[str, str]
    margins: Mapping[str, float]
    ink: npt.NDArray[np.bool_]
    attention: Mapping[str, Floats]
    direct: Floats
    direct_ink: Floats
    to: Floats
    back: Floats
    causal: Floats
    reading: Floats
    neurons: Floats
    direct_neurons: Floats
    gap: float
    provenance: Mapping[str, Any]

    @property
    def change(self) -> float:
        """Change of the margin from clean to attacked, in logits."""
        return self.margins["attack"] - self.margins["clean"]

    def strongest_heads(self, k: int = 10) -> list[tuple[str, float]]:
        """The k heads with the largest causal effect, ``(address, logits)``."""
        return _strongest(self.causal, k, head_name)

    def strongest_neurons(self, k: int = 10) -> list[tuple[str, float]]:
        """The k neurons with the largest first-order effect, ``(address, logits)``."""
        return _strongest(self.neurons, k, neuron_name)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, without images and all but the strongest neurons."""
        return {
            **{name: getattr(self, name) for name in ("label", "word", "target", "gap")},
            "answers": dict(self.answers),
            "margins": dict(self.margins),
            "ink": self.ink.tolist(),
            "attention": {kind: none_for_nan(values) for kind, values in self.attention.items()},
            **{
                name: none_for_nan(getattr(self, name))
                for name in ("direct", "direct_ink", "to", "back", "causal", "reading")
            },
            "neurons": [list(one) for one in self.strongest_neurons(50)],
            "provenance": dict(self.provenance),
        }


def why_image(
    clip: Clip,
    image: Any,
    classes: Sequence[str],
    *,
    label: str,
    word: str,
    attack: TypographicAttack | Mapping[str, Any] | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    templates: Sequence[str] = TEMPLATES,
    draw_at: DrawAt = "model",
    tokens: str = "auto",
    seed: int = 0,
) -> WhyImage:
    """Explain one image with one word on it.

    Args:
        image: A path, Pillow image, array ``(h, w, 3)`` or record.
        classes: The candidate classes; ``label`` and ``word`` must be among them.
        attack, synonyms, templates, draw_at, tokens: As in :func:`explain_reading`.
    Raises:
        UnsupportedHookError: the model has no heads that can be told apart; says why.
        DataError: the word means no class or the true one, or it cannot be drawn.
    """
    known = Classes(classes, synonyms)
    cls = at_class_token(clip, tokens)
    if draw_at not in get_args(DrawAt):
        known_ways = ", ".join(get_args(DrawAt))
        raise ConfigError(f"draw_at={draw_at!r} is unknown: use one of {known_ways}.")
    drawn_as = prototype(dict(knobs_of(attack) or {}), seed)
    record = as_dataset([Path(image) if isinstance(image, str) else image]).records[0]
    case = Case(record=record, label=label_index(known, label, record.id), cluster=record.id)
    planned = of_word(case, word, known)
    refuse_person_groups(asked_of(known, templates, [word]), "why_image")
    renderer = Renderer(
        clip=clip,
        classes=known,
        attack=drawn_as,
        words=[word],
        seed=seed,
        draw_at=draw_at,
    )
    renderer.check()
    drawer = Drawer(clip, renderer)
    images = drawer.draw(planned) if isinstance(planned, PlannedImage) else planned
    if not isinstance(planned, PlannedImage) or not isinstance(images, ImageConditions):
        reason = images.reason if isinstance(images, Failure) else "it cannot be drawn"
        raise DataError(f"The image cannot be explained with {word!r}: {reason}.")
    vectors = class_vectors(clip, known.names, check_templates(templates))
    measured = Measurer(clip, drawer, known, vectors, cls=cls).measure([images])
    heads = measured["heads"].reshape(1, 2, 2, -1)
    shape = measured["heads"].shape[-2:]
    return WhyImage(
        label=known.names[planned.label],
        word=word,
        target=known.names[planned.target],
        images=images.images,
        answers={k: known.names[i] for k, i in zip(CONDITIONS, measured["answer"][0], strict=True)},
        margins={k: float(m) for k, m in zip(CONDITIONS, measured["margin"][0], strict=True)},
        ink=images.ink.reshape(clip.grid),
        attention=dict(zip(CONDITIONS, measured["attention"][0], strict=True)),
        direct=measured["direct"][0, 0],
        direct_ink=measured["direct_ink"][0],
        to=heads[0, 0, 0].reshape(shape),
        back=heads[0, 0, 1].reshape(shape),
        causal=causal(heads)[0].reshape(shape),
        reading=reading(heads)[0].reshape(shape),
        neurons=measured["first_order"][0].astype(np.float64),
        direct_neurons=measured["direct_neurons"][0].astype(np.float64),
        gap=float(measured["gap"][0]),
        provenance=clip.provenance(),
    )


def _strongest(values: Floats, k: int, name: Any) -> list[tuple[str, float]]:
    width = values.shape[1]
    order = np.argsort(-values.reshape(-1), kind="stable")[:k]
    return [(name(*divmod(int(i), width)), float(values.reshape(-1)[i])) for i in order]
