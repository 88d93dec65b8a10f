"""Sweeps against a planted threshold: each class is read from a known size on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs.checks import check_run, check_schema
from typer.testing import CliRunner

import attacks.typographic.sweep
from attacks.typographic.sweep import sweep
from clipprobe.errors import ConfigError, DataError, ThresholdCrossedError
from clipprobe.stimuli.text import DEFAULT_FONT, label
from clipprobe.testing.toys import COLORS, NAMES, SIDE, ToyClip
from clipprobe.zeroshot import TEMPLATES

SCHEMA = Path(attacks.typographic.sweep.__file__).with_name("summary.schema.json")
SIZES = [0.1, 0.15, 0.2, 0.25]
#: The size from which words are read on images of each class of NAMES.
READ_FROM = [0.1, 0.15, 0.15, 0.2, 0.2, 0.25]
PLANTED = [1 / 6, 3 / 6, 5 / 6, 1.0]


class ThresholdClip(ToyClip):
    """Reads a word on an image of a class from that class's size on; nothing else disturbs it."""

    def __init__(self) -> None:
        super().__init__(True, SIZES[0] * SIDE, disturbed=False)
        self.words = {
            (name, size): label(
                name, font=DEFAULT_FONT, size=size * SIDE, room=(SIDE, SIDE), outline_px=1
            ).ink
            for name in NAMES
            for size in SIZES
        }

    def answer(self, pixels: np.ndarray) -> int:
        codes = pixels.astype(np.int64) @ [1 << 16, 1 << 8, 1]
        colors, counts = np.unique(codes, return_counts=True)
        ground = int(colors[counts.argmax()])
        shown = COLORS.index(ground)
        ink = codes != ground
        if ink.any():
            rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
            cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            for (word, size), shape in self.words.items():
                if shape.shape == cut.shape and (shape == cut).mean() > 0.98:
                    return NAMES.index(word) if size >= READ_FROM[shown] else shown
        return shown


@pytest.fixture
def run(colours: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """A sweep of a fresh (or given) model over 8 images of each class."""

    def make(clip: ToyClip | None = None, out: str = "run", each: int = 8, **options: Any) -> Any:
        options.setdefault("factors", {"size": SIZES})
        return sweep(clip or ThresholdClip(), colours(each), NAMES, out=tmp_path / out, **options)

    return make


def values(points: list[dict[str, Any]], measure: str) -> list[float]:
    return [point[measure]["value"] for point in points]


def test_a_security_curve_shows_the_planted_thresholds(run: Callable[..., Any]) -> None:
    view = run()
    curve = view.summary["curves"]["size"]
    assert values(curve, "targeted_success") == pytest.approx(PLANTED)
    assert values(curve, "attacked_accuracy") == pytest.approx([1 - p for p in PLANTED])
    assert values(curve, "reading_effect") == pytest.approx(PLANTED)
    assert values(curve, "control_success") == [0.0] * 4
    assert values(curve, "control_accuracy") == [1.0] * 4
    for point in curve:
        effect = point["reading_effect"]
        assert effect["low"] <= effect["value"] <= effect["high"] and effect["n"] == 48
    trends = view.summary["trends"]["size"]["measures"]
    assert trends["targeted_success"]["direction"] == "rises"
    assert trends["targeted_success"]["p"] < 1e-6
    assert trends["targeted_success"]["monotone"] is True
    assert trends["targeted_success"]["fitted"] == pytest.approx(PLANTED)
    assert trends["attacked_accuracy"]["direction"] == "falls"
    assert trends["control_success"]["direction"] == "not shown"
    assert "differ between the levels" in trends["control_success"]["reason"]


def test_the_smallest_text_that_works_is_decided_by_the_interval(run: Callable[..., Any]) -> None:
    (found,) = run().summary["smallest_text"]
    # 24 of 48 at 0.15 is not a success above 0.5 that is shown; 40 of 48 at 0.2 is.
    assert (found["works"]["value"], found["works"]["low"]) == (0.2, 0.15)
    # A model that reads one class in six is read at every size; the least is 0.1.
    assert found["is_read"]["value"] == 0.1
    (never,) = run(out="never", factors={"size": SIZES[:2]}).summary["smallest_text"]
    assert never["works"]["value"] is None
    assert (
        "at no size does the interval of targeted success lie above 0.5"
        in (never["works"]["reason"])
    )


def test_the_worst_cell_is_measured_on_pictures_that_did_not_choose_it(
    run: Callable[..., Any],
) -> None:
    worst = run().summary["worst"]
    found = worst["attacked_accuracy"]
    assert found["cell"] == 3 and found["chosen"] == [3, 3] and found["n_cells"] == 4
    assert found["observed"]["value"] == found["confirmed"]["value"] == 0.0
    assert found["floor_bound"] > 0.1 and found["p"] < 0.001
    assert worst["right_in_every_cell"]["value"] == 0.0
    assert worst["right_in_every_control"]["value"] == 1.0


def test_everything_is_encoded_once_and_words_are_the_same_in_every_cell(
    run: Callable[..., Any],
) -> None:
    clip = ThresholdClip()
    steps: list[tuple[int, int]] = []
    # All names are lower case, so two of these cells draw the same images.
    view = run(
        clip, each=2, factors={"case": ["as-is", "lower", "upper"]},
        progress=lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    assert set(clip.seen.values()) == {1} and set(clip.texts.values()) == {1}
    assert len(clip.texts) == len(TEMPLATES) * len(NAMES)
    assert steps[-1] == (len(clip.seen), len(clip.seen))
    assert view.summary["n"]["encoded"] == len(clip.seen) == 6 + 2 * 24
    table = view.read_table("results.parquet").to_pylist()
    assert {row["condition"] for row in table if row["cell"] is None} == {"clean"}
    written = [
        [(row["image"], row["word"], row["condition"]) for row in table if row["cell"] == cell]
        for cell in range(3)
    ]
    assert written[0] == written[1] == written[2] and len(set(written[0])) == 24
    pixels = [[row["pixels"] for row in table if row["cell"] == cell] for cell in range(3)]
    assert pixels[0] == pixels[1] != pixels[2]


def test_a_factorial_design_takes_every_combination(run: Callable[..., Any]) -> None:
    view = run(
        factors={"position": ["r2c2", "r3c3"], "size": SIZES}, design="factorial", each=4,
        controls=["blank"],
    )  # fmt: skip
    cells = view.summary["cells"]
    assert [cell["name"] for cell in cells[:2]] == [
        "position r2c2, size 0.1", "position r2c2, size 0.15",
    ]  # fmt: skip
    assert len(cells) == 8
    # Where the word stands changes nothing, and both curves average over the other factor.
    assert values(view.summary["curves"]["size"], "targeted_success") == pytest.approx(PLANTED)
    assert values(view.summary["curves"]["position"], "targeted_success") == pytest.approx(
        [np.mean(PLANTED)] * 2
    )
    assert (
        "bootstrap over 24 clusters"
        in (view.summary["curves"]["position"][0]["targeted_success"]["method"])
    )
    assert view.summary["trends"]["position"]["reason"].startswith("its levels are not numbers")
    assert [text["others"] for text in view.summary["smallest_text"]] == [
        "position r2c2", "position r3c3",
    ]  # fmt: skip
    assert cells[0]["blank_success"]["value"] == 0.0
    html = (view.path / "report.html").read_text(encoding="utf-8")
    for text in ("Over both", "as observed (a maximum)", "if cells were alike", "steps back"):
        assert text in html
    rows = view.read_table("cells.csv").to_pylist()
    assert [row["targeted_success"] for row in rows[:4]] == [repr(p) for p in PLANTED]
    check_run(view.path)


def test_a_text_too_small_to_draw_leaves_its_cell_undefined(run: Callable[..., Any]) -> None:
    view = run(factors={"size": [0.04, 0.2]}, each=3)
    tiny, legible = view.summary["cells"]
    assert tiny["left_out"] == 18 and legible["left_out"] == 0
    assert tiny["targeted_success"]["value"] is None
    assert tiny["targeted_success"]["reason"] == "the word could be written on no image"
    assert any("did not fit" in text for text in view.summary["warnings"])
    with pytest.raises(DataError, match="In no cell could a word be written"):
        run(out="none", factors={"size": [0.04]}, each=3)


def test_bytes_do_not_depend_on_workers_or_interruption(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    options = {"factors": {"size": [0.15, 0.2], "case": ["lower", "upper"]}, "batch_size": 2}

    def files(out: str, clip: ToyClip, workers: int) -> dict[str, bytes]:
        path = run(clip, out=out, each=2, workers=workers, **options).path
        return {f.name: f.read_bytes() for f in sorted(path.iterdir())}

    whole = ThresholdClip()
    alone = files("one", whole, 1)
    assert {"results.parquet", "cells.csv", "summary.json", "report.html"} <= set(alone)
    assert files("four", ThresholdClip(), 4) == alone
    stopped = ThresholdClip()
    stopped.interrupt_after = len(whole.seen) // 2
    with pytest.raises(KeyboardInterrupt):
        files("resumed", stopped, 2)
    finished = {p.name for p in (tmp_path / "resumed" / "parts").glob("cell0000-*.parquet")}
    assert finished and not (tmp_path / "resumed" / "manifest.json").exists()
    rest = ThresholdClip()
    assert files("resumed", rest, 3) == alone
    assert 0 < sum(rest.seen.values()) < len(whole.seen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": {}}, "needs a factor"),
        ({"factors": {"sise": [1]}}, "did you mean 'size'"),
        ({"factors": {"size": []}}, "has no levels"),
        ({"factors": {"size": [0.1, 0.1]}}, "the level 0.1 twice"),
        ({"factors": {"size": [7]}}, "size=7 of the sweep cannot be written"),
        ({"factors": ["seed"]}, "no setting 'seed'"),
        ({"factors": {"position": ["top", "on"]}}, "needs its mask in every image"),
        ({"design": "full"}, "design='full' is unknown: known are one-factor, factorial"),
        ({"controls": ["word"]}, "controls='word' is unknown: known are nonsense, blank"),
        ({"level": 1.0}, "level=1.0 is out of range"),
        ({"sise": 0.2}, "There is no setting 'sise': did you mean 'size'"),
        ({"max_encodings": 100}, r"4 cells, so 48 images could need 432 encodings"),
        (
            {"factors": {"position": ["r1c1"], "copies": [1, 2]}, "design": "factorial"},
            "position=r1c1, copies=2 of the sweep cannot be written",
        ),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_before_anything_is_written(
    run: Callable[..., Any], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(**options)
    assert not (tmp_path / "run").exists()


def test_strategies_over_a_list_rank_the_list(run: Callable[..., Any]) -> None:
    listed = ["zzz", NAMES[2], NAMES[1]]
    found = run(factors={"size": [0.2]}, words={"strategy": "runner-up", "listed": listed})
    assert not any("is a maximum" in text for text in found.summary["warnings"])  # of one cell
    words = set(found.read_table("results.parquet")["word"].to_pylist())
    assert words and words <= set(listed)
    with pytest.raises(ConfigError, match="find words with an audit first"):
        run(out="no", factors={"size": [0.2]}, words="brute-force")


def test_the_command_line_sweeps(
    colours: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clipprobe.cli import app, studies

    monkeypatch.setattr(studies, "load_model", lambda *a, **k: ThresholdClip())
    colours(4)
    (tmp_path / "classes.txt").write_text("\n".join(NAMES), encoding="utf-8")
    command = [
        "audit", "sweep", "--images", str(tmp_path / "colours"),
        "--classes", str(tmp_path / "classes.txt"), "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    runner = CliRunner()
    done = runner.invoke(
        app,
        [*command, "--factor", "size=0.1,0.15,0.2,0.25", "--factor", "outline=none,black",
         "--set", "position=r2c2", "--level", "0.3", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert values(summary["curves"]["size"], "targeted_success") == pytest.approx(PLANTED)
    assert summary["factors"]["outline"] == [None, "black"] and summary["level"] == 0.3
    check_schema(summary, SCHEMA)
    assert "report:" in done.stderr
    done = runner.invoke(app, [*command, "--factor", "size", "--max-encodings", "9"])
    assert done.exit_code == 2 and "The grid has 7 cells" in done.stderr
    done = runner.invoke(app, command)
    assert done.exit_code == 2 and "needs --factor" in done.stderr
    assert not os.environ.get("CLIPPROBE_MODEL")


def test_thresholds_hold_the_worst_cell(run: Callable[..., Any]) -> None:
    def held(**limits: dict[str, float]) -> Any:
        return run(factors={"size": [0.2]}, each=3, **limits)

    estimates = {one["name"]: one["estimate"] for one in held().summary["headline"]}
    worst, success = estimates["worst_attacked_accuracy"], estimates["highest_targeted_success"]
    passes = {"fail_under": {"worst_attacked_accuracy": worst["low"]},
              "fail_over": {"highest_targeted_success": success["high"]}}  # fmt: skip
    held(**passes)
    with pytest.raises(ThresholdCrossedError, match=r"^worst_attacked_accuracy .* highest_targ"):
        held(fail_under={"worst_attacked_accuracy": worst["low"] + 1e-6},
             fail_over={"highest_targeted_success": success["high"] - 1e-6})  # fmt: skip
    with pytest.raises(ConfigError, match="for 'highest_targeted_success': it can be given for cl"):
        held(fail_under={"highest_targeted_success": 0.5})
