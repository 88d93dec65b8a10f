"""What is said of a value that was refused: one sentence, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clipprobe.errors import nearest
from clipprobe.lines import shortened
from clipprobe.settings.described import Setting, positional, settings_of
from clipprobe.settings.marks import PRIVATE

if TYPE_CHECKING:
    from pydantic import ValidationError

_OUT_OF_RANGE = {
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number",
}  # fmt: skip
_WRONG_TYPE = {
    "bool_parsing", "bool_type", "float_parsing", "float_type", "int_from_float", "int_parsing",
    "int_parsing_size", "int_type", "path_type", "string_type",
}  # fmt: skip
_NOT_SEVERAL = {
    "dict_type", "is_instance_of", "iterable_type", "list_type", "mapping_type", "sequence_str",
    "tuple_type",
}  # fmt: skip
_BY_PLACE = "unexpected_positional_argument"
_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}
#: Types of errors that are worded here; of any other the words of pydantic follow the name.
WORDED = (
    _OUT_OF_RANGE | _WRONG_TYPE | _NOT_SEVERAL | _MISSING
    | {"literal_error", "unexpected_keyword_argument", _BY_PLACE, "value_error"}
)  # fmt: skip


def sentence(record: Any, error: ValidationError, sources: Mapping[str, str]) -> str:
    """What was refused first, and what to give.

    Args:
        record: The record that was to be made.
        sources: Field -> how a message names where its value came from: ``--n-boot``. A value that
            Python gave is named after the field.
    """
    errors = error.errors(include_url=False, include_context=True)
    # A value given by its place is why another setting seems to be missing.
    first = next((one for one in errors if one["type"] == _BY_PLACE), errors[0])
    kind, place = first["type"], first["loc"][0] if first["loc"] else ""
    if isinstance(place, int):
        places = positional(record)
        place = places[place] if place < len(places) else ""
    if kind == "unexpected_keyword_argument":
        names = [one.name for one in settings_of(record) if one.where != "terminal"]
        return f"There is no setting {place!r}: {nearest(str(place), names)}"
    if kind == _BY_PLACE:
        if most := len(positional(record)):
            return f"At most {most} settings can be given by their place: give the others by name."
        names = [str(one["loc"][0]) for one in errors if one["type"] in _MISSING]
        name = next(iter(names), settings_of(record)[0].name)
        return f"No setting can be given by its place: give each by name, as in {name}=…"
    setting = next((one for one in settings_of(record) if one.name == place), None)
    if setting is None:
        return f"{place or record.__name__}: {first['msg']}."
    if kind in _MISSING:
        return f"The setting {setting.name!r} is needed: {setting.help}"
    subject = who(setting, first["input"], sources, bare=kind in _OUT_OF_RANGE)
    if kind == "value_error":
        return f"{sources.get(setting.name, setting.name + ':')} {first['ctx']['error']}"
    if kind == "literal_error":
        return f"{subject} is unknown: {nearest(str(first['input']), setting.known())}"
    if kind in _OUT_OF_RANGE:
        return f"{subject} is out of range: give {setting.noun}."
    where = first["loc"]
    same = {one["type"] for one in errors if one["loc"][:1] == where[:1]}
    if kind in _NOT_SEVERAL and "path_type" in same:  # a list, or the path of a file with one
        return f"{subject} is neither a list nor a path."
    if kind in _WRONG_TYPE and len(where) > 1 and isinstance(where[-1], int) and not setting.many:
        return f"{subject} is not a text."
    if kind in _NOT_SEVERAL or (kind in _WRONG_TYPE and setting.many and len(where) < 2):
        return f"{subject} is not {'a list' if setting.many else setting.noun}."
    if kind in _WRONG_TYPE:
        return f"{subject} is not {setting.noun}."
    return f"{subject} cannot be used: {first['msg']}."


def who(setting: Setting, value: Any, sources: Mapping[str, str], *, bare: bool = False) -> str:
    """Which value is meant: ``--seed 'x'`` of a flag, ``seed='x'`` of Python."""
    text = repr(value)
    if setting.mark is PRIVATE:
        text = "(not repeated here)"
    elif bare and isinstance(value, str):
        text = value
    source, text = sources.get(setting.name), shortened(text, 80)
    return f"{source} {text}" if source else f"{setting.name}={text}"


def wrong_truth(setting: Setting, value: Any) -> bool:
    """Whether it is true or false where that is not meant, or something else where it is."""
    if setting.type is bool:
        return isinstance(value, int | float | str) and not isinstance(value, bool)
    return isinstance(value, bool) and setting.type in (int, float)
