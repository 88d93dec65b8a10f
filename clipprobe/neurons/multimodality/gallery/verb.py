"""``clipprobe neurons gallery``: the units that best tell one concept in every modality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.cli.common import load_model, progress, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.neurons.multimodality.settings import LATE_CLS
from clipprobe.settings import HOW
from clipprobe.settings.shared import Batches, Model, Pool, Random, Sites, Terminal


@dataclass(frozen=True, kw_only=True)
class Gallery(Batches, Random, Pool, Sites):
    """Draw the units that best tell one concept in every modality: a sheet each, and an index."""

    panel: ClassVar[str] = "Gallery"
    out: Annotated[Path, HOW] = Path("runs/gallery")
    """Folder for the sheets and their README.md."""
    top: Annotated[int, Ge(1)] = 10
    """Units to draw."""
    pool: str = LATE_CLS
    """How tokens become one number: late-cls (the class token in the last third of the blocks, max
    before), cls, mean or max."""
    per_concept: Annotated[int, Ge(4)] = 8
    """Bundled images of each concept in each modality."""


def gallery(settings: Gallery, model: Model, terminal: Terminal) -> None:
    """Draw the gallery and print a line for each of its units."""
    clip = load_model(model)
    from clipprobe.neurons.multimodality.gallery.writing import write_gallery
    from clipprobe.report.numbers import ends
    from clipprobe.stimuli import concepts

    with progress("testing", 3 * settings.per_concept * len(concepts())) as advance:
        entries = write_gallery(
            clip,
            settings.out,
            top=settings.top,
            sites=None if settings.sites is None else list(settings.sites),
            pool=settings.pool,
            per_concept=settings.per_concept,
            seed=settings.seed,
            batch_size=settings.batch_size,
            progress=advance,
        )
    lines = [
        f"{entry.unit}  {entry.concept}  {entry.score.value:.3f} "
        f"{ends(entry.score.low, entry.score.high)} n={entry.score.n}"
        for entry in entries
    ]
    rows = [entry.to_json() for entry in entries]
    result(rows, as_json=terminal.as_json, text="\n".join(lines))
    say(f"The gallery is {settings.out}/README.md.")


GALLERY = Verb(gallery, (Gallery, Model, Terminal))
