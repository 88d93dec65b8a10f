"""Settings of a sweep: what is varied, and what a cell is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Lt
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from attacks.typographic.attack.knobs import KNOBS
from attacks.typographic.settings import Asking, Candidates, Classes, OnImages
from clipprobe.settings import Flag, Settings, Texts
from clipprobe.settings.shared import Progress
from clipprobe.thresholds import threshold_reader

if TYPE_CHECKING:
    from clipprobe.settings.shared import ImagesLike

    Factors = Mapping[str, Sequence[Any] | None] | Sequence[str]
else:  # levels are refused by attacks.typographic.sweep.grid
    ImagesLike = Factors = Any

_UNDER = threshold_reader("--fail-under", "worst_attacked_accuracy=0.5")
_OVER = threshold_reader("--fail-over", "highest_targeted_success=0.2")
Control = Literal["nonsense", "blank", "scrambled", "true"]
CONTROL: Control = "nonsense"
#: Grids that need more are refused unless asked for: 5 minutes of a small model on two cores, and
#: most of a day of a large one.
MAX_ENCODINGS = 50_000


@dataclass(frozen=True)
class TypographicSweep(Progress, Candidates, Asking, OnImages):
    """Write the same words on the same images over a grid of sizes, places, colours, ...

    Gives security curves with a nonsense-word control at every cell, tests whether they are
    monotone, and finds the worst cell and the smallest text that works. An interrupted sweep goes
    on in the cell where it stopped.
    """

    panel: ClassVar[str] = "Sweep"
    without_flags: ClassVar[frozenset[str]] = frozenset({*KNOBS, "preset"})
    images: ImagesLike
    classes: Classes = None
    _: KW_ONLY
    factors: Annotated[
        Factors, Flag(name="factor", many=True, choices="attacks.typographic.sweep.grid:FACTORS")
    ]
    """A setting of the attack and its levels, size=0.05,0.1,0.2; without levels the default ones;
    repeat for more. 'none' is not a colour, 0.5/0.25 a place."""
    design: Literal["one-factor", "factorial"] = "one-factor"
    """One at a time around the base, or every combination."""
    controls: Annotated[Sequence[Control], Flag(name="control", default="none")] = (CONTROL,)
    """A control beside the nonsense word, which every cell has; repeat for more."""
    level: Annotated[float, Ge(0), Lt(1)] = 0.5
    """Success that a text must exceed to count as working."""
    max_encodings: Annotated[int, Ge(1)] = MAX_ENCODINGS
    """Refuse a grid that needs more images encoded."""
    fail_under: Annotated[Mapping[str, float] | None, BeforeValidator(_UNDER)] = None
    """worst_attacked_accuracy=NUMBER, right_in_every_cell=NUMBER or clean_accuracy=NUMBER: exit
    with 1 when the lower end of its interval is under the number; repeat for more."""
    fail_over: Annotated[Mapping[str, float] | None, BeforeValidator(_OVER)] = None
    """highest_targeted_success=NUMBER: exit with 1 when the upper end of its interval is over the
    number."""


@dataclass(frozen=True, kw_only=True)
class BaseFlags(Settings):
    """What is not varied, as flags; a file and Python set it by its name."""

    panel: ClassVar[str] = "Sweep"
    base: Annotated[Texts, Flag(name="set", where="flag")] = ()
    """A setting of what is not varied, background=white; repeat for more."""

    def knobs(self) -> dict[str, Any]:
        """The settings of the attack, read as levels are.

        Raises:
            ConfigError: one is unknown, or has no value or several.
        """
        from attacks.typographic.sweep.grid import parse_factors
        from clipprobe.errors import ConfigError

        fixed_knobs: dict[str, Any] = {}
        for name, values in parse_factors(self.base).items():
            if values is None or len(values) != 1:
                raise ConfigError(f"--set {name} needs one value, as in --set {name}=VALUE.")
            fixed_knobs[name] = values[0]
        return fixed_knobs
