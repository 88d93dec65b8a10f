"""Two audits paired: a reader beside a model that cannot read, and what may not be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from runs.checks import check_schema
from statsmodels.stats.contingency_tables import mcnemar as exact
from statsmodels.stats.multitest import multipletests
from typer.testing import CliRunner

import attacks.typographic.report
import clipprobe
from attacks.typographic import audit_typographic
from attacks.typographic.report.comparison import comparison_text
from attacks.typographic.report.differences import differences
from attacks.typographic.scoring.metrics import Outcomes, effects
from clipprobe.cli import app
from clipprobe.errors import RunFolderError
from clipprobe.runs.differences import differing
from clipprobe.statistics import wilson
from clipprobe.study import compare_runs
from clipprobe.testing.checkpoints import tiny_clip

SCHEMA = Path(attacks.typographic.report.__file__).with_name("summary.schema.json")
NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]


def made(correct: str, hit: str, start: int = 0) -> Outcomes:
    n = len(correct)
    names = np.array([f"p{i + start}" for i in range(n)])
    bits = [np.array([c == "1" for c in text]) for text in (correct, hit)]
    return Outcomes(
        pair=names, cluster=names, correct=bits[0], hit=bits[1],
        has_target=np.ones(n, bool), margin=np.zeros(n),
    )  # fmt: skip


def test_differences_are_b_minus_a_over_shared_pairs() -> None:
    a = {"attack": made("11000000", "00111100"), "nonsense": made("11110000", "00001000")}
    b = {"attack": made("1111100", "0000010", 1), "nonsense": made("1111110", "0000000", 1)}
    rows, n = differences(a, b, seed=0)
    assert n == {"pairs": 7, "only_a": 1, "only_b": 0}
    found = {row["name"]: row for row in rows}
    # Shared are p1 to p7; A is right in 1 of them and B in 5.
    attack = found["accuracy, attack word"]
    assert attack["difference"].value == pytest.approx(5 / 7 - 1 / 7)
    expected = exact([[1, 0], [4, 2]], exact=True).pvalue
    assert attack["mcnemar_p"] == pytest.approx(expected, abs=1e-12)
    assert found["targeted success"]["difference"].value == pytest.approx(1 / 7 - 4 / 7)
    reading = found["reading effect"]
    assert reading["a"].value == pytest.approx(4 / 7 - 1 / 7)
    assert reading["difference"].value == pytest.approx(1 / 7 - 3 / 7)
    tested = [row for row in rows if row["mcnemar_p"] is not None]
    corrected = multipletests([row["mcnemar_p"] for row in tested], method="holm")[1]
    assert [row["holm_p"] for row in tested] == pytest.approx(corrected.tolist())
    swapped, _ = differences(b, a, seed=0)
    assert [r["difference"].value for r in swapped] == pytest.approx(
        [-r["difference"].value for r in rows]
    )


@pytest.mark.parametrize("clustered", [False, True])
def test_a_reading_effect_has_the_interval_of_its_audit_and_is_never_certain(
    clustered: bool,
) -> None:
    """20 pairs without any hit in either run: each audit alone says 0 to within 16 points."""
    side = {name: made("1" * 20, "0" * 20) for name in ("attack", "nonsense")}
    if clustered:
        owners = np.array([f"c{i // 2}" for i in range(20)])
        side = {name: replace(outcomes, cluster=owners) for name, outcomes in side.items()}
    alone = effects(side, seed=0)["reading_effect"]["estimate"]
    assert alone.high == -alone.low == pytest.approx(wilson(0, 10 if clustered else 20).high)
    [row] = [r for r in differences(side, side, seed=0)[0] if r["name"] == "reading effect"]
    assert row["a"] == row["b"] == alone
    change = row["difference"]
    assert change.value == 0 and change.high == -change.low == pytest.approx(2**0.5 * alone.high)
    # Where pairs differ, both say what the bootstrap says.
    other = {**side, "attack": replace(side["attack"], hit=np.arange(20) % 3 == 0)}
    [row] = [r for r in differences(side, other, seed=0)[0] if r["name"] == "reading effect"]
    assert row["b"] == effects(other, seed=0)["reading_effect"]["estimate"]
    assert 0 < row["difference"].low < row["difference"].value == 0.35
    assert "bootstrap" in row["difference"].method


def test_settings_that_differ_have_their_names() -> None:
    a, b = {"x": {"y": 1, "z": [1]}, "w": 1}, {"x": {"y": 2, "z": [1]}, "w": True}
    assert differing(a, b) == [("w", 1, True), ("x.y", 1, 2)]


def test_a_reader_and_a_non_reader(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    data = colours(3)
    options: dict[str, Any] = {"size": 0.2}
    reader = audit_typographic(toy(reads=True), data, NAMES, out=tmp_path / "reader", **options)
    blind = audit_typographic(
        toy(reads=False, disturbed=False), data, NAMES, out=tmp_path / "blind", **options
    )
    done = CliRunner().invoke(
        app,
        ["compare", str(reader.path), str(blind.path), "--out", str(tmp_path / "cmp"), "--json"],
    )
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    rows = {row["name"]: row for row in summary["differences"]}
    assert rows["reading effect"]["difference"]["high"] < -0.3
    assert rows["accuracy, clean"]["difference"]["value"] == 0.0
    assert rows["accuracy, attack word"]["difference"]["value"] == 1.0
    assert rows["accuracy, attack word"]["holm_p"] < 1e-3
    assert summary["n"] == {"pairs": 18, "only_a": 0, "only_b": 0}
    assert summary["warnings"] == []
    check_schema(summary, SCHEMA)
    assert [item["estimate"] for item in summary["headline"]] == [
        row["difference"] for row in summary["differences"]
    ]
    with pytest.raises(RunFolderError, match=r"seed"):  # a comparison is recognised, or refused
        compare_runs(reader, blind, out=tmp_path / "cmp", seed=1)
    assert compare_runs(reader, blind, out=tmp_path / "cmp", seed=0) == summary
    assert json.loads((tmp_path / "cmp/summary.json").read_text()) == summary
    assert "What changed" in (tmp_path / "cmp/report.html").read_text(encoding="utf-8")
    assert "reading effect" in comparison_text(summary)
    with pytest.raises(RunFolderError, match="given twice"):
        compare_runs(reader, reader, out=None, seed=0)

    # Bigger text is another setting: compared, and said. Other images or classes are refused.
    bigger = audit_typographic(
        toy(reads=True, size=0.3), data, NAMES, out=tmp_path / "bigger", size=0.3
    )
    said = compare_runs(reader, bigger, out=None, seed=0)["warnings"]
    assert len(said) == 1 and "attack.size 0.2 and 0.3" in said[0]
    fewer = audit_typographic(
        toy(reads=False), colours(1, "few"), NAMES, out=tmp_path / "run-few", **options
    )
    shared = compare_runs(reader, fewer, out=None, seed=0)
    assert shared["n"] == {"pairs": 6, "only_a": 12, "only_b": 0}
    assert shared["warnings"] == [
        "12 attacked image(s) stand only in A and 0 only in B: they are left out."
    ]
    turned = audit_typographic(
        toy(reads=True), data, NAMES[::-1], out=tmp_path / "turned", size=0.3
    )
    same = compare_runs(bigger, turned, out=None, seed=0)  # the same answers in another order
    assert not same["settings"] and {row["difference"]["value"] for row in same["differences"]} == {
        0
    }
    other = audit_typographic(toy(reads=True), data, [*NAMES, "ox"], out=tmp_path / "other")
    with pytest.raises(RunFolderError, match="chose among other answers"):
        compare_runs(reader, other, out=None, seed=0)


def test_images_are_shared_by_name_and_content(
    toy: Callable[..., Any],
    colours: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def audit(data: Any, name: str) -> Any:
        return audit_typographic(toy(reads=True), data, NAMES, out=tmp_path / name, size=0.2)

    one = audit(colours(2), "one")
    other = colours(2, "other")
    for record in other.records[:6]:  # other bytes under the same name
        image = Image.open(record.source)
        image.resize((image.width + 40, image.height)).save(record.source)
    two = audit(other, "two")
    assert compare_runs(one, two)["n"] == {"pairs": 6, "only_a": 6, "only_b": 6}
    monkeypatch.setattr("attacks.typographic.report.comparison.IMAGES", "absent.parquet")
    with pytest.raises(RunFolderError, match="before a run said which image is which"):
        compare_runs(one, two)


def test_two_input_sizes_get_the_same_words(tmp_path: Path) -> None:
    """A word that only one model has room for changes the words of no other image."""
    names = ["cat", "dog", "a rather long name", "sun", "car", "extraordinarily long"]
    for i in range(36):
        path = tmp_path / "photos" / names[i % 6] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (120, 90), (7 * i, 90, 200 - 5 * i)).save(path)
    runs = [
        audit_typographic(
            clipprobe.load(tiny_clip(tmp_path / f"{size}", image_size=size)),
            tmp_path / "photos", size=0.16, position="center", out=tmp_path / f"run-{size}",
        )
        for size in (40, 96)
    ]  # fmt: skip
    words = [
        {(row["image"], row["word"]) for row in run.read_table("results.parquet").to_pylist()}
        for run in runs
    ]
    long = {word for _, word in words[1] - words[0]}
    assert long and long <= {"a rather long name", "extraordinarily long"}
    summary = compare_runs(*runs)
    assert summary["n"]["pairs"] == 36 - len(words[1] - words[0]) == len(words[0] & words[1])
    assert summary["n"]["only_a"] == summary["n"]["only_b"] == len(words[1] - words[0])
    assert any("stand only in A" in text for text in summary["warnings"])
