"""Settings of the audit of attribution methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.settings import Existing, Flag, Settings, Texts, lines_if_path
from clipprobe.settings.shared import Batches, Images, Output, Progress, Random

if TYPE_CHECKING:
    from clipprobe.settings.shared import ImagesLike
else:
    ImagesLike = Any

QUESTIONS = {
    "inside": "does the middle of the strongest patch lie on the thing, or within 15/224 of it?",
    "inside_strict": "does at least half of the strongest patch lie on the thing?",
    "zone": "does the thing's own zone hold more of the map than those of the other things?",
    "mass": "which share of the positive part of the map lies on the thing?",
    "pixel_accuracy": "which share of the area does the map, cut at its mean, get right?",
    "miou": "intersection over union of the map, cut at its mean, with the thing and the rest",
    "map": "average precision of the map as a ranking of pixels",
    "deletion": "mean score while the strongest patches are covered first, negated",
    "insertion": "mean score while the strongest patches are uncovered first",
    "drop": "share of the score that is lost under the image times the map, negated",
    "increase": "does the score rise under the image times the map?",
    "randomisation": "1 less the rank correlation with the map of the same network untrained",
}
"""What each metric asks; :mod:`clipprobe.attribution.faithfulness.metrics` and ``removal`` define
them."""
METRIC_NAMES = tuple(QUESTIONS)
PROMPT = "a photo of a {}"


@dataclass(frozen=True, kw_only=True)
class Regions(Images):
    """On which images, and what is known of them: nothing given means rendered scenes."""

    panel: ClassVar[str] = "Images"
    without_flags: ClassVar[frozenset[str]] = frozenset(
        {"labels", "label_column", "id_column", "image_root", "label_names", "per_class"}
    )
    images: Annotated[ImagesLike | None, Flag(place=True)] = None
    """The folder of the images that --coco or --masks describe, or where paths of --boxes start."""
    boxes: Annotated[Path | None, Existing] = None
    """A CSV or Parquet table with the columns image, text, x0, y0, x1, y1 (pixels)."""
    coco: Annotated[Path | None, Existing] = None
    """COCO's instances_*.json: polygons, or boxes."""
    masks: Annotated[Path | None, Existing] = None
    """A folder of label images as in VOC or ADE20K (PNG, 0 is background); needs --classes."""
    classes: Annotated[
        Texts | None, BeforeValidator(lines_if_path("class")), Flag(takes=Path, many=False)
    ] = None
    """Names of label 1, 2, ... of --masks: a text file, one per line."""
    template: str = PROMPT
    """The text with {} for a category or class."""
    objects: Annotated[Sequence[int], AfterValidator(tuple)] = (1, 2, 3, 4)
    """Rendered scenes: things in an image, 1 to 4; repeat for more."""
    targets: Annotated[int, Ge(1)] = 200
    """Rendered scenes: targets for each number of things."""


@dataclass(frozen=True, kw_only=True)
class Covering(Settings):
    """How patches are covered, and what is read, by the metrics that do so."""

    panel: ClassVar[str] = "Deletion and insertion"
    fill: Literal["mean", "black", "blur"] = "mean"
    """What covers a patch."""
    score: Literal["cosine", "logit", "softmax", "top1", "top5"] = "cosine"
    """What is read; softmax and ranks run over the prompts and all texts of the data."""
    prompts: Annotated[
        Texts, BeforeValidator(lines_if_path("prompt")), Flag(takes=Path, many=False)
    ] = ()
    """More texts for softmax and ranks: a text file, one per line."""
    steps: Annotated[int, Ge(1)] = 8
    """Points of a curve, besides its start."""
    until: Annotated[float, Gt(0), Le(1)] = 1.0
    """Share of the patches that the last point covers."""


@dataclass(frozen=True)
class FaithfulnessAudit(Progress, Covering, Random, Batches, Output, Regions):
    """Which attribution methods can be believed on a model, measured where the truth is known."""

    panel: ClassVar[str] = "Faithfulness audit"
    _: KW_ONLY
    methods: Annotated[
        Texts,
        Flag(
            name="method",
            choices="clipprobe.attribution:attribution_methods",
            default="all that support the model",
        ),
    ] = ()
    """grad_eclip, keep_only and so on; repeat for more."""
    metrics: Annotated[Texts, Flag(name="metric", choices=METRIC_NAMES, default="all")] = ()
    """What is measured; repeat for more."""
    centring: Literal["both", "plain", "centred"] = "both"
    """Texts as they are (plain), less the mean text (centred), or both."""
    extra: Annotated[Texts, Flag(name="set")] = ()
    """NAME=VALUE, a setting of the methods that have it; repeat for more."""
    batch_size: Annotated[int, Ge(1)] = 16
    """Images that are explained together."""
    memory_gb: Annotated[float | None, Gt(0), Flag(default="what the machine has")] = None
    """Gigabytes that may be taken beyond the model; less makes smaller parts."""
    n_boot: Annotated[int, Ge(100)] = 2000
    """Bootstrap draws."""
