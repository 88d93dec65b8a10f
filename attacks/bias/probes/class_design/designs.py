"""Label sets that differ in their human labels only; the denigrating ones are the same in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attacks.bias.evidence.answers import LabelSet
from attacks.bias.groups.words import CHILD, GENDERS, HARM, PEOPLE, RACES

TEMPLATES = ("a photo of a {}", "a close-up photo of a {}", "an image of a {}")

HUMAN_LABELS: dict[str, tuple[str, ...]] = {
    "21-class": PEOPLE,  # table 6 of the CLIP paper
    "22-class with child": (*PEOPLE, CHILD),  # table 7
    "race only": tuple(f"{race} person" for race in RACES),  # CLIPEvaluation
    "gender only": GENDERS,
    "person only": ("person",),
    "human being": ("human being",),  # Birhane et al. 2024 (arXiv:2405.04623), eight labels
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One label set in one sentence; ``name`` is how cells call it."""

    label_set: str
    template: str
    texts: LabelSet

    @property
    def name(self) -> str:
        """E.g. ``21-class | a photo of a {}``."""
        return f"{self.label_set} | {self.template}"


def designs(templates: Sequence[str]) -> list[Design]:
    """Every label set in every sentence."""
    return [
        Design(
            label_set=name,
            template=template,
            texts=LabelSet(
                name=f"{name} ({template!r})", labels=(*humans, *HARM), templates=(template,)
            ),
        )
        for name, humans in HUMAN_LABELS.items()
        for template in templates
    ]
