"""What of a case is explained: the name alone, the name less the mean text, or a word of a text.

Interactions are measured on one text that names everything in the image, names apart by blanks
(as in Baniecki et al. 2025): the map of a thing is that of its words. The Banzhaf map of that whole
text is measured beside it; it cannot tell the things apart, and must be at chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.attribution.faithfulness.cases import Case
from clipprobe.attribution.interactions.words import word_slopes
from clipprobe.attribution.target import Targets, mean_text, targets_of

if TYPE_CHECKING:
    from clipprobe.models import Clip

WHOLE_TEXT = "banzhaf of the whole text"


Variant = tuple[str, bool]
"""One way to make a direction of a case: what its rows are called, empty for the method's own name,
and whether the mean text was subtracted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VariantGroup:
    """Variants that the same methods run on; ``targets`` has the cases of each in turn."""

    variants: tuple[Variant, ...]
    targets: Targets
    methods: Mapping[str, Mapping[str, Any]]


def variants_of(
    clip: Clip,
    cases: Sequence[Case],
    methods: Mapping[str, Mapping[str, Any]],
    centre: Sequence[bool],
) -> Iterator[VariantGroup]:
    """Groups of variants with their methods; the Banzhaf masks serve the interactions too."""
    plain = targets_of(clip, [case.text for case in cases])
    alone = plain.directions.cpu().numpy()
    common = mean_text(clip) if True in centre else 0.0
    variants = [(("", centred), alone - common if centred else alone) for centred in centre]
    rest = {k: v for k, v in methods.items() if k not in ("banzhaf", "interactions")}
    if rest:
        yield _group(plain, variants, rest)
    both = variants if "banzhaf" in methods else []
    if "interactions" in methods:
        words, whole = _of_whole_texts(clip, cases)
        both = [*both, (("interactions", False), words), ((WHOLE_TEXT, False), whole)]
    if both:
        settings = methods.get("banzhaf", methods.get("interactions", {}))
        yield _group(plain, both, {"banzhaf": settings})


def _group(
    plain: Targets,
    parts: Sequence[tuple[Variant, Any]],
    methods: Mapping[str, Mapping[str, Any]],
) -> VariantGroup:
    import torch

    directions = np.concatenate([part for _, part in parts]).astype(np.float32)
    return VariantGroup(
        variants=tuple(variant for variant, _ in parts),
        targets=replace(
            plain,
            names=plain.names * len(parts),
            directions=torch.from_numpy(directions).to(plain.directions.device),
        ),
        methods=methods,
    )


def _of_whole_texts(clip: Clip, cases: Sequence[Case]) -> tuple[Any, Any]:
    """Summed slopes of the words of each case's own name, and the vectors of the whole texts."""
    texts = [" ".join(case.names) for case in cases]
    slopes = {text: word_slopes(clip, text) for text in dict.fromkeys(texts)}
    rows = []
    for case, text in zip(cases, texts, strict=True):
        start = sum(len(name.split()) for name in case.names[: case.own])
        stop = start + len(case.names[case.own].split())
        rows.append(slopes[text].slopes[start:stop].sum(axis=0))
    whole = dict(zip(slopes, clip.encode_texts(list(slopes)), strict=True))
    return np.stack(rows), np.stack([whole[text] for text in texts])
