"""Controlled images with ground truth, drawn from bundled fonts and emoji."""

from clipprobe.stimuli.backgrounds import Background, render_background
from clipprobe.stimuli.concepts import (
    Concept,
    Occupation,
    concept,
    concepts,
    occupations,
    unnamed_things,
    unseen_concepts,
)
from clipprobe.stimuli.probe_sets import Sample, concept_set, people_set, write_set
from clipprobe.stimuli.scenes import PILLOW, Item, Person, Picture, Rendered, Scene, Word, render
from clipprobe.stimuli.sprites import COLOUR_STYLES, STYLES, person_sprite, sprite

__all__ = [
    "COLOUR_STYLES",
    "PILLOW",
    "STYLES",
    "Background",
    "Concept",
    "Item",
    "Occupation",
    "Person",
    "Picture",
    "Rendered",
    "Sample",
    "Scene",
    "Word",
    "concept",
    "concept_set",
    "concepts",
    "occupations",
    "people_set",
    "person_sprite",
    "render",
    "render_background",
    "sprite",
    "unnamed_things",
    "unseen_concepts",
    "write_set",
]
