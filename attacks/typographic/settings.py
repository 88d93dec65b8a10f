"""Settings that the audits of written words share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from attacks.typographic.attack.knobs import Knobs
from clipprobe.settings import Flag


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


KNOBS = tuple(field.name for field in fields(Knobs))
"""What of an attack can be set for a whole audit."""
