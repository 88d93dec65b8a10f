"""Caches that are bounded by what their values take in memory; Streamlit's count entries.

The values of some functions differ by a factor of a thousand: the atlas of a small model and one of
100,000 units, a map of 64 patches and one of every pixel. What was used longest ago goes first, and
the last value stays however large it is.
"""

from __future__ import annotations

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import streamlit as st
from PIL import Image

P = ParamSpec("P")
R = TypeVar("R")


def byte_cached(
    *,
    most_mb: float,
    show_spinner: str = "",
    hash_funcs: Mapping[type | str, Callable[[Any], str]] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As ``st.cache_resource``: values are shared and only read.

    Args:
        most_mb: What all values may take together.
        show_spinner: What is said while a value is made.
        hash_funcs: The key of an argument of a type, or of a type of that full name, that has none
            of its own. Arguments whose names begin with an underscore are not part of the key.
    """
    marks = {_name(kind): of for kind, of in (hash_funcs or {}).items()}

    def mark(value: Any) -> Any:
        of = next((marks[name] for name in map(_name, type(value).__mro__) if name in marks), None)
        return value if of is None else of(value)

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        entries: OrderedDict[Any, tuple[R, int]] = OrderedDict()
        lock, computing = threading.Lock(), dict[Any, threading.Lock]()

        def known(key: Any) -> tuple[R] | None:
            with lock:
                if key not in entries:
                    return None
                entries.move_to_end(key)
                return (entries[key][0],)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs).arguments
            key = tuple(mark(value) for name, value in given.items() if not name.startswith("_"))
            if there := known(key):
                return there[0]
            with lock:
                turn = computing.setdefault(key, threading.Lock())
            try:
                with turn:  # sessions that miss together wait for the first of them
                    if there := known(key):
                        return there[0]
                    with st.spinner(show_spinner) if show_spinner else nullcontext():
                        value = function(*args, **kwargs)
                    with lock:
                        entries[key] = value, bytes_of(value)
                        total = sum(size for _, size in entries.values())
                        while total > most_mb * 2**20 and len(entries) > 1:
                            total -= entries.popitem(last=False)[1][1]
                    return value
            finally:
                with lock:
                    computing.pop(key, None)

        return call

    return wrap


def _name(kind: type | str) -> str:
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def drop_oldest(known: dict[Any, Any], most: int) -> None:
    """Keep the ``most`` entries of a dictionary that came last."""
    for name in list(known)[: max(0, len(known) - most)]:
        known.pop(name, None)


def bytes_of(value: object) -> int:
    """What the arrays, images and texts in a value take; each is counted once.

    A view counts as the array that it holds on to.
    """
    seen: set[int] = set()

    def size(one: object) -> int:
        while isinstance(one, np.ndarray) and isinstance(one.base, np.ndarray):
            one = one.base
        if id(one) in seen:
            return 0
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            return int(one.nbytes)
        if isinstance(one, Image.Image):
            return one.width * one.height * len(one.getbands())
        if isinstance(one, str | bytes):
            return len(one)
        if isinstance(one, dict):
            return sum(size(key) + size(part) for key, part in one.items())
        if isinstance(one, list | tuple | set | frozenset):
            return sum(map(size, one))
        if is_dataclass(one):
            return sum(size(getattr(one, field.name)) for field in fields(one))
        return 0

    return size(value)
