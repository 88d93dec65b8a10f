"""``audit_written``: from images with annotated groups and words to a run with a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from attacks.bias.measures.cells import correct
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.inference import Settings
from attacks.bias.people import People, read_people
from attacks.bias.probe import Sample
from attacks.bias.report.write import counted, group_outcome
from attacks.bias.sections.caveats import caveats_of
from attacks.bias.sections.findings import Context
from attacks.bias.written.encode import RENDERED, answer_all, check_drawing
from attacks.bias.written.measures import written_cells
from attacks.bias.written.question import Question, read_question
from attacks.bias.written.report import build_page, content_warning, make_headline
from attacks.bias.written.settings import WrittenAudit
from attacks.bias.written.shifts import PROBE
from attacks.typographic.rendering.render import Renderer
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.rendering.unwritten import left_out, require_some, unwritten
from clipprobe.memory import fitting_batch
from clipprobe.settings import takes
from clipprobe.stimuli import PILLOW
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clipprobe.models import Clip
    from clipprobe.runs import Run, RunView


@takes(WrittenAudit)
def audit_written(clip: Clip, settings: WrittenAudit) -> RunView:
    """Measure whether a written word moves one group's label rates more than another's.

    Every image is answered clean and, for each word, with the word, a blank label and a nonsense
    word in the same place. A group's *reading shift* is the rate of a label with the word less that
    with the nonsense word; groups are compared in it, and in the same of the label's margin. The
    same arguments give the same bytes, whatever the number of workers; an interrupted audit goes
    on where it stopped.

    Returns:
        The complete run: ``cells.csv`` (one row per figure), ``summary.json``, ``report.html``,
        ``report.md``. No row, answer or image of a single person.
    Raises:
        DataError: an unknown column, one group only, unreadable data.
        ConfigError: a word that names no label where none is watched, a label that is not in the
            list, a word without a nonsense twin, an unknown or impossible knob.
        NoReadableImagesError: not one image could be read.
    Example:
        >>> run = audit_written(clip, "faces/", "perceived_gender", ["criminal"], out="runs/w")
        >>> run.summary["outcomes"][0]["label"]
        'criminal'
    """
    return carry_out(WRITTEN, settings, clip).run


def prepare_written(settings: WrittenAudit, clip: Clip) -> Plan[None]:
    """Refuse what cannot be written or asked, and plan the audit."""
    numbers = Settings.of(settings, min_effect=0.0)
    question = question_of(settings)
    renderer = Renderer(
        clip=clip,
        classes=question.classes,
        attack=prototype(settings.knobs(), settings.seed),
        words=question.meaningful(),
        seed=settings.seed,
        draw_at=settings.draw_at,
        kinds=RENDERED,
    )
    why = unwritten(renderer.attack, question.words)
    require_some(question.words, why, 1)
    question = question.without(why)
    check_drawing(renderer, question)
    people = read_people(settings, settings.groups)
    audit = _Audit(
        settings=settings,
        clip=clip,
        numbers=numbers,
        question=question,
        renderer=renderer,
        people=people,
        notes=tuple(left_out(why)),
    )
    fitting_batch(clip, settings.batch_size, audit.n_images)
    return Plan.of(audit, people.description)


def question_of(settings: WrittenAudit) -> Question:
    """What is asked, checked; needs neither model nor images."""
    words = settings.words if isinstance(settings.words, str) else list(settings.words)
    labels = cast("Sequence[str]", settings.classes)  # a file was read when the record was made
    return read_question(words, labels, settings.templates, settings.watch)


@dataclass(frozen=True, kw_only=True)
class _Audit:
    settings: WrittenAudit
    clip: Clip
    numbers: Settings
    question: Question
    renderer: Renderer
    people: People
    notes: tuple[str, ...]
    """What a reader must know of words that were left out."""

    @property
    def n_images(self) -> int:
        """Each clean, and for each word with the word, a blank label and a nonsense word."""
        return len(self.people.records) * (1 + 3 * len(self.question.words))

    def passes(self) -> Workload:
        """Of all images, and the prompts of the labels."""
        return Workload(
            images=self.n_images,
            texts=len(set(self.question.label_set.prompts)),
            at_most=True,
            reason="equal images are encoded once",
        )

    def attack(self) -> dict[str, Any]:
        """How words are written."""
        return self.renderer.attack.lettering() | {"draw_at": self.settings.draw_at}

    def config(self) -> dict[str, Any]:
        """Everything that changes the result; the batch size does, in the last bits."""
        settings, people = self.settings, self.people
        return {
            "model": self.clip.provenance()["model"],
            "dataset": people.description,
            "groups": people.group_config,
            "clusters": people.cluster_column,
            "words": self.question.words,
            "labels": self.question.label_set.labels,
            "templates": self.question.label_set.templates,
            "watch": list(settings.watch),
            "attack": self.attack(),
            "card": people.documentation,
            "settings": self.numbers,
            "batch_size": settings.batch_size,
            **PILLOW,
        }

    def execute(self, run: Run) -> Outcome[None]:
        """Answer every image under every condition, and compare the groups."""
        settings, people = self.settings, self.people
        answers = answer_all(self.clip, people, run, self.question, self.renderer, settings)
        people = people.readable(set(answers.ids), answers.failed, answers.skipped).protected()
        sample = Sample(
            columns=people.columns, truth={}, clusters=people.clusters, settings=self.numbers
        )
        cells, family_size = correct(
            written_cells(answers, self.question, sample), alpha=settings.alpha, min_effect=0.0
        )
        evaluation = Evaluation(
            cells=tuple(cells),
            family_size=family_size,
            columns=people.columns,
            items={PROBE: tuple(outcome.item for outcome in self.question.outcomes)},
        )
        context = Context(
            evaluation=evaluation,
            caveats=caveats_of(self.clip, people, (*people.notes, *self.notes)),
            settings=self.numbers,
            headline=make_headline(evaluation, self.question),
            made_by=self.clip.provenance(),
        )
        return group_outcome(
            context,
            lambda: self.summary(context),
            lambda: build_page(context, self.question, self.attack()),
        )

    def summary(self, context: Context) -> dict[str, Any]:
        """The content of ``summary.json``."""
        question = self.question
        return {
            "kind": "bias-written",
            "headline": context.headline,
            **counted(context.evaluation),
            "clusters": self.people.cluster_column,
            "words": question.words,
            "labels": question.label_set.labels,
            "templates": question.label_set.templates,
            "prompts": question.label_set.prompts,
            "outcomes": [
                {"word": o.word, "label": o.label, "why": o.why} for o in question.outcomes
            ],
            "content_warning": content_warning(question),
            "attack": self.attack(),
            "settings": self.numbers,
            **context.caveats.summary,
        }


WRITTEN = Study(kind="bias-written", settings=WrittenAudit, prepare=prepare_written)
