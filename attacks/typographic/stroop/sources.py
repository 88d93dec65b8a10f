"""Where Stroop cards come from: drawn by this program, or a folder of ``{ink}_{word}.png``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from attacks.typographic.datasets.pictures import AttackSet
from attacks.typographic.datasets.registry import load_attacks
from attacks.typographic.stroop.cards import Card, Deck, draw_card
from clipprobe.data import Failure, decode_image
from clipprobe.data.records import Source
from clipprobe.errors import DataError

#: What the last part of a sub-folder's name says about its cards.
_FOLDERS = {"inv": "inverted", "inverted": "inverted", "mir": "mirrored", "mirrored": "mirrored"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
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
    source: Source | None = None
    card: Card | None = None

    def facts(self) -> dict[str, Any]:
        """The columns of the result table that do not depend on the model."""
        names = ("presentation", "kind", "ink", "word", "variant", "font", "size", "ground")
        return {"card": self.id, **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True, slots=True)
class Drawn:
    """Cards of a deck, drawn at the model's own resolution."""

    deck: Deck
    side: int

    def shown(self) -> list[Shown]:
        """Every card in order."""
        return [
            Shown(
                id=card.id,
                presentation=card.presentation,
                kind=card.kind,
                ink=card.ink,
                word=card.word,
                variant=card.variant,
                font=card.font,
                size=card.size,
                ground=str(card.ground),
                card=card,
            )
            for card in self.deck.cards()
        ]

    def inks(self) -> list[str]:
        """What the question for the ink may be answered with."""
        return list(self.deck.colours)

    def words(self) -> list[str]:
        """What the question for the word may be answered with."""
        return self.deck.words()

    def picture(self, shown: Shown) -> Image.Image:
        """Draw one card."""
        assert shown.card is not None
        return draw_card(shown.card, self.deck.colours, self.side)

    def config(self) -> dict[str, Any]:
        """Everything that changes the pictures."""
        deck = asdict(self.deck)
        del deck["seed"]  # stands in the config of the run
        return {"cards": "drawn", "side": self.side, **deck}

    def dataset(self) -> dict[str, Any] | None:
        """There is no data set."""
        return None

    def skipped(self) -> list[Failure]:
        """Nothing is left out."""
        return []


@dataclass(frozen=True, slots=True)
class FromFolder:
    """Cards that somebody else drew."""

    attacks: AttackSet
    colours: tuple[str, ...]
    control: str
    left_out: tuple[Failure, ...]

    @classmethod
    def open(cls, path: str | Path, colours: Sequence[str] | None, control: str) -> FromFolder:
        """The cards below a folder.

        Args:
            colours: The inks that may be answered; default: those that the file names say.
        Raises:
            DataError: there is no card, or fewer than two inks.
        """
        attacks = load_attacks("stroop", path)
        inks = tuple(colours or sorted({p.label for p in attacks.pictures}))
        if len(inks) < 2:
            raise DataError(
                f"The cards at {str(path)!r} have {len(inks)} ink(s) ({', '.join(inks)}): a Stroop "
                "test needs at least two, as in red_blue.png."
            )
        outside = [
            Failure(p.id, f"its ink {p.label!r} is none of the colours")
            for p in attacks.pictures
            if p.label not in inks
        ]
        if len(outside) == len(attacks.pictures):
            raise DataError(f"None of the inks at {str(path)!r} is one of {', '.join(inks)}.")
        return cls(attacks, inks, control, (*attacks.skipped, *outside))

    def shown(self) -> list[Shown]:
        """Every card in order of its id."""
        return [
            Shown(
                id=p.id,
                presentation=_presentation(p.id),
                kind=self._kind(p.label, p.word),
                ink=p.label,
                word=p.word,
                variant=0,
                source=p.source,
            )
            for p in self.attacks.pictures
            if p.label in self.colours
        ]

    def _kind(self, ink: str, word: str) -> str:
        if word == ink:
            return "congruent"
        if word in self.colours:
            return "incongruent"
        return "control" if word == self.control else "nonsense"

    def inks(self) -> list[str]:
        """What the question for the ink may be answered with."""
        return list(self.colours)

    def words(self) -> list[str]:
        """What the question for the word may be answered with."""
        return list(dict.fromkeys([*self.colours, *(p.word for p in self.attacks.pictures)]))

    def picture(self, shown: Shown) -> Image.Image:
        """Decode one card."""
        assert shown.source is not None
        return decode_image(shown.source)

    def config(self) -> dict[str, Any]:
        """Everything that changes the pictures."""
        return {
            "cards": self.attacks.dataset.describe(),
            "colours": list(self.colours),
            "control": self.control,
        }

    def dataset(self) -> dict[str, Any] | None:
        """Name, fingerprint and number of records."""
        return self.attacks.dataset.describe()

    def skipped(self) -> list[Failure]:
        """Files that are no card."""
        return list(self.left_out)


def _presentation(card_id: str) -> str:
    """``mirrored`` for ``stroop_mir/red_blue.png``; the folder's own name for any other."""
    folder = PurePosixPath(card_id).parent.name
    if not folder or folder == "stroop":
        return "upright"
    return _FOLDERS.get(folder.rpartition("_")[2].lower(), folder)
