"""``clipprobe audit typographic``: how far a model follows what is written over what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attacks.typographic.settings import Budget, TypographicAudit, WordFlags
from attacks.typographic.terminal import candidate_lines, class_file
from attacks.typographic.texts import strategy_or_file
from clipprobe.cli.common import countdown, open_images, say
from clipprobe.cli.studies import headline, run_audit
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from attacks.typographic.datasets import AttackSet


def typographic(
    audit: TypographicAudit, words: WordFlags, most: Budget, model: Model, terminal: Terminal
) -> None:
    """Run the audit that flags and config file ask for, and print its headline."""
    from attacks.typographic.audit import TYPOGRAPHIC
    from attacks.typographic.protocols import protocol
    from attacks.typographic.rendering.cases import labels_of
    from attacks.typographic.scoring.thresholds import check_limits
    from attacks.typographic.words import parse_words
    from clipprobe.zeroshot.prompts import check_templates

    if audit.protocol is not None:
        protocol(audit.protocol)  # a wrong name is said before the model is loaded
    check_limits(audit.fail_under, audit.fail_over)
    source: Any = words.source(most.budget)
    # The data set is opened before the model, so that a wrong path is said at once.
    attacks = attack_set(audit)
    check_templates(audit.templates)
    audit = replace(audit.unchosen(), images=attacks) if attacks else open_images(audit)
    audit = replace(
        audit,
        words=source or strategy_or_file(audit.words),
        classes=class_file(audit.classes),
        layout=None,
    )
    parse_words(audit.words)
    if attacks is None and audit.classes is None:
        labels_of(audit.dataset(), audit.name_pattern)
    run_audit(
        TYPOGRAPHIC,
        audit,
        model,
        terminal,
        bar=countdown("auditing, images encoded"),
        text=lambda summary: "\n".join([headline(summary), *candidate_lines(summary)]),
    )


def attack_set(audit: TypographicAudit) -> AttackSet | None:
    """The attack data set that the settings name, or that the files leave no doubt about."""
    from attacks.typographic.datasets import detect_layout, load_attacks
    from attacks.typographic.inputs import attack_set as checked
    from attacks.typographic.inputs import sample_of

    path = str(audit.images)
    names = {"name_pattern": audit.name_pattern, "word_column": audit.word_column}
    if audit.layout == "none":
        return None
    if audit.layout is None:
        labelled = audit.labels or audit.label_column or audit.image_root or audit.label_names
        plain = any(names.values()) or labelled
        layout = None if plain else detect_layout(path)
        if layout is None:
            return None
        say(
            f"{path} is read as the layout {layout.name!r} ({layout.title}); --layout none reads "
            "it as plain images."
        )
        return load_attacks(layout.name, path, **sample_of(audit))
    return checked(path, audit.layout, sample=sample_of(audit), **names)


TYPOGRAPHIC = Verb(typographic, (TypographicAudit, WordFlags, Budget, Model, Terminal))
