"""The cells of a sweep: which settings are varied, over which levels, in which design.

A *factor* is a setting of the attack, a *level* one of its values, a *cell* one complete way of
writing. ``one-factor`` varies one factor at a time around the base; ``factorial`` takes every
combination. Every field of :class:`TypographicAttack` but the word and the seed can be a factor.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.knobs import KNOBS
from clipprobe.errors import ClipprobeError, ConfigError, nearest
from clipprobe.runs import jsonio
from clipprobe.stimuli.text import font_info, fonts

Design = Literal["one-factor", "factorial"]
Level = Any
Factors = Mapping[str, Sequence[Level] | None] | Sequence[str]

#: Settings that can be factors; one that is itself drawn from several values cannot.
FACTORS = tuple(name for name in KNOBS if name != "varies")
#: Levels of a factor for which none are given. Switches and settings with a fixed list of choices
#: need no entry: they take all of it.
DEFAULT_GRIDS: dict[str, tuple[Level, ...]] = {
    "size": (0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4),
    "position": tuple(f"r{row}c{column}" for row in range(1, 5) for column in range(1, 5)),
    "copies": (1, 2, 4, 8, 16),
    "color": ("white", "black", "red", "yellow", "lime", "blue"),
    "opacity": (0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    "outline": (None, "black", "white"),
    "background": (None, "white", "black", "yellow"),
    "rotation": (0, 15, 30, 45, 90, 180),
    "font": tuple(fonts()),
    "contrast": (1.5, 2.0, 3.0, 4.5, 7.0, 21.0),
    "outline_width": (0.03, 0.06, 0.12, 0.2),
    "padding": (0.0, 0.1, 0.25, 0.5, 1.0),
    "shadow": (0.0, 0.3, 0.6),
    "perspective": (0.0, 15.0, 30.0, 45.0, 60.0),
    "blur": (0.0, 0.05, 0.1, 0.2, 0.3),
    "downscale": (0.125, 0.25, 0.5, 1.0),
    "band": (0.0, 0.1, 0.2),
    "misspelt": (0, 1, 2, 3, 4),
    "repeated": (1, 2, 4, 8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One way of writing."""

    number: int
    """From 0, in the order in which cells are run."""
    attack: TypographicAttack
    """With a placeholder for the word."""
    levels: dict[str, Level]
    """The level of every factor, the base's where it is not varied."""

    @property
    def name(self) -> str:
        """Its levels in words, such as ``size 0.1, opacity 0.5``."""
        return ", ".join(f"{factor} {level_name(level)}" for factor, level in self.levels.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """All cells, and which of them stand on the curve of a factor."""

    design: Design
    factors: dict[str, tuple[Level, ...]]
    """Levels of each factor, numbers in rising order."""
    cells: tuple[Cell, ...]
    base: TypographicAttack

    def curve(self, factor: str) -> list[tuple[Level, list[Cell]]]:
        """For each level the cells that have it, all else equal to the base or averaged over."""
        return [(level, self._at(factor, level)) for level in self.factors[factor]]

    def _at(self, factor: str, level: Level) -> list[Cell]:
        if self.design == "factorial":
            return [cell for cell in self.cells if _same(cell.levels[factor], level)]
        alone = replace(self.base, **{factor: level})
        return [cell for cell in self.cells if cell.attack == alone]

    def ordered(self, factor: str) -> bool:
        """Whether the levels are numbers, so that a trend means something."""
        return all(_number(level) for level in self.factors[factor])


def build(factors: Factors, design: Design, base: TypographicAttack) -> Grid:
    """The grid of a sweep.

    Args:
        factors: Levels by setting, None for the default ones; or texts as :func:`parse_factors`
            takes them.
        base: The attack of what is not varied.
    Raises:
        ConfigError: no factor, an unknown one, no or equal levels, or a cell that cannot be
            written.
    """
    if isinstance(factors, str):
        factors = [factors]
    given_factors = dict(factors) if isinstance(factors, Mapping) else parse_factors(factors)
    if not given_factors:
        raise ConfigError(f"A sweep needs a factor: give one of {', '.join(FACTORS)}.")
    for name in given_factors:
        if name in (base.varies or {}):
            raise ConfigError(
                f"The base draws {name!r} anew for each image, so it cannot be a factor, too: "
                "choose one of the two."
            )
    levels = {name: _levels(name, values) for name, values in given_factors.items()}
    if design == "factorial":
        combinations = itertools.product(*levels.values())
        settings = [dict(zip(levels, one, strict=True)) for one in combinations]
    else:
        settings = [{name: level} for name, values in levels.items() for level in values]
    cells: dict[str, Cell] = {}
    for setting in settings:
        attack = _attack(base, setting)
        key = jsonio.dumps(attack.to_json())  # the base stands on several curves, and is run once
        if key not in cells:
            cells[key] = Cell(
                number=len(cells),
                attack=attack,
                levels={name: getattr(attack, name) for name in levels},
            )
    return Grid(design=design, factors=levels, cells=tuple(cells.values()), base=base)


def default_levels(name: str) -> tuple[Level, ...]:
    """Levels of a factor for which none were given.

    Raises:
        ConfigError: it has no sensible ones.
    """
    if name in DEFAULT_GRIDS:
        return DEFAULT_GRIDS[name]
    hint = get_type_hints(TypographicAttack)[name]
    if hint is bool:
        return (False, True)
    if get_origin(hint) is Literal:
        return get_args(hint)
    raise ConfigError(
        f"The factor {name!r} has no default levels: give some, as in --factor {name}=A,B,C."
    )


def parse_factors(texts: Iterable[str]) -> dict[str, list[Level] | None]:
    """``NAME=A,B,C`` texts, or names alone, as :func:`build` takes them.

    ``none`` is not a value, ``0.5/0.25`` a pair of numbers, ``true`` and ``false`` switches.

    Raises:
        ConfigError: a factor is unknown or stands twice, or a level is empty.
    """
    levels: dict[str, list[Level] | None] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        check_name(name)
        if name in levels:
            raise ConfigError(f"The factor {name!r} was given twice: list all its levels at once.")
        levels[name] = (
            [_value(name, value.strip()) for value in values.split(",")] if equals else None
        )
    return levels


def check_name(name: str) -> None:
    """Raises ConfigError unless ``name`` is a setting of the attack."""
    if name not in FACTORS:
        raise ConfigError(
            f"An attack has no setting {name!r} to sweep over: {nearest(name, FACTORS)}"
        )


def level_name(level: Level) -> str:
    """A level in words."""
    if level is None:
        return "none"
    if isinstance(level, bool):
        return "yes" if level else "no"
    if isinstance(level, (list, tuple)):
        return "/".join(level_name(part) for part in level)
    return f"{level:g}" if _number(level) else str(level)


def _levels(name: str, values: Sequence[Level] | None) -> tuple[Level, ...]:
    check_name(name)
    if values is None:
        return default_levels(name)
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ConfigError(f"The levels of {name!r} are {values!r}: give a list.")
    levels = [tuple(level) if isinstance(level, list) else level for level in values]
    if not levels:
        raise ConfigError(f"The factor {name!r} has no levels: give at least one.")
    if name == "font":  # a file by its content
        levels = [font_info(str(level)).name for level in levels]
    if name == "position" and any(level in ("on", "off") for level in levels):
        raise ConfigError(
            "A place on or off the object needs its mask in every image, which a sweep does not "
            "have: give names, cells or fractions."
        )
    for i, level in enumerate(levels):
        if any(_same(level, other) for other in levels[:i]):
            raise ConfigError(
                f"The factor {name!r} has the level {level_name(level)} twice: give it once."
            )
    return tuple(sorted(levels)) if all(map(_number, levels)) else tuple(levels)


def _attack(base: TypographicAttack, setting: Mapping[str, Level]) -> TypographicAttack:
    try:
        return replace(base, **setting)
    except ClipprobeError as error:
        setting_text = ", ".join(f"{name}={level_name(level)}" for name, level in setting.items())
        raise type(error)(
            f"The cell {setting_text} of the sweep cannot be written. {error}"
        ) from None


def _value(name: str, text: str) -> Level:
    if not text:
        raise ConfigError(f"The factor {name!r} has an empty level: give levels as A,B,C.")
    if text.lower() == "none":
        return None
    if text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
    parts = text.split("/")
    numbers = [_parsed(part) for part in parts]
    if all(_number(number) for number in numbers):
        return tuple(numbers) if len(parts) > 1 else _typed(name, numbers[0])
    return text


def _typed(name: str, number: float) -> float:
    """``1`` of a setting that is a fraction is the number 1.0, so that levels compare equal."""
    default = next(f.default for f in fields(TypographicAttack) if f.name == name)
    return float(number) if isinstance(default, float) else number


def _parsed(text: str) -> Level:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _same(a: Level, b: Level) -> bool:
    return (type(a) is type(b) and bool(a == b)) or (_number(a) and _number(b) and bool(a == b))


def _number(value: Level) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
