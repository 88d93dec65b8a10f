"""Settings of ``explain``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.errors import ConfigError
from clipprobe.settings import HOW, Flag, Texts
from clipprobe.settings.shared import Pool
from clipprobe.yamltext import parse_yaml

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
    method: Annotated[
        Texts,
        Flag(
            choices="clipprobe.attribution:attribution_methods",
            default="the cheap method that tells things apart best: head_tokens; for units, "
            "integrated_gradients",
        ),
    ] = ()
    """grad_eclip, integrated_gradients, keep_only and so on; repeat to see several side by side."""
    against: Texts = ()
    """Explain by how much the text beats this one; repeat for more."""
    centre: bool = False
    """Explain the text less what most texts share."""
    words: Literal["gradient", "occlusion", "interactions"] | None = None
    """Which words of the text count."""
    interactions: bool = False
    """Which patch counts with which word."""
    parts: bool = False
    """Which heads and neurons hold the score."""
    faithfulness: bool = False
    """How faithful each map is on this image, beside random orders of the patches."""
    out: Annotated[Path | None, HOW] = None
    """Write the maps here: an image (.png), a page to click through (.html), or .safetensors."""
    hook: Annotated[
        str | None, Flag(default="the stream before the last block, or before the unit's")
    ] = None
    """token_grad_cam: the hook point that is mapped."""
    n_steps: Annotated[int | None, Ge(1), Flag(name="steps", default="64, more if needed")] = None
    """integrated_gradients: steps."""
    baseline: Annotated[str | None, Flag(default="grey")] = None
    """integrated_gradients: grey, black or white."""

    extra: Annotated[Texts, Flag(name="set")] = ()
    """NAME=VALUE, any other setting of the methods; repeat for more."""

    def of_methods(self) -> dict[str, Any]:
        """The settings of the methods that were given.

        Raises:
            ConfigError: one is not of the form NAME=VALUE.
        """
        values = {name: getattr(self, name) for name in OF_METHODS}
        values = {name: value for name, value in values.items() if value is not None}
        return values | read_pairs(self.extra)


def read_pairs(pairs: Sequence[str]) -> dict[str, Any]:
    """Settings of methods from texts NAME=VALUE.

    Raises:
        ConfigError: one is not of that form.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not (name and sign and value):
            raise ConfigError(f"--set {pair!r} is not of the form NAME=VALUE, as in n_masks=256.")
        try:
            values[name] = parse_yaml(value)  # numbers are read as numbers
        except ValueError as error:
            raise ConfigError(f"--set {pair!r} cannot be read: {error}.") from None
    return values
