"""What every study promises. A new study adds a line to ``making.MAKE``, and no test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from report.conftest import browser  # noqa: F401  (a fixture)
from report.shell import check_opening, look, too_wide
from study.making import MAKE

from clipprobe.study import COMPARISONS, STUDIES, carry_out
from clipprobe.testing import PROMISES, Case, applies

REPORTS = ("report.html", "index.html", "merge.html", "save.html")


@pytest.fixture(scope="module")
def case(clip: Any, load_tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The case of a kind, made once."""
    folder, made = tmp_path_factory.mktemp("cases"), dict[str, Case]()

    def of(kind: str) -> Case:
        if kind not in made:
            small = MAKE[kind]
            made[kind] = Case(
                **{one.name: getattr(small, one.name) for one in fields(small)},
                study=STUDIES[kind],
                clip=clip,
                place=folder / kind,
                other=lambda: load_tiny("siglip"),
            )
        return made[kind]

    return of


def test_every_study_of_the_table_is_held_to_the_promises() -> None:
    assert set(MAKE) == set(STUDIES)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        pytest.param(kind, promise, id=f"{kind}-{promise.__name__}")
        for kind in sorted(MAKE)
        for promise in PROMISES
        if applies(promise, MAKE[kind], STUDIES[kind])
    ],
)
def test_every_study_keeps(
    kind: str, promise: Callable[[Case, Path], None], case: Any, tmp_path: Path
) -> None:
    promise(case(kind), tmp_path / "run")


@pytest.mark.parametrize("kind", sorted({STUDIES[k].kind for k in MAKE} & set(COMPARISONS)))
def test_a_run_compared_with_its_copy_shows_no_difference(
    kind: str, case: Any, tmp_path: Path
) -> None:
    copy = shutil.copytree(case(kind).whole, tmp_path / "copy")
    study = COMPARISONS[kind]
    settings = study.settings(a=case(kind).whole, b=copy, out=tmp_path / "out")
    summary = carry_out(study, settings, None).run.summary
    assert summary["headline"]
    for item in summary["headline"]:
        assert item["estimate"]["value"] in (0.0, None)


@pytest.mark.parametrize("kind", sorted(MAKE))
def test_every_report_opens_with_its_verdict_and_folds_the_rest(kind: str, case: Any) -> None:
    check_opening(report_of(case(kind)).read_text("utf-8"))


@pytest.mark.browser
@pytest.mark.parametrize("kind", sorted(MAKE))
def test_no_report_is_cut_and_the_verdict_stands_above_the_fold(
    kind: str,
    case: Any,
    browser: Any,  # noqa: F811
) -> None:
    report = report_of(case(kind))
    height, wide = look(browser, report, 1280)
    assert wide == [] and height <= 900
    assert too_wide(browser, report, 390) == []


def report_of(case: Case) -> Path:
    """The page of the small run."""
    return next(case.whole / name for name in REPORTS if (case.whole / name).exists())
