"""Small image files, and what becomes of them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from PIL import Image

from clipprobe.data import Dataset, Failure, stream_batches


def png(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 4), shade).save(buffer, "PNG")
    return buffer.getvalue()


def put(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png() if data is None else data)
    return path


def ids(dataset: Dataset) -> list[str]:
    return [record.id for record in dataset]


def failures(dataset: Dataset) -> list[Failure]:
    batches = stream_batches(dataset.records, lambda image: None, allow_none=True)
    return [failure for batch in batches for failure in batch.failures]


def archive(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
