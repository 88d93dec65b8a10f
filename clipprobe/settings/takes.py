"""Functions that take the fields of a record as their arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from clipprobe.settings.described import settings_of

P = ParamSpec("P")
S = TypeVar("S")
C = TypeVar("C")
R = TypeVar("R")


def takes(
    record: Callable[P, S],
) -> Callable[[Callable[[C, S], R]], Callable[Concatenate[C, P], R]]:
    """Make ``f(first, record)`` a function of the fields: ``f(first, n_boot=500)``.

    A record itself is taken too. Type checkers see the name, type and default of every field, and
    ``help`` the text of each.

    Example:
        >>> from typing import ClassVar
        >>> from pydantic.dataclasses import dataclass
        >>> from clipprobe.settings import Settings
        >>> @dataclass(frozen=True)
        ... class Sum(Settings):
        ...     b: int = 1
        ...     '''What is added.'''
        >>> @takes(Sum)
        ... def add(a: int, settings: Sum) -> int:
        ...     '''Add.'''
        ...     return a + settings.b
        >>> add(1), add(1, b=2), add(1, Sum(b=3))
        (2, 3, 4)
    """
    checked: Any = record

    def decorate(work: Callable[[C, S], R]) -> Callable[Concatenate[C, P], R]:
        @functools.wraps(work)
        def with_fields(first: C, /, *arguments: P.args, **fields: P.kwargs) -> R:
            if len(arguments) == 1 and not fields and isinstance(arguments[0], checked):
                return work(first, arguments[0])
            return work(first, record(*arguments, **fields))

        own = next(iter(inspect.signature(work).parameters.values()))
        own = own.replace(kind=inspect.Parameter.POSITIONAL_ONLY)
        signature = inspect.signature(checked)
        bare = [
            one.replace(annotation=checked.__pydantic_fields__[one.name].annotation)
            for one in signature.parameters.values()
        ]
        public: Any = with_fields
        public.__signature__ = inspect.signature(work).replace(parameters=[own, *bare])
        texts = "\n".join(f"    {one.name}: {one.help}" for one in settings_of(checked))
        public.__doc__ = f"{inspect.cleandoc(work.__doc__ or '')}\n\nSettings:\n{texts}"
        del public.__wrapped__
        return with_fields

    return decorate
