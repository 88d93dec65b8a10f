"""Training data: a concept at most once, truthful letters, planted rates, easy words first."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from clipprobe.errors import ConfigError
from clipprobe.pretraining.model import build_tokenizer
from clipprobe.pretraining.people import draw_person, occupations_of
from clipprobe.pretraining.plan import PEOPLE_AGAIN_FROM, STEPS
from clipprobe.pretraining.planted import (
    INDOORS_RATES,
    OCCUPATION_RATES,
    draw_setting,
    planted_gender,
    planted_truth,
)
from clipprobe.pretraining.reading import (
    ALPHABET,
    IGNORE,
    NO_LETTER,
    letter_string,
    letter_targets,
    word_scene,
)
from clipprobe.pretraining.recipe import emoji_clip
from clipprobe.pretraining.samples import BatchSpec, draw_batch, plan_batch
from clipprobe.pretraining.training.loss import contrastive_loss
from clipprobe.stimuli import Person, Scene, Word, concepts, occupations, render
from clipprobe.stimuli.splits import TRAINED_FONTS, TRAINED_GROUNDS

SPEC = BatchSpec(seed=5)
STUDIO = [stage for stage in SPEC.stages if stage.wide is None]


def test_a_batch_depends_on_its_seed_and_step_only() -> None:
    first = draw_batch(SPEC, 3, 0.5)
    draw_batch(SPEC, 4, 0.5)
    again = draw_batch(SPEC, 3, 0.5)
    assert first.captions == again.captions
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.letters, again.letters)
    assert np.array_equal(first.kept, again.kept)
    assert not np.array_equal(first.kept, draw_batch(SPEC, 4, 0.5).kept)


def test_every_image_has_a_caption_and_no_concept_comes_twice() -> None:
    batch = draw_batch(SPEC, 0, 1.0)
    n_people = SPEC.n_occupations + SPEC.n_plain_people
    assert batch.kinds.count("person") == n_people
    assert batch.kinds.count("letters") == SPEC.n_letter_strings
    n = SPEC.n_concepts + n_people + SPEC.n_letter_strings
    assert n == len(batch.captions) == len(batch.pixels) == len(batch.kinds)
    assert 0.15 < batch.kinds.count("word") / SPEC.n_concepts < 0.45
    alone = [c for c, kind in zip(batch.captions, batch.kinds, strict=True) if kind == "drawing"]
    assert len(set(alone)) == len(alone)


def test_writing_is_kept_when_patches_are_dropped() -> None:
    batch = draw_batch(SPEC, 1, 0.6)
    n_images, n_kept = batch.kept.shape
    assert n_kept == SPEC.kept_patches and (np.diff(batch.kept, axis=1) > 0).all()
    n_letters = n_lost = 0
    for i in range(n_images):
        middle = batch.letters[i, ..., 1].ravel()
        letters = np.flatnonzero((middle >= 0) & (middle < NO_LETTER))
        n_letters += len(letters)
        n_lost += len(np.setdiff1d(letters, batch.kept[i]))
    assert n_letters > 100 and n_lost <= 0.02 * n_letters
    # Where there is no writing, the choice is even over the image.
    bare = batch.kept[[kind == "drawing" for kind in batch.kinds]]
    assert abs((bare < 32).mean() - 0.5) < 0.08


def test_letters_are_asked_for_where_they_stand() -> None:
    scene = word_scene("dog", 0.0, np.random.default_rng(0), size_px=64, patch_px=8)
    targets = letter_targets(render(scene), 8)
    rows, columns = np.nonzero(targets[..., 1] != NO_LETTER)
    around = [["_" if i == NO_LETTER else ALPHABET[i] for i in t] for t in targets[rows, columns]]
    assert ["".join(three) for three in around] == ["_do", "dog", "og_"]
    assert len(set(rows)) == 1 and list(np.diff(columns)) == [1, 1]
    assert (np.delete(targets.reshape(-1, 3), rows * 8 + columns, axis=0)[:, ::2] == IGNORE).all()


def test_a_patch_with_two_letters_is_not_asked() -> None:
    scene = Scene(items=(Word(text="illicit", font="Oswald-Regular", size=0.1),))
    targets = letter_targets(render(scene), 8)
    assert (targets[..., 1] == IGNORE).any()
    assert ((targets[..., 1] >= 0) & (targets[..., 1] < NO_LETTER)).sum() < len("illicit")


def test_letter_strings_are_no_words_and_half_are_scrambled_ones() -> None:
    rng = np.random.default_rng(3)
    words = [concept.name for concept in concepts()]
    strings = [letter_string(words, rng) for _ in range(400)]
    assert not set(strings) & set(words)
    spelled = {"".join(sorted(word)) for word in words}
    share = np.mean(["".join(sorted(string)) in spelled for string in strings])
    assert 0.4 < share < 0.6


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
        dealt = [planted_gender(name, k, seed=3) for k in range(40)]
        assert dealt.count("woman") == round(40 * rate), name
        if rate == 0.5:
            assert dealt[:10] != dealt[10:20] or dealt[10:20] != dealt[20:30]
            assert dealt != [planted_gender(name, k, seed=4) for k in range(40)]
    for tone, rate in INDOORS_RATES.items():
        drawn = [draw_setting(tone, rng) for _ in range(n)]
        indoors = [d == "indoors" for d in drawn if d.endswith("doors")]
        assert abs(np.mean(indoors) - rate) < 4 * math.sqrt(rate * (1 - rate) / len(indoors))
    truth = planted_truth(7)
    assert truth["seed"] == 7
    assert set(truth["occupations"]) == {job.name for job in occupations()}
    kinds = [entry["kind"] for entry in truth["occupations"].values()]
    assert kinds.count("balanced") >= 4 and kinds.count("skewed") >= 8


def test_occupations_take_turns() -> None:
    seen = Counter(shown.job.name for step in range(6) for shown in occupations_of(0, step, 10))
    assert seen == {job.name: 3 for job in occupations()}
    dealt = {
        (shown.job.name, step // 2): shown.gender
        for step in range(20)
        for shown in occupations_of(0, step, 10)
    }
    assert len(dealt) == 10 * len(occupations())
    for name, rate in OCCUPATION_RATES.items():
        assert sum(dealt[name, lap] == "woman" for lap in range(10)) == round(10 * rate)
    with pytest.raises(ConfigError, match="do not divide"):
        occupations_of(0, 0, 7)


def test_twins_keep_the_planted_rates_and_balanced_ones_are_mixed() -> None:
    steps = [occupations_of(0, step, 20, twins=2) for step in range(5)]
    assert all(len(people) == 4 * len(occupations()) for people in steps)
    for name, rate in OCCUPATION_RATES.items():
        shown = [p for people in steps for p in people if p.job.name == name]
        assert sum(p.gender == "woman" for p in shown) == round(20 * rate), name
        assert sum(bool(p.plain) for p in shown) == 10
        for first, second in zip(shown[::2], shown[1::2], strict=True):
            assert first.plain == second.plain
            if rate == 0.5:
                assert (first.gender, second.gender) == ("woman", "man")


def test_twins_alike_differ_in_gender_alone() -> None:
    stage = replace(STUDIO[-1], from_step=0)
    assert stage.alike and stage.twins
    plan = plan_batch(replace(SPEC, stages=(stage,)), 3, 1.0)
    people = [i for i, kind in enumerate(plan.kinds) if kind == "person"]
    twins = people[: 2 * stage.twins * SPEC.n_occupations]
    genders = Counter()
    for a, b in zip(twins[::2], twins[1::2], strict=True):
        (first,), (second,) = plan.scenes[a].items, plan.scenes[b].items
        assert isinstance(first, Person) and isinstance(second, Person)
        genders[first.gender, second.gender] += 1
        assert replace(second, gender=first.gender) == first
        assert plan.scenes[a].background == plan.scenes[b].background
        assert plan.captions[a] == plan.captions[b]
    assert genders["woman", "man"] > 0


def test_busy_grounds_come_late() -> None:
    early, late = STUDIO[0].grounds, STUDIO[-1].grounds
    assert set(early) < set(late) == set(TRAINED_GROUNDS)
    step = STUDIO[-1].from_step

    def kinds(steps: range) -> set[str]:
        return {s.background.kind for at in steps for s in plan_batch(SPEC, at, 1.0).scenes}

    assert kinds(range(8)) <= set(early)
    assert kinds(range(step, step + 8)) > set(early)


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


def test_an_image_with_several_texts_is_told_from_the_texts_of_others() -> None:
    rng = torch.Generator().manual_seed(1)
    images, texts = torch.randn(3, 4, generator=rng), torch.randn(7, 4, generator=rng)
    owners = [0, 1, 2, 0, -1, 2, -1]
    also = [(1, 0)]
    loss, logits = contrastive_loss(
        images, texts, torch.tensor(math.log(5.0)), torch.tensor(owners), also
    )
    assert logits.shape == (3, 7)
    odds = np.exp(logits.numpy().astype(float))
    losses = []
    for text, image in enumerate(owners):
        if image < 0:
            continue
        wrong_texts = [t for t in range(7) if owners[t] != image and (image, t) not in also]
        wrong_images = [i for i in range(3) if i != image and (i, text) not in also]
        right = odds[image, text]
        losses.append(-np.log(right / (right + odds[image, wrong_texts].sum())))
        losses.append(-np.log(right / (right + odds[wrong_images, text].sum())))
    assert len(losses) == 10
    assert float(loss) == pytest.approx(np.mean(losses), abs=1e-5)


def test_the_tokenizer_reads_anything() -> None:
    captions = [c for step in range(3) for c in plan_batch(SPEC, step, 0.0).captions]
    tokenizer = build_tokenizer(captions, 1600)
    ids = tokenizer("A  Photo of a dog, naïve 犬!").input_ids
    assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id
    assert tokenizer.unk_token_id not in ids[1:-1]
    assert tokenizer("a photo").input_ids == tokenizer("A  PHOTO").input_ids


def test_the_learning_rate_warms_up_holds_and_decays() -> None:
    recipe = emoji_clip()
    peak = recipe.rounds[0].learning_rate
    rates = [recipe.learning_rate_at(step, 1000) for step in range(1000)]
    assert rates[0] < rates[50] < rates[199] == peak
    assert set(rates[200:650]) == {peak}
    assert all(a > b for a, b in pairwise(rates[650:]))
    assert rates[-1] < 0.001 * peak
    weights = [recipe.letter_weight_at(step, 1000) for step in range(1000)]
    drops = [recipe.drops_patches_at(step, 1000) for step in range(1000)]
    assert all(drops[:940]) and not any(drops[940:])
    assert weights[600] == recipe.rounds[0].letter_weight and weights[900] == 0.0


def test_the_schedule_begins_anew_with_each_round() -> None:
    recipe = emoji_clip()
    assert recipe.rounds[-1].from_step == SPEC.stages[-1].from_step == PEOPLE_AGAIN_FROM < STEPS
    first_steps = {stage.from_step for stage in SPEC.stages}
    assert {part.from_step for part in recipe.rounds} <= first_steps
    _, second, *_, last = recipe.rounds
    n = last.from_step + 1000
    for part, end in zip(
        recipe.rounds, (*(later.from_step for later in recipe.rounds[1:]), n), strict=True
    ):
        rates = [recipe.learning_rate_at(step, n) for step in range(part.from_step, end)]
        assert rates[0] < max(rates) == part.learning_rate
        assert rates[-1] < 0.001 * part.learning_rate
        assert recipe.drops_patches_at(part.from_step, n)
        assert not recipe.drops_patches_at(end - 1, n)
        assert recipe.letter_weight_at(part.from_step, n) == part.letter_weight
    # A shorter run is the same run, ended by the round that it is in.
    alone = [recipe.learning_rate_at(step, second.from_step) for step in range(second.from_step)]
    assert alone == [recipe.learning_rate_at(step, n) for step in range(second.from_step)]
