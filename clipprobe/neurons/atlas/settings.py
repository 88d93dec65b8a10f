"""Settings of what makes an atlas: a scan of images or of texts, a merge of shards, a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.errors import ConfigError
from clipprobe.neurons.settings import Counted, Units
from clipprobe.settings import HOW, Flag, Settings, several
from clipprobe.settings.shared import Batches, Images, Inference, Output, Random

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.neurons.atlas.contents import AtlasContents
    from clipprobe.settings.shared import ImagesLike

    Atlas = AtlasContents
    Texts = Dataset | Path | Iterable[str]
    Sheets = Callable[[AtlasContents], Mapping[str, str]]
else:
    Atlas = ImagesLike = Sheets = Texts = Any

BY_TOWER = "max; of texts the token that the model reads"
DEFAULT_ATLAS = Path("runs/atlas")


def _shard(value: Any) -> Any:
    """``"I/N"`` as ``(I, N)``; anything else as it is."""
    if not isinstance(value, str):
        return value
    left, _, right = value.partition("/")
    if left.isdecimal() and right.isdecimal() and int(left) < int(right):
        return int(left), int(right)
    raise ConfigError(
        f"--shard {value!r} is not I/N with I from 0 to N-1: give for example 0/4 for the first "
        "of four."
    )


def _as_path(value: Any) -> Any:
    """A text as the path that it is: of a file of texts."""
    return Path(value) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Scan(Counted, Random, Output, Units):
    """What every scan can be told."""

    panel: ClassVar[str] = "Atlas"
    top_k: Annotated[int, Ge(1)] = 16
    """Inputs kept at either end of each unit; no more than there are."""
    per_bin: Annotated[int, Ge(0)] = 4
    """Inputs kept for each activation bin."""
    threshold: float = 1.0
    """Activation above which an input counts."""
    shard: Annotated[
        tuple[int, int],
        BeforeValidator(_shard),
        Flag(takes=str, many=False, default="all images"),
    ] = (0, 1)
    """I/N: only every N-th image, from 0."""
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]  # in memory
    checkpoint_seconds: Annotated[float, Ge(0), HOW] = 2.0
    """Keep the state on disk this often, for a run that is killed; 0: every batch."""
    sheets: Annotated[Sheets | None, HOW, Flag(where="python")] = None
    """Of whoever writes sheets of units when the atlas is there: the atlas -> address of a unit and
    link from the report. Those units are shown there by name."""


@dataclass(frozen=True, kw_only=True)
class Thumbnails(Settings):
    """Whether small copies of images are kept."""

    panel: ClassVar[str] = "Atlas"
    thumbnails: bool = True
    """Keep small copies of the images that stand for units, so that pages open at once and show
    images that were moved away; of at most 20,000 images."""


@dataclass(frozen=True)
class ImageScan(Inference, Images, Thumbnails, Scan):
    """Scan images: as a function takes it."""

    panel: ClassVar[str] = "Atlas"
    images: ImagesLike


@dataclass(frozen=True)
class TextScan(Batches, Scan):
    """Scan texts: as a function takes it."""

    panel: ClassVar[str] = "Atlas"
    texts: Texts
    """Texts, or what :func:`clipprobe.data.texts.read_texts` gave."""
    _: KW_ONLY
    pool: str | None = None  # type: ignore[assignment]  # by default that of the model
    """How the tokens of a text become one number: eos (the token that the model reads), max, mean
    or cls."""
    limit: Annotated[int | None, Ge(1)] = None
    """Use at most N texts, drawn by the hash of the texts."""


@dataclass(frozen=True)
class AtlasScan(Inference, Images, Thumbnails, Scan):
    """Stream images (or texts) once through their tower and keep what each unit did."""

    panel: ClassVar[str] = "Atlas"
    images: ImagesLike | None = None
    _: KW_ONLY
    texts: Annotated[Texts | None, BeforeValidator(_as_path), Flag(takes=Path, many=False)] = None
    """Instead of images: a file of texts, one per line, for the text tower."""
    pool: Annotated[str | None, Flag(default=BY_TOWER)] = None  # type: ignore[assignment]
    out: Annotated[str | Path | None, HOW] = DEFAULT_ATLAS
    twin: Annotated[bool, HOW] = False
    """Scan the same network at random weights too, into OUT-twin: what a peak is compared with."""


@dataclass(frozen=True)
class Merge(Output):
    """Put the shards of one scan together; the same bytes in any order."""

    panel: ClassVar[str] = "Merge"
    atlases: Annotated[Sequence[Path], BeforeValidator(several), Flag(name="atlas", argument=True)]
    """Run folders, one per shard."""
    _: KW_ONLY
    out: Annotated[str | Path, HOW] = DEFAULT_ATLAS


@dataclass(frozen=True)
class Save(Output):
    """Write an atlas that is in memory as a run folder of its own."""

    panel: ClassVar[str] = "Save"
    atlas: Annotated[Atlas, Flag(where="python")]
    """The atlas."""
