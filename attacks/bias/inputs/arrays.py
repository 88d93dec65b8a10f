"""Embeddings from a file: ``.npz`` (never pickled) or ``.safetensors``, each row with its id.

``.npz``: ``ids``, an array of text ``(n,)``, and ``embeddings`` ``(n, d)``.
``.safetensors``: the tensor ``embeddings`` ``(n, d)``; the ids stand in the file's metadata as
``ids``, a JSON list. Either may name the model that made them (``weights_sha256``); then another
model's texts are refused.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipprobe.data.text_table import refuse_twice
from clipprobe.errors import DataError
from clipprobe.runs.integrity import sha256_of

MAX_BYTES = 1 << 35  # 32 GiB unpacked: a million vectors of 4,096 numbers need half of it
_NAMES = ("embeddings", "vectors", "image_embeddings", "features")


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """``ids``: unique, ``(n,)``; ``vectors``: ``(n, d)``, float; ``weights_sha256``: of the model
    that made them, or empty; ``name`` and ``sha256``: of the file."""

    ids: tuple[str, ...]
    vectors: NDArray[np.floating[Any]]
    weights_sha256: str
    name: str
    sha256: str

    def rows(self, order: Sequence[int]) -> Embeddings:
        """Some of the images, in another order."""
        return replace(
            self, ids=tuple(self.ids[i] for i in order), vectors=self.vectors[list(order)]
        )


def read_embeddings(path: str | Path) -> Embeddings:
    """Read a file of embeddings.

    Raises:
        DataError: it is absent, of another kind, pickled, too large, lacks ids or vectors, their
            numbers differ, or an id stands there twice.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"There is no embeddings file {file}: give an .npz or .safetensors file.")
    readers = {".npz": _npz, ".safetensors": _safetensors}
    if file.suffix.lower() not in readers:
        raise DataError(
            f"The embeddings {file} are no .npz or .safetensors file: save ids and embeddings with "
            "attacks.bias.inputs.write_embeddings or numpy.savez."
        )
    ids, vectors, model = readers[file.suffix.lower()](file)
    if vectors.ndim != 2 or not vectors.size or not np.issubdtype(vectors.dtype, np.floating):
        raise DataError(
            f"The embeddings in {file} must be numbers with a fraction of shape (images, width), "
            f"but are {vectors.dtype} of shape {vectors.shape}."
        )
    if len(ids) != len(vectors):
        raise DataError(
            f"The embeddings file {file} has {len(ids)} ids for {len(vectors)} vectors: every "
            "vector needs one."
        )
    refuse_twice(ids, f"The embeddings file {file}")
    digest = sha256_of(file)
    return Embeddings(
        ids=tuple(ids), vectors=vectors, weights_sha256=model, name=file.name, sha256=digest
    )


def write_embeddings(
    path: str | Path, ids: Sequence[str], vectors: ArrayLike, *, weights_sha256: str = ""
) -> Path:
    """Write a file that :func:`read_embeddings` reads, by the ending of ``path``.

    Args:
        ids: One a vector. vectors: ``(n, d)``, as ``clip.encode_images`` returns them.
        weights_sha256: ``clip.identity.key`` (which is ``clip.weights_sha256`` without edits), so
            that no other model's texts are put beside them.
    Raises:
        DataError: ids and vectors differ in number, an id stands there twice, or another ending.
    """
    file, table = Path(path), np.ascontiguousarray(vectors)
    if table.ndim != 2 or len(ids) != len(table):
        raise DataError(f"{len(ids)} ids were given for embeddings of shape {table.shape}.")
    refuse_twice(ids, "The list of ids")
    if file.suffix.lower() == ".npz":
        np.savez(
            file,
            ids=np.array(list(ids), dtype=np.str_),
            embeddings=table,
            weights_sha256=np.array(weights_sha256),
        )
        return file
    if file.suffix.lower() == ".safetensors":
        from safetensors.numpy import save_file

        notes = {"ids": json.dumps(list(ids)), "weights_sha256": weights_sha256}
        save_file({"embeddings": table}, file, metadata=notes)
        return file
    raise DataError(f"Embeddings are written as .npz or .safetensors, not as {file.name!r}.")


def _npz(path: Path) -> tuple[list[str], NDArray[Any], str]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_BYTES:
            raise DataError(f"The embeddings file {path} unpacks to over {MAX_BYTES >> 30} GiB.")
        with np.load(path, allow_pickle=False) as arrays:
            names = list(arrays)
            vectors = arrays[_vectors_name(path, names, names)]
            ids = arrays["ids"]
            model = str(arrays["weights_sha256"]) if "weights_sha256" in names else ""
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        if "pickle" in reason.lower():
            reason = "it holds pickled objects, which are never loaded; save ids as text"
        raise DataError(f"The embeddings file {path} could not be read ({reason}).") from None
    if ids.ndim != 1 or ids.dtype.kind not in "US":
        raise DataError(
            f"The ids in {path} must be one row of text, but are {ids.dtype} of shape {ids.shape}."
        )
    return [str(one) for one in ids.astype(np.str_)], vectors, model


def _safetensors(path: Path) -> tuple[list[str], NDArray[Any], str]:
    from safetensors import SafetensorError, safe_open

    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"The embeddings file {path} is larger than {MAX_BYTES >> 30} GiB.")
    try:
        with safe_open(path, framework="numpy") as file:
            notes, names = file.metadata() or {}, list(file.keys())
            vectors = file.get_tensor(_vectors_name(path, names, [*names, *notes]))
        ids = json.loads(notes["ids"])
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"The embeddings file {path} could not be read ({reason}).") from None
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise DataError(f"The ids in the metadata of {path} must be a JSON list of text.")
    return ids, vectors, str(notes.get("weights_sha256", ""))


def _vectors_name(path: Path, arrays: Sequence[str], names: Sequence[str]) -> str:
    """Which of the arrays holds the vectors, where the file holds ids as well."""
    key = next((name for name in _NAMES if name in arrays), None)
    if key is None or "ids" not in names:
        raise DataError(
            f"The embeddings file {path} needs 'ids' and 'embeddings' (it has: "
            f"{', '.join(map(repr, names)) or 'nothing'}): save it with "
            "attacks.bias.inputs.write_embeddings, or give every vector its id."
        )
    return key
