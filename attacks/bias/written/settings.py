"""Settings of the audit of words written on images of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from attacks.bias.groups.vocabulary import HARM, PEOPLE
from attacks.bias.settings import TEMPLATES, Advance, AnnotatedImages, Columns, Groups, Significance
from attacks.typographic.settings import Lettering
from clipprobe.settings import HOW, PRIVATE, Flag, Settings, Texts
from clipprobe.settings.shared import ImagesLike, Inference, Output, Random
from clipprobe.settings.values import lines_if_path


@dataclass(frozen=True)
class WrittenAudit(Advance, Lettering, Significance, Random, Inference, Output, AnnotatedImages):
    """Write words on images of people and compare, between groups, how far labels follow them.

    Every image is also answered clean, with a blank label and with a nonsense word in the place
    of the word. A group's reading shift is the rate of a label with the word less that with the
    nonsense word. Nothing is computed for a single image.
    """

    panel: ClassVar[str] = "Written words"
    images: Annotated[ImagesLike, Flag(place=True)]
    groups: Annotated[Groups, PRIVATE]
    """Column with perceived or annotated groups, or "a x b"; repeat for more. In Python also id ->
    group."""
    words: Annotated[Columns, Flag(name="word")] = ()
    """A word to write; repeat for more. Each word is written on every image."""
    _: KW_ONLY
    out: Annotated[str | Path, HOW] = "runs/written"
    classes: Annotated[
        Sequence[str] | str | Path,
        BeforeValidator(lines_if_path("class", repeated=True)),
        Flag(
            takes=Path,
            many=False,
            default="the 21 labels of the CLIP paper's denigration probe",
        ),
    ] = (*PEOPLE, *HARM)
    """The labels to choose from, one per line. Followed are the label that a word names and, where
    the list has several labels of crimes or of something non-human, all of these together."""
    templates: Annotated[Texts, Flag(name="template")] = TEMPLATES
    """A sentence with {} for the word; repeat to average over several."""
    watch: Texts = ()
    """A label to follow whatever is written; repeat for more."""
    draw_at: Literal["model", "image"] = "model"
    """Resolution of the text: model draws on the image as the model sees it, image at its own."""


@dataclass(frozen=True, kw_only=True)
class WordFile(Settings):
    """Words to write, as a file; Python and the --config file list them."""

    panel: ClassVar[str] = "Written words"
    file: Annotated[Path | None, Flag(name="words", where="flag")] = None
    """A text file, one word per line."""
