"""Probe sets: balanced, unseen, and readable like a user's own images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from clipprobe.data import decode_image, open_dataset
from clipprobe.stimuli import Picture, Word, concept_set, concepts, people_set, render, write_set
from clipprobe.stimuli.splits import (
    TRAINED_FONTS,
    TRAINED_GROUNDS,
    TRAINED_ROTATIONS,
    TRAINED_SIZES,
    TRAINED_STYLES,
    UNSEEN_FONTS,
    UNSEEN_GROUNDS,
    UNSEEN_STYLES,
    draw_from,
    draw_rotation,
)


def test_what_is_unseen_is_not_trained_on() -> None:
    assert not set(TRAINED_FONTS) & set(UNSEEN_FONTS)
    assert not set(TRAINED_GROUNDS) & set(UNSEEN_GROUNDS)
    assert not set(TRAINED_STYLES) & set(UNSEEN_STYLES)


def test_every_concept_appears_as_often_and_on_unseen_ground() -> None:
    for modality in ("picture", "drawing", "word"):
        samples = list(concept_set(modality, per_concept=2))
        assert Counter(s.label for s in samples) == {c.name: 2 for c in concepts()}
        assert len({s.id for s in samples}) == len(samples)
        assert {s.scene.background.kind for s in samples} <= set(UNSEEN_GROUNDS)


def test_a_seed_draws_its_own_set_and_concepts_do_not_disturb_each_other() -> None:
    first = list(concept_set("picture", seed=1))
    assert first == list(concept_set("picture", seed=1))
    assert first != list(concept_set("picture", seed=2))
    assert concept_set("picture", seed=1, per_concept=3)[0] == first[0]


def test_a_set_can_be_read_twice() -> None:
    for samples in (concept_set("word", names=concepts()[:3]), people_set(per_cell=1)):
        assert list(samples) == list(samples) and len(samples) == len({s.id for s in samples}) > 0


def test_words_and_pictures_show_what_they_say() -> None:
    for sample in concept_set("word"):
        (item,) = sample.scene.items
        assert isinstance(item, Word) and item.text == sample.label and item.font in UNSEEN_FONTS
    for sample in concept_set("picture", styles=UNSEEN_STYLES):
        (item,) = sample.scene.items
        assert isinstance(item, Picture) and item.concept == sample.label
        assert item.style == sample.attributes["style"] == "fluent"


def test_people_are_balanced() -> None:
    samples = list(people_set(per_cell=3))
    cells = Counter((s.attributes["perceived_gender"], s.attributes["skin_tone"]) for s in samples)
    assert set(cells.values()) == {3} and len(cells) == 10


def test_a_written_set_reads_back_as_a_data_set(tmp_path: Path) -> None:
    samples = list(people_set(per_cell=1))
    table = write_set(iter(samples), tmp_path / "people")
    records = {r.id: r for r in open_dataset(table).records}
    assert len(records) == len(samples)
    for sample in samples:
        record = records[f"{sample.id}.png"]
        assert record.label == "person"
        assert record.attributes["skin_tone"] == sample.attributes["skin_tone"]
        drawn = np.asarray(render(sample.scene).image)
        assert np.array_equal(np.asarray(decode_image(record.source)), drawn)


def test_sizes_and_rotations_of_a_set_are_unseen_ones() -> None:
    for modality in ("picture", "drawing"):
        for sample in concept_set(modality):
            (item,) = sample.scene.items
            assert isinstance(item, Picture)
            assert not any(low < item.size < high for low, high in TRAINED_SIZES)
            assert not any(low < abs(item.rotation) < high for low, high in TRAINED_ROTATIONS)


def test_bands_are_drawn_from_evenly() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([draw_from(((0.0, 1.0), (5.0, 8.0)), rng) for _ in range(4000)])
    assert ((drawn <= 1) | (drawn >= 5)).all() and drawn.max() <= 8
    assert abs((drawn < 2).mean() - 0.25) < 0.03
    turns = np.array([draw_rotation(((10.0, 18.0),), rng) for _ in range(400)])
    assert (abs(turns) >= 10).all() and 0.4 < (turns > 0).mean() < 0.6
