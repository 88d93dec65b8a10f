"""The user's own pairs: a table of images, each with a true caption and a foil or several.

No code says what a caption claims, so the towers cannot be probed apart: zero-shot, the blind probe
and the map are given, held out by image, and *absent* is never said.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.data import Dataset, Failure, ImageRecord, decode_image
from clipprobe.errors import DataError, UnreadableImageError
from clipprobe.zeroshot.limits.foils import Row, image_path, read_rows
from clipprobe.zeroshot.limits.items import Items

if TYPE_CHECKING:
    from clipprobe.models import Clip

_FEWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Rows of a table."""

    rows: tuple[Row, ...]
    folder: Path
    """What the images are relative to."""

    @classmethod
    def read(cls, path: str | Path, *, image_root: str | Path | None = None) -> Pairs:
        """A table in one of the layouts of :mod:`clipprobe.zeroshot.limits.foils`.

        Args:
            image_root: The folder that the images are relative to, where it is not the table's.
        Raises:
            DataError: it cannot be read, lacks a column, is empty, or a foil is its caption.
        """
        place = Path(path)
        rows, beside = read_rows(place)
        folder = beside if image_root is None else Path(image_root)
        if not rows:
            raise DataError(f"{place.name} has no row: give at least {_FEWEST} images.")
        for number, row in enumerate(rows, start=2 if place.suffix.lower() == ".csv" else 1):
            if len({option.strip() for option in row.options}) < len(row.options):
                raise DataError(
                    f"Row {number} of {place.name} ({row.image}) has a foil equal to its caption: "
                    "change one of them, or leave the row out."
                )
            if len(row.options) != len(rows[0].options):
                raise DataError(
                    f"Row {number} of {place.name} ({row.image}) has {len(row.options)} captions, "
                    f"and the first has {len(rows[0].options)}: give all the same number."
                )
        if len({row.image for row in rows}) < _FEWEST:
            raise DataError(
                f"{place.name} has fewer than {_FEWEST} different images, which are too few to "
                "hold some out."
            )
        return cls(rows=tuple(rows), folder=folder)

    def _record(self, name: str) -> ImageRecord:
        return ImageRecord(name, image_path(self.folder, name))

    @property
    def fingerprint(self) -> str:
        """sha256 over the rows and the bytes of every image."""
        records = tuple(self._record(name) for name in sorted({row.image for row in self.rows}))
        images = Dataset(name="pairs", records=records).fingerprint
        return hashlib.sha256(repr([self.rows, images]).encode("utf-8")).hexdigest()

    def encode(
        self, clip: Clip, *, seed: int = 0, batch_size: int = 32
    ) -> tuple[Items, list[Failure]]:
        """Vectors of every row whose image can be read, and the images that cannot."""
        images, failures = {}, []
        for name in dict.fromkeys(row.image for row in self.rows):
            try:
                images[name] = decode_image(self._record(name))
            except UnreadableImageError as error:
                failures.append(Failure(name, str(error)))
        rows = [row for row in self.rows if row.image in images]
        if len(images) < _FEWEST:
            reasons = "; ".join(f"{one.id}: {one.reason}" for one in failures[:3])
            raise DataError(
                f"Fewer than {_FEWEST} images of the table can be read ({reasons}): give images "
                "beside the table, or the folder that their names are relative to (--image-root)."
            )
        image_vectors = clip.encode_images(list(images.values()), batch_size=batch_size)
        vectors = dict(zip(images, image_vectors, strict=True))
        texts = list(dict.fromkeys(text for row in rows for text in row.options))
        encoded = dict(zip(texts, clip.encode_texts(texts), strict=True))
        # The true caption is not always the first option, or a place would be right more often.
        n = len(rows[0].options)
        first = np.random.default_rng([seed, 59]).integers(0, n, len(rows))
        options = [
            (*row.options[1 : k + 1], row.options[0], *row.options[k + 1 :])
            for row, k in zip(rows, first, strict=True)
        ]
        items = Items(
            images=np.array([vectors[row.image] for row in rows], np.float64),
            texts=np.array([[encoded[o] for o in all_of] for all_of in options], np.float64),
            truth=first.astype(np.int64),
            codes=None,
            groups=np.array([row.group for row in rows]),
            wordings=np.array([row.wording for row in rows]),
        )
        return items, failures
