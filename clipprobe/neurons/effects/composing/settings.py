"""Settings of sparse composition."""

from __future__ import annotations

from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.neurons.settings import Counted
from clipprobe.settings import HOW, Flag, Texts
from clipprobe.settings.shared import Images, Inference, Output, Pool, Random, Sites

if TYPE_CHECKING:
    from clipprobe.settings.shared import ImagesLike
else:
    ImagesLike = Any


@dataclass(frozen=True)
class Composing(Inference, Counted, Random, Pool, Output, Sites, Images):
    """Which few units make a class, an emotion or a place: sparse logistic regression."""

    panel: ClassVar[str] = "Composition"
    images: ImagesLike | None = None
    """Labelled images, whose classes are composed: a folder, a metadata table, a WebDataset .tar,
    or a Hugging Face dataset."""
    _: KW_ONLY
    texts: Path | None = None
    """Instead of images: a CSV with text, label and maybe group."""
    emotions: bool = False
    """Instead of images: the bundled words of ten feelings."""
    target: Annotated[Texts, Flag(default="all")] = ()
    """A class; repeat for more."""
    max_units: Annotated[int | None, Ge(1), Flag(default="no limit")] = None
    """Use no more units than this."""
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]
    """Keep the compositions as a run: everything as JSON, and a row per class and unit."""
