"""One study of a suite: its name, and its settings as a record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError, nearest
from clipprobe.origin import Origin
from clipprobe.settings import settings_of
from clipprobe.settings.shared import Images
from clipprobe.study.call import kept_settings, settings_from
from clipprobe.study.plan import Study
from clipprobe.study.table import STUDIES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_OF_THE_SUITE = ("config", "model", "out", "overwrite")
_RUNS_OF_RUNS = ("demo", "suite")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One study of a suite."""

    name: str
    """Of its run, and of the folder that holds it."""
    study: str
    """In the table of studies."""
    settings: Any
    """A record of the study; where it is written is decided by the suite."""

    @property
    def made_by(self) -> Study[Any, Any]:
        """The study."""
        return STUDIES[self.study]

    @cached_property
    def origin(self) -> Origin | None:
        """What opens the entry again; None where no file can hold its settings."""
        settings, again = kept_settings(self.settings)
        if again:
            return None
        arguments = {"name": self.name, "study": self.study, "settings": settings}
        return Origin(opener="study", arguments=arguments)

    def thresholds(self) -> dict[str, Any]:
        """The thresholds that the settings give: they decide the verdict."""
        limits = {name: getattr(self.settings, name, None) for name in ("fail_under", "fail_over")}
        return {name: dict(value) for name, value in limits.items() if value}

    def told(self, **how: Any) -> Any:
        """The settings with those of ``how`` that the study has."""
        known = {one.name for one in settings_of(type(self.settings))}
        return replace(self.settings, **{k: v for k, v in how.items() if k in known})


def reopened(name: str, study: str, settings: Mapping[str, Any]) -> Entry:
    """The entry that a stored call names."""
    record: Any = STUDIES[study].settings
    return Entry(
        name=name, study=study, settings=record(**settings_from({"settings": settings}), out=name)
    )


def read_entries(
    studies: Any, common: Mapping[str, Any], shared: Mapping[str, Any]
) -> tuple[Entry, ...]:
    """The studies that a file lists.

    Args:
        studies: Names, mappings, or entries that were read already.
        common: Settings of the suite that go to every study that has them.
        shared: Further ones, of which each must be a setting of at least one study.
    Raises:
        ConfigError: the list is empty, a study or setting is unknown, or two have one name.
    """
    if isinstance(studies, str | Mapping) or not isinstance(studies, Sequence) or not studies:
        raise ConfigError(
            "A suite needs a list of studies: give them in the --config file under 'studies'."
        )
    listed = [one if isinstance(one, Entry) else _listed(one) for one in studies]
    names = [one.name for one in listed]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(
            f"The suite has two entries with the name {twice!r}: give one of them another name, "
            f"for example 'name: {twice}-2'."
        )
    known = dict.fromkeys(name for one in listed for name in _names(STUDIES[one.study]))
    for name in shared:
        if name not in known:
            raise ConfigError(
                f"No study of the suite has the shared setting {name!r}: "
                f"{nearest(str(name), known)}"
            )
    common = {**common, **shared}
    return tuple(one if isinstance(one, Entry) else one.entry(common) for one in listed)


def with_images_opened(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries, with each data set that they name opened once for all of them.

    Raises:
        DataError: nothing is there, or it cannot be used as it is.
    """
    opened: dict[tuple[Any, ...], Any] = {}

    def one(entry: Entry) -> Entry:
        settings = entry.settings
        # An attack data set is read by its layout, from its path.
        by_layout = getattr(settings, "layout", None) is not None
        if by_layout or not isinstance(settings, Images):
            return entry
        if not isinstance(settings.images, str | Path):
            return entry
        place = type(settings).opened, str(settings.images), repr(settings.choice())
        if place not in opened:
            opened[place] = settings.opened().images
        return replace(entry, settings=settings.opened(dataset=opened[place]))

    return tuple(one(entry) for entry in entries)


@dataclass(frozen=True, kw_only=True)
class _Listed:
    """An entry as a file lists it, its names checked."""

    name: str
    study: str
    own: Mapping[str, Any]

    def entry(self, common: Mapping[str, Any]) -> Entry:
        """With what it does not say itself from the suite."""
        known = _names(STUDIES[self.study])
        record: Any = STUDIES[self.study].settings
        # Cards, or images at which a unit is looked at, are not the images of a study.
        apart = () if issubclass(record, Images) else tuple(one.name for one in settings_of(Images))
        inherited = {k: v for k, v in common.items() if k in known and k not in apart}
        where = f"the entry {self.name!r} of the suite"
        settings = record.from_texts({}, {**inherited, **self.own, "out": self.name}, where)
        return Entry(name=self.name, study=self.study, settings=settings)


def _listed(item: Any) -> _Listed:
    own = {"study": item} if isinstance(item, str) else item
    if not isinstance(own, Mapping) or not isinstance(own.get("study"), str):
        raise ConfigError(
            f"The entry {item!r} of the suite is not a study: give its name, or a mapping with "
            "'study' and its settings."
        )
    settings = {key: value for key, value in own.items() if key not in ("study", "name")}
    name = str(own.get("name", own["study"]))
    if own["study"] in _RUNS_OF_RUNS:
        raise ConfigError(f"The study {own['study']!r} is a suite itself: list its studies.")
    study = STUDIES[own["study"]]
    if not _NAME.fullmatch(name) or name == "parts":
        raise ConfigError(
            f"The name {name!r} of an entry of the suite cannot be a folder: use letters, digits, "
            "hyphens and underscores."
        )
    known = _names(study)
    for key in settings:
        if key in _OF_THE_SUITE:
            raise ConfigError(
                f"The entry {name!r} of the suite sets {key!r}, which is the same for all of its "
                "studies: give it to the suite."
            )
        if key not in known:
            raise ConfigError(
                f"The entry {name!r} of the suite has the unknown setting {key!r}: "
                f"{nearest(str(key), known)}"
            )
    return _Listed(name=name, study=own["study"], own=settings)


def _names(study: Study[Any, Any]) -> list[str]:
    return [
        one.name
        for one in settings_of(study.settings)
        if one.where in ("anywhere", "file") and one.name not in _OF_THE_SUITE
    ]
