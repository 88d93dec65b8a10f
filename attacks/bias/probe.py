"""What a probe is: a question, the words it asks with, and the figures it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.evidence.answers import Evidence
from attacks.bias.groups.columns import GroupColumn, restrict
from attacks.bias.measures.cells import Cell
from attacks.bias.measures.draws import Floats, Ints, Shared
from attacks.bias.measures.evaluation import Answer, Evaluation
from attacks.bias.measures.frame import Frame, make_frame
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.subjects import Subjects

if TYPE_CHECKING:
    from attacks.bias.sections.findings import Context
    from clipprobe.report import Section

Measure = Callable[[Subjects, Sequence[str]], list[Cell]]
Truth = Mapping[str, tuple[str | None, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The images that are asked about.

    ``columns``: group columns. ``truth``: attribute (``gender``, ``race``, ``age``) -> the
    annotated value of each image in the words of :mod:`attacks.bias.groups.vocabulary`, None
    where it has none. ``clusters``: ``(n,)`` or None. ``settings``: how numbers are made.
    ``strata``: ``(n,)`` combinations of control columns, or None; ``paired``: see ``make_frame``.
    ``unread``: sentences on annotated values that are not in these words.
    ``shared``: draws that the probes share.
    """

    columns: tuple[GroupColumn, ...]
    truth: Truth
    clusters: Ints | None
    settings: Settings
    strata: Ints | None = None
    paired: bool = False
    unread: tuple[str, ...] = ()
    shared: Shared = field(default_factory=Shared, compare=False, repr=False)

    def framed(self, scores: Floats, column: GroupColumn, *, share: bool = True) -> Frame:
        """The frame of a column with its scores ``(n, m)``.

        Args:
            share: Whether another probe may ask for the same images and column.
        """
        return make_frame(
            scores, column, self.clusters, self.settings, strata=self.strata,
            paired=self.paired, shared=self.shared if share else None,
        )  # fmt: skip

    def subjects(
        self, probe: str, column: GroupColumn, part: NDArray[np.bool_] | None = None
    ) -> Subjects:
        """What figures of outcomes can be about; outcomes come later, the draws are shared.

        Args:
            part: Images ``(n,)`` that the outcomes are about; default: all.
        """
        own = column if part is None else restrict(column, part)
        frame = self.framed(np.zeros((len(own.labels), 1)), own)
        return Subjects(frame=frame, probe=probe, settings=self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """What the user chose for a probe; None or empty: the probe's own.

    ``words``, ``templates``: instead of the default ones. ``thresholds``: of probabilities.
    """

    words: tuple[str, ...] | None = None
    templates: tuple[str, ...] | None = None
    thresholds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question that is asked of every group column.

    ``name``: as it is asked for. ``question``: what it answers, in a sentence.
    ``words``: the default word list. ``words_source``: who chose them.
    ``templates``: default sentences, ``{}`` for the word.
    ``measures``: functions from the subjects of a frame and the words to cells.
    ``answer``: instead of measures, for a probe of label sets: from evidence to an answer.
    ``conclude``: what follows from an answer once the whole report's tests were corrected: the
    answer with q in its cells -> the same with further cells and facts, nothing tested.
    ``sections``, ``sentence``, ``headline``: its part of the report, its line in the opening, and
    the few numbers that a list of runs shows.
    ``takes``: which of ``words``, ``templates``, ``thresholds`` a user can choose.
    ``parts``: images ``(n,)`` that some of its figures are about, where these are not all.
    """

    name: str
    question: str
    words: Callable[[], Sequence[str]] = tuple
    words_source: str = ""
    templates: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    answer: Callable[[Evidence, Sample, ProbeOptions], Answer] | None = None
    conclude: Callable[[Answer, Settings], Answer] | None = None
    sections: Callable[[Context], list[Section]] | None = None
    sentence: Callable[[Context], str] | None = None
    headline: Callable[[Evaluation], list[dict[str, Any]]] | None = None
    takes: frozenset[str] = frozenset({"words", "templates"})
    parts: Callable[[Truth], list[NDArray[np.bool_]]] | None = None

    def cells(self, frame: Frame, items: Sequence[str], settings: Settings) -> list[Cell]:
        """Every figure of this probe for one group column, uncorrected."""
        subjects = Subjects(frame=frame, probe=self.name, settings=settings)
        return [cell for measure in self.measures for cell in measure(subjects, items)]
