"""Which heads and neurons carry the written word, over a data set.

:func:`explain_reading` draws the audit's attacks and controls, measures every head and neuron,
ranks them on one half of the images, checks them on the other, and takes the ranked heads out.
"""

from __future__ import annotations

from dataclasses import replace

from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.choosing.prepared import cannot_write
from attacks.typographic.reading.job import Job
from attacks.typographic.reading.settings import ReadingExplanation
from attacks.typographic.reading.source import measuring_of, source_of
from attacks.typographic.rendering.unwritten import left_out
from attacks.typographic.words import vocabulary
from clipprobe.data import as_dataset
from clipprobe.errors import DataError
from clipprobe.memory import fitting_batch
from clipprobe.models import Clip
from clipprobe.runs import RunView
from clipprobe.settings import takes
from clipprobe.study import Plan, Study, carry_out


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
    measuring = measuring_of(clip, settings)
    settings = settings.opened(whole=True)
    source = source_of(settings, as_dataset(settings.images))
    task = source.task(settings, clip)
    if task.natural:
        raise DataError(
            "These images carry their words already, so there is no clean twin and no ink mask "
            "to explain them with: give images without words, and a name pattern with {label} "
            "alone."
        )
    # An image runs with its attack and controls, and again with units patched.
    shots = len(task.dataset) * (1 + len(CONDITIONS) * task.words_per_image)
    fitting_batch(clip, settings.batch_size, shots, grad=True)
    names = [word for _, word in source.pairs or ()] or vocabulary(task.words, task.classes)
    labels = [task.classes.names[case.label] for case in task.cases]
    why = cannot_write(task, names, labels)
    task = replace(task, words=replace(task.words, unfit=frozenset(why)))
    task.renderer.check()
    job = Job(
        clip=clip,
        task=task,
        source=source,
        settings=measuring,
        notes=left_out(why),
        progress=settings.progress or (lambda step, done, total: None),
    )
    return Plan.of(job, task.dataset.describe())


READING = Study(kind="why", settings=ReadingExplanation, prepare=prepare_explanation)
