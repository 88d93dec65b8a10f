"""How far does this model follow what is written over what is shown?

:func:`audit_typographic` writes words on labelled images (or takes photographs that carry words
already), asks a model with its zero-shot classifier, and compares every attack with its controls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.choosing.prepared import check_task
from attacks.typographic.inputs import attack_set, classes_of, sample_of
from attacks.typographic.job import Job
from attacks.typographic.protocols.catalogue import protocol as find_protocol
from attacks.typographic.rendering.cases import labels_of
from attacks.typographic.rendering.render import Encoder
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.scoring.thresholds import check_limits, figures
from attacks.typographic.settings import TypographicAudit
from attacks.typographic.task import Task
from attacks.typographic.words import Guard, parse_words
from clipprobe.memory import fitting_batch
from clipprobe.runs import RunView
from clipprobe.settings import takes
from clipprobe.study import Plan, Study, carry_out
from clipprobe.thresholds import enforce
from clipprobe.zeroshot.prompts import check_templates


@takes(TypographicAudit)
def audit_typographic(clip: Encoder, settings: TypographicAudit) -> RunView:
    """Audit a model with typographic attacks and their controls.

    Each image is encoded clean, with an attack word, and with four controls in the same place:
    a blank label, a nonsense word, the word's letters scrambled, and the true word. Images that
    carry words already are encoded as they are. The same arguments give the same bytes, whatever
    the number of workers; an interrupted audit goes on where it stopped. Where classes or words
    name groups of people, totals alone are written: no row, example or image of an answer.

    Returns:
        The finished run; ``run.summary`` holds the numbers, ``results.parquet`` every answer
        (absent where classes or words name groups of people).
    Raises:
        ThresholdCrossedError: a ``fail_under`` or ``fail_over`` was crossed; the run is complete.
        UnknownMethodError: no protocol has that name.
        NoReadableImagesError: not one image could be used.
        DataError, ConfigError, GlyphError, RunFolderError: see the message.
    """
    run = carry_out(TYPOGRAPHIC, settings, clip).run
    hold(settings, run.summary)
    return run


def prepare_audit(settings: TypographicAudit, clip: Encoder) -> Plan[None]:
    """Read the inputs, refuse what cannot be written or asked, and plan the audit."""
    # Thresholds that make no sense are refused before the work, and are looked at after it.
    check_limits(settings.fail_under, settings.fail_over)
    protocol = None if settings.protocol is None else find_protocol(settings.protocol)
    attacks = attack_set(
        settings.images,
        settings.layout,
        name_pattern=settings.name_pattern,
        word_column=settings.word_column,
        sample=sample_of(settings),
    )
    if attacks is None:
        settings = settings.opened()
    guard = Guard(forbidden=tuple(settings.forbidden), allowed=tuple(settings.allowed))
    task = Task.of(
        settings,
        clip,
        classes=classes_of(
            settings.classes,
            settings.synonyms,
            attacks,
            labels=lambda: labels_of(settings.dataset(), settings.name_pattern),
        ),
        templates=check_templates(settings.templates),
        words=parse_words(settings.words, guard=guard),
        attack=prototype(settings.knobs(), settings.seed),
        attacks=attacks,
        word_column=settings.word_column,
    )
    candidates = task.hold()
    encodings = len(task.cases) * (1 + len(CONDITIONS) * task.words_per_image)
    fitting_batch(clip, task.batch_size, encodings)
    job = Job(
        task=task,
        protocol=protocol,
        hold=candidates,
        unfit=check_task(task),
        progress=settings.progress,
    )
    return Plan(
        config={
            **task.config(),
            "protocol": None if protocol is None else protocol.name,
            "word_column": settings.word_column,
            **({"layout": attacks.layout.name} if attacks else {}),
        },
        execute=job.execute,
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=task.dataset.describe(),
        workload=job.passes,
    )


def hold(settings: TypographicAudit, summary: Mapping[str, Any]) -> bool:
    """Hold the summary of an audit to the thresholds of its settings; False where there are none.

    Raises:
        ThresholdCrossedError: one was crossed.
    """
    return enforce(figures(summary), settings.fail_under, settings.fail_over)


TYPOGRAPHIC = Study(
    kind="typographic",
    settings=TypographicAudit,
    prepare=prepare_audit,
    headline="attacked_accuracy",
    enforce=hold,
)
