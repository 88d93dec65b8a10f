"""Ready sets of stimuli on grounds, at sizes and in fonts that the bundled model never saw.

Each sample is a scene with its attributes; :func:`write_set` puts a set on disk as a folder with
``metadata.csv``, which every command reads like a user's own images.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipprobe.stimuli.backgrounds import Background, Kind
from clipprobe.stimuli.concepts import (
    HAIR_CODEPOINTS,
    PERCEIVED_GENDERS,
    SKIN_CODEPOINTS,
    Concept,
    concepts,
)
from clipprobe.stimuli.scenes import Person, Picture, Scene, Word, render
from clipprobe.stimuli.splits import (
    TRAINED_STYLES,
    UNSEEN_FONTS,
    UNSEEN_GROUNDS,
    UNSEEN_ROTATIONS,
    UNSEEN_SIZES,
    Bands,
    draw_from,
    draw_rotation,
)

MODALITIES = ("picture", "drawing", "word")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One stimulus of a set."""

    id: str
    """Unique in its set, such as ``dog-picture-0``."""
    scene: Scene
    label: str
    """What it shows: a concept, or ``person``."""
    attributes: Mapping[str, str]


def concept_set(
    modality: str,
    *,
    per_concept: int = 1,
    seed: int = 0,
    styles: Sequence[str] = TRAINED_STYLES,
    fonts: Sequence[str] = UNSEEN_FONTS,
    names: Sequence[Concept] | None = None,
    sizes: Bands = UNSEEN_SIZES,
    rotations: Bands = UNSEEN_ROTATIONS,
    grounds: Sequence[Kind] = UNSEEN_GROUNDS,
    word_sizes: tuple[float, float] = (0.2, 0.4),
    across: tuple[float, float] = (0.0, 1.0),
    first_copy: int = 0,
    size_px: int = 64,
) -> list[Sample]:
    """Draw every concept ``per_concept`` times in one modality, on unseen ground.

    Args:
        modality: ``picture`` (colour), ``drawing`` (black strokes) or ``word`` (lower case).
        styles: Colour styles to draw pictures from.
        fonts: Fonts to draw words from.
        names: Concepts; all by default.
        sizes: Sides of pictures and drawings, as fractions of the image's; drawn from these bands.
        rotations: Their rotations to either side, in degrees.
        grounds: Backgrounds.
        word_sizes: Heights of words, as fractions of the image's; uniform between them.
        across: Where things stand from left to right, as fractions of the room there is.
        first_copy: Number of the first image of a concept; another number is another image.
    """
    samples = []
    for index, concept in enumerate(names if names is not None else concepts()):
        for copy in range(first_copy, first_copy + per_concept):
            rng = np.random.default_rng([seed, MODALITIES.index(modality), index, copy])
            kind = grounds[int(rng.integers(len(grounds)))]
            low = 190 if modality == "picture" else 215
            first, second = (tuple(int(v) for v in rng.integers(low, 256, 3)) for _ in range(2))
            ground = Background(
                kind=kind,
                color=(first[0], first[1], first[2]),
                second=(second[0], second[1], second[2]),
                seed=int(rng.integers(1 << 31)),
            )
            item: Picture | Word
            if modality == "word":
                font = fonts[int(rng.integers(len(fonts)))]
                item = Word(
                    text=concept.name,
                    font=font,
                    size=float(rng.uniform(*word_sizes)),
                    center=(float(rng.uniform(*across)), float(rng.uniform(0.1, 0.9))),
                )
                how = {"font": font}
            else:
                style = styles[int(rng.integers(len(styles)))] if modality == "picture" else "line"
                side = draw_from(sizes, rng)
                room = (1 - side) / 2
                item = Picture(
                    concept=concept.name,
                    style=style,
                    size=side,
                    center=(
                        0.5 + float(rng.uniform(*(room * (2 * np.array(across) - 1)))),
                        0.5 + float(rng.uniform(-room, room)),
                    ),
                    rotation=draw_rotation(rotations, rng),
                )
                how = {"style": style}
            samples.append(
                Sample(
                    id=f"{concept.name}-{modality}-{copy}",
                    scene=Scene(items=(item,), background=ground, size_px=size_px),
                    label=concept.name,
                    attributes={"modality": modality, "category": concept.category, **how},
                )
            )
    return samples


def people_set(
    *, per_cell: int = 8, seed: int = 0, occupation: str = "", size_px: int = 64
) -> list[Sample]:
    """Draw people, balanced over perceived gender, skin tone and hair.

    Args:
        per_cell: People of each gender and skin tone.
        occupation: Outfit that all wear; plain people by default.
    """
    samples = []
    hairs = ("", *HAIR_CODEPOINTS)
    for gender in PERCEIVED_GENDERS:
        for tone in SKIN_CODEPOINTS:
            for copy in range(per_cell):
                cell = [PERCEIVED_GENDERS.index(gender), list(SKIN_CODEPOINTS).index(tone), copy]
                rng = np.random.default_rng([seed, 99, *cell])
                shade = [int(v) for v in rng.integers(150, 256, 6)]
                side = float(rng.uniform(0.6, 0.95))
                room = (1 - side) / 2
                person = Person(
                    gender="woman" if gender == "woman" else "man",
                    skin_tone=tone,
                    hair="" if occupation else hairs[copy % len(hairs)],
                    occupation=occupation,
                    style=TRAINED_STYLES[int(rng.integers(2))],
                    size=side,
                    center=(
                        0.5 + float(rng.uniform(-room, room)),
                        0.5 + float(rng.uniform(-room, room)),
                    ),
                    rotation=float(rng.uniform(-12, 12)),
                )
                ground = Background(
                    kind=UNSEEN_GROUNDS[int(rng.integers(2))],
                    color=(shade[0], shade[1], shade[2]),
                    second=(shade[3], shade[4], shade[5]),
                    seed=int(rng.integers(1 << 31)),
                )
                samples.append(
                    Sample(
                        id=f"person-{gender}-{tone}-{copy}",
                        scene=Scene(items=(person,), background=ground, size_px=size_px),
                        label="person",
                        attributes={
                            "perceived_gender": gender,
                            "skin_tone": tone,
                            "occupation": occupation,
                            # Images of one drawing are not independent of each other.
                            "drawing": f"{person.style}/{gender}/{tone}/{person.hair}",
                        },
                    )
                )
    return samples


def write_set(samples: Iterable[Sample], folder: Path) -> Path:
    """Render a set into ``folder`` as PNG files with a ``metadata.csv``; returns that table's path.

    The table has ``file_name``, ``label`` and one column an attribute.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for sample in samples:
        file = f"{sample.id}.png"
        render(sample.scene).image.save(folder / file)
        rows.append({"file_name": file, "label": sample.label, **sample.attributes})
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = folder / "metadata.csv"
    with table.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return table
