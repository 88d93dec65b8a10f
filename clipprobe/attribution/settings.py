"""Settings of ``explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag, Texts
from clipprobe.settings.shared import Pool

#: Settings of one method or another; a method says which it has.
OF_METHODS = ("hook", "n_steps", "baseline")


@dataclass(frozen=True, kw_only=True)
class Explaining(Pool):
    """Explain the score of an image with a text, or a neuron's activation."""

    panel: ClassVar[str] = "Explanation"
    image: Annotated[Path, Flag(argument=True)]
    """An image file."""
    text: Annotated[Texts, Flag(argument=True)] = ()
    """A text; several are explained by their mean direction."""
    unit: str | None = None
    """A unit instead of a text, as vision.blocks.3.mlp.post:17."""
    method: Annotated[str, Flag(choices="clipprobe.attribution:attribution_methods")] = (
        "integrated_gradients"
    )
    """integrated_gradients, or token_grad_cam, which mostly points away from the object of a
    text."""
    out: Annotated[Path | None, HOW] = None
    """Write the picture with its map here (PNG)."""
    hook: Annotated[
        str | None, Flag(default="the stream before the last block, or before the unit's")
    ] = None
    """token_grad_cam: the hook point that is mapped."""
    n_steps: Annotated[int | None, Ge(1), Flag(name="steps", default="64, more if needed")] = None
    """integrated_gradients: steps."""
    baseline: Annotated[str | None, Flag(default="grey")] = None
    """integrated_gradients: grey, black or white."""

    def of_method(self) -> dict[str, Any]:
        """The settings of the method that were given."""
        given = {name: getattr(self, name) for name in OF_METHODS}
        return {name: value for name, value in given.items() if value is not None}
