"""Runs that an earlier version wrote (commit 74780d9) are still read.

``runs_of_74780d9.zip`` holds a small run of each kind, made on the tiny model of the tests by the
code of that commit, with an empty script in the place of plotly's.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from clipprobe.errors import RunFolderError
from clipprobe.runs import list_runs, load_run
from clipprobe.runs.verify import verify_run
from clipprobe.study import STUDIES

ARCHIVE = Path(__file__).parent / "runs_of_74780d9.zip"
NAMES = sorted({name.split("/")[0] for name in zipfile.ZipFile(ARCHIVE).namelist()})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("older")
    zipfile.ZipFile(ARCHIVE).extractall(place)
    return place


@pytest.mark.parametrize("name", NAMES)
def test_a_run_opens_and_its_value_loads(name: str, folder: Path) -> None:
    view = load_run(folder / name)
    assert view.summary["kind"] == view.kind
    assert all(one.sound for one in verify_run(folder / name))
    study = STUDIES[view.kind]
    if view.kind == "labels":  # its whole value is kept since then
        with pytest.raises(RunFolderError, match="of an earlier clipprobe"):
            study.load(view)
    elif study.load is not None:
        assert study.load(view) is not None


def test_all_of_them_are_listed(folder: Path) -> None:
    kinds = {run.kind for run in list_runs(folder)}
    assert len(list_runs(folder)) == len(NAMES) == 19
    assert len(kinds) == 18  # the atlas of texts is of the kind of the atlas
