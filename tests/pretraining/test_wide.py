"""Images of the wide domain: true captions, no concept twice, nothing that is to stay unseen."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from clipprobe.errors import ConfigError
from clipprobe.pretraining import captions
from clipprobe.pretraining.captions import COLOURS
from clipprobe.pretraining.reading import IGNORE, NO_LETTER
from clipprobe.pretraining.samples import BatchSpec, plan_batch
from clipprobe.pretraining.stages import STAGES, WideMix
from clipprobe.pretraining.wide import texts as written
from clipprobe.pretraining.wide import things
from clipprobe.pretraining.wide.backgrounds import PATTERNS, draw_background
from clipprobe.pretraining.wide.batches import KINDS, Shot, _countable, draw_shots, draw_wide
from clipprobe.pretraining.wide.canvas import LARGER_SIZES, WIDE_SIZES, Canvas, blank
from clipprobe.pretraining.wide.writing import LEAST_CONTRAST, LUMA, draw_hand, write
from clipprobe.stimuli import Concept, Picture, Word, concepts, unseen_concepts
from clipprobe.stimuli.splits import (
    TRAINED_FONTS,
    TRAINED_STYLES,
    UNSEEN_FONTS,
    UNSEEN_GROUNDS,
    UNSEEN_SIZES,
    UNSEEN_STYLES,
)
from clipprobe.stimuli.sprites import TRAINING_STYLES

SPEC = BatchSpec(seed=5)
SMALL = WideMix(
    **dict.fromkeys(KINDS, 2) | {"picture": 4},  # type: ignore[arg-type]
    n_occupations=2,
)


def shots(n_steps: int, mix: WideMix = WideMix()) -> list[Shot]:  # noqa: B008
    return [shot for step in range(n_steps) for shot in draw_shots(SPEC, mix, step)]


def canvas(rng: np.random.Generator) -> Canvas:
    return blank(rng, size_px=64, patch_px=8)


def test_the_last_stages_are_wide_and_a_batch_depends_on_seed_and_step_only() -> None:
    stage = STAGES[-1]
    wide = [later.wide is not None for later in STAGES]
    assert wide[-1] and wide == sorted(wide) and not wide[0]
    spec = replace(SPEC, stages=(replace(stage, wide=SMALL),))
    step = stage.from_step + 3
    first = spec.draw(step, 1.0)
    spec.draw(step + 1, 1.0)
    again = spec.draw(step, 1.0)
    assert first.texts() == again.texts()
    for name in ("pixels", "letters", "kept"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.pixels, spec.draw(step + 1, 1.0).pixels)


@pytest.mark.parametrize("mix", [stage.wide for stage in STAGES if stage.wide is not None])
def test_a_batch_holds_what_its_mix_says_and_no_concept_twice(mix: WideMix) -> None:
    batch = list(draw_shots(SPEC, mix, 0))
    count = Counter(shot.kind for shot in batch)
    assert {kind: count[kind] for kind in KINDS} == {kind: getattr(mix, kind) for kind in KINDS}
    assert count["person"] == 2 * mix.twins * mix.n_occupations + mix.n_plain_people
    shown = [name for shot in batch for name in shot.concepts]
    assert len(shown) == len(set(shown)) > 120
    with pytest.raises(ConfigError, match="more than the 224 concepts"):
        list(draw_shots(SPEC, replace(mix, picture=300), 0))


def test_a_number_of_things_is_only_asked_of_what_can_be_counted() -> None:
    mass = [c for c in concepts() if c.kind != "count"]
    ring = next(c for c in concepts() if c.name == "ring")
    deck = [ring, *mass[1:]]
    assert _countable(mass[0], deck) is ring and set(deck) == set(mass)
    with pytest.raises(ConfigError, match="can be several"):
        _countable(mass[0], list(mass[1:]))


def test_texts_belong_to_their_images() -> None:
    batch = draw_wide(SPEC, SMALL, 1, 32)
    owners, texts = batch.owners(), batch.texts()
    n = len(batch.captions)
    assert len(owners) == len(texts) > n and list(owners[:n]) == list(range(n))
    assert (owners == -1).any() and (owners[n:] >= 0).any()
    true = {text for i, text in zip(owners, texts, strict=True) if i >= 0}
    wrong = [t for i, t in enumerate(texts) if owners[i] < 0]
    assert all(owners[text] != image for image, text in batch.also)
    # A near miss is true of no other image, but for inks, which count neither way then.
    told = [t for t in wrong if t in true]
    inks = {texts[text] for _, text in batch.also}
    assert set(told) <= inks


def test_two_images_in_one_ink_are_not_pushed_from_a_caption_that_says_nothing_else() -> None:
    mix = replace(SMALL, ink=60, picture=0, two_things=0, many_things=0)
    batch = draw_wide(SPEC, mix, 0, 32)
    said = [s.wording for s in draw_shots(SPEC, mix, 0)]
    texts, owners = batch.texts(), batch.owners()
    pairs = set(batch.also)
    n_ink = 0
    for text, line in enumerate(texts):
        colour = next((s.inks[line] for s in said if line in s.inks), None)
        same = {i for i, s in enumerate(said) if colour and s.ink == colour} - {owners[text]}
        assert {i for i, t in pairs if t == text} == same
        if colour:
            assert re.findall("|".join(COLOURS), line) == [colour]
            n_ink += 1
    assert n_ink == 2 * 60 and len(pairs) > 200


def test_what_is_never_shown_is_neither_shown_nor_spoken_of_nor_written() -> None:
    unseen = {w for c in unseen_concepts() for w in (c.name, c.plural)}
    known = {c.name for c in concepts()}
    said, drawn = set(), set()
    for shot in shots(4):
        drawn |= set(shot.concepts)
        said |= {
            w
            for t in (*shot.wording.captions, *shot.wording.near_misses)
            for w in re.findall("[a-z]+", t)
        }
    for stage in (early for early in STAGES if early.wide is None):
        for step in range(stage.from_step, stage.from_step + 12):
            plan = plan_batch(SPEC, step, 1.0)
            said |= {w for text in plan.captions for w in re.findall("[a-z]+", text)}
            for scene in plan.scenes:
                drawn |= {i.concept for i in scene.items if isinstance(i, Picture)}
                said |= {i.text.lower() for i in scene.items if isinstance(i, Word)}
    assert len(drawn & known) > 200 and not drawn - known
    assert len(said & known) > 200 and not said & unseen
    assert not any(word in text for text in said for word in unseen)


def test_relations_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    put, places = Canvas.put, []

    def noting(onto, concept, side, center, rng) -> None:  # type: ignore[no-untyped-def]
        places.append((concept, np.array(center)))
        put(onto, concept, side, center, rng)

    monkeypatch.setattr(Canvas, "put", noting)
    names = concepts()
    rng = np.random.default_rng(0)
    seen = Counter()
    signs = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "over": (1, -1)}
    signs |= {"below": (1, 1), "under": (1, 1)}
    sides = {"on the left": (0, -1), "on the right": (0, 1), "at the top": (1, -1)}
    sides |= {"at the bottom": (1, 1)}
    for _ in range(120):
        places.clear()
        a, b = (names[int(i)] for i in rng.permutation(len(names))[:2])
        said = things.two_things(canvas(rng), [a, b], rng)
        lines = [(text, True) for text in said.captions] + [
            (text, False) for text in said.near_misses
        ]
        for text, true in lines:
            word = next((w for w in signs if f" {w} " in text), None)
            word = word or next((w for w in sides if text.endswith(w)), None)
            if word is None:
                continue
            seen[word, true] += 1
            axis, sign = (signs | sides)[word]
            first = int(_place_in(b, text) < _place_in(a, text))
            middle = places[1 - first][1][axis] if word in signs else 0.5
            assert bool(np.sign(places[first][1][axis] - middle) == sign) == true, text
    assert set(seen) == {(word, true) for word in (*signs, *sides) for true in (True, False)}


def _place_in(concept: Concept, text: str) -> float:
    """Where a text speaks of a thing; infinite where it does not."""
    words = [concept.name, *concept.synonyms]
    return min((m.start() for w in words for m in re.finditer(rf"\b{w}\b", text)), default=np.inf)


def test_counts_are_those_drawn() -> None:
    rng = np.random.default_rng(1)
    thing = next(c for c in concepts() if c.name == "coin")
    numbers = Counter()
    for _ in range(40):
        said = things.number(canvas(rng), [thing], rng)
        right = [n for n in range(1, 5) if captions.counted(thing, n) in said.captions[0]]
        assert len(right) == 1 and said.near_misses
        assert captions.counted(thing, right[0]) not in said.near_misses
        numbers[right[0]] += 1
    assert set(numbers) == {1, 2, 3, 4}


def test_words_can_be_read_and_their_letters_are_where_the_targets_say() -> None:
    rng = np.random.default_rng(2)
    n_named = n_ink = 0
    for _ in range(60):
        made = canvas(rng)
        before = np.asarray(made.image).astype(float) @ LUMA
        write(made, "tractor", replace(draw_hand(rng), outline_px=0, hollow=False), rng)
        after = np.asarray(made.image).astype(float) @ LUMA
        assert made.writing.any()
        # What is inked stands out from what stands beside it, or from the box.
        changed = np.abs(after - before)
        n_ink += changed[made.writing].max() > LEAST_CONTRAST / 2
        named = (made.letters[..., 1] >= 0) & (made.letters[..., 1] < NO_LETTER)
        inked = made.writing.reshape(8, 8, 8, 8).any(axis=(1, 3))
        n_named += int(named.sum())
        assert (inked[named]).mean() > 0.8
    assert n_ink == 60 and n_named > 60 * 3


def test_labels_leave_the_thing_in_sight_and_a_blank_one_has_no_letters() -> None:
    rng = np.random.default_rng(3)
    shares = []
    for concept in concepts()[:60]:
        made = canvas(rng)
        state = rng.bit_generator.state
        written.blank_label(made, [concept], rng)
        alone = canvas(np.random.default_rng(0))
        rng.bit_generator.state = state
        alone.place(concept, rng, LARGER_SIZES)
        assert not made.writing.any() and (made.letters == IGNORE).all()
        assert np.array_equal(made.things, alone.things)
        shares.append(made.things.mean())
    assert min(shares) > 0.01


def test_held_out_sizes_fonts_grounds_and_styles_stay_held_out() -> None:
    ((low, high),) = UNSEEN_SIZES
    assert all(high <= a or b <= low for a, b in WIDE_SIZES)
    assert min(a for a, _ in WIDE_SIZES) == 0.25
    rng = np.random.default_rng(4)
    fonts = {draw_hand(rng).font for _ in range(300)}
    assert fonts == set(TRAINED_FONTS) and not fonts & set(UNSEEN_FONTS)
    assert not set(PATTERNS) & set(UNSEEN_GROUNDS)
    assert not {*TRAINED_STYLES, *TRAINING_STYLES} & set(UNSEEN_STYLES)


def test_grounds_are_of_many_colours() -> None:
    rng = np.random.default_rng(5)
    means = np.stack(
        [np.asarray(draw_background(rng, 32)[0]).mean(axis=(0, 1)) for _ in range(200)]
    )
    assert (means.std(axis=0) > 40).all()
    named = [draw_background(rng, 32) for _ in range(300)]
    for image, name in named:
        if name:
            gap = np.asarray(image)[0, 0].astype(float) - COLOURS[name]
            assert np.abs(gap).max() < 60
    assert {name for _, name in named if name} >= {"red", "blue"}


def test_twins_of_the_wide_domain_differ_in_gender_alone() -> None:
    people = [shot for shot in draw_shots(SPEC, SMALL, 0) if shot.kind == "person"]
    twins = people[: 2 * SMALL.twins * SMALL.n_occupations]
    for first, second in zip(twins[::2], twins[1::2], strict=True):
        assert first.wording.captions == second.wording.captions
        apart = np.asarray(first.canvas.image) != np.asarray(second.canvas.image)
        corner = ~(first.canvas.things | second.canvas.things)
        assert apart.any() or first.canvas.image == second.canvas.image
        assert apart[corner].mean() < 0.4  # compression and blur alone reach beyond the person
