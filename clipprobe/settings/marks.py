"""What an annotation of a field says beside its type."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

#: Where a setting can be given: everywhere; as a flag and in Python, not in a file; in a file and
#: in Python, without a flag; in Python alone; on the command line alone.
Where = Literal["anywhere", "flag", "file", "python", "terminal"]


class Mark(Enum):
    """What a field is to the run that is made from its record."""

    HOW = "how"
    """It does not change the result: threads, memory, where it is written."""
    PRIVATE = "private"
    """It is about single people: it is never written and never repeated in a message."""


HOW = Mark.HOW
PRIVATE = Mark.PRIVATE


@dataclass(frozen=True, kw_only=True)
class Flag:
    """How a field looks on the command line, where the field itself does not say it.

    Example:
        >>> from typing import Annotated
        >>> Probes = Annotated[tuple[str, ...], Flag(name="probe")]
    """

    name: str = ""
    """Of the flag, without ``--``: the field's name where it is empty."""
    also: str = ""
    """Another name of the flag, without ``--``."""
    default: str = ""
    """How people read the default, where it is None or says too little: ``all``."""
    takes: type | None = None
    """What one flag holds, where that is not what the field holds: ``Path`` for a file of words."""
    many: bool | None = None
    """Whether the flag repeats, where the field's type does not say it."""
    choices: str | tuple[str, ...] = ()
    """The values that can be given, or ``"package.module:things"`` for where they are."""
    argument: bool = False
    """It is given by its place, without a flag."""
    env: str = ""
    """An environment variable that stands in for the flag."""
    where: Where = "anywhere"
    place: bool = False
    """A text in it may be a path; a stored call keeps that one whole."""
