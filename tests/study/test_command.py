"""A command is known by its hash only where files say all that decides its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from clipprobe.study.command import command_sha256
from clipprobe.zeroshot.settings import ZeroShotAudit


def hash_of(images: Any, tmp_path: Path) -> str | None:
    return command_sha256("audit zeroshot", [ZeroShotAudit(images, out=tmp_path / "run")])


def test_linked_folders_and_names_on_a_hub_are_not_told_by_files(tmp_path: Path) -> None:
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for folder in (photos / "cat", elsewhere):
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "a.png")
    before = hash_of(str(photos), tmp_path)
    assert before is not None and before == hash_of(str(photos), tmp_path)
    (photos / "dog").symlink_to(elsewhere, target_is_directory=True)
    assert hash_of(str(photos), tmp_path) is None
    assert hash_of("owner/name", tmp_path) is None
