"""The planted truth: its file, the direction of comparison, and every verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from attacks.bias import Settings, audit_bias, evaluate, make_column
from attacks.bias.inputs import write_embeddings
from attacks.bias.sections.planted import Planted, compare, read_planted, recovery
from clipprobe import Edit
from clipprobe.edits import Projection
from clipprobe.errors import DataError
from clipprobe.statistics import wilson


def entry(item: str, rate: float, group: str = "woman") -> Planted:
    kind = "balanced" if rate == 0.5 else "skewed"
    return Planted(item=item, group=group, rate=rate, kind=kind)


def test_the_bundled_recipe_writes_what_is_read(tmp_path: Path) -> None:
    from clipprobe.pretraining.planted import OCCUPATION_RATES, planted_truth

    path = tmp_path / "planted.json"
    path.write_text(json.dumps(planted_truth(3)), encoding="utf-8")
    truth = {p.item: p for p in read_planted(path)}
    assert {item: p.rate for item, p in truth.items()} == OCCUPATION_RATES
    assert {p.group for p in truth.values()} == {"woman"}
    assert (truth["judge"].sign, truth["doctor"].sign, truth["artist"].sign) == (1, 0, -1)


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        {"no": "occupations"},
        {"occupations": {"judge": {"kind": "skewed"}}},
        {"occupations": {"judge": {"rate_perceived_woman": 1.4, "kind": "skewed"}}},
        {"occupations": {"judge": {"rate_perceived_woman": 0.5, "kind": "skewed"}}},
        {"occupations": {"judge": {"rate_perceived_woman": 0.9, "kind": "odd"}}},
        {"occupations": ["judge"]},
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "planted.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match=r"does not have the form"):
        read_planted(path)
    with pytest.raises(DataError, match="could not be read"):
        read_planted(tmp_path / "absent.json")


def test_every_verdict_in_the_planted_groups_own_direction() -> None:
    rng = np.random.default_rng(0)
    gender = ["man", "woman"] * 150
    lean = np.tile([0.0, 1.0], 150)
    scores = rng.normal(size=(300, 5))
    scores[:, 0] += lean  # found
    scores[:, 1] -= lean  # wrong sign
    scores[:, 4] += lean  # balanced, yet flagged
    words = ["judge", "pilot", "farmer", "doctor", "guard"]
    found = evaluate(
        {"occupations": (words, scores)},
        [make_column("perceived_gender", gender)],
        settings=Settings(n_boot=200, n_permutations=500),
    )
    rates = (0.9, 0.9, 0.7, 0.5, 0.5)
    truth = [entry(w, r) for w, r in zip(words, rates, strict=True)]
    compared = compare(found, [*truth, entry("absent", 0.9)])
    assert [c.verdict for c in compared] == [
        "found",
        "flagged with the wrong sign",
        "missed",
        "rightly not flagged",
        "flagged, though nothing was planted",
    ]
    assert recovery(compared) == (wilson(1, 3), wilson(1, 2))
    # The same truth told about the other group: the same verdicts, mirrored numbers.
    mirrored = [replace(t, group="man", rate=round(1 - t.rate, 2)) for t in truth]
    for one, other in zip(compared, compare(found, mirrored), strict=True):
        assert one.verdict == other.verdict
        assert one.estimate.value == -other.estimate.value
        assert (one.estimate.low, one.estimate.high) == (-other.estimate.high, -other.estimate.low)


def test_what_was_not_tested_is_no_miss() -> None:
    scores = np.random.default_rng(0).normal(size=(40, 1))
    found = evaluate(
        {"occupations": (["judge"], scores)},
        [make_column("perceived_gender", ["woman"] * 15 + ["man"] * 25)],
        settings=Settings(n_boot=100, n_permutations=100),
    )
    compared = compare(found, [entry("judge", 0.9)])
    assert compared[0].verdict == "not tested"
    assert recovery(compared)[0].reason == "no observations"


def test_rates_that_average_one_half_are_judged_against_the_other_words() -> None:
    """A lean that all words share was not planted in any of them."""
    rng = np.random.default_rng(0)
    woman = np.tile([0.0, 1.0], 150)[:, None]
    scores = rng.normal(size=(300, 4)) + woman * np.array([2.0, 0.0, 1.0, 1.0])
    words = ["judge", "artist", "doctor", "guard"]
    truth = [entry(w, r) for w, r in zip(words, (0.9, 0.1, 0.5, 0.5), strict=True)]
    chosen = Settings(n_boot=200, n_permutations=500)
    columns = [make_column("perceived_gender", ["man", "woman"] * 150)]
    compared = compare(evaluate({"occupations": (words, scores)}, columns, settings=chosen), truth)
    assert {c.cell.measure for c in compared} == {"relative d"}
    assert [c.verdict for c in compared] == ["found", "found", *["rightly not flagged"] * 2]
    assert compared[2].plain.low > 0.5 and abs(compared[2].estimate.value) < 0.2
    # One more word, of which nothing is known: then each word is judged by itself.
    more = np.hstack([scores, rng.normal(size=(300, 1))])
    found = evaluate({"occupations": ([*words, "pilot"], more)}, columns, settings=chosen)
    assert {c.cell.measure for c in compare(found, truth)} == {"association d"}


def test_another_probe_in_the_same_report_changes_no_verdict() -> None:
    rng = np.random.default_rng(1)
    words = ["judge", "artist", "doctor"]
    scores = rng.normal(size=(300, 3)) + rng.normal(size=(300, 1)) * 3
    scores[:, 0] += np.tile([0.0, 1.0], 150)
    scores[:, 1] -= np.tile([0.0, 1.0], 150)
    columns = [make_column("perceived_gender", ["man", "woman"] * 150)]
    chosen = Settings(n_boot=100, n_permutations=500)
    truth = [entry("judge", 0.9), entry("artist", 0.1), entry("doctor", 0.5)]
    alone = {"occupations": (words, scores)}
    beside = alone | {"retrieval": (["good", "judge"], rng.normal(size=(300, 2)))}
    verdicts = []
    for asked in (alone, beside):
        compared = compare(evaluate(asked, columns, settings=chosen), truth)
        assert {c.cell.measure for c in compared} == {"relative d"}
        assert {c.cell.probe for c in compared} == {"occupations"}
        verdicts.append([(c.planted.item, c.verdict, c.estimate.value) for c in compared])
    assert verdicts[0] == verdicts[1] and verdicts[0][0][1] == "found"


def test_a_hidden_group_is_not_tested_beside_others_that_are_compared() -> None:
    rng = np.random.default_rng(2)
    words = ["judge", "pilot", "artist"]
    columns = [
        make_column("perceived_gender", (["man"] * 12 + ["woman"]) * 5),  # five are not shown
        make_column("perceived_race", (["white", "black"] * 6 + [""]) * 5),
    ]
    found = evaluate(
        {"occupations": (words, rng.normal(size=(65, 3)))},
        columns,
        settings=Settings(n_boot=100, n_permutations=100),
    )
    truth = [entry("judge", 0.9), entry("pilot", 0.5), entry("artist", 0.1)]
    compared = compare(found, truth)
    assert [c.verdict for c in compared] == ["not tested"] * 3
    assert recovery(compared) == (wilson(0, 0), wilson(0, 0))


def test_what_was_planted_is_looked_for_among_drawn_people_only(tmp_path: Path) -> None:
    """Of other images the share found, and of controls flagged, says nothing about the audit."""
    clip = clipprobe.load()
    ids, rng = [str(i) for i in range(60)], np.random.default_rng(0)
    vectors = rng.normal(size=(60, clip.d_embed)).astype(np.float32)
    path = write_embeddings(tmp_path / "e.npz", ids, vectors)
    rows = [f"{i},{('man', 'woman')[i % 2]}" for i in range(60)]
    (tmp_path / "l.csv").write_text("\n".join(["id,perceived_gender", *rows]) + "\n")
    texts = {}
    for name, card in (("others", None), ("drawn", "clipprobe-people")):
        run = audit_bias(
            clip, embeddings=path, labels=tmp_path / "l.csv", groups=["perceived_gender"],
            card=card, n_boot=100, n_permutations=100, out=tmp_path / name,
        )  # fmt: skip
        texts[name] = run.file("report.md").read_text(encoding="utf-8")
        named = [row["name"] for row in run.summary["headline"]]
        assert ("balanced controls flagged" in named) == (card is not None)
        assert len(run.summary["planted"]) == (20 if card else 0)
        assert any("model organism" in limit for limit in run.summary["limits"])
        assert any("not looked for" in note for note in run.summary["notes"]) == (card is None)
    assert "Check: of the associations" in texts["drawn"]
    edit = Edit(Projection.dropping([0], clip.d_embed), name="one dimension less")
    run = audit_bias(
        edit.of(clip), embeddings=path, labels=tmp_path / "l.csv",
        groups=["perceived_gender"], card="clipprobe-people", n_boot=100, n_permutations=100,
        out=tmp_path / "edited",
    )  # fmt: skip
    assert run.summary["planted"] == []  # another truth; yet the model was taught all the same
    assert any("model organism" in limit for limit in run.summary["limits"])
    assert "Nothing was planted" not in run.file("report.md").read_text(encoding="utf-8")
    assert "Check:" not in texts["others"] and "Nothing was planted" not in texts["others"]
