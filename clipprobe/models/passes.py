"""Tower passes that several studies of one model share: each input goes through a tower once.

What a tower hands to its projection is kept on disk under the hash of its input: the preprocessed
pixels of an image, the tokens of a text. So studies share a pass whatever they call the image, and
whichever way it took to the tower. One file per study and tower; in memory stands a place per
input. A study is served what the studies *before* it kept, never its own: which inputs share a
batch therefore depends neither on threads nor on where a killed run goes on.

A pass inside a capture is kept, since a capture changes nothing, and served where nothing inside
the tower is captured. A pass inside an intervention, with gradients, or on weights that were
written since is neither.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import torch
from torch import Tensor, nn

from clipprobe.anatomy import listening as context

_KEY, _CHECK = 16, 8
Rows = list[int] | None
"""Which rows of a batch go through the tower; None for all of them."""
Place = tuple[Path, int, int]
"""Of a vector: the file, where in it, and the head of the file."""


class Model(Protocol):
    """The part of a :class:`clipprobe.Clip` that shares its passes."""

    passes: Passes | None

    @property
    def module(self) -> nn.Module: ...

    @property
    def network(self) -> object: ...

    @property
    def weights_sha256(self) -> str: ...


class Passes:
    """What went through the towers of a model, in a folder.

    Args:
        clip: The model; the folder holds nothing of another one.
    """

    def __init__(self, folder: Path, clip: Model) -> None:
        self._folder = folder
        self._module, self._network = clip.module, clip.network
        self._versions = self._written()
        self._sha256 = clip.weights_sha256
        self._lock = threading.Lock()
        self._study = ""
        self._served: dict[str, dict[bytes, Place]] = {}
        self._own: dict[str, _File] = {}

    @contextmanager
    def of(self, clip: Model, study: str) -> Iterator[None]:
        """Let a study share: it is served what those before it kept, and keeps its own."""
        self._study, self._own = study, {}
        clip.passes = self
        try:
            yield
        finally:
            clip.passes = None
            for file in self._own.values():
                file.close()
            files = sorted(self._folder.glob(f"{study}.*"))
            if clip.weights_sha256 != self._sha256:  # nobody can say which passes are the model's
                for path in files:
                    path.unlink()
                files = []
            for path in files:
                places = self._served.setdefault(path.suffix[1:], {})
                for key, place in _read(path):
                    places.setdefault(key, place)

    def are_of(self, network: object) -> bool:
        """Whether they are of this network: an edited copy of the model has one of its own."""
        return network is self._network

    def pooled(self, way: str, inputs: Tensor, encode: Callable[[Rows], Tensor]) -> Tensor:
        """The pooled vectors of a batch, from the tower or from an earlier pass.

        Args:
            way: The tower, and how it is gone through where that decides the last bits.
            inputs: Pixels ``(b, 3, H, W)`` or tokens ``(b, t)``, as they were given.
            encode: Rows of the batch -> ``(b, d_pooled)``.
        """
        if torch.is_grad_enabled() or self._written() != self._versions:
            return encode(None)
        if context.edits(self._module):
            return encode(None)
        keys = [_key(row) for row in inputs.detach().cpu()]
        places = self._served.get(way, {})
        if any(one.slots for one in context.listeners(self._module)):
            places = {}  # something inside the tower is captured: it has to run
        new = [i for i, key in enumerate(keys) if key not in places]
        vectors: dict[int, Tensor] = {}
        like: dict[str, Any] = {"device": next(self._module.parameters()).device}
        if new or not keys:
            encoded = encode(None if len(new) == len(keys) else new)
            self._keep(way, [keys[i] for i in new], encoded)
            if len(new) == len(keys):
                return encoded
            like = {"device": encoded.device, "dtype": encoded.dtype}
            vectors = dict(zip(new, encoded, strict=True))
        for i, key in enumerate(keys):
            if i not in vectors:
                vectors[i] = _vector(*places[key]).to(**like)
        return torch.stack([vectors[i] for i in range(len(keys))])

    def _keep(self, way: str, keys: list[bytes], vectors: Tensor) -> None:
        rows = vectors.detach().cpu()
        with self._lock:
            if way not in self._own:
                path = self._folder / f"{self._study}.{way}"
                self._own[way] = _File(path, rows.dtype, rows.shape[1])
            known = self._served.get(way, {})
            for key, row in zip(keys, rows, strict=True):
                if key not in known:
                    self._own[way].add(key, row)
            self._own[way].flush()

    def _written(self) -> int:
        return sum(one._version for one in self._module.parameters())


class _File:
    """The passes of one study through one tower; a disk that is full ends the keeping."""

    def __init__(self, path: Path, dtype: torch.dtype, width: int) -> None:
        self._keys = {key for key, _ in _read(path)}  # of an earlier try, its torn end cut off
        self._file: BinaryIO | None = None
        head = _head(dtype, width)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
            if self._file.tell() == 0:
                self._file.write(head)
        except OSError:
            self.close()

    def add(self, key: bytes, row: Tensor) -> None:
        if self._file is None or key in self._keys:
            return
        self._keys.add(key)
        body = key + _bytes(row)
        with _or_end(self):
            self._file.write(body + hashlib.blake2b(body, digest_size=_CHECK).digest())

    def flush(self) -> None:
        if self._file is not None:
            with _or_end(self):
                self._file.flush()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with _or_end(self):
                file.close()


@contextmanager
def _or_end(file: _File) -> Iterator[None]:
    try:
        yield
    except OSError:
        file.close()


_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def _head(dtype: torch.dtype, width: int) -> bytes:
    return bytes([_DTYPES.index(dtype)]) + width.to_bytes(7, "little")


def _read(path: Path) -> Iterator[tuple[bytes, Place]]:
    """Keys and places (file, offset, head) of what is whole in a file; the rest is cut off."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        head = file.read(8)
        end = 0
        if len(head) == 8:
            end = 8
            size = _KEY + _size(head)
            while len(record := file.read(size + _CHECK)) == size + _CHECK:
                body, check = record[:size], record[size:]
                if hashlib.blake2b(body, digest_size=_CHECK).digest() != check:
                    break
                yield body[:_KEY], (path, end + _KEY, int.from_bytes(head, "little"))
                end += len(record)
        file.truncate(end)


def _size(head: bytes) -> int:
    return int.from_bytes(head[1:], "little") * _DTYPES[head[0]].itemsize


def _vector(path: Path, offset: int, head: int) -> Tensor:
    first = head.to_bytes(8, "little")
    with path.open("rb") as file:
        data = os.pread(file.fileno(), _size(first), offset)
    return torch.frombuffer(bytearray(data), dtype=_DTYPES[first[0]])


def _key(row: Tensor) -> bytes:
    digest = hashlib.blake2b(f"{row.dtype} {tuple(row.shape)}".encode(), digest_size=_KEY)
    digest.update(_bytes(row))
    return digest.digest()


def _bytes(row: Tensor) -> bytes:
    return row.contiguous().view(torch.uint8).numpy().tobytes()
