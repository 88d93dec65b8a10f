"""Runs that the commands really make, against docs/store-format.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runs.checks import check_run, check_tables
from runs.kinds import KINDS, image_folder


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_run_is_what_the_page_says(
    kind: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    KINDS[kind](clip, images, tmp_path / "run")
    check_run(tmp_path / "run")
    check_tables(tmp_path / "run", kind)
    with pytest.raises(AssertionError):
        check_tables(tmp_path / "run", {"atlas": "bias"}.get(kind, "atlas"))
