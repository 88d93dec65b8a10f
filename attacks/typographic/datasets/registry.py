"""The layouts by name: what each holds, its licence, its published counts, and who reads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from attacks.typographic.datasets.attack_set import AttackSet
from attacks.typographic.datasets.layout import Layout, Reading
from clipprobe.errors import ConfigError, DataError
from clipprobe.origin import Origin, absolute
from clipprobe.registry import Registry

#: Every layout, and where it stands; packages outside add theirs as entry points of this group.
_LAYOUTS: Registry[Layout] = Registry(
    "layout",
    {
        "disentangling": "attacks.typographic.datasets.disentangling:DISENTANGLING",
        "distill": "attacks.typographic.datasets.names:DISTILL",
        "label-text": "attacks.typographic.datasets.names:LABEL_TEXT",
        "paint": "attacks.typographic.datasets.names:PAINT",
        "rta-100": "attacks.typographic.datasets.names:RTA_100",
        "rta-100-triplet": "attacks.typographic.datasets.triplets:RTA_100_TRIPLET",
        "scam": "attacks.typographic.datasets.triplets:SCAM_TRIPLET",
        "self-gen": "attacks.typographic.datasets.tables:SELF_GENERATED",
        "stroop": "attacks.typographic.datasets.names:STROOP",
        "table": "attacks.typographic.datasets.tables:TABLE",
        "typod": "attacks.typographic.datasets.names:TYPOD",
    },
    group="clipprobe.layouts",
    error=ConfigError,
    help="Any other data set can be given as a table with the columns image, label and word "
    "(layout 'table').",
    spelling=lambda name: name.strip().lower().replace("_", "-"),
)


def register(layout: Layout) -> Layout:
    """Add a layout under its name."""
    return _LAYOUTS.add(layout.name, layout)


def layouts() -> dict[str, Layout]:
    """Every layout by name, in alphabetical order."""
    return {layout.name: layout for layout in _LAYOUTS.values()}


def find_layout(name: str) -> Layout:
    """The layout of that name.

    Raises:
        ConfigError: there is none; the message names the nearest, and all.
    """
    return _LAYOUTS[name]


def detect_layout(path: str | Path) -> Layout | None:
    """The one layout that the path can only be, or None where none or several fit."""
    place = Path(path)
    if not place.exists():
        return None
    fitting = [layout for layout in layouts().values() if layout.recognise(place)]
    return fitting[0] if len(fitting) == 1 else None


def load_attacks(
    layout: str,
    path: str | Path,
    *,
    limit: int | None = None,
    sample: int | None = None,
    per_class: bool = False,
    seed: int = 0,
) -> AttackSet:
    """Read an attack data set from a local path; nothing is downloaded.

    Args:
        layout: A name of :func:`layouts`, or ``auto``.
        path: The folder, table or archive, as published.
        limit, sample, per_class, seed: Keep some of the images, see :meth:`AttackSet.sample`.
    Returns:
        The images with their twins. What could not be used is in ``skipped``, with the reason;
        counts that differ from the published ones are in ``warnings``.
    Raises:
        ConfigError: the layout is unknown, or ``auto`` cannot tell.
        DataError: nothing is there, it has another layout, or not one image could be used.
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
        raise DataError(f"The limit {limit} leaves no image: give at least 1.")
    known = detect_layout(place) if layout == "auto" else find_layout(layout)
    if known is None:
        raise ConfigError(
            f"The layout of {str(path)!r} cannot be told from its files: name it, one of "
            f"{', '.join(layouts())}."
        )
    reading = known.read(place)
    if not reading.pictures:
        raise DataError(_nothing(known, place, reading))
    pictures = tuple(sorted(reading.pictures, key=lambda p: p.id))
    n = len(pictures)
    warnings = list(reading.warnings)
    if known.expected and n not in known.expected:
        numbers = " or ".join(f"{number:,}" for number in known.expected)
        note = f" ({known.expected_note})" if known.expected_note else ""
        warnings.insert(
            0,
            f"{known.title}: {numbers} images as published{note}; {n:,} usable ones were found"
            f" at {place.name!r} and {len(reading.skipped):,} were left out: the numbers are not "
            "those of the whole data set.",
        )
    whole = AttackSet(
        name=place.resolve().name,
        layout=known,
        pictures=pictures,
        skipped=tuple(sorted(reading.skipped, key=lambda item: item.id)),
        warnings=tuple(warnings),
        synonyms={name: list(others) for name, others in known.synonyms},
    )
    arguments: dict[str, Any] = {"layout": known.name, "path": absolute(place), "limit": limit}
    if sample is not None:
        arguments |= {"sample": sample, "per_class": per_class, "seed": seed}
    sampled = whole.sample(limit, sample=sample, per_class=per_class, seed=seed)
    return replace(sampled, origin=Origin(opener="attack-set", arguments=arguments))


def _nothing(layout: Layout, path: Path, reading: Reading) -> str:
    if not reading.skipped:
        return (
            f"No image of the layout {layout.name!r} is at {str(path)!r}: give the folder, table "
            "or archive that holds them, or another layout."
        )
    first = reading.skipped[0]
    return (
        f"None of the {len(reading.skipped):,} files at {str(path)!r} can be used as "
        f"{layout.name!r} (the first, {first.id!r}: {first.reason}): check the path and the layout."
    )
