"""Heads, neurons and repairs of one attacked image, computed once for each image and question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from attacks.typographic.reading.repair import (
    Contest,
    HeadGrid,
    NeuronEffect,
    Repair,
    fewest_heads,
    neurons_of_block,
    repair,
    without_each_head,
)
from clipprobe.models import Clip
from dashboard.state import identity, pixels

SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attacked:
    """One image, clean and with the word on it, and what is asked about it."""

    clip: Clip
    clean: Image.Image
    attack: Image.Image
    contest: Contest
    templates: tuple[str, ...]

    @property
    def images(self) -> dict[str, Image.Image]:
        """Condition -> image."""
        return {"clean": self.clean, "attack": self.attack}

    def key(self) -> str:
        """Of model, classes, prompts, the two classes that are compared, and every pixel."""
        contest = self.contest
        facts = [identity(self.clip), contest.classes.names, self.templates, contest.label]
        facts += [contest.target, pixels(self.clean), pixels(self.attack)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


BY_QUESTION: Any = {Attacked: Attacked.key}


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=BY_QUESTION)
def head_grid(one: Attacked) -> HeadGrid:
    """What removing each head does on both images."""
    return without_each_head(one.clip, (one.clean, one.attack), one.contest)


def head_names(one: Attacked) -> list[list[str]]:
    """The heads of each block, as the widget has them."""
    return [[short_name(address) for address in row] for row in head_grid(one).heads]


def short_name(address: str) -> str:
    """``vision.blocks.3.attn.z:2`` as ``3:2``."""
    return f"{address.split('.')[2]}:{address.rpartition(':')[2]}"


@st.cache_resource(show_spinner=False, max_entries=256, hash_funcs=BY_QUESTION)
def neurons(one: Attacked, block: int) -> list[NeuronEffect]:
    """The neurons of a block that do most for the word on the attacked image."""
    return neurons_of_block(one.clip, one.attack, one.contest, block)


@st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=BY_QUESTION)
def fewest(one: Attacked) -> tuple[str, ...]:
    """The heads whose removal brings the answer back, or the best few that do not."""
    return fewest_heads(one.clip, one.clean, one.attack, one.contest)


@st.cache_resource(show_spinner=False, max_entries=128, hash_funcs=BY_QUESTION)
def repaired(one: Attacked, units: Sequence[str], factor: float, edited: Attacked | None) -> Repair:
    """The answers with and without, and with random units in their place.

    Args:
        edited: The same under stored edits.
    """
    changed = None if edited is None else (edited.clip, edited.contest)
    return repair(one.clip, one.images, one.contest, units, factor=factor, edited=changed)


def stored_edits(folder: Path) -> Mapping[str, Path]:
    """The edits that were saved beside the runs, by name."""
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}
