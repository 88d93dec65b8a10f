"""Where Stroop cards come from: drawn by this program, or a folder of ``{ink}_{word}.png``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from attacks.typographic.datasets.registry import load_attacks
from attacks.typographic.stroop.cards import Deck, draw_card
from clipprobe.data import Failure, decode_image
from clipprobe.errors import DataError

#: What the last part of a sub-folder's name says about its cards.
_FOLDERS = {"inv": "inverted", "inverted": "inverted", "mir": "mirrored", "mirrored": "mirrored"}

#: What a drawn card says of itself as it is.
_FACTS = ("presentation", "kind", "ink", "word", "variant", "font", "size")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardImage:
    """One card as the audit sees it."""

    id: str
    presentation: str
    kind: str
    ink: str
    word: str
    variant: int
    font: str | None = None
    size: float | None = None
    ground: str | None = None
    image: Callable[[], Image.Image]
    """Draws or decodes it."""

    def facts(self) -> dict[str, Any]:
        """The columns of the result table that do not depend on the model."""
        return {"card": self.id, **{name: getattr(self, name) for name in (*_FACTS, "ground")}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """The cards of an audit, and what its two questions may be answered with."""

    cards: tuple[CardImage, ...]
    inks: list[str]
    words: list[str]
    config: dict[str, Any]
    """Everything that changes the images."""
    dataset: dict[str, Any] | None = None
    """Name, fingerprint and number of records; None for cards that are drawn."""
    skipped: tuple[Failure, ...] = ()
    """Files that are not cards."""
    notes: tuple[str, ...] = ()
    """What a reader must know of colours that were left out."""


def drawn_cards(deck: Deck, side: int) -> Cards:
    """The cards of a deck, drawn at the model's own resolution."""
    settings = asdict(deck)
    del settings["seed"]  # stands in the config of the run
    return Cards(
        cards=tuple(
            CardImage(
                id=card.id,
                ground=str(card.ground),
                **{name: getattr(card, name) for name in _FACTS},
                image=partial(draw_card, card, deck.colours, side),
            )
            for card in deck.cards()
        ),
        inks=list(deck.colours),
        words=deck.words(),
        config={"cards": "drawn", "side": side, **settings},
    )


def cards_of_folder(path: str | Path, colours: Sequence[str] | None, control: str) -> Cards:
    """The cards below a folder that somebody else drew, in the order of their ids.

    Args:
        colours: The inks that may be answered; default: those that the file names say.
    Raises:
        DataError: there is no card, or fewer than two inks.
    """
    attacks = load_attacks("stroop", path)
    inks = list(colours or sorted({p.label for p in attacks.pictures}))
    if len(inks) < 2:
        raise DataError(
            f"The cards at {str(path)!r} have {len(inks)} ink(s) ({', '.join(inks)}): a Stroop "
            "test needs at least two, as in red_blue.png."
        )
    records = [p for p in attacks.pictures if p.label in inks]
    if not records:
        raise DataError(f"None of the inks at {str(path)!r} is one of {', '.join(inks)}.")
    outside = [
        Failure(p.id, f"its ink {p.label!r} is none of the colours")
        for p in attacks.pictures
        if p.label not in inks
    ]

    def kind(ink: str, word: str) -> str:
        if word in inks:
            return "congruent" if word == ink else "incongruent"
        return "control" if word == control else "nonsense"

    described = attacks.dataset.describe()
    return Cards(
        cards=tuple(
            CardImage(
                id=p.id,
                presentation=_presentation(p.id),
                kind=kind(p.label, p.word),
                ink=p.label,
                word=p.word,
                variant=0,
                image=partial(decode_image, p.source),
            )
            for p in records
        ),
        inks=inks,
        words=list(dict.fromkeys([*inks, *(p.word for p in attacks.pictures)])),
        config={"cards": described, "colours": inks, "control": control},
        dataset=described,
        skipped=(*attacks.skipped, *outside),
    )


def _presentation(card_id: str) -> str:
    """``mirrored`` for ``stroop_mir/red_blue.png``; the folder's own name for any other."""
    folder = PurePosixPath(card_id).parent.name
    if not folder or folder == "stroop":
        return "upright"
    return _FOLDERS.get(folder.rpartition("_")[2].lower(), folder)
