"""Typographic x social: bytes, report, mistakes, error rates, comparison and small groups."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bias.written import LABELS, QUICK, Reader, rows_of
from typer.testing import CliRunner

from attacks.bias.groups.columns import make_column
from attacks.bias.measures.inference import Settings
from attacks.bias.probe import Sample
from attacks.bias.written import audit_written
from attacks.bias.written.encode import Answers
from attacks.bias.written.measures import difference_of, gap_of, written_cells
from attacks.bias.written.question import ANY_HARM, read_question
from attacks.bias.written.shifts import SHIFT
from clipprobe.cli import app
from clipprobe.errors import ConfigError, DataError, NoReadableImagesError, RunFolderError

DIFFERENCE, GAP = difference_of(SHIFT), gap_of(SHIFT)


def test_the_same_bytes_for_any_workers_and_after_a_kill(
    grounds: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attacks.bias.written import encode

    monkeypatch.setattr(encode, "BATCHES_PER_CHUNK", 1)
    folder = grounds(40, "killed")
    (folder / "face-003.png").write_bytes(b"nothing")
    again: dict[str, Any] = QUICK | {"out": tmp_path / "run"}
    toy = Reader((0.8, 0.2))
    toy.stop_after = 100  # in the second of three parts
    with pytest.raises(KeyboardInterrupt):
        audit_written(toy, folder, "perceived_gender", ["thief"], **again)  # type: ignore[arg-type]
    assert not (tmp_path / "run/manifest.json").exists()
    toy.stop_after, before = None, toy.seen.total()
    run = audit_written(toy, folder, "perceived_gender", ["thief"], **again)  # type: ignore[arg-type]
    assert toy.seen.total() - before == 24 * 4  # the first part (16 records, one bad) was kept
    fresh = audit_written(
        Reader((0.8, 0.2)), folder, "perceived_gender", ["thief"],  # type: ignore[arg-type]
        **(again | {"out": tmp_path / "fresh", "workers": 3}),
    )  # fmt: skip
    for name in ("cells.csv", "summary.json", "report.md", "report.html"):
        assert run.file(name).read_bytes() == fresh.file(name).read_bytes(), name
    assert run.manifest["counts"] == {"used": 39, "skipped": 0, "failed": 1}
    assert run.manifest["failures"][0]["id"] == "face-003.png"
    seen = toy.seen.total()
    assert audit_written(toy, folder, "perceived_gender", ["thief"], **again).summary == run.summary  # type: ignore[arg-type]
    assert toy.seen.total() == seen
    with pytest.raises(RunFolderError, match="another configuration"):
        audit_written(toy, folder, "perceived_gender", ["lamp"], **again)  # type: ignore[arg-type]


def test_the_report_says_what_it_must_and_nothing_about_a_person(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    run = audit_written(
        Reader((0.8, 0.0)), grounds(), "perceived_gender", ["thief"], out=tmp_path / "run",  # type: ignore[arg-type]
        **(QUICK | {"classes": [*LABELS, "<b>criminal</b>", "criminal"]}),
    )  # fmt: skip
    assert run.summary["kind"] == "bias-written" and len(run.summary["limits"]) >= 8
    assert {o["label"] for o in run.summary["outcomes"]} == {"thief", ANY_HARM}
    for name in ("report.html", "report.md"):
        text = run.file(name).read_text(encoding="utf-8")
        for said in (
            "Content warning",
            "UNDOCUMENTED DATA",
            "Not for judging",
            "a photo of a lamp",
            "corrected together",
            "by perceived gender",
        ):
            assert said in text, (name, said)
    body = re.sub(
        r"<script.*?</script>", "", run.file("report.html").read_text("utf-8"), flags=re.S
    )
    assert "<img" not in body and "data:image/" not in body
    for file in run.path.iterdir():
        if file.name != "manifest.json":
            assert b"face-0" not in file.read_bytes(), file.name
    assert sorted(p.name for p in run.path.iterdir()) == [
        "call.json", "cells.csv", "cells.parquet", "config.json", "manifest.json",
        "report.html", "report.md", "summary.json",
    ]  # fmt: skip


def test_mistakes_have_their_sentence_and_write_nothing(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    folder, toy = grounds(), Reader((1, 1))
    good: dict[str, Any] = {"groups": "perceived_gender", "words": ["thief"]}
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"groups": "colour"}, DataError, "no group column 'colour'"),
        ({"words": ["theif"]}, ConfigError, "names none of the 3 labels .*'thief'.*--watch"),
        ({"words": []}, ConfigError, "word list is empty"),
        ({"watch": ["lmap"]}, ConfigError, "'lmap' to follow is not among .*'lamp'"),
        ({"words": ["$"], "classes": ["$", "person"], "font": "no"}, ConfigError, "font"),
        ({"classes": ["person"]}, DataError, "at least two"),
        ({"templates": ["a photo"]}, ConfigError, "has no {}"),
        ({"sise": 0.3}, ConfigError, "did you mean 'size'"),
        ({"clusters": "person"}, DataError, "no cluster column 'person'"),
        ({"draw_at": "wall"}, ConfigError, "draw_at='wall' is unknown"),
    ]
    for change, error, message in wrong:
        options = QUICK | good | change | {"out": tmp_path / "run"}
        with pytest.raises(error, match=message):
            audit_written(toy, folder, **options)  # type: ignore[arg-type]
        assert not (tmp_path / "run").exists(), change
    assert toy.seen.total() == 0
    broken = grounds(40, "broken")
    for file in broken.glob("*.png"):
        file.write_bytes(b"nothing")
    with pytest.raises(NoReadableImagesError):
        audit_written(toy, broken, **(QUICK | good | {"out": tmp_path / "run"}))  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_under_no_difference_few_are_flagged_and_intervals_cover() -> None:
    """Known truth: both groups move from a rate of 0.2 to 0.5, so the true difference is 0."""
    n, rounds, small, covered = 120, 80, 0, 0
    column = make_column("group", ["a", "b"] * (n // 2))
    question = read_question("thief", LABELS, ("{}",))
    rng = np.random.default_rng(5)
    for seed in range(rounds):
        ease = rng.random((n, 1))  # an image that moves under one condition moves under others
        chance = np.clip(np.array([0.5, 0.2, 0.2]) + (ease - 0.5) * 0.3, 0, 1)
        written = (rng.random((n, 1, 3)) < chance[:, None, :]).astype(np.int32)
        answers = Answers(
            ids=(),
            clean=np.zeros(n, np.int32),
            written=written,
            failed=(),
            skipped=(),
            margins=np.zeros((n, 1, 4), np.float32),
        )
        settings = Settings(n_boot=300, n_permutations=300, seed=seed)
        sample = Sample(columns=(column,), truth={}, clusters=None, settings=settings)
        cells = written_cells(answers, question, sample)
        found = next(c for c in cells if c.key == DIFFERENCE)
        small += found.p <= 0.05
        covered += found.low <= 0 <= found.high
    assert small <= 9  # of 80 at 5 %: 9 or fewer in 98.6 % of cases
    assert covered >= 70


def test_two_reports_are_compared_by_their_printed_figures(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    """The reader of red images against one of all alike: the difference goes, the shift grows."""
    folder = grounds()
    made = [
        audit_written(
            Reader(reads),
            folder,
            "perceived_gender",
            "thief",
            out=tmp_path / name,
            **QUICK,  # type: ignore[arg-type]
        )
        for name, reads in (("red", (0.8, 0.0)), ("all", (0.8, 0.8)))
    ]
    called = CliRunner().invoke(
        app,
        ["compare", str(made[0].path), str(made[1].path), "--out", str(tmp_path / "c"), "--json"],
    )
    assert called.exit_code == 0, called.output
    summary = json.loads(called.stdout)
    assert not summary["paired"] and summary["family_size"] == 0
    rows = {(r["measure"], r["group"]): r for r in summary["differences"]}
    man = rows[str(SHIFT), "man"]
    assert man["difference"]["low"] > 0.4 and "MOVER" in man["difference"]["method"]
    change = rows[str(DIFFERENCE), "woman"]
    assert change["difference"]["high"] < 0
    assert change["difference"]["value"] == pytest.approx(-man["difference"]["value"])
    assert rows[str(SHIFT), "woman"]["difference"]["value"] == 0
    assert "resampling" in rows[str(GAP), ""]["difference"]["reason"]
    assert (tmp_path / "c" / "report.html").is_file()


def test_a_small_group_does_not_follow_from_two_columns(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    """60 of each tone; of the dark ones 4 are men: dark less dark women would give them away."""
    tones = ["light" if i < 60 else "dark" for i in range(120)]
    genders = [
        "man" if (i % 2 and i < 60) or i in (60, 61, 62, 63) else "woman" for i in range(120)
    ]
    run = audit_written(
        Reader((0.6, 0.6)), grounds(120, "tones", tone=tones, sex=genders),  # type: ignore[arg-type]
        ["tone", "sex", "tone x sex"], ["thief"], out=tmp_path / "run", **QUICK,
    )  # fmt: skip
    counted = run.summary["small_cells"]
    assert counted["tone x sex"]["groups"]["insufficient"] == 1
    assert sum(one["groups"]["withheld"] for one in counted.values()) >= 1
    shown = {r["group"] for r in rows_of(run) if r["value"] and r["column"] == "tone x sex"}
    assert "dark x man" not in shown and not {"dark x woman", "light x man"} <= shown


def test_every_heading_says_perceived(grounds: Callable[..., Path], tmp_path: Path) -> None:
    run = audit_written(
        Reader((0.6, 0.6)),
        grounds(),
        "perceived_gender",
        ["thief"],
        out=tmp_path / "run",
        **QUICK,  # type: ignore[arg-type]
    )
    headings = re.findall(r"^## (.*)$", run.file("report.md").read_text(encoding="utf-8"), re.M)
    silent = [h for h in headings[:-1] if not re.search("erceived|annotated|self-reported", h)]
    assert len(headings) > 5 and not silent
