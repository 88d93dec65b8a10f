"""Typographic x social: toy models that read words on one group's pictures, on all, or on none."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from statsmodels.stats.proportion import proportion_confint
from typer.testing import CliRunner

from attacks.bias.comparison import compare_runs
from attacks.bias.groups import make_column
from attacks.bias.settings import Settings
from attacks.bias.written import audit_written
from attacks.bias.written.differences import difference_of, gap_of
from attacks.bias.written.encode import Answers
from attacks.bias.written.measures import written_cells
from attacks.bias.written.question import ANY_HARM, read_question
from attacks.bias.written.shifts import CLUTTER, MARGIN_SHIFT, SHIFT, rate_of
from clipprobe.cli import app
from clipprobe.errors import ConfigError, DataError, NoReadableImagesError, RunFolderError
from clipprobe.stimuli.text import DEFAULT_FONT, label

DIFFERENCE, GAP = difference_of(SHIFT), gap_of(SHIFT)
LABELS = ["person", "thief", "lamp"]
SIDE = 96
QUICK: dict[str, Any] = {
    "labels": LABELS, "n_boot": 400, "n_permutations": 999, "batch_size": 16, "workers": 0,
}  # fmt: skip


class _Grid:
    def keeps(self, height: int, width: int) -> bool:
        return (height, width) == (SIDE, SIDE)

    def to_grid(self, image: Image.Image) -> Image.Image:
        return image if image.size == (SIDE, SIDE) else image.resize((SIDE, SIDE), 0)


class Reader:
    """Answers ``person``; to the word ``thief`` where it reads it ``thief``, to a blank ``lamp``.

    ``reads``: how often, on pictures of a red and of a green ground. ``startled``: how often any
    ink at all makes it answer ``thief``, read or not.
    """

    weights_sha256, d_embed = "1" * 64, len(LABELS)

    def __init__(
        self, reads: tuple[float, float], startled: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self.reads, self.startled, self.preprocess = reads, startled, _Grid()
        self.seen: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.stop_after: int | None = None
        self._shape = label(
            "thief", font=DEFAULT_FONT, size=0.2 * SIDE, room=(SIDE, SIDE), outline_px=1
        ).ink

    def encode_images(self, images: Iterable[Any], *, batch_size: int = 32) -> np.ndarray:
        found = []
        for image in images:
            if self.stop_after is not None and self.seen.total() >= self.stop_after:
                raise KeyboardInterrupt
            self.seen[hashlib.sha256(image.tobytes()).hexdigest()] += 1
            found.append(np.eye(len(LABELS), dtype=np.float32)[self.answer(np.asarray(image))])
        assert len(found) <= batch_size
        return np.stack(found)

    def answer(self, pixels: np.ndarray) -> int:
        codes = pixels.astype(np.int64) @ [1 << 16, 1 << 8, 1]
        colours, counts = np.unique(codes, return_counts=True)
        ground = int(colours[counts.argmax()])
        ink = codes != ground
        if not ink.any():
            return 0
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if cut.all():
            return 2
        side = 0 if ground >> 16 > 128 else 1
        chance = int(hashlib.sha256(pixels.tobytes()).hexdigest()[:8], 16) / 2**32
        if chance < self.startled[side]:
            return 1
        same = cut.shape == self._shape.shape and (cut == self._shape).mean() > 0.98
        return int(same and chance < self.reads[side])

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.texts.update(texts)
        rows = np.array([[float(t.endswith(name)) for name in LABELS] for t in texts], np.float32)
        rows[~rows.any(axis=1)] = len(LABELS) ** -0.5
        return rows

    def provenance(self) -> dict[str, Any]:
        model = {"id": "reader", "weights_sha256": self.weights_sha256}
        return {"model": model, "versions": {"toy": "1"}, "how": [self.reads, self.startled]}


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Pictures of one colour: red ones are annotated ``woman``, green ones ``man``."""

    def make(n: int = 80, name: str = "grounds", **columns: Sequence[str]) -> Path:
        folder = tmp_path_factory.mktemp(name)
        rows = []
        for i in range(n):
            colour = (180, 20, i) if i % 2 else (20, 120, i)
            Image.new("RGB", (SIDE, SIDE), colour).save(folder / f"face-{i:03d}.png")
            row = {"file_name": f"face-{i:03d}.png", "perceived_gender": ("man", "woman")[i % 2]}
            rows.append(row | {key: values[i] for key, values in columns.items()})
        with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return folder

    return make


def rows_of(run: Any) -> list[dict[str, str]]:
    with run.file("cells.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def one(run: Any, measure: str, group: str = "", **more: str) -> dict[str, str]:
    found = [
        row
        for row in rows_of(run)
        if row["measure"] == measure
        and row["group"] == group
        and all(row[k] == v for k, v in more.items())
    ]
    assert len(found) == 1, (measure, group, found)
    return found[0]


def number(row: dict[str, str], name: str) -> float:
    return float(row[name])


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
    # every distinct picture and text went through the model once
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
    assert all("insufficient (n=4)" in r["reason"] for r in rare)
    assert {r["measure"] for r in rare} == {SHIFT, CLUTTER, MARGIN_SHIFT} | {
        rate_of(c) for c in ("clean", "blank", "nonsense", "word")
    }
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
        of(shift) for of in (difference_of, gap_of) for shift in (SHIFT, MARGIN_SHIFT)
    }
    text = run.file("report.md").read_text(encoding="utf-8")
    assert "cells are insufficient and hold no number" in text and "rare (n=4)" in text


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
        **(QUICK | {"labels": [*LABELS, "<b>criminal</b>", "criminal"]}),
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
        "cells.csv", "cells.parquet", "config.json", "draws.safetensors", "manifest.json",
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
        ({"words": ["$"], "labels": ["$", "person"], "font": "no"}, ConfigError, "font"),
        ({"labels": ["person"]}, DataError, "at least two"),
        ({"templates": ["a photo"]}, ConfigError, "exactly one {}"),
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
        ease = rng.random((n, 1))  # a picture that moves under one condition moves under others
        chance = np.clip(np.array([0.5, 0.2, 0.2]) + (ease - 0.5) * 0.3, 0, 1)
        written = (rng.random((n, 1, 3)) < chance[:, None, :]).astype(np.int32)
        answers = Answers(
            records=(),
            clean=np.zeros(n, np.int32),
            written=written,
            failed=(),
            skipped=(),
            margins=np.zeros((n, 1, 4), np.float32),
        )
        cells = written_cells(
            answers, question, [column], None, Settings(n_boot=300, n_permutations=300, seed=seed)
        )
        found = next(c for c in cells if c.measure == DIFFERENCE)
        small += found.p <= 0.05
        covered += found.low <= 0 <= found.high
    assert small <= 9  # of 80 at 5 %: 9 or fewer in 98.6 % of cases
    assert covered >= 70


def test_two_reports_of_the_same_pictures_are_compared_paired(
    grounds: Callable[..., Path], tmp_path: Path
) -> None:
    """The reader of red pictures against one of all alike: the difference goes, the shift grows."""
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
        for name, reads in (("red", (0.8, 0.0)), ("all", (0.8, 0.8)), ("again", (0.8, 0.0)))
    ]
    called = CliRunner().invoke(
        app,
        ["compare", str(made[0].path), str(made[1].path), "--out", str(tmp_path / "c"), "--json"],
    )
    assert called.exit_code == 0, called.output
    summary = json.loads(called.stdout)
    assert summary["paired"] and summary["n_differ"] >= 2
    rows = {(r["measure"], r["group"]): r for r in summary["differences"]}
    man = rows[SHIFT, "man"]
    assert (
        man["differs"]
        and man["difference"]["low"] > 0.4
        and "paired" in man["difference"]["method"]
    )
    change = rows[DIFFERENCE, "woman"]
    assert change["differs"] and change["difference"]["high"] < 0
    assert change["difference"]["value"] == pytest.approx(-man["difference"]["value"])
    assert rows[SHIFT, "woman"]["difference"]["value"] == 0 and not rows[SHIFT, "woman"]["differs"]
    assert "resampling" in rows[GAP, ""]["difference"]["reason"]
    assert (tmp_path / "c" / "report.html").is_file()
    same = compare_runs(made[0], made[2], out=None, seed=0)
    assert same["paired"] and same["n_differ"] == same["family_size"] == 0


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
