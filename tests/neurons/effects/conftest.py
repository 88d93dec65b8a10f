"""The bundled model, and stand-ins of open_clip models."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_open_clip


@pytest.fixture(scope="session")
def bundled() -> Any:
    """The model that ships with the package."""
    import clipprobe

    return clipprobe.load()


@pytest.fixture
def load_stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Any]:
    """An open_clip model by name, ``RN50`` or ``ViT-T``, from the stand-in library."""
    import clipprobe

    monkeypatch.setitem(sys.modules, "open_clip", tiny_open_clip.library())

    def fetch(name: str) -> Any:
        def download(repository: str, filename: str) -> str:
            return str(tiny_open_clip.save_weights(tmp_path / name, name, True))

        monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
        return clipprobe.load(f"open_clip:{name}/openai")

    return fetch
