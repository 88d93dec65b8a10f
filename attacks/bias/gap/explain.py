"""``explain_gap``: from images with annotated groups to the units that carry one gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.evidence.answers import LabelSet
from attacks.bias.gap.report import GapReport
from attacks.bias.gap.settings import GapExplanation
from attacks.bias.gap.task import GapTask, check_question, gap_task
from attacks.bias.people import People, read_people
from attacks.bias.probes.occupations import default_occupations
from attacks.bias.probes.word_lists import check_words
from attacks.bias.sections.caveats import caveats_of
from clipprobe.memory import fitting_batch
from clipprobe.settings import takes
from clipprobe.statistics.seeds import generator
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.tracing import Tracer
from clipprobe.tracing.inputs import Inputs
from clipprobe.tracing.split import resamples
from clipprobe.tracing.tracer import kept_in, passes_of
from clipprobe.zeroshot.prompts import check_templates

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.runs import Run, RunView


@takes(GapExplanation)
def explain_gap(clip: Clip, settings: GapExplanation) -> RunView:
    """Rank units by what they add to a gap, take them out, and compare with random sets.

    The gap is the score of ``word`` over the images of ``group`` less that over all others. Half
    of the images rank the units, the other half measures.

    Returns:
        The run: ``units.csv``, ``summary.json``, ``report.html``, ``report.md``.
    Raises:
        DataError: a word, group or column that is not there, or too few images of a group.
        ConfigError: an unknown kind, or fewer than 20 random sets.
    """
    return carry_out(GAP, settings, clip).run


def question_of(
    settings: GapExplanation,
) -> tuple[tuple[str, ...], tuple[str, ...], People]:
    """Words, templates and people, checked; needs no model."""
    words = settings.words
    names = check_words(default_occupations() if words is None else words)
    templates = check_templates(settings.templates, once=True)
    people = read_people(settings, [settings.column])
    [column] = people.columns
    check_question(names, settings.word, column, settings.group)
    return names, templates, people


def prepare_gap(settings: GapExplanation, clip: Clip) -> Plan[None]:
    """Refuse what cannot be explained, and plan the explanation."""
    names, templates, people = question_of(settings)
    fitting_batch(clip, settings.batch_size, len(people.records))
    gap = _Gap(settings=settings, clip=clip, words=names, templates=templates, people=people)
    return Plan.of(gap, people.description)


@dataclass(frozen=True, kw_only=True)
class _Gap:
    settings: GapExplanation
    clip: Clip
    words: tuple[str, ...]
    templates: tuple[str, ...]
    people: People

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        settings, people = self.settings, self.people
        return {
            "model": self.clip.provenance()["model"], "dataset": people.description,
            "column": people.columns[0].name, "card": people.documentation,
            "word": settings.word, "group": settings.group, "words": list(self.words),
            "templates": list(self.templates), "clusters": settings.clusters,
            "kinds": list(settings.kinds), "n_random": settings.n_random,
            "n_boot": settings.n_boot, "batch_size": settings.batch_size, "seed": settings.seed,
        }  # fmt: skip

    def passes(self) -> Workload:
        """Of the trace, and of the sentences of the words."""
        settings, n = self.settings, len(self.people.records)
        traced = passes_of(self.clip, n, settings.kinds, n_random=settings.n_random)
        return traced + Workload(images=0, texts=len(self.words) * len(self.templates))

    def execute(self, run: Run) -> Outcome[None]:
        """Decode the images, cut them in two halves, and take units out."""
        settings, clip = self.settings, self.clip
        images, people = self.people.decode(clip.preprocess, settings.workers)
        [groups] = people.columns
        words = LabelSet(name="words", labels=self.words, templates=self.templates)
        texts = words.vectors(clip.encode_texts, clip)
        task = gap_task(
            texts, self.words, settings.word, groups, settings.group,
            clusters=people.clusters, seed=settings.seed,
        )  # fmt: skip
        tracer = self.tracer(task, [images[i] for i in task.rows], run)
        ranked, removals, absent = tracer.all(settings.kinds)
        report = GapReport(
            task=task, before=tracer.before, weights=tracer.weights, ranked=ranked,
            removals=removals, absent=absent, heading=groups.heading, words=self.words,
            templates=self.templates, n_boot=settings.n_boot, seed=settings.seed,
            provenance=clip.provenance(), caveats=caveats_of(clip, people, self.people.notes),
        )  # fmt: skip
        return report.outcome()

    def tracer(self, task: GapTask, images: Sequence[Any], run: Run) -> Tracer:
        """What ranks units and takes them out; what random sets remove is kept in the run."""
        settings = self.settings
        half = ~task.fit
        assert task.score.inside is not None
        weights = resamples(
            task.score.inside[half], task.clusters[half], settings.n_boot,
            generator(settings.seed, "why", task.word, task.group),
        )  # fmt: skip
        return Tracer(
            Inputs(self.clip, "vision", images, settings.batch_size), task.score, task.fit,
            weights, n_random=settings.n_random, seed=settings.seed, once=kept_in(run),
            progress=settings.progress,
        )  # fmt: skip


GAP = Study(kind="bias-gap", settings=GapExplanation, prepare=prepare_gap)
