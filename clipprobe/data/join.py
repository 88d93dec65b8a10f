"""Images and labels are joined by their ids, exactly; what finds no partner is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from clipprobe.errors import DataError

EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMatch:
    """Which rows of two lists of ids belong together, in the order of the left one.

    ``left``, ``right``: places, ``(n,)`` each. ``left_only``, ``right_only``: ids without partner.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    left_only: tuple[str, ...]
    right_only: tuple[str, ...]


def join(
    left: Sequence[str],
    right: Sequence[str],
    *,
    names: tuple[str, str] = ("images", "labels"),
    by_stem: bool = False,
) -> RowMatch:
    """Match ids exactly.

    Args:
        left, right: Ids, unique in each. names: what they are, for messages.
        by_stem: Compare file names of the left without folder and ending (``OO_1`` for
            ``images/OO_1.jpg``); for labels that know no file name.
    Raises:
        DataError: nothing matches, or two images have one stem; names examples of both sides.
    """
    keys = [PurePosixPath(one).stem for one in left] if by_stem else list(left)
    if by_stem:
        twice = [key for key, n in Counter(keys).items() if n > 1]
        if twice:
            raise DataError(
                f"{len(twice)} names of {names[0]} differ only in folder or ending (the first is "
                f"{twice[0]!r}): the {names[1]} cannot tell them apart."
            )
    place = {key: i for i, key in enumerate(right)}
    rows = [(i, place[key]) for i, key in enumerate(keys) if key in place]
    if not rows:
        raise DataError(
            f"No id of the {len(left):,} {names[0]} is one of the {len(right):,} ids of the "
            f"{names[1]} (for example {', '.join(map(repr, left[:2]))} against "
            f"{', '.join(map(repr, right[:2]))}): ids must be the same on both sides, so give the "
            "folder that they are relative to, or another --id-column."
        )
    matched, known = {i for _, i in rows}, {i for i, _ in rows}
    return RowMatch(
        left=tuple(i for i, _ in rows),
        right=tuple(j for _, j in rows),
        left_only=tuple(one for i, one in enumerate(left) if i not in known),
        right_only=tuple(one for j, one in enumerate(right) if j not in matched),
    )
