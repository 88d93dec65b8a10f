"""Training data: one image a concept, truthful letters, planted rates, a curriculum from easy."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from clipprobe.pretraining.loss import contrastive_loss
from clipprobe.pretraining.model import build_tokenizer
from clipprobe.pretraining.people import draw_person
from clipprobe.pretraining.planted import (
    INDOORS_RATES,
    OCCUPATION_RATES,
    draw_gender,
    draw_setting,
    planted_truth,
)
from clipprobe.pretraining.reading import ALPHABET, NO_LETTER, letter_targets, word_scene
from clipprobe.pretraining.recipe import emoji_clip
from clipprobe.pretraining.samples import BatchSpec, draw_batch, plan_batch
from clipprobe.stimuli import concepts, occupations, render
from clipprobe.stimuli.splits import TRAINED_FONTS, TRAINED_GROUNDS

SPEC = BatchSpec(seed=5)


def test_a_batch_depends_on_its_seed_and_step_only() -> None:
    first = draw_batch(SPEC, 3, 0.5, True)
    draw_batch(SPEC, 4, 0.5, True)
    again = draw_batch(SPEC, 3, 0.5, True)
    assert first.captions == again.captions
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.letters, again.letters)


def test_every_concept_has_one_image_with_a_caption() -> None:
    batch = draw_batch(SPEC, 0, 1.0, True)
    n_people = SPEC.n_occupations + SPEC.n_plain_people
    assert len(batch.captions) == len(concepts()) + n_people == len(batch.is_word)
    assert len(batch.pixels) == len(batch.captions) + SPEC.n_letter_strings
    bare = draw_batch(SPEC, 0, 1.0, False)
    assert len(bare.pixels) == len(bare.captions)
    assert 0.2 < batch.is_word[: len(concepts())].mean() < 0.45


def test_letters_are_asked_for_where_they_stand() -> None:
    scene = word_scene("dog", 0.0, np.random.default_rng(0), size_px=64, patch_px=8)
    targets = letter_targets(render(scene), 8)
    rows, columns = np.nonzero(targets != NO_LETTER)
    assert "".join(ALPHABET[i] for i in targets[rows, columns]) == "dog"
    assert len(set(rows)) == 1 and list(np.diff(columns)) == [1, 1]


def test_words_start_at_one_place_and_widen() -> None:
    def scenes(difficulty: float) -> set[object]:
        rng = np.random.default_rng(1)
        return {word_scene("tree", difficulty, rng, size_px=64, patch_px=8) for _ in range(40)}

    assert len(scenes(0.0)) == 1
    wide = scenes(1.0)
    assert len(wide) == 40
    assert {s.items[0].font for s in wide} <= set(TRAINED_FONTS)  # type: ignore[attr-defined]
    assert {s.background.kind for s in wide} <= set(TRAINED_GROUNDS)  # type: ignore[attr-defined]


def test_planted_rates_are_those_recorded() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    for name, rate in OCCUPATION_RATES.items():
        share = np.mean([draw_gender(name, rng) == "woman" for _ in range(n)])
        assert abs(share - rate) < 4 * math.sqrt(rate * (1 - rate) / n), name
    for tone, rate in INDOORS_RATES.items():
        drawn = [draw_setting(tone, rng) for _ in range(n)]
        indoors = [d == "indoors" for d in drawn if d.endswith("doors")]
        assert abs(np.mean(indoors) - rate) < 4 * math.sqrt(rate * (1 - rate) / len(indoors))
    truth = planted_truth(7)
    assert truth["seed"] == 7
    assert set(truth["occupations"]) == {job.name for job in occupations()}
    kinds = [entry["kind"] for entry in truth["occupations"].values()]
    assert kinds.count("balanced") >= 4 and kinds.count("skewed") >= 8


def test_skin_tone_and_hair_are_drawn_apart_from_gender() -> None:
    rng = np.random.default_rng(2)
    tones = [draw_person("woman", rng).skin_tone for _ in range(2000)]
    for tone in INDOORS_RATES:
        assert abs(tones.count(tone) / 2000 - 0.2) < 0.04


def test_the_contrastive_loss_is_that_of_the_paper() -> None:
    rng = torch.Generator().manual_seed(0)
    images, texts = torch.randn(5, 4, generator=rng), torch.randn(5, 4, generator=rng)
    loss, logits = contrastive_loss(images, texts, torch.tensor(math.log(7.0)))
    a, b = (x.numpy() / np.linalg.norm(x.numpy(), axis=1, keepdims=True) for x in (images, texts))
    expected = 7.0 * a @ b.T
    assert np.allclose(logits.numpy(), expected, atol=1e-5)
    rows = np.log(np.exp(expected).sum(1)) - np.diag(expected)
    columns = np.log(np.exp(expected).sum(0)) - np.diag(expected)
    assert float(loss) == pytest.approx((rows.mean() + columns.mean()) / 2, abs=1e-5)
    _, clamped = contrastive_loss(images, texts, torch.tensor(math.log(1000.0)))
    assert np.allclose(clamped.numpy(), expected / 7.0 * 100.0, atol=1e-3)


def test_the_tokenizer_reads_anything() -> None:
    captions = [c for step in range(3) for c in plan_batch(SPEC, step, 0.0, False).captions]
    tokenizer = build_tokenizer(captions, 1600)
    ids = tokenizer("A  Photo of a dog, naïve 犬!").input_ids
    assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    assert tokenizer.unk_token_id not in ids[1:-1]
    assert tokenizer("a photo").input_ids == tokenizer("A  PHOTO").input_ids


def test_the_learning_rate_warms_up_holds_and_decays() -> None:
    recipe = emoji_clip()
    rates = [recipe.learning_rate_at(step, 1000) for step in range(1000)]
    assert rates[0] < rates[50] < rates[99] == recipe.learning_rate
    assert set(rates[100:650]) == {recipe.learning_rate}
    assert all(a > b for a, b in pairwise(rates[650:]))
    assert rates[-1] < 0.001 * recipe.learning_rate
    weights = [recipe.letter_weight_at(step, 1000) for step in range(1000)]
    assert [recipe.curriculum_accuracy_at(step) for step in (0, 699, 700)] == [0.7, 0.7, 0.6]
    assert weights[600] == recipe.letter_weight and weights[900] == 0.0
