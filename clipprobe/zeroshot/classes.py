"""The candidate classes of an audit, and which names mean the same.

Two class names can mean one thing: duplicates (ImageNet has ``crane``, ``maillot`` and ``cardigan``
twice), and synonyms that the user lists. An answer of either counts for both, and a word that means
the true label is never an attack. Names are compared without case, spaces, hyphens or underscores.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from clipprobe.errors import DataError


@lru_cache(maxsize=65536)
def key(name: str) -> str:
    """What two spellings of one name have in common."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c not in " \t\n-_'’")


class Classes:
    """Class names with their groups of equal meaning.

    Args:
        names: The candidate classes, in order.
        synonyms: For any name, other names for it; the names need not be classes.
    Raises:
        DataError: fewer than two classes differ in meaning, or a name is empty.
    """

    def __init__(
        self, names: Sequence[str], synonyms: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.names = list(names)
        self.synonyms = {name: list(others) for name, others in (synonyms or {}).items()}
        if not all(isinstance(name, str) and key(name) for name in self.names):
            raise DataError("A class name is empty: every class needs a name with a letter in it.")
        self._root: dict[str, str] = {}
        for name, others in self.synonyms.items():
            for other in others:
                self._join(key(name), key(other))
        self._groups: dict[str, int] = {}
        for i, name in enumerate(self.names):
            self._groups.setdefault(self._find(key(name)), i)
        self.group = np.array([self._groups[self._find(key(name))] for name in self.names], int)
        """For each class the number of the first class of its meaning, ``(n_classes,)``."""
        if len(self._groups) < 2:
            raise DataError(
                f"The class list has {len(self.names)} name(s) with {len(self._groups)} meaning(s):"
                " an audit needs at least two different classes."
            )

    def index(self, name: str) -> int | None:
        """The first class that means ``name``, or None where no class does."""
        return self._groups.get(self._find(key(name)))

    def same(self, a: str, b: str) -> bool:
        """Whether two names mean the same."""
        return self._find(key(a)) == self._find(key(b))

    def meaning(self, name: str) -> str:
        """What all spellings and synonyms of a name share; the name need not be a class."""
        return self._find(key(name))

    def known(self, word: str) -> bool:
        """Whether a word is a class or a listed synonym, in any spelling."""
        return key(word) in self._root or self.index(word) is not None

    def nearest(self, name: str) -> str:
        """``the nearest are 'x', 'y'``, for a message about a name that is not a class."""
        from difflib import get_close_matches

        near = get_close_matches(name, self.names, n=3, cutoff=0.5)
        if not near:
            return "none is close"
        return f"the nearest {'is' if len(near) == 1 else 'are'} {', '.join(map(repr, near))}"

    def duplicates(self) -> list[str]:
        """Class names that share their meaning with an earlier class."""
        return [n for i, n in enumerate(self.names) if self.group[i] != i]

    def pick(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        """The answer of each row: the meaning of the highest logit, ties to the earlier class.

        Args:
            logits: ``(n, n_classes)``.
        Returns:
            Group numbers, ``(n,)``.
        """
        answers: npt.NDArray[np.intp] = self.group[logits.argmax(axis=1)]
        return answers

    def grouped(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The highest logit among the classes of each class's meaning, ``(n, n_classes)``."""
        if len(self._groups) == len(self.names):
            return logits
        best = np.full_like(logits, -np.inf)
        for i, group in enumerate(self.group):
            best[:, group] = np.maximum(best[:, group], logits[:, i])
        return best[:, self.group]

    def _find(self, name: str) -> str:
        while (parent := self._root.get(name, name)) != name:
            name = parent
        return name

    def _join(self, a: str, b: str) -> None:
        a, b = self._find(a), self._find(b)
        self._root.setdefault(a, a)
        self._root[b] = a


def label_index(classes: Classes, label: str, image_id: str) -> int:
    """The class of a true label.

    Raises:
        DataError: no class means the label; the message names the nearest ones.
    """
    index = classes.index(label)
    if index is None:
        raise DataError(
            f"The label {label!r} of the image {image_id!r} is not among the "
            f"{len(classes.names)} classes ({classes.nearest(label)}): add it to the class list, "
            "or list it as a synonym of one."
        )
    return index
