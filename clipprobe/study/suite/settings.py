"""Settings of a suite, and of holding it to a stored one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from clipprobe.errors import ConfigError
from clipprobe.settings import Flag, Settings
from clipprobe.settings.shared import Images, Output, Progress, Random


@dataclass(frozen=True, kw_only=True)
class Suite(Progress, Images, Random, Output):
    """Run a list of studies on one model; each image goes through it once for all of them.

    The list stands in the --config file under 'studies': names of studies, or mappings with
    'study', a 'name' of the entry where one study stands twice, and settings of that study.
    OUT/report.html shows every headline number and links every report. The same command goes on
    where an interrupted one stopped. Exits with 1 where a threshold of a study was crossed, or a
    figure is worse than that of the baseline.
    """

    panel: ClassVar[str] = "Suite"
    images: Annotated[Any, Flag(place=True)] = None
    """Images of every study that takes some and names none of its own."""
    studies: Annotated[Sequence[Any], Flag(where="file")]
    """What is run: names of studies, or mappings with study, name and settings."""
    shared: Annotated[Mapping[str, Any] | None, Flag(where="file")] = None
    """Settings of every study that has them and does not give them itself, such as classes."""

    @model_validator(mode="after")
    def _read(self) -> Self:
        from clipprobe.study.suite.entry import read_entries

        listed = {
            name: value
            for name in ("images", *self.chosen_by)
            if (value := getattr(self, name)) not in (None, False)
        }
        entries = read_entries(self.studies, {"seed": self.seed, **listed}, self.shared or {})
        object.__setattr__(self, "studies", entries)
        object.__setattr__(self, "shared", None)  # the entries hold it now
        return self


@dataclass(frozen=True, kw_only=True)
class Baseline(Settings):
    """The stored run that a suite is compared with."""

    panel: ClassVar[str] = "Baseline"
    baseline: Path | None = None
    """A complete run of a suite; each study is compared with the one of the same name in it."""
    fail_if_worse: bool = False
    """Exit with 1 when a figure is worse than that of the baseline, by the interval of the
    difference."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.fail_if_worse and self.baseline is None:
            raise ConfigError("--fail-if-worse needs --baseline: give the run to compare with.")
        return self
