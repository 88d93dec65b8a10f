"""Every distinct image of a run goes through the model once, and what is left is counted.

Two images are the same when their pixels are, as the model gets them: the clean image beside
several words, a file that a data set holds twice, a word that two cells of a sweep shrink to one
size. Their vectors are kept beside the finished parts of the run, so that a resumed run encodes
none of them again; in memory stays a place of some 150 bytes for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from attacks.typographic.rendering.render import DIGEST_BYTES, Caption, Encoder, Floats, SizedImage
from clipprobe.data.stream import ahead
from clipprobe.models.threads import one_thread_each
from clipprobe.runs import Run


def _silent(done: int, total: int) -> None:
    pass


@dataclass(slots=True)
class Tally:
    """Images that this call has encoded, and that it has to encode in all.

    The total is planned before anything is drawn; whatever turns out to be no work (a duplicate,
    a control that does not exist, an unreadable file) is taken off it, and what a former run left
    is never in it. So done over total is the share of the work, and the two meet at the end.
    """

    total: int = 0
    done: int = 0
    tell: Callable[[int, int], None] = _silent

    def encoded(self, n: int) -> None:
        """``n`` images went through the model."""
        self.done += n
        self.total = max(self.total, self.done)
        self.tell(self.done, self.total)

    def spared(self, n: int) -> None:
        """``n`` planned images need no encoding."""
        self.total = max(self.done, self.total - n)
        if n and self.done == self.total:  # what was spared last would leave the bar short
            self.tell(self.done, self.total)


@dataclass(slots=True)
class _Block:
    """Shots in order, and those of their images that nothing has encoded yet."""

    shots: list[SizedImage] = field(default_factory=list)
    new: dict[str, Image.Image] = field(default_factory=dict)


@dataclass(slots=True)
class Encodings:
    """The vectors of a run by the pixels of their images."""

    clip: Encoder
    batch_size: int
    tally: Tally = field(default_factory=Tally)
    _fresh: dict[str, Floats] = field(default_factory=dict)
    """Of the part that is being made."""
    _stored: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of finished parts: number of the file, and row in it."""
    _files: list[tuple[Run, str]] = field(default_factory=list)

    def __call__(self, shots: Iterable[SizedImage]) -> Iterator[tuple[list[Caption], Floats]]:
        """Captions and unit vectors ``(m, d)`` of all shots in order, block by block.

        A block ends where ``batch_size`` new images are together, so batches are full and
        depend on the images alone. On a CPU several blocks are encoded at once.
        """
        # A caller that counts passes, or an accelerator, gets one block at a time.
        with one_thread_each(self.clip) as at_once:
            workers = at_once if at_once > 1 else 0
            encoded = ahead(self._encoded, self._blocks(shots), workers=workers, window=at_once + 1)
            with closing(encoded):
                for block, vectors in encoded:
                    self._fresh.update(zip(block.new, vectors, strict=True))
                    if block.new:
                        self.tally.encoded(len(block.new))
                    captions = [shot.caption for shot in block.shots]
                    yield captions, np.stack([self._vector(c.pixels) for c in captions])

    def _blocks(self, shots: Iterable[SizedImage]) -> Iterator[_Block]:
        block = _Block()
        coming: set[str] = set()  # new in a block of this call, encoded or not yet
        for shot in shots:
            block.shots.append(shot)
            name = shot.caption.pixels
            if name in coming or name in self._fresh or name in self._stored:
                self.tally.spared(1)
            else:
                block.new[name] = shot.image
                coming.add(name)
            if len(block.new) == self.batch_size or len(block.shots) >= 8 * self.batch_size:
                yield block
                block = _Block()
        if block.shots:
            yield block

    def _encoded(self, block: _Block) -> tuple[_Block, Sequence[Floats]]:
        if not block.new:
            return block, ()
        images = list(block.new.values())
        return block, list(self.clip.encode_images(images, batch_size=self.batch_size))

    def _vector(self, name: str) -> Floats:
        if name in self._fresh:
            return self._fresh[name]
        file, row = self._stored[name]
        run, part = self._files[file]
        vector: Floats = _row(run, part, row)
        self._fresh[name] = vector  # a duplicate rarely comes alone
        return vector

    def save(self, run: Run, part: str) -> None:
        """Write what is new as ``part``, and keep only the places in memory."""
        new = {name: row for name, row in self._fresh.items() if name not in self._stored}
        names = np.frombuffer(b"".join(map(bytes.fromhex, new)), np.uint8)
        vectors = np.zeros((0, self.clip.d_embed), np.float32)
        run.write_arrays(
            part,
            {
                "pixels": names.reshape(-1, DIGEST_BYTES),
                "vectors": np.stack(list(new.values())) if new else vectors,
            },
        )
        self._place(run, part, list(new))

    def load(self, run: Run, part: str) -> None:
        """Remember what a former run wrote as ``part``."""
        pixels: npt.NDArray[Any] = run.read_arrays(part)["pixels"]
        self._place(run, part, [row.tobytes().hex() for row in pixels])

    def _place(self, run: Run, part: str, names: list[str]) -> None:
        self._stored.update((name, (len(self._files), row)) for row, name in enumerate(names))
        self._files.append((run, part))
        self._fresh.clear()


def _row(run: Run, part: str, row: int) -> Floats:
    """One vector of a part, without reading the others."""
    from safetensors import safe_open

    with safe_open(run.file(part), framework="numpy") as arrays:
        vector: Floats = arrays.get_slice("vectors")[row : row + 1][0]
    return vector
