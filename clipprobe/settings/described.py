"""What can be read off a record: its settings, each with flag, type, limits, default and help."""

from __future__ import annotations

import functools
import importlib
import inspect
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from clipprobe.settings.marks import Flag, Mark, Where

#: What one value of a type is called; in messages and, shortened, in the help.
NOUNS = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    Path: "a path",
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One field of a record, as flags, files and help show it."""

    name: str
    flag: str
    also: str
    """Another name of the flag; empty where there is none."""
    type: type
    """Of one value."""
    many: bool
    """Whether it holds several values and its flag repeats."""
    choices: tuple[str, ...]
    source: str
    """Where the choices are, if the field does not list them."""
    limits: str
    default: Any
    shown: str
    """The default as people read it; empty where there is none."""
    help: str
    required: bool
    where: Where
    argument: bool
    env: str
    panel: str
    mark: Mark | None
    place: bool = False
    """Whether a text in it may be a path."""

    def known(self) -> tuple[str, ...]:
        """The values that can be given; loads what lists them."""
        if not self.source:
            return self.choices
        module, _, name = self.source.partition(":")
        names = getattr(importlib.import_module(module), name)
        return tuple(map(str, names() if callable(names) else names))

    @property
    def noun(self) -> str:
        """What one value is, with its limits."""
        limits = f" ({self.limits})" if self.limits else ""
        return NOUNS[self.type] + limits


def settings_of(record: Any) -> tuple[Setting, ...]:
    """Every setting of a record, in the order in which help shows them.

    Raises:
        TypeError: the record or one of its fields is not declared as settings are.
    """
    return _settings_of(record)


@functools.cache
def _settings_of(record: Any) -> tuple[Setting, ...]:
    for home in record.__mro__:
        if hasattr(home, "__pydantic_fields__") and "__pydantic_fields__" not in vars(home):
            raise TypeError(f"{home.__qualname__} needs the decorator of pydantic.")
    return tuple(_setting(record, name) for name in record.__pydantic_fields__)


def marked(record: Any, mark: Mark) -> frozenset[str]:
    """The names of the fields of a record that carry a mark."""
    return frozenset(one.name for one in settings_of(record) if one.mark is mark)


def positional(record: Any) -> tuple[str, ...]:
    """The fields that Python takes by their place."""
    kinds = inspect.signature(record).parameters.values()
    return tuple(one.name for one in kinds if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _setting(record: Any, name: str) -> Setting:
    homes = [base for base in record.__mro__ if name in inspect.get_annotations(base)]
    infos = [home.__pydantic_fields__[name] for home in homes]
    text = next((info.description for info in infos if info.description), None)
    if text is None:
        raise TypeError(f"{record.__qualname__}.{name} needs a text under it that says what it is.")
    info = infos[0]
    flags = [part for one in infos for part in one.metadata if isinstance(part, Flag)]
    flag = flags[0] if flags else Flag()
    # A record that gives a field another default still has its values.
    known = next((one.choices for one in flags if one.choices), ())
    mark = next((part for one in infos for part in one.metadata if isinstance(part, Mark)), None)
    shape = _shape(info.annotation, info.metadata)
    kind = flag.takes or shape.type
    required = info.is_required()
    default = None if required else info.get_default(call_default_factory=True)
    listed = known if isinstance(known, tuple) else ()
    return Setting(
        name=name,
        flag=flag.name or name.replace("_", "-"),
        also=flag.also,
        type=kind,
        many=shape.many if flag.many is None else flag.many,
        choices=listed or shape.choices,
        source=known if isinstance(known, str) else "",
        limits=shape.limits if kind in (int, float) else "",
        default=default,
        shown="" if required else flag.default or _read(default) or _off(name, flag, default),
        help=" ".join(text.split()),
        required=required,
        where="file" if name in record.without_flags else flag.where,
        argument=flag.argument,
        env=flag.env,
        panel=homes[-1].panel,
        mark=mark,
        place=flag.place,
    )


@dataclass(frozen=True)
class _Shape:
    type: type = str
    many: bool = False
    choices: tuple[str, ...] = ()
    limits: str = ""


def _shape(annotation: Any, metadata: Sequence[Any] = ()) -> _Shape:
    """What of a type one flag holds: of a union, the sequence if there is one, else the widest."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], [*annotation.__metadata__, *metadata])
    if origin in (Union, types.UnionType):
        arms = [_shape(arm, metadata) for arm in arguments if arm is not types.NoneType]
        several = next((arm for arm in arms if arm.many), None)
        choices = next((arm for arm in arms if arm.choices), None)
        wide = max(arms, key=lambda arm: (arm.type is Path, arm.type is float))
        return several or choices or wide
    if origin is Literal:
        return _Shape(type(arguments[0]), choices=tuple(map(str, arguments)))
    if isinstance(origin, type) and issubclass(origin, Sequence):
        one = _shape(arguments[0])
        return _Shape(one.type, True, one.choices, one.limits)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _Shape(str, True)
    return _Shape(annotation if annotation in NOUNS else str, limits=_limits(metadata))


def _limits(metadata: Sequence[Any]) -> str:
    words = {
        Ge: ("at least", "ge"),
        Gt: ("above", "gt"),
        Le: ("at most", "le"),
        Lt: ("below", "lt"),
    }
    return ", ".join(
        f"{word} {getattr(part, bound):g}"
        for part in metadata
        for kind, (word, bound) in words.items()
        if isinstance(part, kind)
    )


def _off(name: str, flag: Flag, default: Any) -> str:
    """The other half of a flag that is off: ``no-mirrored``."""
    paired = default is False and flag.where not in ("terminal", "python")
    return f"no-{flag.name or name.replace('_', '-')}" if paired else ""


def _read(default: Any) -> str:
    if default is None or default is False or default in ((), {}, ""):
        return ""
    if isinstance(default, bool):
        return "yes"
    if isinstance(default, tuple | list):
        texts = [_read(one) for one in default]
        return ("; " if any("{}" in one for one in texts) else ", ").join(texts)
    return f"{default:g}" if isinstance(default, float) else str(default)
