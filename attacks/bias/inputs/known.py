"""The label formats that are recognised: FairFace, UTKFace file names, VisoGender.

Each turns its own column names and codes into ``perceived_…`` columns with named values. Facts
about the data are in their cards, see :mod:`attacks.bias.inputs.cards`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from clipprobe.data.text_table import Column, TextTable
from clipprobe.errors import ConfigError, DataError

FAIRFACE_VALUES: dict[str, tuple[str, ...]] = {
    "age": (
        *("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69"),
        "more than 70",
    ),
    "gender": ("Male", "Female"),
    "race": (
        *("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian"),
        "Middle Eastern",
    ),
}
UTKFACE_GENDERS = ("Male", "Female")
UTKFACE_RACES = ("White", "Black", "Asian", "Indian", "Others")
# [age]_[gender]_[race]_[date and time].jpg, with .chip.jpg for the aligned faces
_UTKFACE = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_(?P<time>\d+)\.\S+")
_LAST_AGE = 116
_BINS = ((2, "0-2"), (9, "3-9"), *((top, f"{top - 9}-{top}") for top in range(19, 70, 10)))
_VISOGENDER = re.compile(r"(Occupation|Participant)_(?:perceived_)?[Gg]ender")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownColumns:
    """Columns that a known format gives; nothing of a table of no such format.

    ``columns``: the new names and values. ``aliases``: the format's own name -> the new one.
    ``card``: the shipped card's name. ``malformed``: file names that do not have the form.
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    card: str | None = None
    malformed: tuple[str, ...] = ()


def is_fairface(names: Sequence[str]) -> bool:
    """Whether columns are those of FairFace: age, gender, race and service_test."""
    return {"age", "gender", "race", "service_test"} <= set(names)


def fairface(columns: Mapping[str, Column], where: str) -> KnownColumns:
    """FairFace's labels, CSV or Hugging Face, by name.

    Raises:
        ConfigError: a column is not there. DataError: a value is not one of FairFace's; bare
            integers are refused with the reason.
    """
    missing = sorted(set(FAIRFACE_VALUES) - set(columns))
    if missing:
        raise ConfigError(
            f"{where} has no column {missing[0]!r}, so it is not FairFace's: give --label-format "
            "table."
        )
    perceived = {}
    for name, values in FAIRFACE_VALUES.items():
        levels = {value for value in columns[name] if value is not None}
        strange = sorted(levels - set(values))
        if strange and all(value.lstrip("-").isdigit() for value in levels):
            raise DataError(
                f"{where} holds bare integers in {name!r} (for example {strange[0]!r}) and no "
                "names for them: mirrors of FairFace number their classes differently, so give a "
                "Parquet file or data set whose metadata hold the class names, or the names "
                "themselves."
            )
        if strange:
            raise DataError(
                f"{where} has the {name} {strange[0]!r}, which FairFace does not know: it knows "
                f"{', '.join(values)}."
            )
        perceived[f"perceived_{name}"] = columns[name]
    aliases = {name: f"perceived_{name}" for name in FAIRFACE_VALUES}
    return KnownColumns(columns=perceived, aliases=aliases, card="fairface")


def is_utkface(ids: Sequence[str]) -> bool:
    """Whether most file names carry age, gender and race as UTKFace writes them."""
    return bool(ids) and sum(_parts(one) is not None for one in ids) > len(ids) / 2


def utkface(ids: Sequence[str]) -> KnownColumns:
    """The labels in UTKFace's file names; ages in FairFace's bins. Malformed names are listed."""
    parts = [_parts(one) for one in ids]
    return KnownColumns(
        columns={
            "perceived_age": tuple(_age_bin(int(p["age"])) if p else None for p in parts),
            "perceived_gender": tuple(
                UTKFACE_GENDERS[int(p["gender"])] if p else None for p in parts
            ),
            "perceived_race": tuple(UTKFACE_RACES[int(p["race"])] if p else None for p in parts),
        },
        aliases={name: f"perceived_{name}" for name in ("age", "gender", "race")},
        card="utkface",
        malformed=tuple(one for one, p in zip(ids, parts, strict=True) if p is None),
    )


def is_visogender(table: TextTable) -> bool:
    """Whether a table has VisoGender's columns."""
    return {"IDX", "Sector", "Specialisation", "Occupation"} <= set(table.columns)


def visogender(table: TextTable) -> KnownColumns:
    """VisoGender's TSV: perceived gender of the occupation and, where there, the participant.

    Releases write ``man``/``woman`` or ``masculine``/``feminine``; both become man and woman.

    Raises:
        DataError: there is no gender column, or a value is neither of these.
    """
    words = {"man": "man", "masculine": "man", "woman": "woman", "feminine": "woman"}
    columns: dict[str, Column] = {}
    aliases: dict[str, str] = {}
    for name, values in table.columns.items():
        match = _VISOGENDER.fullmatch(name)
        if match is None:
            continue
        new = "perceived_gender"
        if match[1] == "Participant":
            new = "perceived_gender_of_participant"
        strange = sorted({v for v in values if v is not None and v.strip().lower() not in words})
        if strange:
            raise DataError(
                f"The table {table.path} has the value {strange[0]!r} in {name!r}: VisoGender "
                "knows man (masculine) and woman (feminine)."
            )
        columns[new] = tuple(v if v is None else words[v.strip().lower()] for v in values)
        aliases[name] = new
    if not columns:
        raise DataError(
            f"The table {table.path} looks like VisoGender's but has no column "
            "Occupation_perceived_gender or Occupation_Gender: give the published TSV."
        )
    for name in ("Sector", "Specialisation", "Occupation"):
        columns[name.lower()] = table.columns[name]
        aliases[name] = name.lower()
    return KnownColumns(columns=columns, aliases=aliases, card="visogender")


def _parts(one: str) -> Mapping[str, str] | None:
    match = _UTKFACE.fullmatch(PurePosixPath(one).name)
    if match is None or int(match["age"]) > _LAST_AGE:
        return None
    return match.groupdict()


def _age_bin(age: int) -> str:
    return next((name for top, name in _BINS if age <= top), "more than 70")
