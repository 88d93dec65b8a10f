"""Classes that are groups of people: totals, and no row, example or image of an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attacks.typographic import audit_typographic
from attacks.typographic.search import search_attack
from attacks.typographic.stroop.audit import audit_stroop
from attacks.typographic.sweep import sweep
from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.study import compare_runs

PEOPLE = ("man", "woman")
THINGS = ("dog", "cat")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for i, name in enumerate((*PEOPLE, *THINGS)):
        folder = tmp_path / ("people" if name in PEOPLE else "things") / name
        folder.mkdir(parents=True)
        for j in range(3):
            noise = np.random.default_rng([i, j]).integers(0, 255, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{j}.png")
    return tmp_path


def files(run: Any) -> set[str]:
    return {path.name for path in run.path.rglob("*") if path.is_file()}


def test_an_audit_over_groups_of_people_gives_totals_alone(clip: Any, pictures: Path) -> None:
    open_run = audit_typographic(clip, pictures / "things", THINGS, out=pictures / "open")
    run = audit_typographic(clip, pictures / "people", PEOPLE, out=pictures / "held")
    assert files(open_run) - files(run) == {"images.parquet", "results.parquet"}
    assert run.summary["worst"] == [] and run.summary["n"]["images"] == 6
    assert run.summary["headline"][0]["estimate"]["n"] == 6
    assert "'man' names a group of people" in run.summary["warnings"][0]
    for name in ("report.html", "report.md", "summary.json", "manifest.json", "config.json"):
        text = (run.path / name).read_text(encoding="utf-8")
        assert "0.png" not in text and "0.png" in str(open_run.read_table("results.parquet"))
    report = (run.path / "report.html").read_text(encoding="utf-8")
    assert "Worst cases" not in report and "side by side" not in report
    assert "side by side" in (open_run.path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(RunFolderError, match="totals and no answers of single images"):
        compare_runs(run, open_run, out=None, seed=0)


@pytest.mark.parametrize(
    "options",
    [
        {"words": ["criminal", "ship"]},
        {"synonyms": {"dog": ["thief"]}},
        {"templates": ["a {} person"], "synonyms": {"dog": ["black"]}},
    ],
)
def test_words_synonyms_and_sentences_count_too(
    clip: Any, pictures: Path, options: dict[str, Any]
) -> None:
    run = audit_typographic(clip, pictures / "things", THINGS, out=pictures / "run", **options)
    assert "results.parquet" not in files(run)


def test_one_image_of_a_person_is_not_audited(clip: Any, pictures: Path) -> None:
    with pytest.raises(ConfigError, match="an audit of one image answers for single images"):
        audit_typographic(clip, pictures / "people", PEOPLE, out=pictures / "run", limit=1)
    assert not (pictures / "run").exists()


def test_a_sweep_over_groups_of_people_gives_totals_alone(clip: Any, pictures: Path) -> None:
    run = sweep(
        clip, pictures / "people", PEOPLE, factors={"size": [0.2, 0.3]}, out=pictures / "run"
    )
    assert "results.parquet" not in files(run) and "cells.csv" in files(run)
    assert "size 0.2</figcaption>" not in (run.path / "report.html").read_text(encoding="utf-8")
    assert len(run.summary["cells"]) == 2


@pytest.mark.parametrize(
    ("classes", "words"), [(("dog", "woman"), None), (("dog", "cat"), ["terrorist"])]
)
def test_a_search_on_one_image_asks_nothing_of_a_person(
    clip: Any, pictures: Path, classes: tuple[str, ...], words: list[str] | None
) -> None:
    image = pictures / "things" / "dog" / "0.png"
    with pytest.raises(ConfigError, match="audit search answers for single images"):
        search_attack(clip, image, "dog", classes, words=words, out=pictures / "run")
    assert not (pictures / "run").exists()


def test_ink_named_as_the_colour_of_a_person_is_refused(clip: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="black person"):
        audit_stroop(clip, out=tmp_path / "run", ink_templates=["a {} person"])
