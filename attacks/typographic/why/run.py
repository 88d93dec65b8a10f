"""Which heads and neurons carry the written word, over a data set.

:func:`explain_reading` draws the audit's attacks and controls, measures every head and neuron,
ranks them on one half of the pictures, checks them on the other, and takes the ranked heads out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.rendering.render import DrawAt
from attacks.typographic.rendering.settings import checked_draw_at, prototype, whole
from attacks.typographic.why.job import Job
from attacks.typographic.why.settings import Source, audited, settings_of
from attacks.typographic.why.streams import check_tower
from attacks.typographic.words import parse_words, read_list
from clipprobe.data import Dataset, as_dataset
from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch
from clipprobe.runs import Run, RunView, load_run
from clipprobe.zeroshot import TEMPLATES
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.prompts import check_templates

if TYPE_CHECKING:
    from clipprobe.models import Clip

KIND = "why"
#: How far it is: a step's name, the pictures done in it, and of how many.
Progress = Callable[[str, int, int], None]


def explain_reading(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    classes: Sequence[str] | str | Path | None = None,
    *,
    out: str | Path,
    attack: TypographicAttack | Mapping[str, Any] | None = None,
    words: str | Path | Sequence[str] = "random",
    words_per_image: int = 1,
    run: str | Path | None = None,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    name_pattern: str | None = None,
    templates: Sequence[str] = TEMPLATES,
    draw_at: DrawAt = "model",
    heads: int = 20,
    neurons: int = 20,
    n_random: int = 20,
    tokens: str = "auto",
    ablation: str = "zero",
    limit: int | None = 48,
    seed: int = 0,
    batch_size: int = 16,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RunView:
    """Explain a typographic audit by heads and neurons.

    Args:
        images, classes, words, words_per_image, synonyms, name_pattern, templates, draw_at: As in
            :func:`attacks.typographic.audit_typographic`.
        attack: How the word is written: an attack (its word is replaced) or its settings.
        run: A finished run of ``clipprobe audit typographic``: its classes, words, attack,
            templates and seed are taken, so that the same attacks are explained; ``images`` must
            be its images, and ``classes``, ``words`` and ``attack`` are left away.
        heads, neurons: How many are listed and, for heads, taken out; at most half of all heads.
        n_random: Random sets of heads at each number of heads, and random neurons; at least 20.
        tokens: Where a unit is patched: ``cls`` (what it hands to the class token), ``all``, or
            ``auto``: ``cls`` where the model has a class token.
        ablation: What heads are replaced with in the curves: ``zero`` or ``mean``.
        limit: Explain so many pictures, spread over the data set; None for all.
        progress: Called with a step's name, how much of it is done, and of how much.
    Returns:
        The finished run, kind ``why``.
    Raises:
        UnsupportedHookError: the model has no heads that can be told apart; says why.
        DataError, ConfigError, RunFolderError: see the message.
    """
    check_tower(clip)
    config = settings_of(
        heads=heads, neurons=neurons, n_random=n_random, tokens=tokens, ablation=ablation,
        batch_size=whole(batch_size, "batch_size", least=1), seed=whole(seed, "seed"), clip=clip,
    )  # fmt: skip
    dataset = as_dataset(images)
    if run is not None:
        if classes is not None or attack is not None or words != "random":
            raise ConfigError(
                "With a run its own classes, words and attack are explained: leave classes, words "
                "and attack away, or leave the run away."
            )
        source = audited(load_run(run), dataset)
        if source.weights != clip.weights_sha256:
            raise ConfigError(
                f"The run {run} audited other weights than those of {clip.id}: load the model that "
                "it audited."
            )
    else:
        if classes is None:
            raise ConfigError("Explaining needs the candidate classes, or a run to take them from.")
        names = (
            read_list(Path(classes), "class") if isinstance(classes, (str, Path)) else list(classes)
        )
        if isinstance(attack, TypographicAttack):
            drawn_as = dataclasses.replace(attack, word="word", seed=seed)
        else:
            drawn_as = prototype(dict(attack or {}), seed)
        source = Source(
            classes=Classes(names, synonyms),
            templates=check_templates(templates),
            attack=drawn_as,
            draw_at=checked_draw_at(draw_at),
            name_pattern=name_pattern,
            words=parse_words(words),
            per_image=whole(words_per_image, "words_per_image", least=1),
            seed=seed,
        )
    if limit is not None:
        dataset = as_dataset(dataset, limit=whole(limit, "limit", least=2))
    # A picture runs with its attack and controls, and again with units patched.
    shots = len(dataset) * (1 + len(CONDITIONS) * source.per_image)
    fitting_batch(clip, batch_size, shots, grad=True)
    job = Job(
        clip=clip,
        dataset=dataset,
        source=source,
        settings=config,
        progress=progress or (lambda step, done, total: None),
    )
    with Run.open(out, kind=KIND, config=job.config(), overwrite=overwrite) as folder:
        if not folder.complete:
            job.execute(folder)
        return load_run(folder.path)
