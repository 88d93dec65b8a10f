"""The register of probes: each a question, the words it asks with, and the figures it reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attacks.bias.cells import Cell
from attacks.bias.frame import Frame
from attacks.bias.settings import Settings
from clipprobe.errors import UnknownMethodError

Measure = Callable[[Frame, Sequence[str], str, Settings], list[Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question that is asked of every group column.

    ``name``: as it is asked for. ``question``: what it answers, in a sentence.
    ``words``: the default word list. ``words_source``: who chose them.
    ``templates``: default sentences, ``{}`` for the word.
    ``measures``: functions from a frame and the words to cells.
    """

    name: str
    question: str
    words: Callable[[], Sequence[str]]
    words_source: str
    templates: tuple[str, ...]
    measures: tuple[Measure, ...]

    def cells(self, frame: Frame, items: Sequence[str], settings: Settings) -> list[Cell]:
        """Every figure of this probe for one group column, uncorrected."""
        return [
            cell for measure in self.measures for cell in measure(frame, items, self.name, settings)
        ]


_PROBES: dict[str, Probe] = {}


def register(probe: Probe) -> Probe:
    """Make a probe known by its name."""
    _PROBES[probe.name] = probe
    return probe


def probe_names() -> tuple[str, ...]:
    """Names of every probe there is."""
    _load()
    return tuple(sorted(_PROBES))


def get_probe(name: str) -> Probe:
    """The probe of that name.

    Raises:
        UnknownMethodError: there is none; lists those that exist.
    """
    _load()
    if name not in _PROBES:
        raise UnknownMethodError(
            f"There is no bias probe {name!r}; there is: {', '.join(sorted(_PROBES))}."
        )
    return _PROBES[name]


def _load() -> None:
    import attacks.bias.occupations  # noqa: F401  registers itself
