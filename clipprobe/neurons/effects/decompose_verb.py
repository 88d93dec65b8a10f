"""``clipprobe neurons decompose``: what each part of a tower adds to one score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.cli.common import load_model, read_image, result
from clipprobe.cli.verbs import Verb
from clipprobe.people import refuse_person_groups
from clipprobe.settings import Flag
from clipprobe.settings.shared import Compared, Model, Terminal


@dataclass(frozen=True, kw_only=True)
class ScoreParts(Compared):
    """The logit of an image with a text as an exact sum over heads, MLPs, neurons and biases."""

    panel: ClassVar[str] = "Decomposition"
    image: Annotated[Path, Flag(argument=True)]
    """An image file."""
    tower: Literal["vision", "text"] = "vision"
    """Which tower is taken apart."""
    top: Annotated[int, Ge(1)] = 12
    """Parts and neurons shown."""


def decompose(settings: ScoreParts, model: Model, terminal: Terminal) -> None:
    """Print the strongest parts of each score."""
    texts, image, tower = list(settings.texts), settings.image, settings.tower
    refuse_person_groups(texts, "neurons decompose")
    read_image(image)
    clip = load_model(model)
    from clipprobe.neurons.effects import decompose as take_apart

    decomposition = take_apart(clip, [image], texts, tower=tower)
    lines = []
    for place, name in enumerate(texts):
        row, column = (0, place) if tower == "vision" else (place, 0)
        total = decomposition.totals[row, column]
        lines.append(f"{name}: logit {total:.4f}, sum of parts off by {decomposition.gap:.1e}")
        parts = decomposition.strongest(row, column, settings.top)
        lines += [f"  {value:+.4f}  {part}" for part, value in parts]
        if neurons := decomposition.strongest_neurons(row, column, settings.top):
            lines.append("of the MLPs' parts, the largest neurons (already counted above):")
            lines += [f"  {value:+.4f}  {part}" for part, value in neurons]
    by_site = {site: values.tolist() for site, values in decomposition.neurons.items()}
    data = {**decomposition.to_json(), "neurons": by_site}
    result(data, as_json=terminal.as_json, text="\n".join(lines))


DECOMPOSE = Verb(decompose, (ScoreParts, Model, Terminal))
