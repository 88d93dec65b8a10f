"""``mitigate_bias``: fit mitigations on one half of the images, score them on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.mitigation.passes import ablation_passes
from attacks.bias.mitigation.report import MitigationReport
from attacks.bias.mitigation.settings import Mitigations
from attacks.bias.mitigation.utility import Labels, Utility, find_labels
from attacks.bias.mitigation.work import Work
from attacks.bias.people import People, read_people
from attacks.bias.probes.occupations import default_occupations
from attacks.bias.probes.word_lists import check_words
from attacks.bias.sections.caveats import caveats_of
from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.zeroshot.prompts import check_templates, fill

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.runs import Run, RunView


@takes(Mitigations)
def mitigate_bias(clip: Clip, settings: Mitigations) -> RunView:
    """Measure what mitigations remove, what they cost, and what else they change.

    Half of the images of each group fit the methods, the other half scores them.

    Returns:
        The run: ``changes.csv``, ``summary.json``, ``report.html``, ``report.md``.
    Raises:
        ConfigError: an unknown method, or a prompt for a group that is not there.
        DataError: a column that is not there, or no labelled utility image.
    """
    return carry_out(MITIGATION, settings, clip).run


def prepare_mitigation(settings: Mitigations, clip: Clip) -> Plan[None]:
    """Refuse what cannot be mitigated or measured, and plan it."""
    from clipprobe.data import as_dataset

    if not settings.methods:
        raise ConfigError("No mitigation was named: give one with --method.")
    words = settings.words
    names = check_words(default_occupations() if words is None else words)
    templates = check_templates(settings.templates, once=True)
    people = read_people(settings, [settings.column, *settings.others])
    fitting_batch(clip, settings.batch_size, len(people.records))
    target = people.protected().columns[0]
    _check_prompts(target, settings.group_prompts or {})
    utility = None
    if settings.utility is not None:
        utility = find_labels(as_dataset(settings.utility), settings.classes)
    mitigation = _Mitigation(
        settings=settings,
        clip=clip,
        words=names,
        templates=templates,
        people=people,
        utility=utility,
    )
    return Plan.of(mitigation, people.description)


@dataclass(frozen=True, kw_only=True)
class _Mitigation:
    settings: Mitigations
    clip: Clip
    words: tuple[str, ...]
    templates: tuple[str, ...]
    people: People
    utility: Labels | None

    @property
    def methods(self) -> list[str]:
        """Each once."""
        return list(dict.fromkeys(self.settings.methods))

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        settings, people, utility = self.settings, self.people, self.utility
        column, *others = people.annotations.groups
        return {
            "model": self.clip.provenance()["model"], "dataset": people.description,
            "column": column, "others": others, "card": people.documentation,
            "methods": self.methods, "words": list(self.words),
            "templates": list(self.templates), "group_prompts": dict(settings.group_prompts or {}),
            "clusters": settings.clusters, "utility": utility and utility.dataset.describe(),
            "classes": list(settings.classes or ()), "n_units": settings.n_units,
            "lambda": settings.lam, "n_boot": settings.n_boot,
            "batch_size": settings.batch_size, "seed": settings.seed,
        }  # fmt: skip

    def passes(self) -> Workload:
        """The images as they are and, for ablation, without neurons; every text once."""
        settings, n = self.settings, len(self.people.records)
        levels = self.people.protected().columns[0].levels
        extra = 0 if self.utility is None else len(self.utility.records)
        classes = () if self.utility is None else self.utility.classes
        texts = (len(self.words) + len(classes)) * len(self.templates)
        if "projection" in self.methods:
            texts += len(levels) * (1 + len(self.words))
        known = Workload(images=n + extra, texts=texts)
        if "ablation" not in self.methods:
            return known
        return known + ablation_passes(self.clip, n, len(levels), settings.n_units, extra)

    def execute(self, run: Run) -> Outcome[None]:
        """Decode the images, fit every method on one half, and score it on the other."""
        settings, clip = self.settings, self.clip
        images, people = self.people.decode(clip.preprocess, settings.workers)
        people = people.protected()
        prompts = _prompts(people.columns[0], self.templates, settings.group_prompts or {})
        utility = None
        if self.utility is not None:
            utility = Utility.read(clip, self.utility, self.templates, settings.workers)
        work = Work(
            clip=clip, settings=settings, inputs=images, people=people, words=self.words,
            templates=self.templates, prompts=prompts, utility=utility,
        )  # fmt: skip
        mitigated, absent = work.run(self.methods)
        caveats = caveats_of(clip, people, people.notes)
        report = MitigationReport(work=work, results=mitigated, absent=absent, caveats=caveats)
        return report.outcome()


def _check_prompts(column: GroupColumn, prompts: Mapping[str, str]) -> None:
    for level in prompts:
        if level not in column.levels:
            raise ConfigError(
                f"A prompt was given for {level!r}, but the groups of {column.name!r} are "
                f"{', '.join(column.levels)}."
            )


def _prompts(
    column: GroupColumn, templates: Sequence[str], prompts: Mapping[str, str]
) -> dict[str, str]:
    """Group -> the phrase that names it."""
    return {
        level: prompts.get(level) or fill(templates[:1], level, articles=True)[0]
        for level in column.levels
    }


MITIGATION = Study(kind="bias-mitigation", settings=Mitigations, prepare=prepare_mitigation)
