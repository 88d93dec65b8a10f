"""What an explanation draws, asks and measures, and what of it comes from a finished audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attacks.typographic.inputs import classes_of
from attacks.typographic.reading.settings import ReadingExplanation, knobs_of
from attacks.typographic.rendering.cases import labels_of, read_cases
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.task import Task
from attacks.typographic.withholding import require_answers
from attacks.typographic.words import Words, parse_words
from clipprobe.data import Dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.identity import Identity
from clipprobe.models import Clip
from clipprobe.runs import RunView, load_run
from clipprobe.tracing.variants import check_tower
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.prompts import check_templates

TOKENS = ("auto", "cls", "all")
#: Settings of an audit that its explanation takes as they are.
_OF_AUDIT = ("draw_at", "name_pattern", "words_per_image", "seed")
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
    """What is drawn and asked, and what is known of it from a finished audit.

    ``question``: the fields of a :class:`Task` that say it: classes, words, attack, ...
    ``pairs``: ``(image id, word)`` in order, where they come from a finished run; else None.
    ``answers``: of those, the logits of target and label under attack, as the run has them.
    ``identity``: of the model that the run audited. ``run``: its configuration hash.
    """

    question: Mapping[str, Any]
    pairs: tuple[tuple[str, str], ...] | None = None
    answers: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    identity: Identity | None = None
    run: str = ""

    def task(self, settings: ReadingExplanation, clip: Clip) -> Task:
        """The audit's task, on the images that are explained.

        Raises:
            ConfigError: the run audited other weights.
            DataError: no image has a label, or one that is not among the classes.
        """
        if settings.run is not None and self.identity != clip.identity:
            raise ConfigError(
                f"The run {settings.run} audited other weights, or another edit, than those of "
                f"{clip.id}: load the model that it audited."
            )
        dataset, pattern = settings.dataset(), self.question["name_pattern"]
        cases, skipped = read_cases(dataset, self.question["classes"], name_pattern=pattern)
        return Task(
            clip=clip,
            dataset=dataset,
            cases=cases,
            skipped=skipped,
            batch_size=settings.batch_size,
            **self.question,
        )


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


def source_of(settings: ReadingExplanation, dataset: Dataset) -> Source:
    """What is drawn and asked: that of a finished audit, or what the settings say.

    Raises:
        ConfigError: settings that exclude each other, or words that cannot be ranked here.
        DataError, RunFolderError: it is not such an audit, its images carried their words already,
            or they are not in the data set.
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
        return _audited(load_run(settings.run), dataset)
    words = parse_words(settings.words)
    ranked = words.strategy not in ("random", "list", "per-image")
    if words.strategy not in STRATEGIES or (ranked and words.listed):
        listed = " over a list" if words.listed else ""
        raise ConfigError(
            f"The word strategy {words.strategy!r}{listed} is that of an audit: audit with it "
            "first, then explain its run (--run)."
        )
    return Source(
        question={
            "classes": classes_of(
                settings.classes,
                settings.synonyms,
                labels=lambda: labels_of(dataset, settings.name_pattern),
            ),
            "templates": check_templates(settings.templates),
            "attack": prototype(dict(knobs_of(settings.attack) or {}), settings.seed),
            "draw_at": settings.draw_at,
            "name_pattern": settings.name_pattern,
            "words": words,
            "words_per_image": settings.words_per_image,
            "seed": settings.seed,
        }
    )


def _audited(run: RunView, dataset: Dataset) -> Source:
    """What a finished typographic audit drew and asked."""
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
    there = {record.id for record in dataset.records}
    absent = sorted({row[0] for row in attacks} - there)
    if absent:
        raise DataError(
            f"{len(absent)} images of the run {run.path} are not among the images given (the "
            f"first is {absent[0]!r}): give the images that it audited."
        )
    knobs = {name: value for name, value in config["attack"].items() if name != "seed"}
    if isinstance(knobs.get("position"), list):
        knobs["position"] = tuple(tuple(place) for place in knobs["position"])
    words = config["words"]
    return Source(
        question={
            "classes": Classes(config["classes"], config["synonyms"]),
            "templates": tuple(config["templates"]),
            "attack": prototype(knobs, config["seed"]),
            "words": Words(strategy=words["strategy"], listed=tuple(words["listed"])),
            **{name: config[name] for name in _OF_AUDIT},
        },
        pairs=tuple((row[0], row[1]) for row in attacks),
        answers={(row[0], row[1]): (row[4], row[5]) for row in attacks if row[2] is not None},
        identity=Identity.stored(run.manifest.get("model")),
        run=str(run.manifest["config_sha256"]),
    )
