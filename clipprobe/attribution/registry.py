"""The attribution methods by name: what each needs, supports and returns.

The table is text; a package outside adds methods through the entry-point group
``clipprobe.attribution_methods``, a script through :func:`register`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.registry import Registry

if TYPE_CHECKING:
    from clipprobe.attribution.job import Job
    from clipprobe.models import Clip

CLASS_TOKEN, POOLING_HEAD, FUSED, RESNET = "class token", "pooling head", "fused", "ResNet"
"""Kinds of vision tower; ``fused`` has a class token, and its q, k and v cannot be seen."""
MORE_TOKENS = "more tokens"
"""A transformer under an edit that adds tokens: its stream is longer than its patches."""
NULLS = ("random", "centre")
"""Methods whose maps know nothing of the model: what the others must beat."""
TRANSFORMERS = (CLASS_TOKEN, POOLING_HEAD, FUSED)
VISION_TOWERS = (*TRANSFORMERS, RESNET, MORE_TOKENS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """What a method computes for a batch of pairs."""

    values: Floats
    """``(p, h, w)`` float64 attributions."""
    units: str
    """What the numbers are; ``{score}`` stands for the units of the score."""
    scores: Floats | None = None
    """``(p,)`` float64; None where they are those of the job, as a rule."""
    baseline_scores: Floats | None = None
    """``(p,)`` float64; None where the method has no baseline."""
    constants: Floats | None = None
    """``(p,)``: what belongs to no patch; sum of the map and this is the score less the baseline's.
    Zero where the method is not complete."""
    reason: str = ""
    """Why there is no completeness gap, where there is none."""
    caution: str = ""
    """What is known against maps of this kind; empty if nothing."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings as resolved."""
    own: Sequence[Mapping[str, Any]] = ()
    """Those that differ between pairs, of each pair; empty where none does."""
    resolution: str = "patches"
    """``pixels`` or ``patches``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One attribution method."""

    run: Callable[..., Maps]
    """``(job, **settings) -> Maps``; every setting is a keyword."""
    title: str
    """Its name in sentences."""
    paper: str
    """Where it is defined."""
    towers: tuple[str, ...] = VISION_TOWERS
    """The kinds of vision tower that it supports."""
    of_units: bool = True
    """Whether a unit can be explained by it."""
    reads_target: bool = True
    """Whether the map depends on the text or unit at all."""
    single_pass: bool = False
    """Whether it lives on the one forward and backward pass that is shared."""
    needs: Callable[[Job], Iterable[str]] = lambda job: ()
    """What it reads there, for a job and with its settings at their defaults; see
    :mod:`clipprobe.attribution.trace`."""
    cost: str
    """Forward passes per image, in words."""

    def __call__(self, job: Job, **settings: Any) -> Maps:
        """Run it."""
        return self.run(job, **settings)

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of its settings."""
        return tuple(
            parameter.name
            for parameter in inspect.signature(self.run).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        )


_KINDS: dict[str, tuple[Any, str]] = {
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "str": (str, "a text"),
}
"""Annotations of settings, what they take, and how that is said."""

_HERE = "clipprobe.attribution.methods"
METHODS: Registry[Method] = Registry(
    "attribution method",
    {
        "attention_occlusion": f"{_HERE}.clusters:ATTENTION_OCCLUSION",
        "attention_rollout": f"{_HERE}.rollout:ATTENTION_ROLLOUT",
        "attnlrp": f"{_HERE}.attnlrp:ATTNLRP",
        "banzhaf": f"{_HERE}.masks:BANZHAF",
        "cci": f"{_HERE}.clusters:CCI",
        "centre": f"{_HERE}.nulls:CENTRE",
        "chefer": f"{_HERE}.rollout:CHEFER",
        "grad_eclip": f"{_HERE}.last_attention:GRAD_ECLIP",
        "gradient_x_input": f"{_HERE}.paths:GRADIENT_X_INPUT",
        "head_tokens": f"{_HERE}.head_tokens:HEAD_TOKENS",
        "integrated_gradients": f"{_HERE}.paths:INTEGRATED_GRADIENTS",
        "interactions": f"{_HERE}.masks:INTERACTIONS",
        "keep_only": f"{_HERE}.masks:KEEP_ONLY",
        "legrad": f"{_HERE}.legrad:LEGRAD",
        "maskclip": f"{_HERE}.patch_text:MASKCLIP",
        "occlusion": f"{_HERE}.occlusion:OCCLUSION",
        "patch_cosine": f"{_HERE}.patch_text:PATCH_COSINE",
        "random": f"{_HERE}.nulls:RANDOM",
        "rise": f"{_HERE}.occlusion:RISE",
        "token_grad_cam": f"{_HERE}.token_grad_cam:TOKEN_GRAD_CAM",
        "value_value": f"{_HERE}.patch_text:VALUE_VALUE",
        "values_x_gradient": f"{_HERE}.last_attention:VALUES_X_GRADIENT",
    },
    group="clipprobe.attribution_methods",
)


def register(name: str, method: Method) -> None:
    """Make a method known to ``explain`` by name."""
    METHODS.add(name, method)


def attribution_methods() -> list[str]:
    """Names of the attribution methods, for ``explain(..., method=name)``."""
    return list(METHODS)


def find_method(name: str, settings: Mapping[str, Any]) -> Method:
    """A method by name, checked to have these settings.

    Raises:
        UnknownMethodError: there is none of that name; lists all.
        ConfigError: it has no such setting, or not with such a value.
    """
    method = METHODS[name]
    for setting, value in settings.items():
        if setting not in method.settings:
            has = ", ".join(method.settings) or "none"
            raise ConfigError(f"The method {name} has no setting {setting!r}: it has {has}.")
        _check_value(method, setting, value)
    return method


def _check_value(method: Method, setting: str, value: Any) -> None:
    """Refuse a value that is not of the setting's kind, where its annotation is a plain one."""
    parameter = inspect.signature(method.run).parameters[setting]
    annotation = parameter.annotation
    kind, _, rest = (getattr(annotation, "__name__", None) or str(annotation)).partition(" | ")
    if kind not in _KINDS or rest not in ("", "None"):
        return
    if value is None and (rest or parameter.default is None):
        return
    types, words = _KINDS[kind]
    if not isinstance(value, types) or isinstance(value, bool):
        raise ConfigError(f"{setting}={value!r} does not fit: give {words}.")
    if setting == "seed" and types is Integral and value < 0:
        raise ConfigError(f"seed={value} does not fit: give a whole number of at least 0.")


def settings_of_each(
    methods: Sequence[str], settings: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Each method with those of the settings that it has.

    Raises:
        UnknownMethodError: there is no such method.
        ConfigError: none of the methods has one of the settings.
    """
    if len(methods) == 1:
        find_method(methods[0], settings)
    has = {name: find_method(name, {}).settings for name in methods}
    for setting in settings if has else ():
        if not any(setting in known for known in has.values()):
            raise ConfigError(f"None of the methods {', '.join(has)} has a setting {setting!r}.")
    return {
        name: {key: value for key, value in settings.items() if key in known}
        for name, known in has.items()
    }


def vision_tower_kind(clip: Clip) -> str:
    """Which kind of vision tower a model has: one of :data:`VISION_TOWERS`."""
    tower = clip.anatomy.vision
    if not tower.blocks:
        return RESNET
    if clip.network.extra_tokens("vision"):
        return MORE_TOKENS
    if any(block.q is None or block.out is None for block in tower.blocks):
        return FUSED
    return CLASS_TOKEN if tower.pool_token == "cls" else POOLING_HEAD


def shared_pass(clip: Clip) -> list[str]:
    """Methods that share one forward and backward pass, of those that support a model."""
    return [name for name in supported_methods(clip) if METHODS[name].single_pass]


def supported_methods(clip: Clip, *, unit: bool = False) -> list[str]:
    """Methods, nulls among them, that can explain a model's scores, or its units."""
    kind = vision_tower_kind(clip)
    return [
        name
        for name in METHODS
        if kind in METHODS[name].towers and (METHODS[name].of_units or not unit)
    ]


def check_support(name: str, method: Method, clip: Clip, *, unit: bool) -> None:
    """Refuse a model or a target that the method has no meaning for.

    Raises:
        UnsupportedHookError: names the method, what the model is, and which methods there are.
    """
    kind = vision_tower_kind(clip)
    what = {
        CLASS_TOKEN: "a transformer with a class token",
        POOLING_HEAD: "a transformer with a pooling head",
        FUSED: "a transformer with fused attention, whose queries, keys and values cannot be seen",
        RESNET: "a ResNet",
        MORE_TOKENS: "under an edit that adds tokens, which are not patches",
    }
    if kind not in method.towers or (unit and not method.of_units):
        supported = supported_methods(clip, unit=unit)
        others = [other for other in supported if METHODS[other].reads_target]
        why = (
            f"the vision tower of {clip.id} is {what[kind]}"
            if kind not in method.towers
            else "it explains texts only, and a unit was given"
        )
        raise UnsupportedHookError(
            f"{name} has no map here, because {why}: use {', '.join(others)}."
        )
