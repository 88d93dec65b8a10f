"""Settings that the audits of groups of people share, and those of the bias report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

from annotated_types import Ge, Gt, Lt
from pydantic import AfterValidator, BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, PRIVATE, Existing, Flag, Settings, Texts, lines_if_path
from clipprobe.settings.shared import Images, ImagesLike, Inference, Output, Random, TwoRuns

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip

    Tell = Callable[[int], None]
else:
    Clip = Tell = Any

Columns = str | Texts
Groups = Columns | Mapping[str, str | None]
LabelFormat = Literal["auto", "fairface", "utkface", "visogender", "table"]
Words = Annotated[
    Texts | None,
    BeforeValidator(lines_if_path("word")),
    Flag(takes=Path, many=False, default="occupations, or the probe's own"),
]
TEMPLATES = ("a photo of a {}",)


def _deep_enough(k: int | None) -> int | None:
    from attacks.bias.groups.columns import SHOW_FROM

    if k is not None and k < SHOW_FROM:
        raise ValueError(
            f"{k} is too few: the groups of the first {k} images would be those of single ones; "
            f"choose {SHOW_FROM} or more."
        )
    return k


@dataclass(frozen=True, kw_only=True)
class AnnotatedImages(Images):
    """Images of people with annotated groups, and what is known about the annotation."""

    panel: ClassVar[str] = "People"
    without_flags: ClassVar[frozenset[str]] = frozenset(
        {"label_column", "label_names", "per_class"}
    )
    labels: Annotated[str | Path | None, Existing] = None
    """A table of groups by id, wherever it lies: FairFace, UTKFace, VisoGender or any other."""
    label_format: LabelFormat = "auto"
    """How to read the table of groups; auto tells the formats by their columns and file names."""
    card: Annotated[str | Path | None, Flag(place=True)] = None
    """Who annotated the data: a YAML file, or a shipped card's name. Without one the report is
    stamped UNDOCUMENTED DATA."""
    clusters: str | None = None
    """Column of what is pictured several times (a person, a drawing)."""

    def dataset(self) -> Dataset:
        """The images, all of them; they are joined with a table of groups and sampled later."""
        from clipprobe.data import as_dataset

        return as_dataset(cast("Any", self.images), image_root=self.image_root)

    def opened(self, *, whole: bool = False, dataset: Dataset | None = None) -> Self:
        """The same settings with the images opened."""
        return replace(self, images=dataset or self.dataset())


@dataclass(frozen=True, kw_only=True)
class WordList(Settings):
    """Whose association with groups is measured."""

    panel: ClassVar[str] = "Question"
    words: Words = None
    """The words to ask about: a file, one per line."""
    templates: Annotated[Texts, Flag(name="template")] = TEMPLATES
    """A sentence with {} for the word; repeat to average over several."""


@dataclass(frozen=True, kw_only=True)
class Bootstrap(Settings):
    """How intervals are made."""

    panel: ClassVar[str] = "Statistics"
    n_boot: Annotated[int, Ge(100)] = 2000
    """Bootstrap draws."""


@dataclass(frozen=True, kw_only=True)
class Significance(Bootstrap):
    """How differences are tested."""

    panel: ClassVar[str] = "Statistics"
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    """False discovery rate at which a cell is flagged."""
    n_permutations: Annotated[int, Ge(100)] = 10_000
    """Permutations of the group labels."""


@dataclass(frozen=True, kw_only=True)
class Advance(Settings):
    """Who is told of each batch; only in Python."""

    panel: ClassVar[str] = "Run"
    progress: Annotated[Tell | None, HOW, Flag(where="python")] = None
    """Called with the number of images newly finished."""


@dataclass(frozen=True)
class Sources(AnnotatedImages):
    """What the bias report starts from, and which groups and questions it is about."""

    panel: ClassVar[str] = "Bias report"
    images: Annotated[ImagesLike | None, Flag(place=True)] = None
    groups: Annotated[Groups | None, PRIVATE, Flag(default="those that a known format names")] = (
        None
    )
    """Column with perceived or annotated groups, or "a x b"; repeat for more. In Python also id ->
    group."""
    probes: Annotated[
        Columns, Flag(name="probe", choices="attacks.bias.probes.registry:probe_names")
    ] = ("occupations",)
    """Question to ask; repeat for more."""
    _: KW_ONLY
    embeddings: Annotated[str | Path | None, Existing] = None
    """Instead of images: an .npz or .safetensors of their vectors by id, of this very model."""
    predictions: str | Path | None = None
    """Instead of images and model: a table of predicted labels, or of scores, by id."""
    prediction_column: Annotated[str | None, Flag(default="detected")] = None
    """The column of predicted labels."""
    score_kind: Literal["cosine", "logit", "probability"] = "cosine"
    """What scores in a table are."""
    scale: float | None = None
    """The model's logit scale, for cosines in a table."""


@dataclass(frozen=True)
class BiasAudit(Advance, Significance, Random, Inference, WordList, Output, Sources):
    """Report how scores differ between perceived or annotated groups of people.

    Needs images with a column that says how each one's person is perceived (a metadata.csv with
    file_name and perceived_gender, or --labels), or a file of their embeddings, or a table of
    predictions. Nothing is computed for a single image.
    """

    panel: ClassVar[str] = "Bias report"
    out: Annotated[str | Path, HOW] = "runs/bias"
    _: KW_ONLY
    templates: Annotated[Texts | None, Flag(name="template", default="the probe's own")] = None  # type: ignore[assignment]  # the base has no None
    against: Annotated[Clip | None, Flag(takes=str)] = None
    """A second model: the run holds its differences from --model, paired over the images."""
    thresholds: Annotated[
        Sequence[Annotated[float, Gt(0), Lt(1)]] | None,
        Flag(name="threshold", default="0.005, 0.04"),
    ] = None
    """Of probability (0.01 is 1 %), beside 0.005 and 0.04; repeat for more."""
    controls: Annotated[Columns, Flag(name="control")] = ()
    """Column within whose values group labels are permuted, so that what it explains (age, padding,
    source) is not counted as evidence about the groups; repeat for more."""
    planted: Annotated[
        str | Path | None, Flag(default="that of the bundled model, for its drawn people")
    ] = None
    """A model organism's planted.json to compare with."""
    k: Annotated[
        int | None,
        AfterValidator(_deep_enough),
        Flag(default="a tenth of the images, at most 1000"),
    ] = None
    """Depth of retrieval figures, from 10 to half of the images."""
    min_effect: Annotated[float, Ge(0)] = 0.2
    """Least |d| that is flagged."""
    include_images: bool = False
    """Show a few images of the data set in the report, drawn without regard to groups; needs a
    card with its licence."""


@dataclass(frozen=True, kw_only=True)
class BiasComparison(TwoRuns):
    """Compare two stored bias reports by their printed figures; differences are B minus A."""
