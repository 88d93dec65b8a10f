"""Settings of the mitigations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from attacks.bias.settings import Advance, AnnotatedImages, Bootstrap, WordList
from clipprobe.errors import ConfigError
from clipprobe.settings import Flag, Texts, lines_if_path
from clipprobe.settings.shared import ImagesLike, Inference, Output, Random

Method = Literal["projection", "clip-clip", "ablation"]
METHODS: tuple[Method, ...] = ("projection", "clip-clip", "ablation")
LAMBDA = 1000.0
"""Weight of the pairs in the projection: that of the paper, for classification."""


def _prompts(texts: Any) -> Any:
    """``GROUP=TEXT`` texts as a mapping; a mapping is left as it is."""
    if not isinstance(texts, list | tuple):
        return texts
    prompts = {}
    for text in texts:
        name, sign, phrase = str(text).partition("=")
        if not (sign and name.strip() and phrase.strip()):
            raise ConfigError(
                f"--group-prompt {text!r} is not GROUP=TEXT: give for example 'woman=a photo of a "
                "woman'."
            )
        prompts[name.strip()] = phrase.strip()
    return prompts


@dataclass(frozen=True)
class Mitigations(Advance, Bootstrap, Random, Inference, WordList, Output, AnnotatedImages):
    """Fit mitigations on half of the images and score them on the other half, cost included."""

    panel: ClassVar[str] = "Mitigations"
    images: Annotated[ImagesLike, Flag(place=True)]
    column: Annotated[str, Flag(name="groups")]
    """Column with the annotated groups."""
    _: KW_ONLY
    others: Annotated[Texts, Flag(name="other")] = ()
    """Another group column, for side effects; repeat for more."""
    methods: Annotated[Sequence[Method], Flag(name="method")] = METHODS
    """How the association is taken away; repeat for more."""
    group_prompts: Annotated[
        Mapping[str, str] | None, BeforeValidator(_prompts), Flag(name="group-prompt")
    ] = None
    """GROUP=TEXT: how a prompt names a group, instead of its name in the first template; repeat for
    more."""
    utility: Annotated[ImagesLike | None, Flag(place=True)] = None
    """Labelled images, for the cost in zero-shot accuracy."""
    classes: Annotated[
        Texts | None,
        BeforeValidator(lines_if_path("class")),
        Flag(takes=Path, many=False, default="the labels that occur"),
    ] = None
    """A text file, one class of the labelled images a line."""
    n_units: Annotated[int | None, Ge(1), Flag(default="chosen on the fitting half")] = None
    """Neurons that the ablation takes out."""
    lam: Annotated[float, Ge(0)] = LAMBDA
    """Weight of the pairs in the projection."""
    limit: Annotated[int | None, Ge(1), Flag()] = 2000
