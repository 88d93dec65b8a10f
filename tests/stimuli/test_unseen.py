"""Things that the bundled model never saw: in lists of their own, and drawn in every style."""

from __future__ import annotations

import pytest

from clipprobe.errors import ConfigError
from clipprobe.stimuli import (
    Picture,
    Scene,
    concept_set,
    concepts,
    occupations,
    render,
    sprite,
    unnamed_things,
    unseen_concepts,
)
from clipprobe.stimuli.concepts import PERSON_CODEPOINTS
from clipprobe.stimuli.probe_sets import MODALITIES
from clipprobe.stimuli.splits import UNSEEN_STYLES
from clipprobe.stimuli.sprites import STYLES, TRAINING_STYLES, training_sprite, training_styles


def test_unseen_concepts_share_no_word_and_no_picture_with_those_that_are_trained_on() -> None:
    unseen = unseen_concepts()
    assert len(unseen) == len({c.name for c in unseen}) == 24
    known = {w for c in concepts() for w in (c.name, c.plural, *c.synonyms)}
    known |= {job.name for job in occupations()} | {"woman", "man"}
    for thing in unseen:
        assert not {thing.name, thing.plural, *thing.synonyms} & known
        assert 4 <= len(thing.name) <= 8 and thing.name.islower()
    codes = [c.codepoint for c in (*concepts(), *unseen)] + list(unnamed_things())
    assert len(codes) == len(set(codes)) == len(concepts()) + 24 + len(unnamed_things())
    assert not set(codes) & set(PERSON_CODEPOINTS.values())
    assert len(unnamed_things()) >= 80


def test_unseen_concepts_are_drawn_in_every_style_and_modality() -> None:
    names = [c.name for c in unseen_concepts()]
    known = {sprite(c.name, style=style).tobytes() for c in concepts() for style in STYLES}
    for style in STYLES:
        pixels = {sprite(name, style=style).tobytes() for name in names}
        assert len(pixels) == len(names) and not pixels & known, style
    for modality in MODALITIES:
        samples = list(concept_set(modality, names=unseen_concepts()))
        assert [s.label for s in samples] == names
        assert len({render(s.scene).image.tobytes() for s in samples}) == len(names)


def test_unnamed_things_are_drawn_in_one_style_and_no_other() -> None:
    known = {sprite(c.name, size=64).tobytes() for c in (*concepts(), *unseen_concepts())}
    pixels = {sprite(code, size=64).tobytes() for code in unnamed_things()}
    assert len(pixels) == len(unnamed_things()) and not pixels & known
    scene = Scene(items=(Picture(concept=unnamed_things()[0]),))
    assert render(scene).masks[0].sum() > 200
    with pytest.raises(ConfigError, match="No concept is called"):
        sprite(unnamed_things()[0], style="twemoji")


def test_styles_that_only_training_has_know_most_concepts_and_are_no_held_out_style() -> None:
    assert not set(TRAINING_STYLES) & {*STYLES, *UNSEEN_STYLES}
    having = [c.name for c in concepts() if training_styles(c.name)]
    assert len(having) > 0.75 * len(concepts())
    assert not any(training_styles(c.name) for c in unseen_concepts())
    for style in training_styles("dog"):
        drawn = training_sprite("dog", style=style, size=64)
        assert drawn.size == (64, 64) and drawn.getchannel("A").getextrema() == (0, 255)
