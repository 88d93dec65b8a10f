"""``explain_gap``: from pictures with annotated groups to the units that carry one gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.columns import make_column
from attacks.bias.inputs.pictures import Pictures
from attacks.bias.people import Documented, documented
from attacks.bias.probes.occupations import default_occupations
from attacks.bias.prompts import check_templates, check_words, ensemble, fill
from attacks.bias.why.passes import Passes
from attacks.bias.why.report import GapReport
from attacks.bias.why.settings import GapExplanation
from attacks.bias.why.task import check_asked, gap_task
from clipprobe.memory import fitting_batch
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, carry_out
from clipprobe.zeroshot.text_bank import ruled

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
        DataError: a word, group or column that is not there, or too few pictures of a group.
        ConfigError: an unknown kind, or fewer than 20 random sets.
    """
    return carry_out(GAP, settings, clip).run


def prepare_gap(settings: GapExplanation, clip: Clip) -> Plan[None]:
    """Refuse what cannot be explained, and plan the explanation."""
    words = settings.words
    chosen = check_words(default_occupations() if words is None else words)
    templates = check_templates(settings.templates)
    data = documented(clip, settings, [settings.column])
    [column] = data.annotations.columns()
    check_asked(chosen, settings.word, column, settings.group)
    fitting_batch(clip, settings.batch_size, len(data.annotations.records))
    gap = _Gap(settings=settings, clip=clip, words=chosen, templates=templates, data=data)
    return Plan(
        config=gap.config(),
        execute=gap.execute,
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=data.described,
    )


@dataclass(frozen=True, kw_only=True)
class _Gap:
    settings: GapExplanation
    clip: Clip
    words: tuple[str, ...]
    templates: tuple[str, ...]
    data: Documented

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        settings, data = self.settings, self.data
        return {
            "model": self.clip.provenance()["model"], "dataset": data.described,
            "column": data.columns[0], "card": data.card and data.card.to_json(),
            "word": settings.word, "group": settings.group, "words": list(self.words),
            "templates": list(self.templates), "clusters": settings.clusters,
            "kinds": list(settings.kinds), "n_random": settings.n_random,
            "n_boot": settings.n_boot, "batch_size": settings.batch_size, "seed": settings.seed,
        }  # fmt: skip

    def execute(self, run: Run) -> Outcome[None]:
        """Decode the pictures, cut them in two halves, and take units out."""
        settings, clip = self.settings, self.clip
        [name] = self.data.columns
        pictures = Pictures.read(
            self.data.annotations, workers=settings.workers, preprocess=clip.preprocess
        )
        vectors = clip.encode_texts([fill(t, w) for w in self.words for t in self.templates])
        texts = ruled(clip, self.words, ensemble(vectors, len(self.words)))
        groups = make_column(name, pictures.columns[name])
        task = gap_task(
            texts, self.words, settings.word, groups, settings.group,
            clusters=pictures.clusters, seed=settings.seed,
        )  # fmt: skip
        shown = [pictures.images[i] for i in task.rows]
        passes = Passes(
            clip, shown, task, run, settings.n_random, settings.n_boot, settings.seed,
            settings.batch_size, settings.progress,
        )  # fmt: skip
        ranked, removals, absent = passes.all(settings.kinds)
        report = GapReport(
            task=task, before=passes.before, ranked=ranked, removals=removals, absent=absent,
            heading=groups.heading, words=self.words, templates=self.templates,
            n_boot=settings.n_boot, seed=settings.seed, failures=pictures.failures,
            provenance=clip.provenance(), data=self.data,
        )  # fmt: skip
        return report.outcome()


GAP = Study(kind="bias-gap", settings=GapExplanation, prepare=prepare_gap)
