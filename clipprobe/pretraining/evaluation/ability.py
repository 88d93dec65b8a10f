"""One measured ability of a trained model, as it stands in ``evaluation.json`` and the card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clipprobe.report.numbers import format_cell
from clipprobe.statistics import Estimate
from clipprobe.stimuli import Scene, concepts, render
from clipprobe.zeroshot import build_classifier

if TYPE_CHECKING:
    from clipprobe.models import Clip

#: The sentences that classes are named in here; fixed before any model was measured with them.
TEMPLATES = ("{}", "a photo of {}", "a picture of {}", "this is {}")
#: Draws other images than any training step or demonstration.
SEED = 20_000

#: What is measured, in the order and with the headings of the card.
PARTS = {
    "sight": "Naming one thing",
    "reading": "Reading",
    "scenes": "Scenes of several things",
    "other_hand": "By another hand",
    "unseen": "Concepts never seen",
    "profiles": "Profiles of units over concepts",
    "neurons": "Neurons",
    "planted": "Planted associations, in sum",
}

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """One measured number."""

    name: str
    meaning: str
    """What was measured, on what, and what chance would give."""
    estimate: Estimate
    about: str = "sight"
    """Part of the card that it stands in, of :data:`PARTS`."""
    p: float | None = None
    """Two-sided, of no effect; ``None`` where nothing was tested."""
    q: float | None = None
    """``p`` after Benjamini-Hochberg over its family, which the meaning names."""
    planted: float | None = None
    """What the training data had, in the estimate's own unit."""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        extra = {"p": self.p, "q": self.q, "planted": self.planted}
        return {
            "name": self.name,
            "about": self.about,
            "meaning": self.meaning,
            **self.estimate.to_json(),
            **{key: value for key, value in extra.items() if value is not None},
        }


def abilities_text(rows: Sequence[dict[str, Any]]) -> str:
    """One line per ability, by subject: value, what it means, what was planted, q."""
    lines = []
    for about in dict.fromkeys(row["about"] for row in rows):
        own = [row for row in rows if row["about"] == about]
        width = max(len(format_cell(row)) for row in own)
        lines.append(PARTS.get(about, about))
        for row in own:
            tested = [
                f"{what} {row[key]:{form}}"
                for key, what, form in (("planted", "planted", "+.2f"), ("q", "q", ".4f"))
                if row.get(key) is not None
            ]
            lines.append(f"  {format_cell(row):<{width}}  {'; '.join([row['meaning'], *tested])}")
    return "\n".join(lines)


def embed(clip: Clip, scenes: Iterable[Scene]) -> Floats:
    """Unit image vectors of rendered scenes, ``(n, d)``."""
    return clip.encode_images((render(scene).image for scene in scenes), batch_size=64)


def concept_classifier(clip: Clip) -> Floats:
    """A unit vector for each bundled concept, ``(n_concepts, d)``."""
    return build_classifier(clip, [concept.phrase for concept in concepts()], TEMPLATES)
