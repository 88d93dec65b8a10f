"""Settings that the audits of written words share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge
from pydantic import BeforeValidator, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from attacks.typographic.attack.knobs import KNOBS, Knobs
from attacks.typographic.texts import listed, read_synonyms, thresholds
from clipprobe.settings import Flag, Settings, Texts
from clipprobe.settings.shared import Images, Inference, Output, Progress, Random
from clipprobe.zeroshot.prompts import TEMPLATES

if TYPE_CHECKING:
    from attacks.typographic.datasets import AttackSet
    from attacks.typographic.words import Words
    from clipprobe.settings.shared import ImagesLike

    Attackable = AttackSet | ImagesLike
    WordsLike = str | Path | Sequence[str] | Words | Mapping[str, Any]
else:
    Attackable = WordsLike = Any


@dataclass(frozen=True, kw_only=True)
class Lettering(Knobs):
    """How words are written: the knobs of an attack, or a preset that some of them change."""

    panel: ClassVar[str] = "Lettering"
    preset: Annotated[str | None, Flag(choices="attacks.typographic:PRESETS")] = None
    """An attack of the field by its name; the knobs that are given win over it."""

    @model_validator(mode="wrap")
    @classmethod
    def _with_preset(cls, value: Any, check: Callable[[Any], Self]) -> Self:
        """Put the knobs of the preset where none was given; a knob given as its default stays."""
        made = check(value)
        if made.preset is None:
            return made
        from attacks.typographic.attack.presets import preset_knobs

        names = (value.kwargs or {}) if isinstance(value, ArgsKwargs) else value
        given = {name: getattr(made, name) for name in KNOBS if name in names}
        for name, knob in preset_knobs(made.preset, given).items():
            object.__setattr__(made, name, knob)
        return made

    def knobs(self) -> dict[str, Any]:
        """The knobs as an attack takes them, those of the preset among them."""
        return {name: getattr(self, name) for name in KNOBS}


@dataclass(frozen=True)
class TypographicAudit(Progress, Lettering, Random, Inference, Output, Images):
    """Write words on labelled pictures and measure how far a model follows them.

    Every picture is also encoded clean and with four controls in the place of the word: a blank
    label, a nonsense word, scrambled letters, the true word. With --name-pattern '{label}-{word}'
    pictures that were photographed with words on them are audited as they are.
    """

    panel: ClassVar[str] = "Typographic audit"
    images: Attackable  # type: ignore[assignment]  # an attack data set too
    """A folder (one sub-folder for each class), a metadata table, a WebDataset .tar, or a Hugging
    Face dataset; in Python also a data set, images, or an attack data set."""
    classes: Annotated[Sequence[str] | str | Path | None, Flag(takes=Path, many=False)] = None
    """A text file, one candidate class a line; every label must be among them. An attack data set
    brings its own."""
    _: KW_ONLY
    words: Annotated[WordsLike, Flag(where="file")] = "random"
    """Where the attack words come from: a strategy, a file, a list, or a mapping with strategy,
    listed (or file) and budget."""
    words_per_image: Annotated[int, Ge(1)] = 1
    """Different attack words for each picture."""
    synonyms: Annotated[
        Mapping[str, Sequence[str]] | None,
        BeforeValidator(read_synonyms),
        Flag(takes=Path, many=False),
    ] = None
    """A YAML file: for a class, a list of other names that mean the same."""
    forbidden: Annotated[
        Texts, BeforeValidator(listed("forbidden word")), Flag(takes=Path, many=False)
    ] = ()
    """A text file with words that may never be written."""
    allowed: Annotated[
        Texts, BeforeValidator(listed("allowed word")), Flag(takes=Path, many=False)
    ] = ()
    """A text file with words to allow although they are known as slurs."""
    name_pattern: str | None = None
    """Where label and photographed word stand in the file names, as in '{label}-{word}'; then
    nothing is written on the pictures."""
    word_column: str | None = None
    """The metadata column that holds the photographed word."""
    layout: Annotated[str | None, Flag(default="detected")] = None
    """Read the images as this attack data set: rta-100, paint, scam, rta-100-triplet,
    disentangling, distill, typod, self-gen, table, ... or none. Detected on the command line where
    the files leave no doubt; brings its own classes."""
    templates: Annotated[Texts, Flag(name="template")] = TEMPLATES
    """A text with {} for the class name; repeat to average over several."""
    protocol: Annotated[str | None, Flag(choices="attacks.typographic.protocols:PROTOCOLS")] = None
    """Score by a published protocol too, beside its published numbers: scam, defense_prefix,
    dyslexify, zer0int, distill or typod_set2."""
    draw_at: Literal["model", "image"] = "model"
    """Resolution of the text: model draws on the picture as the model sees it, image at its own."""
    fail_under: Annotated[Mapping[str, float] | None, BeforeValidator(thresholds("fail-under"))] = (
        None
    )
    """attacked_accuracy=NUMBER or clean_accuracy=NUMBER: exit with 1 when the lower end of its
    interval is under the number; repeat for more. With pairwise., union. or full. in front for one
    list of candidates."""
    fail_over: Annotated[Mapping[str, float] | None, BeforeValidator(thresholds("fail-over"))] = (
        None
    )
    """targeted_success=NUMBER, untargeted_success=NUMBER or reading_effect=NUMBER: exit with 1 when
    the upper end of its interval is over the number; repeat for more."""


@dataclass(frozen=True, kw_only=True)
class WordFlags(Settings):
    """Where attack words come from, as flags; a file and Python say it with ``words``."""

    panel: ClassVar[str] = "Words"
    file: Annotated[Path | None, Flag(name="words", where="flag")] = None
    """A text file, one attack word a line."""
    word: Annotated[Texts, Flag(where="flag")] = ()
    """An attack word; repeat for more."""
    strategy: Annotated[str | None, Flag(where="flag", default="random")] = None
    """Which word each picture gets: random, runner-up, most-similar, least-similar, image-similar,
    brute-force, neuron or head; of the classes, or of --words."""
    budget: Annotated[int | None, Ge(1), Flag(where="flag", default="2000")] = None
    """Queries that --strategy brute-force may spend."""
