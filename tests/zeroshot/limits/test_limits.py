"""Verdicts on towers whose truth was planted, and what each number can and cannot see."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from zeroshot.limits import planted

from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics import Estimate
from clipprobe.zeroshot import audit_limits
from clipprobe.zeroshot.limits.items import folds
from clipprobe.zeroshot.limits.logit import Sides, contrasts, fit_scores, kernel
from clipprobe.zeroshot.limits.numbers import fitted, measure, share_right, zero_shot
from clipprobe.zeroshot.limits.pairs import Pairs
from clipprobe.zeroshot.limits.tasks import TASKS, questions
from clipprobe.zeroshot.limits.verdict import _rules, floor_of, judge

EXPECTED = {"able": "fine"} | {kind: kind for kind in planted.KINDS if kind != "able"}


@pytest.mark.parametrize("kind", planted.KINDS)
def test_a_planted_relation_gets_its_verdict(kind: str) -> None:
    found = judge(measure(planted.relation(kind, 0)))
    assert found.verdict == EXPECTED[kind], found
    assert found.numbers["blind"].low < 0.5 < found.numbers["blind"].high


@pytest.mark.parametrize("kind", ["able", "misaligned", "absent in the image"])
def test_a_planted_count_gets_its_verdict_and_never_a_wrong_one(kind: str) -> None:
    found = judge(measure(planted.counting(kind, 0)))
    assert found.verdict == EXPECTED[kind], found


@pytest.mark.parametrize("kind", ["able", "absent in the text", "misaligned"])
def test_a_planted_binding_gets_its_verdict(kind: str) -> None:
    found = judge(measure(planted.binding(kind, 0)))
    assert found.verdict == EXPECTED[kind], found


@pytest.mark.parametrize("kind", ["able", "absent in the image"])
def test_a_planted_degradation_gets_its_verdict(kind: str) -> None:
    items = planted.naming(kind, 0)
    numbers = measure(items)
    found = judge(numbers)
    assert found.verdict == EXPECTED[kind], found
    # Scenes are held out, and things are resampled.
    assert len(set(items.groups)) == len(set(items.resampled)) == 12
    by_thing = [
        numbers.right["image"][items.resampled == thing].mean() for thing in map(str, range(12))
    ]
    assert found.numbers["image"].value == pytest.approx(np.mean(by_thing))


def test_too_few_items_are_undecided_and_not_absent() -> None:
    items = planted.relation("able", 1, scenes=1, noise=2.5)
    assert judge(measure(items)).verdict not in (
        "absent in the image", "absent in the text", "absent in both",
    )  # fmt: skip


def test_without_codes_nothing_is_ever_absent() -> None:
    for kind in ("absent in both", "absent in the image", "misaligned"):
        items = replace(planted.relation(kind, 0), codes=None)
        numbers = measure(items)
        assert set(numbers.right) == {"zero_shot", "mapped", "blind"}
        assert not judge(numbers).verdict.startswith("absent")


def estimates(**values: tuple[float, float, float]) -> dict[str, Estimate]:
    return {
        name: Estimate(value=v, low=low, high=high, n=1, method="given")
        for name, (low, v, high) in values.items()
    }


def test_the_rules_by_hand() -> None:
    floor = floor_of(0.5)
    assert floor == pytest.approx(0.6)
    high, low, flat = (0.9, 0.95, 1.0), (0.45, 0.5, 0.55), (0.5, 0.62, 0.7)
    up = estimates(g=(0.1, 0.2, 0.3))["g"]

    def rule(**values: tuple[float, float, float]) -> str:
        return _rules(estimates(**values), up, 0.5, floor)[0]

    assert rule(zero_shot=high, mapped=high, image=high, text=high) == "fine"
    assert rule(zero_shot=low, mapped=high, image=high, text=high) == "misaligned"
    assert rule(zero_shot=low, mapped=low, image=high, text=high) == "no linear map aligns"
    assert rule(zero_shot=low, mapped=low, image=low, text=high) == "absent in the image"
    assert rule(zero_shot=low, mapped=low, image=high, text=low) == "absent in the text"
    assert rule(zero_shot=low, mapped=low, image=low, text=low) == "absent in both"
    assert rule(zero_shot=low, mapped=low, image=flat, text=high) == "undecided"
    assert rule(zero_shot=low, mapped=flat, image=high, text=high) == "undecided"
    # Clear of the floor, but with half of what both towers have: not fine.
    half = (0.65, 0.7, 0.75)
    assert rule(zero_shot=half, mapped=high, image=high, text=high) == "misaligned"


def test_a_split_by_scene_would_recognise_the_pair() -> None:
    # Images that know their pair and nothing else: with the pair held out, the probe is at chance.
    items = planted.relation("absent in the image", 3, scenes=4)
    rng = np.random.default_rng(0)
    # All scenes of a pair have one truth, so that knowing the pair is knowing the answer.
    names, place = np.unique(items.groups, return_inverse=True)
    side = rng.integers(0, 2, len(names))[place]
    first = np.array([int(code[0, ::2].argmax() < code[1, ::2].argmax()) for code in items.codes])
    leaky = replace(items, truth=np.where(side == 1, first, 1 - first))
    by_pair = fitted(leaky, "image").mean()
    by_scene = fitted(
        replace(leaky, groups=np.array([f"{i}" for i in range(items.n)])), "image"
    ).mean()
    assert by_scene > by_pair + 0.15


def test_groups_are_never_divided() -> None:
    groups = np.repeat([f"g{i}" for i in range(13)], 3)
    parts = folds(groups, 5, seed=0)
    assert sorted(np.concatenate(parts)) == list(range(39))
    assert sum(len(set(groups[part])) for part in parts) == 13
    with pytest.raises(DataError, match="4 groups cannot be held out in 5"):
        folds(np.array(["a", "b", "c", "d"]), 5, seed=0)


def test_the_kernel_is_that_of_the_bilinear_map() -> None:
    rng = np.random.default_rng(0)
    one = Sides(a=rng.normal(size=(4, 3)), b=rng.normal(size=(4, 3, 5)))
    helmert = contrasts(3)
    assert np.allclose(helmert.T @ helmert, np.eye(2))
    assert np.allclose(helmert.sum(axis=0), 0)
    features = np.einsum("np,noq,oc->ncpq", one.a, one.b, helmert).reshape(8, 15)
    assert np.allclose(kernel(one, one), features @ features.T)


def test_a_known_bilinear_map_is_learned() -> None:
    rng = np.random.default_rng(1)
    w = rng.normal(size=(4, 4))
    a, b = rng.normal(size=(400, 4)), rng.normal(size=(400, 3, 4))
    truth = np.einsum("np,pq,noq->no", a, w, b).argmax(1)
    half = slice(0, 200), slice(200, 400)
    train, test = (Sides(a=a[rows], b=b[rows]) for rows in half)
    scores = fit_scores(train, truth[half[0]], 1e-4, test)
    assert (scores.argmax(1) == truth[half[1]]).mean() > 0.9


def test_options_that_tie_share_the_answer() -> None:
    scores = np.array([[2.0, 2.0, 1.0], [0.0, 0.0, 0.0], [1.0, 3.0, 2.0]])
    assert share_right(scores, np.array([0, 2, 1])).tolist() == [0.5, 1 / 3, 1.0]
    assert share_right(scores, np.array([2, 0, 0])).tolist() == [0.0, 1 / 3, 0.0]
    items = planted.relation("able", 0, scenes=1)
    same = replace(items, texts=np.repeat(items.texts[:, :1], 2, axis=1))
    assert (zero_shot(same) == 0.5).all()


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_is_balanced_and_its_options_differ(name: str) -> None:
    asked = questions(name, scenes=4, seed=0, size_px=32)
    n_options = len(asked[0].options)
    places = np.bincount([one.truth for one in asked], minlength=n_options) / len(asked)
    assert np.abs(places - 1 / n_options).max() < 0.12
    for one in asked:
        assert len(set(one.options)) == n_options
        assert len(set(one.codes)) == n_options
        assert not any("{" in option for option in one.options)
    again = questions(name, scenes=4, seed=0, size_px=32)
    assert [one.options for one in again] == [one.options for one in asked]


@pytest.mark.parametrize("name", ["left or right", "above or below"])
def test_order_of_mention_and_relation_word_are_crossed(name: str) -> None:
    # Neither "the thing that is mentioned first" nor the relation word alone gives the answer away.
    asked = questions(name, scenes=8, seed=0, size_px=32)
    for wording in {one.wording for one in asked}:
        mine = [one for one in asked if one.wording == wording]
        assert len(mine) == len(asked) / 4
        truths = [one.options[one.truth] for one in mine]
        assert len(set(truths)) > len(truths) / 4


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = ["image,caption,foil"]
    for i in range(12):
        pixels = rng.integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,a cat {i},a dog {i}")
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path / "pairs.csv"


def test_a_table_of_the_user_gives_numbers_and_no_absence(
    clip: Any, table: Path, tmp_path: Path
) -> None:
    run = audit_limits(clip, foils=table, twin=False, out=tmp_path / "run")
    (one,) = run.summary["tasks"]
    schema = Path(__file__).parents[3] / "clipprobe" / "zeroshot" / "limits.summary.schema.json"
    jsonschema.validate(run.summary, json.loads(schema.read_text(encoding="utf-8")))
    assert one["n"] == 12
    assert one["chance"] == 0.5
    assert set(one["verdict"]["numbers"]) == {"zero_shot", "mapped", "blind"}
    assert not one["verdict"]["verdict"].startswith("absent")
    pairs = Pairs.read(table)
    captions = clip.encode_texts([row.options[0] for row in pairs.rows])
    foils = clip.encode_texts([row.options[1] for row in pairs.rows])
    images = clip.encode_images([table.parent / row.image for row in pairs.rows])
    right = ((images * captions).sum(1) > (images * foils).sum(1)).mean()
    assert one["verdict"]["numbers"]["zero_shot"]["value"] == pytest.approx(right)


def test_a_table_of_pairs_may_lie_elsewhere(table: Path, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir(exist_ok=True)
    moved = tmp_path / "else" / "elsewhere.csv"
    moved.write_bytes(table.read_bytes())
    here = Pairs.read(table)
    assert Pairs.read(moved, image_root=table.parent).fingerprint == here.fingerprint
    assert Pairs.read(moved).fingerprint != here.fingerprint  # there are no images beside it


def test_wrong_tables_and_tasks_have_their_sentence(clip: Any, table: Path, tmp_path: Path) -> None:
    def written(text: str) -> Path:
        path = table.with_name("other.csv")
        path.write_text(text, encoding="utf-8")
        return path

    with pytest.raises(DataError, match="has no column foil"):
        Pairs.read(written("image,caption\na.png,b\n"))
    with pytest.raises(DataError, match="has no row"):
        Pairs.read(written("image,caption,foil\n"))
    with pytest.raises(DataError, match=r"Row 2 of other.csv \(0.png\) has a foil equal"):
        Pairs.read(written("image,caption,foil\n0.png,a cat,a cat\n"))
    with pytest.raises(DataError, match="fewer than 10 different images"):
        Pairs.read(written("image,caption,foil\n0.png,a cat,a dog\n"))
    with pytest.raises(ConfigError, match="no task 'flying': choose among left or right"):
        audit_limits(clip, tasks=["flying"], out=tmp_path / "run")
