"""The user's own pairs: a table of images, each with a true caption and a foil.

SugarCrepe, Winoground and NegBench have this form, or are brought to it by their columns. No code
says what a caption claims, so the towers cannot be probed apart: zero-shot, the blind probe and the
map are given, held out by image, and *absent* is never said.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.data import Dataset, Failure, ImageRecord, decode_image
from clipprobe.errors import DataError, UnreadableImageError
from clipprobe.runs.tables import read_csv
from clipprobe.zeroshot.limits.items import Items

if TYPE_CHECKING:
    from clipprobe.models import Clip

COLUMNS = ("image", "caption", "foil")
_FEWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Rows of a table."""

    rows: tuple[tuple[str, str, str], ...]
    """Image (relative to the table), caption, foil."""
    folder: Path

    @classmethod
    def read(cls, path: str | Path) -> Pairs:
        """A CSV table with the columns ``image``, ``caption`` and ``foil``.

        Raises:
            DataError: it cannot be read, lacks a column, is empty, or a foil is its caption.
        """
        place = Path(path)
        if not place.is_file():
            raise DataError(f"{place} is not a file: give a CSV table with {', '.join(COLUMNS)}.")
        table = read_csv(place)
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise DataError(
                f"{place.name} has no column {', '.join(missing)}: name them {', '.join(COLUMNS)}."
            )
        columns = (table[name].to_pylist() for name in COLUMNS)
        rows = tuple((str(a), str(b), str(c)) for a, b, c in zip(*columns, strict=True))
        if not rows:
            raise DataError(f"{place.name} has no row: give at least {_FEWEST} images.")
        for number, (image, caption, foil) in enumerate(rows, start=2):
            if caption.strip() == foil.strip():
                raise DataError(
                    f"Row {number} of {place.name} ({image}) has a foil equal to its caption: "
                    "change one of them, or leave the row out."
                )
        if len({image for image, _, _ in rows}) < _FEWEST:
            raise DataError(
                f"{place.name} has fewer than {_FEWEST} different images, which are too few to "
                "hold some out."
            )
        return cls(rows=rows, folder=place.parent)

    @property
    def fingerprint(self) -> str:
        """sha256 over the rows and the bytes of every image."""
        names = dict.fromkeys(image for image, _, _ in self.rows)
        records = tuple(ImageRecord(name, self.folder / name) for name in sorted(names))
        images = Dataset(name="pairs", records=records).fingerprint
        return hashlib.sha256(repr([self.rows, images]).encode("utf-8")).hexdigest()

    def encode(
        self, clip: Clip, *, seed: int = 0, batch_size: int = 32
    ) -> tuple[Items, list[Failure]]:
        """Vectors of every row whose image can be read, and the images that cannot."""
        names = list(dict.fromkeys(image for image, _, _ in self.rows))
        pictures, failures = {}, []
        for name in names:
            try:
                pictures[name] = decode_image(ImageRecord(name, self.folder / name))
            except UnreadableImageError as error:
                failures.append(Failure(name, str(error)))
        rows = [row for row in self.rows if row[0] in pictures]
        if len(pictures) < _FEWEST:
            shown = "; ".join(f"{one.id}: {one.reason}" for one in failures[:3])
            raise DataError(f"Fewer than {_FEWEST} images of the table can be read ({shown}).")
        found = clip.encode_images(list(pictures.values()), batch_size=batch_size)
        vectors = dict(zip(pictures, found, strict=True))
        texts = list(dict.fromkeys(text for _, *both in rows for text in both))
        encoded = dict(zip(texts, clip.encode_texts(texts), strict=True))
        # The caption is not always the first option, or a place would be right more often.
        first = np.random.default_rng([seed, 59]).integers(0, 2, len(rows))
        options = [(c, f) if k == 0 else (f, c) for (_, c, f), k in zip(rows, first, strict=True)]
        items = Items(
            images=np.array([vectors[image] for image, _, _ in rows], np.float64),
            texts=np.array([[encoded[o] for o in both] for both in options], np.float64),
            truth=first.astype(np.int64),
            codes=None,
            groups=np.array([image for image, _, _ in rows]),
            wordings=np.array(["caption or foil"] * len(rows)),
        )
        return items, failures
