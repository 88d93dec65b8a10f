"""A user's own images with captions, as training batches of the same loop.

A table with ``file_name`` and ``caption`` (or ``text``). Every pair is seen once an epoch, in an
order drawn from the seed; images are cut to a random square, the only augmentation of the CLIP
paper (arXiv:2103.00020, sec. 2.4). Pairs of one batch have different captions, since an equal one
would be pushed away from an image that it describes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from clipprobe.data import Failure, ImageRecord, decode_image, open_dataset
from clipprobe.errors import DataError, UnreadableImageError
from clipprobe.pretraining.batch import Batch
from clipprobe.pretraining.reading import IGNORE

CAPTION_COLUMNS = ("caption", "text")
#: Least side of the random square, as a fraction of the image's shorter side.
LEAST_CROP = 0.7
HELD_OUT_SHARE = 0.1
MOST_HELD_OUT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSpec:
    """Which pairs are trained on, and how batches are drawn from them."""

    table: str
    fingerprint: str
    """SHA-256 of the ids and captions that are used; another table is another run."""
    left_out: tuple[str, ...]
    """Ids of images that cannot be read."""
    seed: int
    batch_size: int = 128
    size_px: int = 64
    patch_px: int = 8
    kept_patches: int = 32

    def corpus(self, n_batches: int) -> list[str]:
        """Captions for the tokenizer, from the first ``n_batches`` batches of the first epoch."""
        trained = _split(self)[0]
        return [_caption(trained[i]) for batch in _epoch(self, 0)[:n_batches] for i in batch]

    def draw(self, step: int, difficulty: float) -> Batch:
        """The batch of one step; ``difficulty`` is not used."""
        records = _records_of(self, step)
        rng = np.random.default_rng([self.seed, step, 2])
        grid = self.size_px // self.patch_px
        pixels = [_square(decode_image(r.source), self.size_px, rng) for r in records]
        order = rng.random((len(records), grid * grid)).argsort(axis=1, kind="stable")
        return Batch(
            pixels=np.stack(pixels),
            captions=[_caption(record) for record in records],
            letters=np.full((len(records), grid, grid, 3), IGNORE, dtype=np.int64),
            kept=np.sort(order[:, : self.kept_patches], axis=1),
            kinds=["pair"] * len(records),
        )

    def held_out(self) -> list[tuple[ImageRecord, str]]:
        """Pairs that are never trained on, in order of their ids."""
        return [(record, _caption(record)) for record in _split(self)[1]]


def open_pairs(
    table: str | Path,
    *,
    seed: int,
    size_px: int,
    patch_px: int,
    on_image: Callable[[int], None] | None = None,
) -> tuple[PairSpec, list[Failure]]:
    """Read a table and every image once; what cannot be read is left out, and returned.

    Args:
        table: A metadata table, or anything else that ``open_dataset`` takes, with captions.
        on_image: Called with 1 for each image that was tried.
    Raises:
        DataError: no table there, no captions, or fewer than four pairs that can be used.
    """
    records = open_dataset(table).records
    if not any(_caption(record) for record in records):
        raise DataError(
            f"The table {table} has no captions: give it a column 'caption' (or 'text') beside "
            "'file_name'."
        )
    failures = []
    digest = hashlib.sha256()
    for record in records:
        try:
            if not _caption(record):
                raise UnreadableImageError("no caption")
            decode_image(record.source)
            digest.update(f"{record.id}\0{_caption(record)}\0".encode("utf-8", "surrogateescape"))
        except UnreadableImageError as error:
            failures.append(Failure(record.id, str(error)))
        if on_image is not None:
            on_image(1)
    spec = PairSpec(
        table=str(table),
        fingerprint=digest.hexdigest(),
        left_out=tuple(failure.id for failure in failures),
        seed=seed,
        size_px=size_px,
        patch_px=patch_px,
    )
    if len(records) - len(failures) < 4:
        raise DataError(
            f"The table {table} has {len(records) - len(failures)} pairs that can be used and "
            f"{len(failures)} that cannot: training needs at least 4."
        )
    if not _epoch(spec, 0):
        raise DataError(f"All captions of {table} are the same: there is nothing to tell apart.")
    return spec, failures


def _caption(record: ImageRecord) -> str:
    candidates = (record.attributes.get(column, "") for column in CAPTION_COLUMNS)
    return next((" ".join(text.split()) for text in candidates if text.strip()), "")


@lru_cache(maxsize=2)
def _split(spec: PairSpec) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Pairs to train on and pairs held out, by the hash of their ids."""
    left_out = set(spec.left_out)
    records = [r for r in open_dataset(spec.table).records if r.id not in left_out]
    n_apart = min(MOST_HELD_OUT, max(1, round(HELD_OUT_SHARE * len(records))))

    def rank(record: ImageRecord) -> bytes:
        key = f"{spec.seed}\0{record.id}".encode("utf-8", "surrogateescape")
        return hashlib.sha256(key).digest()

    by_hash = sorted(records, key=rank)
    apart = sorted(by_hash[:n_apart], key=lambda record: record.id)
    return sorted(by_hash[n_apart:], key=lambda record: record.id), apart


@lru_cache(maxsize=2)
def _epoch(spec: PairSpec, epoch: int) -> list[list[int]]:
    """Batches of one epoch: each pair once, no caption twice in a batch."""
    trained = _split(spec)[0]
    counts: Counter[str] = Counter()
    rounds: list[list[int]] = []
    for index in np.random.default_rng([spec.seed, epoch, 3]).permutation(len(trained)):
        caption = _caption(trained[index])
        if counts[caption] == len(rounds):
            rounds.append([])
        rounds[counts[caption]].append(int(index))
        counts[caption] += 1
    size = spec.batch_size
    batches = [r[i : i + size] for r in rounds for i in range(0, len(r), size)]
    # One pair alone has nothing to be told apart from; it comes again in the next epoch.
    return [batch for batch in batches if len(batch) > 1]


@lru_cache(maxsize=1 << 16)
def _epoch_size(spec: PairSpec, epoch: int) -> int:
    return len(_epoch(spec, epoch))


def _records_of(spec: PairSpec, step: int) -> list[ImageRecord]:
    epoch, place = 0, step
    while place >= _epoch_size(spec, epoch):  # epochs can differ by a batch: captions repeat
        place -= _epoch_size(spec, epoch)
        epoch += 1
    trained = _split(spec)[0]
    return [trained[i] for i in _epoch(spec, epoch)[place]]


def _square(image: Image.Image, size_px: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A random square of the image at ``(size_px, size_px, 3)``."""
    side = min(image.size) * float(rng.uniform(LEAST_CROP, 1.0))
    x, y = (float(rng.uniform(0, full - side)) for full in image.size)
    square = image.resize(
        (size_px, size_px), Image.Resampling.BICUBIC, box=(x, y, x + side, y + side)
    )
    return np.asarray(square, dtype=np.uint8)
