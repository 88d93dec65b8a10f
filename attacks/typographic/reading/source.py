"""What an explanation draws, asks and measures, and what of it comes from a finished audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attacks.typographic.inputs import classes_of
from attacks.typographic.reading.settings import ReadingExplanation, knobs_of
from attacks.typographic.rendering.cases import labels_of, read_cases
from attacks.typographic.rendering.settings import checked_draw_at, prototype
from attacks.typographic.task import Task
from attacks.typographic.withholding import require_answers
from attacks.typographic.words import Words, parse_words
from clipprobe.data import as_dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.identity import Identity
from clipprobe.runs import RunView, load_run
from clipprobe.tracing.variants import check_tower
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.prompts import check_templates

if TYPE_CHECKING:
    from clipprobe.models import Clip

TOKENS = ("auto", "cls", "all")
#: What ranks words by nothing but the classes and the clean answers.
STRATEGIES = ("random", "list", "per-image", "runner-up", "most-similar", "least-similar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """How heads and neurons are measured; see :class:`ReadingExplanation`.

    ``heads``, ``neurons``: how many are listed. ``n_random``: random sets and random neurons.
    ``cls``: whether units are patched at the class token alone. ``ablation``: zero or mean.
    ``head_share``, ``neuron_share``: least share of the change that a confirmed unit carries.
    """

    heads: int
    neurons: int
    n_random: int
    cls: bool
    ablation: str
    batch_size: int
    seed: int
    head_share: float = 0.02
    neuron_share: float = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The finished audit that is explained; empty where there is none.

    ``pairs``: ``(image id, word)`` in order; None where the words are still to be chosen.
    ``answers``: of those, the logits of target and label under attack, as the run has them.
    ``run``: its configuration hash.
    """

    pairs: tuple[tuple[str, str], ...] | None = None
    answers: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    run: str = ""


def at_class_token(clip: Clip, tokens: str) -> bool:
    """Whether heads and neurons of a model are patched at the class token alone.

    Raises:
        UnsupportedHookError: the model has no heads that can be told apart; says why.
        ConfigError: the tokens are unknown, or ``cls`` is asked of a model without a class token.
    """
    check_tower(
        clip, f"Why {clip.id} reads", "how far it reads (`clipprobe audit typographic`) and "
    )
    if tokens not in TOKENS:
        raise ConfigError(f"tokens={tokens!r} is unknown: use one of {', '.join(TOKENS)}.")
    tower = clip.anatomy.vision
    has_class_token = tower.has_class_token and tower.pool_token == "cls"
    if tokens == "cls" and not has_class_token:
        raise ConfigError(
            f"{clip.id} pools all its patches and has no class token to patch at: use tokens='all'."
        )
    return has_class_token if tokens == "auto" else tokens == "cls"


def measuring_of(clip: Clip, settings: ReadingExplanation) -> Measuring:
    """How the heads and neurons of a model are measured; refused as by :func:`at_class_token`."""
    cls, tower = at_class_token(clip, settings.tokens), clip.anatomy.vision
    n_heads = sum(block.n_heads for block in tower.blocks)
    return Measuring(
        heads=min(settings.heads, max(1, n_heads // 2)),
        neurons=min(settings.neurons, max(1, tower.d_mlp // 2)),
        n_random=settings.n_random,
        cls=cls,
        ablation=settings.ablation,
        batch_size=settings.batch_size,
        seed=settings.seed,
    )


def source_of(settings: ReadingExplanation, clip: Clip) -> tuple[Task, Source]:
    """What is drawn and asked: that of a finished audit, or what the settings say.

    Raises:
        ConfigError: settings that exclude each other, words that cannot be ranked here, or an
            audit of other weights.
        DataError, RunFolderError: the audit cannot be explained with these images.
    """
    if settings.run is not None:
        if (
            settings.classes is not None
            or settings.attack is not None
            or settings.words != "random"
        ):
            raise ConfigError(
                "With a run its own classes, words and attack are explained: leave classes, words "
                "and attack away, or omit the run."
            )
        return _audited(load_run(settings.run), settings, clip)
    words = parse_words(settings.words)
    ranked = words.strategy not in ("random", "list", "per-image")
    if words.strategy not in STRATEGIES or (ranked and words.listed):
        listed = " over a list" if words.listed else ""
        raise ConfigError(
            f"The word strategy {words.strategy!r}{listed} is that of an audit: audit with it "
            "first, then explain its run (--run)."
        )
    task = _task(
        settings,
        clip,
        classes=classes_of(
            settings.classes,
            settings.synonyms,
            labels=lambda: labels_of(as_dataset(settings.images), settings.name_pattern),
        ),
        templates=check_templates(settings.templates),
        attack=prototype(dict(knobs_of(settings.attack) or {}), settings.seed),
        draw_at=settings.draw_at,
        name_pattern=settings.name_pattern,
        words=words,
        words_per_image=settings.words_per_image,
        seed=settings.seed,
    )
    return task, Source()


def _audited(run: RunView, settings: ReadingExplanation, clip: Clip) -> tuple[Task, Source]:
    """What a finished typographic audit drew and asked.

    Raises:
        DataError: it is not such a run, its images carried their words already, or its images
            are not in the data set.
        ConfigError: it audited other weights.
    """
    if run.kind != "typographic":
        raise DataError(
            f"The run {run.path} is of the kind {run.kind!r}: give a run of `clipprobe audit "
            "typographic`."
        )
    config = run.manifest["config"]
    if "attack" not in config:
        raise DataError(
            f"The images of the run {run.path} carried their words already, so there is no clean "
            "twin and no ink mask to explain them with: give a run that wrote its words itself."
        )
    require_answers(run)
    table = run.read_table("results.parquet")
    columns = ("image", "word", "target", "condition", "logit_target", "logit_label")
    rows = [row for row in zip(*(table[name].to_pylist() for name in columns), strict=True)]
    attacks = [row for row in rows if row[3] == "attack"]
    there = {record.id for record in as_dataset(settings.images).records}
    absent = sorted({row[0] for row in attacks} - there)
    if absent:
        raise DataError(
            f"{len(absent)} images of the run {run.path} are not among the images given (the "
            f"first is {absent[0]!r}): give the images that it audited."
        )
    if Identity.stored(run.manifest.get("model")) != clip.identity:
        raise ConfigError(
            f"The run {settings.run} audited other weights, or another edit, than those of "
            f"{clip.id}: load the model that it audited."
        )
    knobs = {name: value for name, value in config["attack"].items() if name != "seed"}
    if isinstance(knobs.get("position"), list):
        knobs["position"] = tuple(tuple(place) for place in knobs["position"])
    words = config["words"]
    task = _task(
        settings,
        clip,
        classes=Classes(config["classes"], config["synonyms"]),
        templates=tuple(config["templates"]),
        attack=prototype(knobs, config["seed"]),
        draw_at=checked_draw_at(config["draw_at"]),
        name_pattern=config["name_pattern"],
        words=Words(strategy=words["strategy"], listed=tuple(words["listed"])),
        words_per_image=config["words_per_image"],
        seed=config["seed"],
    )
    return task, Source(
        pairs=tuple((row[0], row[1]) for row in attacks),
        answers={(row[0], row[1]): (row[4], row[5]) for row in attacks if row[2] is not None},
        run=str(run.manifest["config_sha256"]),
    )


def _task(settings: ReadingExplanation, clip: Clip, *, classes: Classes, **asked: Any) -> Task:
    """The task of an audit on the images that are explained."""
    dataset = settings.dataset()
    cases, skipped = read_cases(dataset, classes, name_pattern=asked["name_pattern"])
    return Task(
        clip=clip,
        dataset=dataset,
        classes=classes,
        cases=cases,
        skipped=skipped,
        batch_size=settings.batch_size,
        **asked,
    )
