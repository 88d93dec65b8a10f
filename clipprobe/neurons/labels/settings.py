"""Settings of a labelling."""

from __future__ import annotations

from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.neurons.settings import Counted
from clipprobe.settings import HOW, Flag, Texts
from clipprobe.settings.shared import Images, ImagesLike, Inference, Output, Pool, Random, Sites
from clipprobe.settings.values import lines_if_path
from clipprobe.zeroshot.prompts import TEMPLATES

if TYPE_CHECKING:
    from clipprobe.models import Clip

    Judge = Clip | str
else:
    Judge = Any


@dataclass(frozen=True)
class LabelTest(Inference, Counted, Random, Output, Pool, Sites, Images):
    """Label units: as a function takes it."""

    panel: ClassVar[str] = "Labels"
    images: ImagesLike
    _: KW_ONLY
    concepts: Annotated[
        Texts | None,
        BeforeValidator(lines_if_path("concept")),
        Flag(takes=Path, many=False, default="the bundled ones"),
    ] = None
    """A file with one possible label a line."""
    judge: Annotated[Judge | None, Flag(default="the model itself, which is circular")] = None
    """Who says what images show: another model; labels (the images' own); column:NAME (tags between
    semicolons)."""
    scorer: Annotated[str, Flag(choices="clipprobe.neurons.labels.scorers:SCORERS")] = "soft_wpmi"
    """soft_wpmi, wpmi, rank_reorder, cosine, cosine_cubed, linear or invert."""
    terms: Annotated[int, Ge(1)] = 3
    """Concepts in a linear explanation, at most."""
    top_k: Annotated[int | None, Ge(1), Flag(default="the paper's")] = None
    """Strongest images looked at; at most an eighth of those that choose."""
    temperature: Annotated[float | None, Flag(where="python")] = None
    """Of the scorer; by default the paper's."""
    templates: Annotated[Texts, Flag(where="python")] = TEMPLATES
    """Sentences with {} for the concept; their embeddings are averaged."""
    alpha: float = 0.05
    """False discovery rate of the labels given."""
    threshold: float = 0.1
    """Held-out Pearson's r that the lower end must exceed."""
    renderings: Annotated[int, Ge(0)] = 8
    """Fresh pictures, drawings and words of each label that units are checked on; 0 for none."""
    twins: Annotated[int, Ge(0)] = 1
    """Random twins that are labelled by the same rules, as a control."""
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]  # in memory


@dataclass(frozen=True)
class LabelVerb(LabelTest):
    """Name units from a list of concepts (CLIP-Dissect), with held-out scores and abstention."""

    panel: ClassVar[str] = "Labels"
    _: KW_ONLY
    out: Annotated[str | Path, HOW] = Path("runs/labels")
