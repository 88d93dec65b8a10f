"""The base of every record of settings, and how one is made from flags and a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from pydantic import (
    ConfigDict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from clipprobe.errors import ConfigError, nearest
from clipprobe.settings.described import settings_of
from clipprobe.settings.wording import sentence, who, wrong_truth


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings that belong together: a frozen record, checked whoever makes it.

    A subclass is decorated with ``pydantic.dataclasses.dataclass(frozen=True)``; its docstring is
    the help of a verb, the text under a field is the help of its flag, and ``panel`` is the title
    under which help shows the fields that the class declares first.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        use_attribute_docstrings=True,
        extra="forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
    )
    panel: ClassVar[str] = "Settings"
    without_flags: ClassVar[frozenset[str]] = frozenset()
    """Inherited fields that have no flag in this record: a file and Python set them."""
    stands_in: ClassVar[Mapping[str, str]] = {}
    """Field -> the field whose value it takes where a command line or a file does not give it."""

    def values_of(self, *names: str) -> dict[str, Any]:
        """Some of the fields by their names, for the configuration of a run or for a function."""
        return {name: getattr(self, name) for name in names}

    @model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, value: Any, check: Callable[[Any], Self], info: ValidationInfo) -> Self:
        context = info.context or {}
        values = (value.kwargs or {}) if isinstance(value, ArgsKwargs) else value
        for one in settings_of(cls) if isinstance(values, Mapping) else ():
            # To pydantic true is 1, and "yes" is true.
            if wrong_truth(one, values.get(one.name)):
                raise ConfigError(f"{who(one, values[one.name], context)} is not {one.noun}.")
        try:
            return check(value)
        except ValidationError as error:
            raise ConfigError(sentence(cls, error, context)) from None

    @classmethod
    def from_texts(
        cls, flags: Mapping[str, Any], config: Mapping[str, Any], file: object = None
    ) -> Self:
        """The record that a command line and a file ask for; flags win over the file.

        Args:
            flags: Field -> what its flag holds, as text; None, or nothing, where it is not given.
            config: Field -> its value in the file; may hold the fields of other records too.
            file: Of ``config``, for messages.

        Raises:
            ConfigError: a value cannot be used, or one that is needed is absent.
        """
        texts: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for one in settings_of(cls):
            value = flags.get(one.name)
            if value is not None and value != [] and value != ():
                texts[one.name] = value
                sources[one.name] = one.flag.upper() if one.argument else f"--{one.flag}"
            elif one.name in config:
                value = config[one.name]
                flag = f" (--{one.flag})" if one.where in ("anywhere", "flag") else ""
                single = one.many and isinstance(value, bool | int | float | str)
                texts[one.name] = [value] if single else value
                sources[one.name] = f"In {file} the setting {one.name!r}{flag}"
        for name, other in cls.stands_in.items():
            if name not in texts and other in texts:
                texts[name] = texts[other]
        absent = [one for one in settings_of(cls) if one.required and one.name not in texts]
        if absent and all(one.where == "file" for one in absent):
            names = " and ".join(repr(one.name) for one in absent)
            raise ConfigError(
                f"{cls.panel} needs {names} in a --config file: give one that has it."
            )
        if absent:
            names = " and ".join(
                one.flag.upper() if one.argument else f"--{one.flag}" for one in absent
            )
            raise ConfigError(
                f"{cls.panel} needs {names}: give it, or write it into the --config."
                if len(absent) == 1
                else f"{cls.panel} needs {names}: give them, or write them into the --config."
            )
        return TypeAdapter(cls).validate_python(texts, context=sources)


def check_keys(config: Mapping[str, Any], records: tuple[Any, ...], file: object) -> None:
    """Refuse a file that sets what no record knows.

    Raises:
        ConfigError: it does; names the nearest.
    """
    known = {
        one.name: None
        for record in records
        for one in settings_of(record)
        if one.where in ("anywhere", "file")
    }
    for name in config:
        if name not in known:
            raise ConfigError(
                f"The config file {file} has the unknown setting {name!r}: "
                f"{nearest(str(name), known)}"
            )
