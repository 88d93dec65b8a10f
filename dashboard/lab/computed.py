"""Heads, neurons and repairs of one attacked image, computed once for each image and question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from dashboard.state import BY_PIXELS, identity

if TYPE_CHECKING:
    from attacks.typographic.reading.repair import Contest, HeadGrid, NeuronEffect, Repair
    from clipprobe.edits import Edit
    from clipprobe.models import Clip

SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attacked:
    """One image, clean and with the word on it, and what is asked about it.

    ``key``: of everything that decides the answers, but for the pixels.
    """

    clip: Clip
    clean: Image.Image
    attack: Image.Image
    contest: Contest
    key: str

    @property
    def images(self) -> dict[str, Image.Image]:
        """Condition -> image."""
        return {"clean": self.clean, "attack": self.attack}


def question_key(clip: Clip, contest: Contest, templates: Sequence[str]) -> str:
    """A key of model, classes, prompts and the two classes that are compared."""
    facts = [identity(clip), contest.classes.names, list(templates), contest.label, contest.target]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def head_grid(one: Attacked) -> HeadGrid:
    """What removing each head does on both images."""
    return _head_grid(one.clip, one.contest, one.key, (one.clean, one.attack))


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=BY_PIXELS)
def _head_grid(
    _clip: Clip, _contest: Contest, key: str, images: tuple[Image.Image, ...]
) -> HeadGrid:
    from attacks.typographic.reading.repair import without_each_head

    return without_each_head(_clip, images, _contest)


def neurons(one: Attacked, block: int) -> list[NeuronEffect]:
    """The neurons of a block that do most for the word on the attacked image."""
    return _neurons(one.clip, one.contest, one.key, one.attack, block)


@st.cache_resource(show_spinner=False, max_entries=256, hash_funcs=BY_PIXELS)
def _neurons(
    _clip: Clip, _contest: Contest, key: str, image: Image.Image, block: int
) -> list[NeuronEffect]:
    from attacks.typographic.reading.repair import neurons_of_block

    return neurons_of_block(_clip, image, _contest, block)


def fewest(one: Attacked) -> tuple[str, ...]:
    """The heads whose removal brings the answer back, or the best few that do not."""
    return _fewest(one.clip, one.contest, one.key, one.clean, one.attack)


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=BY_PIXELS)
def _fewest(
    _clip: Clip, _contest: Contest, key: str, clean: Image.Image, attack: Image.Image
) -> tuple[str, ...]:
    from attacks.typographic.reading.repair import fewest_heads

    return fewest_heads(_clip, clean, attack, _contest)


def repaired(
    one: Attacked, units: Sequence[str], factor: float, edited: tuple[Clip, Contest] | None
) -> Repair:
    """The answers with and without, and with random units in their place."""
    mark = "" if edited is None else identity(edited[0])
    return _repaired(
        one.clip, one.contest, edited, one.key, mark, tuple(units), factor, one.clean, one.attack
    )


@st.cache_resource(show_spinner=False, max_entries=128, hash_funcs=BY_PIXELS)
def _repaired(
    _clip: Clip,
    _contest: Contest,
    _edited: tuple[Clip, Contest] | None,
    key: str,
    edits: str,
    units: tuple[str, ...],
    factor: float,
    clean: Image.Image,
    attack: Image.Image,
) -> Repair:
    from attacks.typographic.reading.repair import repair

    images = {"clean": clean, "attack": attack}
    return repair(_clip, images, _contest, units, factor=factor, edited=_edited)


def stored_edits(folder: Path) -> Mapping[str, Path]:
    """The edits that were saved beside the runs, by name."""
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def open_edits(places: Sequence[Path]) -> list[Edit]:
    """Stored edits, in order.

    Raises:
        ConfigError: one cannot be read.
    """
    from clipprobe.edits import load_edit

    return [load_edit(place) for place in places]
