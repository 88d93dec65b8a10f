"""The pictures scanned in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clipprobe.neurons import Atlas, scan


@pytest.fixture(scope="session")
def whole(clip: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """The pictures scanned in one pass."""
    out = tmp_path_factory.mktemp("atlas") / "whole"
    scan(clip, pictures, out=out, batch_size=8)
    return Atlas.load(out)
