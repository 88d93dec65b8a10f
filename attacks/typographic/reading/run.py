"""Which heads and neurons carry the written word, over a data set.

:func:`explain_reading` draws the audit's attacks and controls, measures every head and neuron,
ranks them on one half of the images, checks them on the other, and takes the ranked heads out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.choosing.prepared import cannot_write
from attacks.typographic.reading.job import Job
from attacks.typographic.reading.settings import ReadingExplanation
from attacks.typographic.reading.source import measuring_of, source_of
from attacks.typographic.rendering.cases import read_cases
from attacks.typographic.rendering.unwritten import left_out
from attacks.typographic.words import vocabulary
from clipprobe.data import as_dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.memory import fitting_batch
from clipprobe.runs import RunView
from clipprobe.settings import takes
from clipprobe.study import Plan, Study, Workload, carry_out

if TYPE_CHECKING:
    from clipprobe.models import Clip


@takes(ReadingExplanation)
def explain_reading(clip: Clip, settings: ReadingExplanation) -> RunView:
    """Explain a typographic audit by heads and neurons.

    With a ``run`` its own classes, words, attack, templates and seed are taken, so that the same
    attacks are explained; ``images`` must be its images.

    Returns:
        The finished run, kind ``why``.
    Raises:
        UnsupportedHookError: the model has no heads that can be told apart; says why.
        DataError, ConfigError, RunFolderError: see the message.
    """
    return carry_out(READING, settings, clip).run


def prepare_explanation(settings: ReadingExplanation, clip: Clip) -> Plan[None]:
    """Refuse models, images and words that cannot be explained, and plan the measurements."""
    measuring = measuring_of(
        clip,
        heads=settings.heads,
        neurons=settings.neurons,
        n_random=settings.n_random,
        tokens=settings.tokens,
        ablation=settings.ablation,
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    settings = settings.opened(whole=True)
    source = source_of(settings, as_dataset(settings.images))
    if settings.run is not None and source.identity != clip.identity:
        raise ConfigError(
            f"The run {settings.run} audited other weights, or another edit, than those of "
            f"{clip.id}: load the model that it audited."
        )
    dataset = settings.dataset()
    cases, skipped = read_cases(dataset, source.classes, name_pattern=source.name_pattern)
    if cases[0].word is not None:
        raise DataError(
            "These images carry their words already, so there is no clean twin and no ink mask "
            "to explain them with: give images without words, and a name pattern with {label} "
            "alone."
        )
    # An image runs with its attack and controls, and again with units patched.
    shots = len(dataset) * (1 + len(CONDITIONS) * source.per_image)
    fitting_batch(clip, settings.batch_size, shots, grad=True)
    job = Job(
        clip=clip,
        dataset=dataset,
        source=source,
        settings=measuring,
        cases=cases,
        skipped=skipped,
        progress=settings.progress or (lambda step, done, total: None),
    )
    task = job.task
    names = [word for _, word in source.pairs or ()] or vocabulary(task.words, task.classes)
    labels = [task.classes.names[case.label] for case in cases]
    why = cannot_write(task, names, labels)
    source = replace(source, words=replace(source.words, unfit=frozenset(why)))
    job = replace(job, source=source, notes=left_out(why))
    job.task.renderer.check()
    return Plan(
        config=job.config(),
        execute=job.execute,
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=dataset.describe(),
        workload=lambda: Workload(
            texts=len(source.classes.names) * len(source.templates),
            reason="images run again for every unit that is patched, and the search for the "
            "fewest heads ends when it has them",
        ),
    )


READING = Study(kind="why", settings=ReadingExplanation, prepare=prepare_explanation)
