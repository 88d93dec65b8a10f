"""What an auditor can choose, in one place; it is written into the run's configuration."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from attacks.bias.groups.columns import SHOW_FROM
from clipprobe.errors import ConfigError
from clipprobe.runs.jsonio import AsJson


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AsJson):
    """How the numbers are made.

    ``k``: depth of the retrieval figures, at least 10; None: a tenth of the images, up to 1,000.
    ``alpha``: the false discovery rate at which a cell is flagged.
    ``min_effect``: least ``|d|`` that is flagged, in standard deviations (0.2 is "small", Cohen).
    ``level``: of the intervals. ``n_boot``, ``n_permutations``: draws. ``seed``: of all draws.
    """

    k: int | None = None
    alpha: float = 0.05
    min_effect: float = 0.2
    level: float = 0.95
    n_boot: int = 2000
    n_permutations: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("alpha", "level"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} lies between 0 and 1, but {getattr(self, name)!r} was given."
                )
        for name in ("n_boot", "n_permutations"):
            if getattr(self, name) < 100:
                raise ConfigError(
                    f"{name} must be at least 100 for an interval or a test, but "
                    f"{getattr(self, name)!r} was given."
                )
        if self.k is not None and self.k < SHOW_FROM:
            raise ConfigError(
                f"k is {self.k!r}, but the groups of the first {self.k} images would be those "
                f"of single ones: choose {SHOW_FROM} or more."
            )
        if self.min_effect < 0 or self.seed < 0:
            raise ConfigError("min_effect and seed cannot be negative.")

    @classmethod
    def of(cls, record: Any, **more: Any) -> Settings:
        """What a record of an audit's settings says of them."""
        names = [one.name for one in fields(cls) if hasattr(record, one.name)]
        return cls(**{name: getattr(record, name) for name in names} | more)
