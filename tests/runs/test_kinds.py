"""Runs that the commands really make, against docs/store-format.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from runs.checks import check_run, check_tables
from runs.kinds import KINDS

from clipprobe.testing import image_folder

# The page says of these two that their tables are those of another kind.
ALIKE = ("sweep", "bias-written")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ALIKE])
def test_a_real_run_is_what_the_page_says(
    name: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    KINDS[name](clip, images, tmp_path / "run")
    kind = json.loads((tmp_path / "run" / "config.json").read_text())["kind"]
    check_run(tmp_path / "run")
    check_tables(tmp_path / "run", kind)
    with pytest.raises(AssertionError):
        check_tables(tmp_path / "run", {"atlas": "bias"}.get(kind, "atlas"))
