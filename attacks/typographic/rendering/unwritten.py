"""Words that cannot be written with an attack: left out and named, so that one stops no audit."""

from __future__ import annotations

from collections.abc import Iterable

from attacks.typographic.attack.attack import TypographicAttack
from clipprobe.errors import GlyphError, TextFitError

Unwritten = dict[str, GlyphError | TextFitError]
"""Word -> why it cannot be written."""


def unwritten(
    attack: TypographicAttack, words: Iterable[str], size: tuple[int, int] | None = None
) -> Unwritten:
    """The words that cannot be written, in their order, each with the reason.

    Args:
        size: Of the images, in pixels; None where they differ: then letters alone are looked at.
    """
    why: Unwritten = {}
    for word in dict.fromkeys(words):
        try:
            written = attack.with_word(word)
            if size is not None:
                written.check_fit(size)
        except (GlyphError, TextFitError) as error:
            why[word] = error.with_traceback(None)
    return why


def require_some(words: Iterable[str], why: Unwritten, least: int) -> None:
    """Refuse a list of which too few words can be written.

    Raises:
        GlyphError, TextFitError: fewer than ``least`` are left; says why of the first.
    """
    listed = list(dict.fromkeys(words))
    left = [word for word in listed if word not in why]
    if len(left) >= min(least, len(listed)):
        return
    first = next(why[word] for word in listed if word in why)
    few = "None" if not left else f"Only {len(left)}"
    raise type(first)(f"{few} of the {len(listed)} words to write can be written. {first}")


def left_out(why: Unwritten) -> list[str]:
    """What a reader must know of words that were left out, as sentences."""
    if not why:
        return []
    some = ", ".join(map(repr, list(why)[:5])) + (", ..." if len(why) > 5 else "")
    many = f"{len(why)} words cannot be written and stand"
    one = "1 word cannot be written and stands"
    return [
        f"{one if len(why) == 1 else many} on no image, neither as an attack nor as the control "
        f"with the true word: {some}. {next(iter(why.values()))}"
    ]
