"""Which units carry a class, a count, a relation: on towers where one neuron was planted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipprobe.errors import ConfigError, DataError, ThresholdCrossedError
from clipprobe.zeroshot import audit_carriers
from clipprobe.zeroshot.carriers.claim import about, claim_score
from clipprobe.zeroshot.limits.tasks import questions
from tests.planting import PLANTED, images, one_neuron

QUICK: dict[str, Any] = {"kinds": ["neuron"], "n_random": 20, "listed": 3}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return one_neuron(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty images of each of two labels, that differ in how red they are."""
    place = tmp_path_factory.mktemp("labelled")
    for i, image in enumerate(images([70, 180] * 30)):
        label = place / ("pilot", "judge")[i % 2]
        label.mkdir(exist_ok=True)
        image.save(label / f"{i:02}.png")
    return place


def test_the_planted_neuron_carries_the_class_and_random_sets_do_not(
    planted: Any, folder: Path, tmp_path: Path
) -> None:
    (folder / "judge" / "broken.png").write_bytes(b"no image")
    named = {"classes": ["judge", "pilot", "artist", "cook"], "templates": ["a photo of a {}"]}
    run = audit_carriers(planted, folder, name="judge", out=tmp_path / "run", **named, **QUICK)
    (folder / "judge" / "broken.png").unlink()
    summary = run.summary
    first, *rest = summary["listed"]
    assert first["unit"] == PLANTED and first["confirmed"] and first["share"]["value"] > 0.8
    assert all(row["share"]["value"] < 0.1 for row in rest)
    # The texts of this random tower fit the reddest images least, and the page says so.
    assert summary["headline"][0]["estimate"]["high"] < 0
    assert "is below 0" in summary["warnings"][0]
    one = next(row for row in summary["removals"] if row["k"] == 1)
    assert one["chosen"] and one["removed"]["low"] > 0.5
    assert one["random"]["largest"] < 0.5 and one["p"] < 0.06
    assert summary["n"] == {"images": 60, "measured": 30, "measured_inside": 15, "failed": 1}
    with (run.path / "listed.csv").open(encoding="utf-8") as handle:
        assert next(csv.DictReader(handle))["unit"] == PLANTED
    assert f"are confirmed: {PLANTED}" in (run.path / "report.md").read_text(encoding="utf-8")
    with pytest.raises(ThresholdCrossedError, match="removed_by_neurons"):
        audit_carriers(
            planted, folder, name="judge", out=tmp_path / "other",
            fail_under={"removed_by_neurons": 1.0}, **named, **QUICK,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("task", "name"), [("counting", "three"), ("left or right", None), ("colour", "red")]
)
def test_a_claim_is_scored_against_the_other_options(
    clip: Any, task: str, name: str | None
) -> None:
    asked, words = about(questions(task, scenes=1, seed=0, size_px=32), name)
    score = claim_score(clip, asked, name, words)
    assert score.direction is not None and score.inside is not None
    said = [option for option in asked[0].options if name is None or name in option.split()]
    texts = dict(zip(asked[0].options, clip.encode_texts(asked[0].options), strict=True))
    claim = said[0] if name else asked[0].options[asked[0].codes.index(min(asked[0].codes))]
    others = np.mean([v for text, v in texts.items() if text != claim], axis=0)
    assert score.direction[0] == pytest.approx(texts[claim] - others, abs=1e-6)
    true = [one.options[one.truth] for one in asked]
    if name is not None:
        assert score.inside.tolist() == [name in text.split() for text in true]
    assert 0.05 < score.inside.mean() < 0.7


def test_the_texts_and_not_the_truth_give_the_direction(clip: Any) -> None:
    # The same pair under the same wording has one direction, whichever side is true.
    asked, words = about(questions("left or right", scenes=8, seed=0, size_px=32), None)
    score = claim_score(clip, asked, None, words)
    assert score.direction is not None and score.inside is not None
    seen: dict[tuple[str, str], list[int]] = {}
    for row, one in enumerate(asked):
        seen.setdefault((one.group, one.wording), []).append(row)
    mixed = 0
    for rows in seen.values():
        assert np.allclose(score.direction[rows], score.direction[rows[0]], atol=1e-6)
        mixed += len(set(score.inside[rows].tolist())) == 2
    assert mixed > 0


def test_a_task_is_traced_and_what_is_not_there_is_said(clip: Any, tmp_path: Path) -> None:
    run = audit_carriers(clip, task="left or right", scenes=1, out=tmp_path / "run", **QUICK)
    value = run.summary["headline"][0]["estimate"]
    assert run.summary["n"]["images"] == 66
    if value["low"] <= 0 <= value["high"]:  # a random tower has no sides, but chance may say so
        assert "is not told from 0" in run.summary["warnings"][0]
        assert run.summary["headline"][1]["estimate"]["value"] is None


def test_wrong_use_has_its_sentence(clip: Any, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(ConfigError, match="one of the two"):
        audit_carriers(clip, name="judge", out=out)
    with pytest.raises(ConfigError, match="one of the two"):
        audit_carriers(clip, folder, task="counting", name="judge", out=out)
    with pytest.raises(ConfigError, match="No class was named"):
        audit_carriers(clip, folder, out=out)
    with pytest.raises(DataError, match="'mayor' is not one of two or more classes"):
        audit_carriers(clip, folder, name="mayor", out=out)
    with pytest.raises(ConfigError, match="no task 'flying'"):
        audit_carriers(clip, task="flying", out=out)
    with pytest.raises(ConfigError, match=r"more than two answers, such as '.* dogs'"):
        audit_carriers(clip, task="counting", out=out)
    with pytest.raises(ConfigError, match="0 of the 9 answers"):
        audit_carriers(clip, task="counting", name="seventeen", out=out)
    with pytest.raises(ConfigError, match="leave the name out"):
        audit_carriers(clip, task="left or right", name="left", out=out)
    with pytest.raises(DataError, match="needs 10 of both"):
        audit_carriers(clip, task="naming", name="peach", scenes=1, out=out)
    assert not out.exists()
