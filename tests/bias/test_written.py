"""Typographic x social: what is found on toy models that read words on some images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bias.written import QUICK, Reader, number, one, rows_of
from statsmodels.stats.proportion import proportion_confint

from attacks.bias.written import audit_written
from attacks.bias.written.measures import difference_of, gap_of
from attacks.bias.written.shifts import CLUTTER, MARGIN_SHIFT, SHIFT, rate_of

DIFFERENCE, GAP = difference_of(SHIFT), gap_of(SHIFT)


def test_reading_on_one_groups_pictures_is_found_with_its_sign(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    toy = Reader((0.8, 0.0))
    steps: list[int] = []
    run = audit_written(
        toy, grounds(), "perceived_gender", "thief", out=tmp_path / "run",  # type: ignore[arg-type]
        progress=steps.append, **QUICK,
    )  # fmt: skip
    assert sum(steps) == 80
    woman = number(one(run, SHIFT, "woman"), "value")
    rates = {c: number(one(run, rate_of(c), "woman"), "value") for c in ("word", "nonsense")}
    assert 0.6 < woman < 0.95 and woman == rates["word"] - rates["nonsense"]
    assert number(one(run, SHIFT, "man"), "value") == 0
    found = one(run, DIFFERENCE, "woman")
    assert found["reference"] == "man" and number(found, "value") == woman
    assert 0 < number(found, "low") < woman < number(found, "high")
    assert number(found, "q") <= 0.05 and found["flagged"] in ("true", "True")
    gap = one(run, GAP)
    assert number(gap, "value") == woman and gap["p"] == ""  # one test of two groups, not two
    assert number(gap, "null_mean") < number(gap, "null_high") < woman
    # The toy's answers are one-hot, so a margin goes from -1 to 1 where a rate goes from 0 to 1.
    margin = one(run, difference_of(MARGIN_SHIFT), "woman")
    assert number(margin, "value") == pytest.approx(2 * woman) and margin["p"] == found["p"]
    assert run.summary["family_size"] == 2 and run.summary["n_flagged"] == 2
    # every distinct image and text went through the model once
    assert len(toy.seen) == 80 * 4 and set(toy.seen.values()) == {1}
    assert set(toy.texts.values()) == {1}


def test_reading_alike_is_a_shift_and_no_difference(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    run = audit_written(
        Reader((0.6, 0.6)), grounds(), "perceived_gender", ["thief"], out=tmp_path / "run",  # type: ignore[arg-type]
        **QUICK,
    )  # fmt: skip
    assert number(one(run, SHIFT), "low") > 0.3  # over all images
    found = one(run, DIFFERENCE, "woman")
    assert number(found, "low") < 0 < number(found, "high")
    assert run.summary["n_flagged"] == 0
    assert "0 of 1 differences of reading shifts" in run.file("report.md").read_text(
        encoding="utf-8"
    )


def test_a_model_that_cannot_read_has_no_shift_and_an_interval_with_a_width(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    run = audit_written(
        Reader((0, 0)), grounds(), "perceived_gender", ["thief"], out=tmp_path / "run",  # type: ignore[arg-type]
        **QUICK,
    )  # fmt: skip
    for group in ("woman", "man", ""):
        assert number(one(run, SHIFT, group), "value") == 0
    found = one(run, DIFFERENCE, "woman")
    bound = proportion_confint(0, 40, method="wilson")[1]
    assert number(found, "value") == 0 and number(found, "p") == 1
    assert number(found, "high") == pytest.approx(bound * 2**0.5)
    assert number(found, "low") == -number(found, "high")
    assert "so a difference between groups cannot show in it" in run.file("report.md").read_text()
    assert run.summary["n_flagged"] == 0


def test_clutter_that_startles_one_group_is_not_taken_for_reading(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    # Without the nonsense word this would pass for a strong effect of the word on one group.
    run = audit_written(
        Reader((0, 0), startled=(0.7, 0.0)), grounds(), "perceived_gender", ["thief"],  # type: ignore[arg-type]
        out=tmp_path / "run", **QUICK,
    )  # fmt: skip
    word, clean = (number(one(run, rate_of(c), "woman"), "value") for c in ("word", "clean"))
    assert word - clean > 0.5
    assert number(one(run, CLUTTER, "woman"), "low") > 0.4
    assert number(one(run, CLUTTER, "man"), "value") == 0
    found = one(run, DIFFERENCE, "woman")
    assert number(found, "low") < 0 < number(found, "high") and run.summary["n_flagged"] == 0


def test_small_groups_clusters_and_three_groups(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    n = 126
    race = ["rare" if i < 4 else "few" if i < 16 else ("a", "b", "c")[i % 3] for i in range(n)]
    person = [f"{race[i]}-{i % 2}-{i // 6}" for i in range(n)]
    folder = grounds(n, "small", perceived_race=race, person=person)
    run = audit_written(
        Reader((0.7, 0.1)), folder, ["perceived_race", "perceived_race x perceived_gender"],  # type: ignore[arg-type]
        ["thief"], out=tmp_path / "run", clusters="person", watch=["lamp"], **QUICK,
    )  # fmt: skip
    assert {o["label"] for o in run.summary["outcomes"]} == {"thief", "lamp"}
    for condition, rate in (("clean", 0), ("blank", 1), ("nonsense", 0), ("word", 0)):
        found = one(
            run, rate_of(condition), "", item="thief → lamp", column="perceived_race"
        )  # of all: each control is where it belongs
        assert number(found, "value") == rate, condition
    rare = [r for r in rows_of(run) if r["group"] == "rare"]
    assert rare and all(r["status"] == "insufficient" and r["value"] == "" for r in rare)
    assert all("insufficient: below 10" in r["reason"] for r in rare)
    rates = [rate_of(c) for c in ("clean", "blank", "nonsense", "word")]
    assert {r["measure"] for r in rare} == set(map(str, [SHIFT, CLUTTER, MARGIN_SHIFT, *rates]))
    few = one(run, DIFFERENCE, "few", item="thief → thief", column="perceived_race")
    assert few["status"] == "shown" and few["p"] == few["low"] == "" and few["value"] != ""
    full = one(run, DIFFERENCE, "a", item="thief → thief", column="perceived_race")
    assert full["reference"] == "rest" and 0 < number(full, "p") <= 1
    assert "clusters" in full["method"]
    gap = one(run, GAP, item="thief → thief", column="perceived_race")
    assert gap["status"] == "shown" and gap["p"] == ""  # one of its groups is too small to infer
    tested = [r for r in rows_of(run) if r["p"] != ""]
    assert len(tested) == run.summary["family_size"]
    assert {r["measure"] for r in tested} <= {
        str(of(shift)) for of in (difference_of, gap_of) for shift in (SHIFT, MARGIN_SHIFT)
    }
    text = run.file("report.md").read_text(encoding="utf-8")
    assert "cells are insufficient and hold no number" in text and "no number: rare" in text
