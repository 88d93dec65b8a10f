"""The toy model that sees colours and may read, and images for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clipprobe.data import Dataset, ImageRecord
from clipprobe.testing.toys import COLORS, NAMES, SIDE, ToyClip


@pytest.fixture
def toy() -> Callable[..., ToyClip]:
    """Make a toy model: ``toy(reads=True)``."""

    def make(*, reads: bool, size: float = 0.2, **options: Any) -> ToyClip:
        return ToyClip(reads, size * SIDE, **options)

    return make


@pytest.fixture
def colours(tmp_path: Path) -> Callable[..., Dataset]:
    """Labelled images on disk, one colour each: ``colours(n_per_class)``."""

    def make(each: int = 8, folder: str = "colours") -> Dataset:
        records = []
        for name, color in zip(NAMES, COLORS, strict=True):
            (tmp_path / folder / name).mkdir(parents=True, exist_ok=True)
            for i in range(each):
                path = tmp_path / folder / name / f"{i:03}.png"
                Image.new("RGB", (SIDE + i, SIDE), f"#{color:06x}").save(path)
                record_id = path.relative_to(tmp_path / folder).as_posix()
                records.append(ImageRecord(id=record_id, source=path, label=name))
        return Dataset(name=folder, records=tuple(sorted(records, key=lambda r: r.id)))

    return make


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Any]:
    """``reader(True)`` reads, ``reader(False)`` does not."""
    from typographic import toy_reader

    import clipprobe

    loaded: dict[bool, Any] = {}

    def load(reads: bool) -> Any:
        if reads not in loaded:
            folder = tmp_path_factory.mktemp("reader") / f"reads-{reads}"
            loaded[reads] = clipprobe.load(toy_reader.save(folder, reads=reads))
        return loaded[reads]

    return load
