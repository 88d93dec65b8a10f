"""How far does this model follow what is written over what is shown?

:func:`audit_typographic` writes words on labelled pictures (or takes photographs that carry words
already), asks a model with its zero-shot classifier, and compares every attack with its controls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.inputs import attack_set, class_names
from attacks.typographic.job import Job
from attacks.typographic.protocols.catalogue import protocol as find_protocol
from attacks.typographic.rendering.cases import cases_of, read_cases
from attacks.typographic.rendering.render import Encoder
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.scoring.thresholds import check_thresholds, enforce
from attacks.typographic.settings import TypographicAudit
from attacks.typographic.withholding import asked_of, withheld
from attacks.typographic.words import Guard, parse_words
from clipprobe.data import as_dataset
from clipprobe.memory import fitting_batch
from clipprobe.runs import RunView
from clipprobe.settings import takes
from clipprobe.study import Plan, Study, carry_out
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.prompts import check_templates


@takes(TypographicAudit)
def audit_typographic(clip: Encoder, settings: TypographicAudit) -> RunView:
    """Audit a model with typographic attacks and their controls.

    Each picture is encoded clean, with an attack word, and with four controls in the same place:
    a blank label, a nonsense word, the word's letters scrambled, and the true word. Pictures that
    carry words already are encoded as they are. The same arguments give the same bytes, whatever
    the number of workers; an interrupted audit goes on where it stopped. Where classes or words
    name groups of people, totals alone are written: no row, example or picture of an answer.

    Returns:
        The finished run; ``run.summary`` holds the numbers, ``results.parquet`` every answer
        (absent where classes or words name groups of people).
    Raises:
        ThresholdCrossedError: a ``fail_under`` or ``fail_over`` was crossed; the run is complete.
        UnknownMethodError: no protocol has that name.
        NoReadableImagesError: not one picture could be used.
        DataError, ConfigError, GlyphError, RunFolderError: see the message.
    """
    run = carry_out(TYPOGRAPHIC, settings, clip).run
    hold(settings, run.summary)
    return run


def prepare_audit(settings: TypographicAudit, clip: Encoder) -> Plan[None]:
    """Read the inputs, refuse what cannot be written or asked, and plan the audit."""
    # Thresholds that make no sense are refused before the work, and are looked at after it.
    check_thresholds(settings.fail_under or {})
    check_thresholds(settings.fail_over or {}, over=True)
    chosen = None if settings.protocol is None else find_protocol(settings.protocol)
    attacks = attack_set(
        settings.images,
        settings.layout,
        name_pattern=settings.name_pattern,
        word_column=settings.word_column,
        limit=settings.limit,
    )
    dataset = (
        attacks.dataset
        if attacks
        else as_dataset(cast("Any", settings.images), limit=settings.limit)
    )
    names = class_names(settings.classes, attacks)
    known = Classes(
        names, attacks.with_synonyms(settings.synonyms) if attacks else settings.synonyms
    )
    if attacks:
        cases, skipped = cases_of(attacks, known)
    else:
        cases, skipped = read_cases(
            dataset, known, name_pattern=settings.name_pattern, word_column=settings.word_column
        )
    guard = Guard(forbidden=tuple(settings.forbidden), allowed=tuple(settings.allowed))
    audit = Job(
        clip=clip,
        dataset=dataset,
        classes=known,
        cases=cases,
        words=parse_words(settings.words, guard=guard),
        words_per_image=settings.words_per_image,
        attack=prototype(settings.knobs(), settings.seed),
        templates=check_templates(settings.templates),
        protocol=chosen,
        name_pattern=settings.name_pattern,
        word_column=settings.word_column,
        draw_at=settings.draw_at,
        seed=settings.seed,
        batch_size=settings.batch_size,
        workers=settings.workers,
        progress=settings.progress or (lambda done, total: None),
        attacks=attacks,
    )
    hold = withheld(asked_of(known, audit.templates, audit.written_words()), len(cases))
    encodings = len(cases) * (1 + len(CONDITIONS) * settings.words_per_image)
    fitting_batch(clip, audit.batch_size, encodings)
    unfit = audit.check()
    return Plan(
        config=audit.config(),
        execute=lambda run: audit.execute(run, skipped, unfit, hold),
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=dataset.describe(),
    )


def hold(settings: TypographicAudit, summary: Mapping[str, Any]) -> bool:
    """Hold the summary of an audit to the thresholds of its settings.

    Raises:
        ThresholdCrossedError: one was crossed.
    """
    least = check_thresholds(settings.fail_under or {})
    most = check_thresholds(settings.fail_over or {}, over=True)
    enforce(least, summary, most)
    return bool(least or most)


TYPOGRAPHIC = Study(
    kind="typographic",
    settings=TypographicAudit,
    prepare=prepare_audit,
    headline="attacked_accuracy",
    enforce=hold,
)
