"""Settings that the audits of written words share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge
from pydantic import BeforeValidator, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from attacks.typographic.attack.knobs import KNOBS, Knobs
from attacks.typographic.texts import read_synonyms
from clipprobe.errors import ConfigError
from clipprobe.settings import Flag, Settings, Texts
from clipprobe.settings.shared import Images, Inference, Output, Progress, Random, TwoRuns
from clipprobe.settings.values import lines_if_path, listed
from clipprobe.thresholds import threshold_reader
from clipprobe.zeroshot.prompts import TEMPLATES

if TYPE_CHECKING:
    from attacks.typographic.datasets import AttackSet
    from attacks.typographic.words import Words
    from clipprobe.settings.shared import ImagesLike

    Attackable = AttackSet | ImagesLike
    WordsLike = str | Path | Sequence[str] | Words | Mapping[str, Any]
else:
    Attackable = WordsLike = Any


#: The candidate classes of an audit of labelled images.
Classes = Annotated[
    Sequence[str] | str | Path | None,
    BeforeValidator(listed),
    Flag(takes=Path, many=False, default="the labels, sorted"),
]


def _words(value: Any) -> Any:
    """What a run can keep, so that it can be made again: lists, also in a mapping, and numbers."""
    if not isinstance(value, Mapping):
        return listed(value)
    items = {name: listed(item) for name, item in value.items()}
    number = items.get("budget")
    if isinstance(number, Integral) and not isinstance(number, bool):
        items["budget"] = int(number)
    return items


FORBIDDEN = BeforeValidator(lines_if_path("forbidden word", repeated=True))
ALLOWED = BeforeValidator(lines_if_path("allowed word", repeated=True))
FAIL_UNDER = BeforeValidator(threshold_reader("--fail-under", "attacked_accuracy=0.6"))
FAIL_OVER = BeforeValidator(threshold_reader("--fail-over", "targeted_success=0.2"))


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
        record = check(value)
        if record.preset is None:
            return record
        from attacks.typographic.attack.presets import preset_knobs

        names = (value.kwargs or {}) if isinstance(value, ArgsKwargs) else value
        settings = {name: getattr(record, name) for name in KNOBS if name in names}
        for name, knob in preset_knobs(record.preset, settings).items():
            object.__setattr__(record, name, knob)
        return record

    def knobs(self) -> dict[str, Any]:
        """The knobs as an attack takes them, those of the preset among them."""
        return {name: getattr(self, name) for name in KNOBS}


@dataclass(frozen=True, kw_only=True)
class Asking(Settings):
    """What a model is asked about each class."""

    panel: ClassVar[str] = "Classes"
    synonyms: Annotated[
        Mapping[str, Sequence[str]] | None,
        BeforeValidator(read_synonyms),
        Flag(takes=Path, many=False),
    ] = None
    """A YAML file: for a class, a list of other names that mean the same."""
    templates: Annotated[Texts, Flag(name="template")] = TEMPLATES
    """A text with {} for the class name; repeat to average over several."""


@dataclass(frozen=True, kw_only=True)
class Candidates(Settings):
    """What a model chooses among, where the images have labels."""

    panel: ClassVar[str] = "Classes"
    classes: Classes = None
    """A text file, one candidate class a line. Images of other labels are left out."""


@dataclass(frozen=True, kw_only=True)
class Guarding(Settings):
    """What may not be written."""

    panel: ClassVar[str] = "Words"
    forbidden: Annotated[
        Texts,
        FORBIDDEN,
        Flag(takes=Path, many=False),
    ] = ()
    """A text file with words that may never be written."""
    allowed: Annotated[
        Texts,
        ALLOWED,
        Flag(takes=Path, many=False),
    ] = ()
    """A text file with words to allow although they are known as slurs."""


@dataclass(frozen=True, kw_only=True)
class Writing(Settings):
    """Which word stands on which image."""

    panel: ClassVar[str] = "Words"
    words: Annotated[WordsLike, BeforeValidator(_words), Flag(where="file")] = "random"
    """Where the attack words come from: a strategy, a file, a list, or a mapping with strategy,
    listed (or file) and budget."""
    words_per_image: Annotated[int, Ge(1)] = 1
    """Different attack words for each image."""
    name_pattern: str | None = None
    """Where the label stands in the file names without their ending, {} for what to ignore:
    '{}_{label}' is common_iguana in n01677366_common_iguana.JPEG; audit typographic takes
    '{label}-{word}' for photographed words, and then writes none."""
    draw_at: Literal["model", "image"] = "model"
    """Resolution of the text: model draws on the image as the model sees it, image at its own."""


@dataclass(frozen=True)
class OnImages(Writing, Lettering, Random, Inference, Output, Images):
    """Words written on labelled images, by the same settings in every audit."""


@dataclass(frozen=True)
class TypographicAudit(Progress, Candidates, Asking, Guarding, OnImages):
    """Write words on labelled images and measure how far a model follows them.

    Every image is also encoded clean and with four controls in the place of the word: a blank
    label, a nonsense word, scrambled letters, the true word. With --name-pattern '{label}-{word}'
    images that were photographed with words on them are audited as they are.
    """

    panel: ClassVar[str] = "Typographic audit"
    images: Attackable  # type: ignore[assignment]  # an attack data set too
    """A folder (one sub-folder for each class), a metadata table, a WebDataset .tar, or a Hugging
    Face dataset; in Python also a data set, images, or an attack data set."""
    classes: Classes = None
    _: KW_ONLY
    word_column: str | None = None
    """The metadata column that holds the photographed word."""
    layout: Annotated[
        str | None,
        Flag(default="detected", choices="attacks.typographic.datasets.registry:layouts"),
    ] = None
    """Read the images as this attack data set: rta-100, paint, scam, rta-100-triplet,
    disentangling, distill, typod, self-gen, table, ... or none. Detected on the command line where
    the files leave no doubt; brings its own classes."""
    protocol: Annotated[str | None, Flag(choices="attacks.typographic.protocols:PROTOCOLS")] = None
    """Score by a published protocol too, beside its published numbers: scam, defense_prefix,
    dyslexify, zer0int, distill or typod_set2."""
    fail_under: Annotated[Mapping[str, float] | None, FAIL_UNDER] = None
    """attacked_accuracy=NUMBER or clean_accuracy=NUMBER: exit with 1 when the lower end of its
    interval is under the number; repeat for more. With pairwise., union. or full. in front for one
    list of candidates."""
    fail_over: Annotated[Mapping[str, float] | None, FAIL_OVER] = None
    """targeted_success=NUMBER, untargeted_success=NUMBER or reading_effect=NUMBER: exit with 1 when
    the upper end of its interval is over the number; repeat for more."""


@dataclass(frozen=True, kw_only=True)
class WordList(Settings):
    """The words that may be written, as flags; a file and Python say it with ``words``."""

    panel: ClassVar[str] = "Words"
    file: Annotated[Path | None, Flag(name="words", where="flag")] = None
    """A text file, one attack word a line."""
    word: Annotated[Texts, Flag(where="flag")] = ()
    """An attack word; repeat for more."""

    def listed(self) -> Path | list[str] | None:
        """The file or the list; None where no flag says.

        Raises:
            ConfigError: both were given.
        """
        if self.word and self.file:
            raise ConfigError("--words and --word were given together: choose one source of words.")
        return self.file or list(self.word) or None


@dataclass(frozen=True, kw_only=True)
class WordFlags(WordList):
    """Where attack words come from, as flags; a file and Python say it with ``words``."""

    panel: ClassVar[str] = "Words"
    strategy: Annotated[
        str | None,
        Flag(where="flag", default="random", choices="attacks.typographic.words:STRATEGIES"),
    ] = None
    """Which word each image gets: random, runner-up, most-similar, least-similar, image-similar,
    brute-force, neuron or head; of the classes, or of --words."""

    def source(self, budget: int | None = None) -> str | Path | list[str] | dict[str, Any] | None:
        """Where the attack words come from, as an audit takes it; None where no flag says.

        Args:
            budget: Queries that the strategy brute-force may spend.
        Raises:
            ConfigError: flags that exclude each other, or a budget without what spends it.
        """
        if self.word and (self.file or self.strategy):
            raise ConfigError(
                "--words, --word and --strategy were given together: choose one source of words, "
                "or join --strategy with --words."
            )
        if budget is not None and (self.strategy or "").replace("_", "-") != "brute-force":
            raise ConfigError("--budget is that of --strategy brute-force: give both, or neither.")
        if self.strategy and (self.file or budget):
            parts = {"strategy": self.strategy, "file": self.file, "budget": budget}
            return {name: part for name, part in parts.items() if part is not None}
        return self.file or list(self.word) or self.strategy


@dataclass(frozen=True, kw_only=True)
class Budget(Settings):
    """What a search for words may cost, as a flag; a file and Python say it with ``words``."""

    panel: ClassVar[str] = "Words"
    budget: Annotated[int | None, Ge(1), Flag(where="flag", default="2000")] = None
    """Queries that --strategy brute-force may spend."""


@dataclass(frozen=True, kw_only=True)
class TypographicComparison(TwoRuns):
    """Compare two typographic audits, paired over image, word and condition."""
