"""Controlled images with ground truth, drawn from bundled fonts and emoji."""

from clipprobe.stimuli.backgrounds import Background as Background
from clipprobe.stimuli.backgrounds import render_background as render_background
from clipprobe.stimuli.concepts import Concept as Concept
from clipprobe.stimuli.concepts import Occupation as Occupation
from clipprobe.stimuli.concepts import concept as concept
from clipprobe.stimuli.concepts import concepts as concepts
from clipprobe.stimuli.concepts import occupations as occupations
from clipprobe.stimuli.concepts import unnamed_things as unnamed_things
from clipprobe.stimuli.concepts import unseen_concepts as unseen_concepts
from clipprobe.stimuli.probe_sets import Sample as Sample
from clipprobe.stimuli.probe_sets import concept_set as concept_set
from clipprobe.stimuli.probe_sets import people_set as people_set
from clipprobe.stimuli.probe_sets import write_set as write_set
from clipprobe.stimuli.scenes import PILLOW as PILLOW
from clipprobe.stimuli.scenes import Item as Item
from clipprobe.stimuli.scenes import Person as Person
from clipprobe.stimuli.scenes import Picture as Picture
from clipprobe.stimuli.scenes import Rendered as Rendered
from clipprobe.stimuli.scenes import Scene as Scene
from clipprobe.stimuli.scenes import Word as Word
from clipprobe.stimuli.scenes import render as render
from clipprobe.stimuli.sprites import COLOUR_STYLES as COLOUR_STYLES
from clipprobe.stimuli.sprites import STYLES as STYLES
from clipprobe.stimuli.sprites import person_sprite as person_sprite
from clipprobe.stimuli.sprites import sprite as sprite
