"""Removing heads from one attacked image: what is planted is found, and the answer comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typographic import toy_reader

from attacks.typographic import TypographicAttack
from attacks.typographic.reading.repair import (
    Contest,
    fewest_heads,
    neurons_of_block,
    repair,
    repairing_edit,
    without_each_head,
)
from clipprobe.edits import load_edit
from clipprobe.errors import ConfigError
from clipprobe.tracing.scaling import encode_scaled
from clipprobe.zeroshot import build_classifier
from clipprobe.zeroshot.classes import Classes

READERS = {f"vision.blocks.{block}.attn.z:{head}" for block, head in toy_reader.READERS}
DOG, SHIP = (toy_reader.NAMES.index(name) for name in ("dog", "ship"))


def contest(clip: Any, label: int = DOG, target: int = SHIP) -> Contest:
    vectors = build_classifier(clip, toy_reader.NAMES)
    return Contest(classes=Classes(toy_reader.NAMES), vectors=vectors, label=label, target=target)


@pytest.fixture(scope="module")
def images() -> dict[str, Image.Image]:
    side = toy_reader.SIDE
    clean = Image.new("RGB", (side, side), toy_reader.colour(DOG))
    attack = TypographicAttack(word="ship", background=None, **toy_reader.ATTACK)
    return {"clean": clean, "attack": attack(clean).image}


def test_each_removal_is_that_of_an_edit(reader: Callable[[bool], Any], images: Any) -> None:
    clip = reader(True)
    question, pictures = contest(clip), list(images.values())
    grid = without_each_head(clip, pictures, question)
    score = question.score(clip)
    assert np.allclose(grid.before, score.numbers(clip.encode_images(pictures)), atol=1e-4)
    for row, addresses in enumerate(grid.heads):
        for column, address in enumerate(addresses):
            edited = repairing_edit([address], 0.0).of(clip)
            expected = score.numbers(edited.encode_images(pictures))
            assert np.allclose(grid.after[:, row, column], expected, atol=1e-4), address


def test_the_planted_heads_carry_the_word(reader: Callable[[bool], Any], images: Any) -> None:
    clip = reader(True)
    grid = without_each_head(clip, list(images.values()), contest(clip))
    order = np.argsort(grid.change[1].ravel())
    flat = [address for row in grid.heads for address in row]
    assert {flat[i] for i in order[:3]} == READERS
    change = np.sort(grid.change[1].ravel())
    assert change[2] < -0.1 and change[3] > -0.001  # no other head helps the word


def test_the_neurons_that_copy_the_word_come_first(
    reader: Callable[[bool], Any], images: Any
) -> None:
    clip = reader(True)
    question = contest(clip)
    rows = neurons_of_block(clip, images["attack"], question, toy_reader.N_BLOCKS - 1, k=3)
    assert rows[0].address == f"vision.blocks.2.mlp.post:{SHIP}"
    edited = repairing_edit([rows[0].address], 0.0).of(clip)
    score, picture = question.score(clip), [images["attack"]]
    change = score.numbers(edited.encode_images(picture)) - score.numbers(
        clip.encode_images(picture)
    )
    assert rows[0].removed == pytest.approx(float(change[0]), abs=1e-4)
    less, more = encode_scaled(clip, picture, [{rows[0].address: one} for one in (0.98, 1.02)])
    slope = (score.numbers(more) - score.numbers(less)) / 0.04
    assert rows[0].contribution == pytest.approx(float(slope[0]), rel=0.02)


def test_the_planted_heads_repair_it_and_random_heads_do_not(
    reader: Callable[[bool], Any], images: Any
) -> None:
    clip = reader(True)
    question = contest(clip)
    heads = fewest_heads(clip, images["clean"], images["attack"], question)
    assert heads and set(heads) <= READERS
    found = repair(clip, images, question, heads, n_random=10)
    assert found.before["clean"].right and found.before["attack"].fooled
    assert found.after["clean"].right and found.after["attack"].right
    assert found.after["attack"].answer == "dog" and found.before["attack"].answer == "ship"
    assert found.random and all(set(one) == set(images) for one in found.random)
    low, high = found.random_margins("attack") or (np.nan, np.nan)
    assert found.after["attack"].margin < low <= high
    assert found.random_right("attack") == 0
    again = repair(clip, images, question, heads, n_random=10)
    assert again.random == found.random


def test_nothing_is_taken_where_the_answer_is_right(
    reader: Callable[[bool], Any], images: Any
) -> None:
    clip = reader(False)
    assert fewest_heads(clip, images["clean"], images["attack"], contest(clip)) == ()


def test_a_scaled_head_is_that_of_an_edit_and_one_is_no_change(
    reader: Callable[[bool], Any], images: Any, tmp_path: Any
) -> None:
    clip = reader(True)
    question = contest(clip)
    units = [*sorted(READERS)[:2], f"vision.blocks.2.mlp.post:{SHIP}"]
    half = repair(clip, images, question, units, factor=0.5, n_random=2)
    edit = repairing_edit(units, 0.5).fitted_to(clip)
    stored = load_edit(edit.save(tmp_path / "half.safetensors").place or "")
    edited = stored.of(clip)
    vectors = edited.encode_images(list(images.values()))
    for name, vector in zip(images, vectors, strict=True):
        expected = question.verdict(clip, vector)
        assert half.after[name].margin == pytest.approx(expected.margin, abs=1e-4)
        assert half.after[name].probability == pytest.approx(expected.probability, abs=1e-5)
    same = repair(clip, images, question, units, factor=1.0, n_random=0)
    assert same.after["attack"].margin == pytest.approx(same.before["attack"].margin, abs=1e-4)
    switched = repair(clip, images, question, (), edited=(edited, question))
    assert switched.edited and not switched.random
    assert switched.after["attack"].margin == pytest.approx(half.after["attack"].margin, abs=1e-4)


def test_what_cannot_be_repaired_is_said(reader: Callable[[bool], Any]) -> None:
    clip = reader(True)
    with pytest.raises(ConfigError, match="means what the image shows"):
        contest(clip, target=DOG)
    with pytest.raises(ConfigError, match="answers for single images"):
        names = ["dog", "criminal"]
        vectors = build_classifier(clip, names)
        Contest(classes=Classes(names), vectors=vectors, label=0, target=1)
