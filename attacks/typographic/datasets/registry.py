"""The layouts by name: what each holds, its licence, its published counts, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attacks.typographic.datasets.pictures import AttackSet, Reading
from clipprobe.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One data set's way of keeping its pictures."""

    name: str
    """What to ask for, such as ``rta-100``."""
    title: str
    read: Callable[[Path], Reading]
    recognise: Callable[[Path], bool]
    """Whether a path can only be this layout; cheap, and False in every doubt."""
    expected: tuple[int, ...] = ()
    """Published numbers of pictures; any of them is right. Empty: no number is published."""
    expected_note: str = ""
    """Why there is more than one published number."""
    licence: str = "not stated"
    noncommercial: bool = False
    source: str = ""
    """Where the data set is published."""
    citation: str = ""
    synonyms: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def describe(self) -> dict[str, Any]:
        """Plain JSON: name, title, licence, source, citation and expected counts."""
        return {
            "layout": self.name,
            "title": self.title,
            "licence": self.licence,
            "noncommercial": self.noncommercial,
            "source": self.source,
            "citation": self.citation,
            "expected": list(self.expected),
        }

    def licence_notice(self) -> str:
        """One sentence where the licence limits what may be done, else ``""``."""
        if not self.noncommercial:
            return ""
        return (
            f"The pictures of {self.title} are under {self.licence}: they may not be used for "
            "commercial purposes."
        )


_LAYOUTS: dict[str, Layout] = {}


def register(layout: Layout) -> Layout:
    """Add a layout under its name."""
    _LAYOUTS[layout.name] = layout
    return layout


def layouts() -> dict[str, Layout]:
    """Every layout by name, in alphabetical order."""
    from attacks.typographic.datasets import families

    assert families is not None  # its import fills the table
    return dict(sorted(_LAYOUTS.items()))


def find_layout(name: str) -> Layout:
    """The layout of that name.

    Raises:
        ConfigError: there is none; the message names the nearest, or all.
    """
    table = layouts()
    wanted = name.strip().lower().replace("_", "-")
    if wanted not in table:
        near = get_close_matches(wanted, table, n=2)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ConfigError(
            f"There is no layout {name!r}: {hint}Known are {', '.join(table)}. Any other data set "
            "can be given as a table with the columns image, label and word (layout 'table')."
        )
    return table[wanted]


def detect_layout(path: str | Path) -> Layout | None:
    """The one layout that the path can only be, or None where none or several fit."""
    place = Path(path)
    if not place.exists():
        return None
    fitting = [layout for layout in layouts().values() if layout.recognise(place)]
    return fitting[0] if len(fitting) == 1 else None


def load_attacks(layout: str, path: str | Path, *, limit: int | None = None) -> AttackSet:
    """Read an attack data set from a local path; nothing is downloaded.

    Args:
        layout: A name of :func:`layouts`, or ``auto``.
        path: The folder, table or archive, as published.
        limit: Keep so many pictures, in whole pairs where they fit.
    Returns:
        The pictures with their twins. What could not be used is in ``skipped``, with the reason;
        counts that differ from the published ones are in ``warnings``.
    Raises:
        ConfigError: the layout is unknown, or ``auto`` cannot tell.
        DataError: nothing is there, it has another layout, or not one picture could be used.
    Example:
        >>> from attacks.typographic.datasets import layouts
        >>> layouts()["rta-100"].expected
        (1000,)
    """
    place = Path(path)
    if not place.exists():
        raise DataError(
            f"There is nothing at {str(path)!r}: give the folder, table or archive of the data set "
            "on this machine; nothing is downloaded."
        )
    if limit is not None and limit < 1:
        raise DataError(f"The limit {limit} leaves no picture: give at least 1.")
    found = detect_layout(place) if layout == "auto" else find_layout(layout)
    if found is None:
        raise ConfigError(
            f"The layout of {str(path)!r} cannot be told from its files: name it, one of "
            f"{', '.join(layouts())}."
        )
    reading = found.read(place)
    if not reading.pictures:
        raise DataError(_nothing(found, place, reading))
    pictures = tuple(sorted(reading.pictures, key=lambda p: p.id))
    n = len(pictures)
    warnings = list(reading.warnings)
    if found.expected and n not in found.expected:
        numbers = " or ".join(f"{number:,}" for number in found.expected)
        note = f" ({found.expected_note})" if found.expected_note else ""
        warnings.insert(
            0,
            f"{found.title} has {numbers} pictures as published{note}; {n:,} usable ones were found"
            f" at {place.name!r} and {len(reading.skipped):,} were left out: the numbers are not "
            "those of the whole data set.",
        )
    whole = AttackSet(
        name=place.resolve().name,
        layout=found,
        pictures=pictures,
        skipped=tuple(sorted(reading.skipped, key=lambda item: item.id)),
        warnings=tuple(warnings),
        synonyms={name: list(others) for name, others in found.synonyms},
    )
    return whole.sample(limit)


def _nothing(layout: Layout, path: Path, reading: Reading) -> str:
    if not reading.skipped:
        return (
            f"No picture of the layout {layout.name!r} is at {str(path)!r}: give the folder, table "
            "or archive that holds them, or another layout."
        )
    first = reading.skipped[0]
    return (
        f"None of the {len(reading.skipped):,} files at {str(path)!r} can be used as "
        f"{layout.name!r} (the first, {first.id!r}: {first.reason}): check the path and the layout."
    )
