"""What an explanation is asked to do, and what of it comes from a finished audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.rendering.render import DrawAt
from attacks.typographic.rendering.settings import checked_draw_at, prototype, whole
from attacks.typographic.withholding import require_answers
from attacks.typographic.words import Words
from clipprobe.data import Dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.runs import RunView
from clipprobe.zeroshot.classes import Classes

if TYPE_CHECKING:
    from clipprobe.models import Clip

LEAST_RANDOM = 20
TOKENS = ("auto", "cls", "all")
ABLATIONS = ("zero", "mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How heads and neurons are measured; see :func:`explain_reading`.

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
    """What is drawn and asked: the settings of an audit.

    ``pairs``: ``(image id, word)`` in order, where they come from a finished run; else None.
    ``answers``: of those, the logits of target and label under attack, as the run has them.
    ``run``: path and configuration hash of that run.
    """

    classes: Classes
    templates: tuple[str, ...]
    attack: TypographicAttack
    draw_at: DrawAt
    name_pattern: str | None
    words: Words
    per_image: int
    seed: int
    pairs: tuple[tuple[str, str], ...] | None = None
    answers: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    weights: str | None = None
    run: str = ""

    def config(self) -> dict[str, Any]:
        """Everything that changes what is drawn and asked."""
        attack = self.attack.to_json()
        del attack["word"]
        return {
            "classes": self.classes.names,
            "synonyms": self.classes.synonyms,
            "templates": list(self.templates),
            "attack": attack,
            "draw_at": self.draw_at,
            "name_pattern": self.name_pattern,
            "words": {"strategy": self.words.strategy, "listed": list(self.words.listed)},
            "words_per_image": self.per_image,
            "audit": self.run,
            "source_seed": self.seed,
        }


def settings_of(
    *,
    heads: int,
    neurons: int,
    n_random: int,
    tokens: str,
    ablation: str,
    batch_size: int,
    seed: int,
    clip: Clip,
) -> Settings:
    """Checked settings.

    Raises:
        ConfigError: a number is out of range, a word unknown, or ``cls`` asked of a model without
            a class token.
    """
    whole(heads, "heads", least=1)
    whole(neurons, "neurons", least=1)
    if whole(n_random, "n_random") < LEAST_RANDOM:
        raise ConfigError(
            f"n_random={n_random} is too few for a band: give at least {LEAST_RANDOM} random sets."
        )
    for name, value, known in (("tokens", tokens, TOKENS), ("ablation", ablation, ABLATIONS)):
        if value not in known:
            raise ConfigError(f"{name}={value!r} is unknown: use one of {', '.join(known)}.")
    tower = clip.anatomy.vision
    has_class_token = tower.has_class_token and tower.pool_token == "cls"
    if tokens == "cls" and not has_class_token:
        raise ConfigError(
            f"{clip.id} pools all its patches and has no class token to patch at: use tokens='all'."
        )
    n_heads = sum(block.n_heads for block in tower.blocks)
    return Settings(
        heads=min(heads, max(1, n_heads // 2)),
        neurons=min(neurons, max(1, tower.d_mlp // 2)),
        n_random=n_random,
        cls=has_class_token if tokens == "auto" else tokens == "cls",
        ablation=ablation,
        batch_size=batch_size,
        seed=seed,
    )


def audited(run: RunView, dataset: Dataset) -> Source:
    """What a finished typographic audit drew and asked.

    Raises:
        DataError: it is no such run, its pictures carried their words already, or its pictures are
            not in the data set.
    """
    if run.kind != "typographic":
        raise DataError(
            f"The run {run.path} is of the kind {run.kind!r}: give a run of `clipprobe audit "
            "typographic`."
        )
    config = run.manifest["config"]
    if "attack" not in config:
        raise DataError(
            f"The pictures of the run {run.path} carried their words already, so there is no clean "
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
            f"{len(absent)} pictures of the run {run.path} are not among the images given (the "
            f"first is {absent[0]!r}): give the images that it audited."
        )
    settings = {name: value for name, value in config["attack"].items() if name != "seed"}
    if isinstance(settings.get("position"), list):
        settings["position"] = tuple(tuple(place) for place in settings["position"])
    words = config["words"]
    return Source(
        classes=Classes(config["classes"], config["synonyms"]),
        templates=tuple(config["templates"]),
        attack=prototype(settings, config["seed"]),
        draw_at=checked_draw_at(config["draw_at"]),
        name_pattern=config["name_pattern"],
        words=Words(strategy=words["strategy"], listed=tuple(words["listed"])),
        per_image=config["words_per_image"],
        seed=config["seed"],
        pairs=tuple((row[0], row[1]) for row in attacks),
        answers={(row[0], row[1]): (row[4], row[5]) for row in attacks if row[2] is not None},
        weights=(run.manifest.get("model") or {}).get("weights_sha256"),
        run=str(run.manifest["config_sha256"]),
    )
