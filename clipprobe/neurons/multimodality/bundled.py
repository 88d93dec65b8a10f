"""The bundled concepts as colour picture, line drawing and written word.

The images that confirm a unit's concept share nothing with those that select it but the drawing and
the letters: they have another background, another place, other fonts and other sizes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clipprobe.data import ImageRecord
from clipprobe.errors import ConfigError
from clipprobe.neurons.multimodality.probes import CONFIRM, HALF, SELECT, Probes, complete
from clipprobe.origin import Origin
from clipprobe.stimuli import COLOUR_STYLES, Concept, Sample, concept_set, render
from clipprobe.stimuli import concepts as all_concepts
from clipprobe.stimuli.probe_sets import MODALITIES
from clipprobe.stimuli.splits import UNSEEN_FONTS

LOOKS: Mapping[str, Mapping[str, Any]] = {
    SELECT: {
        "grounds": ("stripes",),
        "fonts": UNSEEN_FONTS[::2],
        "sizes": ((0.60, 0.65),),
        "word_sizes": (0.2, 0.3),
        "across": (0.0, 0.5),
    },
    CONFIRM: {
        "grounds": ("checks",),
        "fonts": UNSEEN_FONTS[1::2],
        "sizes": ((0.65, 0.70),),
        "word_sizes": (0.3, 0.4),
        "across": (0.5, 1.0),
    },
}
"""What differs between the halves: all of it was unseen when the bundled model was trained."""


def bundled_probes(
    *,
    per_concept: int = 8,
    seed: int = 0,
    concepts: Sequence[Concept] | None = None,
    size_px: int = 64,
    fresh: bool = True,
) -> Probes:
    """Every bundled concept as colour picture, line drawing and written word.

    On grounds, and in fonts, that the bundled model never saw; pictures in all three colour
    styles, one of which it never saw either.

    Args:
        per_concept: Images of each concept in each modality.
        concepts: All bundled ones by default.
        fresh: Whether the images that confirm have other backgrounds, places, fonts and sizes than
            those that select; else all are rendered alike, and the test splits them by itself.
    """
    if per_concept < 2:
        raise ConfigError(
            f"{per_concept} image of each concept cannot be split in two: give at least 2."
        )
    n_select = per_concept // 2
    parts: list[tuple[dict[str, str], dict[str, Any]]] = [({}, {"per_concept": per_concept})]
    if fresh:
        parts = [
            ({HALF: SELECT}, {**LOOKS[SELECT], "per_concept": n_select}),
            (
                {HALF: CONFIRM},
                {**LOOKS[CONFIRM], "per_concept": per_concept - n_select, "first_copy": n_select},
            ),
        ]
    records = [
        _of_sample(sample, half)
        for modality in MODALITIES
        for half, look in parts
        for sample in concept_set(
            modality, seed=seed, styles=COLOUR_STYLES, names=concepts, size_px=size_px, **look
        )
    ]
    arguments = {
        "per_concept": per_concept,
        "seed": seed,
        "size_px": size_px,
        "fresh": fresh,
        "names": None if concepts is None else [concept.name for concept in concepts],
    }
    known = concepts is None or set(concepts) <= set(all_concepts())
    origin = Origin(opener="bundled-probes", arguments=arguments) if known else None
    return replace(complete(f"bundled stimuli, seed {seed}", records, 2), origin=origin)


def open_bundled(
    *,
    per_concept: int,
    seed: int,
    size_px: int,
    names: Sequence[str] | None,
    fresh: bool = False,
) -> Probes:
    """Bundled probes from plain values, as a call keeps them.

    Args:
        names: Of bundled concepts; None for all.
        fresh: As of :func:`bundled_probes`; a call of an older version does not say it.
    """
    by_name = {concept.name: concept for concept in all_concepts()}
    concepts = None if names is None else [by_name[name] for name in names]
    return bundled_probes(
        per_concept=per_concept, seed=seed, concepts=concepts, size_px=size_px, fresh=fresh
    )


def _of_sample(sample: Sample, half: Mapping[str, str]) -> ImageRecord:
    buffer = io.BytesIO()
    render(sample.scene).image.save(buffer, "PNG", compress_level=1)
    attributes = {**sample.attributes, **half}
    return ImageRecord(sample.id, buffer.getvalue(), sample.label, attributes)
