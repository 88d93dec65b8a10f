"""Audits whose classes or words name groups of people: totals, and no answer for a single image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clipprobe.errors import RunFolderError
from clipprobe.people import in_sentences, refuse_person_groups, withheld_because
from clipprobe.runs import RunView
from clipprobe.zeroshot.classes import Classes


def asked_of(
    classes: Classes, templates: Sequence[str] = (), words: Iterable[str] = ()
) -> list[str]:
    """Every text that an image could be answered with: classes, their synonyms, attack words."""
    others = [name for pair in classes.synonyms.items() for name in (pair[0], *pair[1])]
    return [*in_sentences([*classes.names, *others], templates), *words]


def withheld(texts: Sequence[str], n_images: int) -> str | None:
    """Why this audit writes no row, example or image of an answer; None where it does.

    Raises:
        ConfigError: there is one image, so that the totals are its answers.
    """
    if n_images < 2:
        refuse_person_groups(texts, "an audit of one image")
    return withheld_because(texts)


def require_answers(run: RunView) -> None:
    """Refuse a run that was made without answers of single images.

    Raises:
        RunFolderError: it says why its answers are not there.
    """
    if not run.has("results.parquet"):
        reason = next(iter(run.summary.get("warnings", [])), "")
        raise RunFolderError(
            f"{run.path} holds totals and no answers of single images, which are needed here. "
            f"{reason}".strip()
        )
