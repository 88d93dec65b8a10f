"""Atlases, and what their units do on images and texts, kept between reruns: bounded.

Atlases are shared by all browser sessions and are only read.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import streamlit as st
from PIL import Image

from clipprobe.errors import UnsupportedModelError
from clipprobe.identity import Identity
from clipprobe.models import Clip
from clipprobe.models.checkpoints.bundled import BUNDLED_NAME
from clipprobe.neurons import Atlas, text_map, unit_map
from clipprobe.neurons.atlas.unit_table import UnitTable
from clipprobe.runs import RunView
from dashboard.byte_cache import byte_cached
from dashboard.settings import edit_files, model_spec
from dashboard.snippets import ModelSource
from dashboard.state import BY_CONTENT, chosen_edits, chosen_spec, load_model


def run_key(run: RunView) -> str:
    """A key of where a run lies and of its manifest, which has the hashes of its files."""
    manifest = json.dumps(run.manifest, sort_keys=True)
    return f"{run.path}:{hashlib.sha256(manifest.encode()).hexdigest()}"


@byte_cached(most_mb=400, show_spinner="Reading the atlas…", hash_funcs={RunView: run_key})
def open_atlas(run: RunView) -> Atlas:
    """The atlas in a run folder, read again when its manifest changes."""
    return Atlas.load(run.path)


def model_of(atlas: Atlas) -> tuple[Clip, ModelSource]:
    """The model that the atlas was made with, if the dashboard has it, and how it was named.

    Raises:
        UnsupportedModelError: neither this session nor the dashboard has chosen it.
        UnknownModelError: the model cannot be loaded.
    """
    model = atlas.config["model"]
    identity = Identity.stored(model)
    ways = [(chosen_spec(), chosen_edits()), (model_spec(), edit_files()), (model_spec(), ())]
    if model["id"] == BUNDLED_NAME:
        ways.append((None, ()))
    clips = []
    for spec, edits in dict.fromkeys(ways):
        clips.append(load_model(spec, edits))
        if clips[-1].identity == identity:
            return clips[-1], ModelSource(spec=spec, edits=edits)
    raise UnsupportedModelError(
        f"This atlas is of {model['id']} (weights {identity}) and the "
        f"dashboard runs {clips[0].id} (weights {clips[0].identity}), so maps cannot be "
        "computed: choose the model of the atlas at the top, or start with its --edit."
    )


def atlas_key(atlas: Atlas) -> str:
    """A key of everything that decides an atlas, and of where it lies."""
    facts = json.dumps(atlas.config, sort_keys=True)
    return f"{atlas.path}:{hashlib.sha256(facts.encode()).hexdigest()}"


BY_ATLAS: Any = BY_CONTENT | {Atlas: atlas_key}
"""What the caches know images, models and atlases by."""


@byte_cached(most_mb=64, hash_funcs=BY_ATLAS)
def unit_table(atlas: Atlas, site: str) -> UnitTable:
    """The statistics of all units of a hook point of an atlas."""
    return atlas.table(site)


@st.cache_data(show_spinner=False, max_entries=256, hash_funcs=BY_ATLAS)
def atlas_view(clip: Clip, atlas: Atlas, number: int) -> Image.Image:
    """An image of an atlas as the model sees it.

    Raises:
        UnreadableImageError: the image is no longer where the scan found it.
    """
    view: Image.Image = clip.preprocess.to_grid(atlas.picture(number))
    return view


unit_on = st.cache_resource(
    show_spinner="Running the model…", max_entries=512, hash_funcs=BY_CONTENT
)(unit_map)
unit_on_text = st.cache_resource(
    show_spinner="Running the model…", max_entries=128, hash_funcs=BY_CONTENT
)(text_map)
