"""Atlases, and what their units do on images and texts, kept between reruns: bounded.

Atlases are shared by all browser sessions and are only read.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from clipprobe.errors import UnsupportedModelError
from clipprobe.identity import Identity
from dashboard.byte_cache import byte_cached
from dashboard.settings import edit_files, model_spec
from dashboard.state import BY_PIXELS, chosen_edits, chosen_spec, load_model

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons import Atlas, TextMap, UnitMap
    from clipprobe.neurons.atlas.unit_table import UnitTable
    from clipprobe.runs import RunView


def open_atlas(run: RunView) -> Atlas:
    """The atlas in a run folder, read again when its manifest changes."""
    stamp = hashlib.sha256(json.dumps(run.manifest, sort_keys=True).encode()).hexdigest()
    return _atlas(run.path, stamp)


@byte_cached(most_mb=400, show_spinner="Reading the atlas…")
def _atlas(path: Path, stamp: str) -> Atlas:
    from clipprobe.neurons import Atlas

    return Atlas.load(path)


def model_of(atlas: Atlas) -> tuple[Clip, str | None]:
    """The model that the atlas was made with, if the dashboard has it, and how it was named.

    Raises:
        UnsupportedModelError: neither this session nor the dashboard has chosen it.
        UnknownModelError: the model cannot be loaded.
    """
    from clipprobe.models.checkpoints.bundled import BUNDLED_NAME

    model = atlas.config["model"]
    identity = Identity.stored(model)
    ways = [(chosen_spec(), chosen_edits()), (model_spec(), edit_files()), (model_spec(), ())]
    if model["id"] == BUNDLED_NAME:
        ways.append((None, ()))
    clips = []
    for spec, edits in dict.fromkeys(ways):
        clips.append(load_model(spec, edits))
        if clips[-1].identity == identity:
            return clips[-1], spec
    raise UnsupportedModelError(
        f"This atlas is of {model['id']} (weights {identity}) and the "
        f"dashboard runs {clips[0].id} (weights {clips[0].identity}), so maps cannot be "
        "computed: choose the model of the atlas at the top, or start with its --edit."
    )


def atlas_key(atlas: Atlas) -> str:
    """A key of everything that decides an atlas, and of where it lies."""
    facts = json.dumps(atlas.config, sort_keys=True)
    return f"{atlas.path}:{hashlib.sha256(facts.encode()).hexdigest()}"


@byte_cached(most_mb=64)
def unit_table(_atlas: Atlas, atlas: str, site: str) -> UnitTable:
    """The statistics of all units of a hook point of an atlas."""
    return _atlas.table(site)


@st.cache_data(show_spinner=False, max_entries=256)
def atlas_view(_clip: Clip, key: str, _atlas: Atlas, atlas: str, number: int) -> Image.Image:
    """An image of an atlas as the model sees it.

    Raises:
        UnreadableImageError: the image is no longer where the scan found it.
    """
    view: Image.Image = _clip.preprocess.to_grid(_atlas.picture(number))
    return view


@st.cache_resource(show_spinner="Running the model…", max_entries=512, hash_funcs=BY_PIXELS)
def unit_on(_clip: Clip, key: str, address: str, image: Image.Image) -> UnitMap:
    """A unit's activation over one image.

    Raises:
        UnsupportedHookError: its hook point has no places on an image.
    """
    from clipprobe.neurons import unit_map

    return unit_map(_clip, image, address)


@st.cache_resource(show_spinner="Running the model…", max_entries=128)
def unit_on_text(_clip: Clip, key: str, address: str, text: str) -> TextMap:
    """A unit's activation on the tokens of one text."""
    from clipprobe.neurons import text_map

    return text_map(_clip, text, address)
