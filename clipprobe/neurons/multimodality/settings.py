"""Settings of the three-modality test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Lt
from pydantic.dataclasses import dataclass

from clipprobe.neurons.settings import Counted, Units
from clipprobe.settings import HOW, Flag, Settings, Texts
from clipprobe.settings.shared import Inference, Output, Random

if TYPE_CHECKING:
    from clipprobe.neurons.multimodality.probes import Concepts, Probes

    ConceptsLike = Concepts | Probes
else:
    ConceptsLike = Any

LATE_CLS = "late-cls"
CONTROLS = ("random_weights", "words")


@dataclass(frozen=True, kw_only=True)
class ConceptImages(Settings):
    """Images of concepts in modalities."""

    panel: ClassVar[str] = "Multimodality"
    concepts: Annotated[ConceptsLike, Flag(where="python", place=True)]
    """``{concept: {modality: [images]}}``, the path of a table with the columns ``file_name``,
    ``concept`` and ``modality``, or :class:`clipprobe.neurons.multimodality.Probes`
    (``bundled_probes()``). At least two modalities and two concepts."""


@dataclass(frozen=True)
class ConceptTest(Inference, Counted, Random, Output, Units, ConceptImages):
    """Score every unit for every concept in every modality: as a function takes it."""

    panel: ClassVar[str] = "Multimodality"
    concepts: ConceptsLike
    sites: Sequence[str] | str | None = None
    _: KW_ONLY
    pool: str = LATE_CLS
    """How tokens become one number: late-cls (the class token in the last third of the blocks, max
    before and where there is none), cls, mean or max."""
    min_images: Annotated[int, Ge(2)] = 4
    """Fewest images of a concept in each modality."""
    split_share: Annotated[float, Ge(0), Lt(1), Flag(where="file")] = 0.5
    """Share of each concept's images that choose a unit's concept; the others confirm, and give
    every number that is reported. 0 uses all images for both. Where the images say themselves
    which half they belong to (the bundled ones, and a table's column ``half``), they are asked."""
    pixel_covariates: bool = False
    """Regress luminance, contrast, edges, ink, saturation, two axes of colour, and their squares
    out of the activations within each modality; the counts without it stand beside."""
    top_k: Annotated[int, Ge(1), Flag(where="file")] = 10
    """Depth of the purity; never more than a concept's confirming images."""
    n_permutations: Annotated[int, Ge(1), Flag(name="permutations")] = 2000
    """Draws of the image null."""
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    """Level at which q counts as significant."""
    controls: Annotated[Texts, Flag(where="python")] = CONTROLS
    """random_weights runs the same network at random weights beside it; words runs wrong words,
    nonsense, scrambled letters, blank and jitter on the best units."""
    n_controls: Annotated[int, Ge(1), Flag(where="python")] = 20
    """How many of the best units get word controls."""
    memory_mb: Annotated[float, Gt(0), HOW, Flag(where="file")] = 1000
    """Bound on the pooled activations in memory; beyond it the images run once for each tile of
    units."""
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]  # in memory


@dataclass(frozen=True)
class ConceptVerb(ConceptTest):
    """Rank units by how well they tell one concept in every modality."""

    panel: ClassVar[str] = "Multimodality"
    concepts: ConceptsLike | None = None  # type: ignore[assignment]  # of the flags below
    _: KW_ONLY
    out: Annotated[str | Path, HOW] = Path("runs/multimodal")


@dataclass(frozen=True, kw_only=True)
class ConceptFlags(Settings):
    """Which images and controls, as flags, and how much is printed."""

    panel: ClassVar[str] = "Multimodality"
    images: Annotated[
        str | None, Flag(default="the bundled concepts as picture, drawing and word")
    ] = None
    """A table with the columns file_name, concept and modality, or a folder with one."""
    per_concept: Annotated[int, Ge(4)] = 8
    """Bundled images of each concept in each modality."""
    top: Annotated[int, Ge(1)] = 20
    """Units to print."""
    random_weights: Annotated[bool, Flag(name="random-weights-control")] = True
    """Run the same network at random weights beside it."""
    words: Annotated[bool, Flag(name="word-controls")] = True
    """Wrong words, nonsense, scrambled letters, blank and jitter for the units that are printed."""
