"""Images in a report, only where somebody asked for them and the data set's licence is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attacks.bias.inputs.cards import NOT_STATED
from attacks.bias.people import People
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.data import ImageRecord

MOST = 12


def check_images(people: People) -> None:
    """Whether images may be shown.

    Raises:
        ConfigError: there are none, or no card says under which licence they stand.
    """
    if people.data.embeddings is not None or people.data.predictions is not None:
        raise ConfigError(
            "--include-images was given, but the audit starts from a file without images: give "
            "--images, or leave it out."
        )
    if people.card is None or people.card.licence == NOT_STATED:
        raise ConfigError(
            "--include-images needs a data-set card that states the licence of the images: give "
            "--card with a licence, or leave the images out."
        )


def sample_images(records: Sequence[ImageRecord], seed: int) -> list[tuple[Any, str]]:
    """At most :data:`MOST` images with neutral captions, drawn by the hash of id and seed."""
    from clipprobe.data.decode import decode_image

    def hash_of(record: ImageRecord) -> str:
        return hashlib.sha256(f"{seed}:{record.id}".encode("utf-8", "replace")).hexdigest()

    images = sorted(records, key=hash_of)[:MOST]
    return [
        (decode_image(record.source), f"image {i} of {len(images)}")
        for i, record in enumerate(images, start=1)
    ]
