"""What is kept between reruns: models, embeddings, images. Keyed by content, bounded.

Models are shared by all browser sessions and are only read. Hooks are gated by context variables,
so two sessions that look into one model do not see each other's activations.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from clipprobe.errors import UnreadableImageError
from dashboard.byte_cache import drop_oldest
from dashboard.settings import edit_files, model_spec
from dashboard.snippets import ModelSource

if TYPE_CHECKING:
    from clipprobe.models import Clip

Floats = npt.NDArray[np.float32]
MAX_UPLOAD_PIXELS = 32_000_000
CHOSEN_MODEL = "model of this session"
CLASSES_AT_ONCE, MAX_KNOWN_CLASSES, MAX_KNOWN_IMAGES = 32, 4096, 512


@st.cache_resource(show_spinner="Loading the model (once)…", max_entries=3)
def load_model(spec: str | None, edits: tuple[str, ...] = ()) -> Clip:
    """The model of that name, None for the bundled one, under the edits of some files."""
    if edits:
        from clipprobe.edits import open_edited

        return open_edited({"model": spec}, edits)
    import clipprobe

    clip: Clip = clipprobe.load(spec)
    return clip


def chosen_spec() -> str | None:
    """How this session's model is named: by its own choice, else as the dashboard was started."""
    spec: str | None = st.session_state.get(CHOSEN_MODEL, model_spec())
    return spec


def chosen_edits() -> tuple[str, ...]:
    """The files of the edits that this session's model is under: those of the start, on its model
    alone."""
    return edit_files() if chosen_spec() == model_spec() else ()


def the_model() -> Clip:
    """The model of this session."""
    return load_model(chosen_spec(), chosen_edits())


def chosen_source() -> ModelSource:
    """The same, as code and commands name it."""
    return ModelSource(spec=chosen_spec(), edits=chosen_edits())


_FACTS: WeakKeyDictionary[Clip, tuple[dict[str, Any], str]] = WeakKeyDictionary()


def _facts(clip: Clip) -> tuple[dict[str, Any], str]:
    """What a model says of itself, and a key of it; asked once, as it reads all weights.

    Models are only read here: an edit makes another one.
    """
    known = _FACTS.get(clip)
    if known is None:
        model = clip.provenance()["model"]
        text = json.dumps(model, sort_keys=True)
        known = _FACTS[clip] = (model, hashlib.sha256(text.encode()).hexdigest())
    return known


def identity(clip: Clip) -> str:
    """A key of everything that decides a model's numbers."""
    return _facts(clip)[1]


def model_facts(clip: Clip) -> dict[str, Any]:
    """What a model says of itself, as in a manifest."""
    return _facts(clip)[0]


def pixels(image: Image.Image) -> str:
    """A key of every pixel of an image. Streamlit's own is of a sample of a large one."""
    return hashlib.sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()


BY_CONTENT: Any = {Image.Image: pixels, "clipprobe.models.clip.Clip": identity}
"""What the caches know images and models by; a name in place of a class that is slow to import."""


@st.cache_resource(show_spinner=False, max_entries=3, hash_funcs=BY_CONTENT)
def known_images(clip: Clip) -> dict[str, Floats]:
    """Vectors of the images that came last, the oldest first."""
    return {}


def image_vectors(clip: Clip, images: Sequence[Image.Image]) -> Floats:
    """Unit vectors of images, ``(n, d)``; those that are new are encoded together."""
    known, marks = known_images(clip), [pixels(image) for image in images]
    vectors = {mark: known[mark] for mark in marks if mark in known}
    new = {mark: image for mark, image in zip(marks, images, strict=True) if mark not in vectors}
    if new:
        vectors |= zip(new, clip.encode_images(list(new.values())), strict=True)
    known.update({mark: vectors[mark] for mark in new})
    drop_oldest(known, MAX_KNOWN_IMAGES)
    return np.stack([vectors[mark] for mark in marks])


@st.cache_resource(show_spinner=False, max_entries=8, hash_funcs=BY_CONTENT)
def known_classes(clip: Clip, templates: tuple[str, ...]) -> dict[str, Floats]:
    """Vectors of the classes that were asked for so far, the oldest first."""
    return {}


def class_vectors(
    clip: Clip, classes: Sequence[str], templates: tuple[str, ...], progress: Callable[[int], None]
) -> Floats:
    """Unit vectors of the classes, ``(n_classes, d)``; only those that are new are encoded.

    Args:
        progress: Called with how many of the new ones are still to come.
    """
    from clipprobe.zeroshot import build_classifier

    def encode(names: Sequence[str]) -> Floats:
        return build_classifier(clip, names, templates)

    return of_classes(known_classes(clip, templates), classes, encode, progress)


def of_classes(
    known: dict[str, Floats],
    classes: Sequence[str],
    encode: Callable[[Sequence[str]], Floats],
    progress: Callable[[int], None],
) -> Floats:
    """What is known of each class, stacked; only those that are new are encoded, some at a time.

    Args:
        known: Class -> vectors, the oldest first; the new ones are added.
        progress: As of :func:`class_vectors`.
    """
    vectors = {name: known[name] for name in classes if name in known}
    missing = [name for name in classes if name not in vectors]
    for start in range(0, len(missing), CLASSES_AT_ONCE):
        progress(len(missing) - start)
        chunk = missing[start : start + CLASSES_AT_ONCE]
        vectors |= zip(chunk, encode(chunk), strict=True)
    known.update({name: vectors[name] for name in missing})
    drop_oldest(known, MAX_KNOWN_CLASSES)
    return np.stack([vectors[name] for name in classes])


@st.cache_resource(show_spinner="Encoding texts…", max_entries=64, hash_funcs=BY_CONTENT)
def text_vectors(clip: Clip, texts: tuple[str, ...]) -> Floats:
    """Unit vectors of a list of texts, ``(n, d)``; the lists that came last are known."""
    vectors: Floats = clip.encode_texts(texts)
    return vectors


@st.cache_data(show_spinner=False, max_entries=64, hash_funcs=BY_CONTENT)
def upload_view(clip: Clip, data: bytes) -> Image.Image:
    """An uploaded file as the model sees it; the image itself is not kept.

    Raises:
        UnreadableImageError: it is not a readable image, or too large; the message is a sentence.
    """
    from clipprobe.data.decode import decode_image

    try:
        picture = decode_image(data, max_pixels=MAX_UPLOAD_PIXELS)
    except UnreadableImageError as error:
        raise UnreadableImageError(
            f"The uploaded file cannot be read ({error}): choose a PNG, JPEG or WebP image of at "
            f"most {MAX_UPLOAD_PIXELS // 10**6} megapixels."
        ) from None
    view: Image.Image = clip.preprocess.to_grid(picture)
    return view


@st.cache_data(show_spinner=False, max_entries=256, hash_funcs=BY_CONTENT)
def model_view(clip: Clip, image: Image.Image) -> Image.Image:
    """An image as the model sees it, at the model's size."""
    view: Image.Image = clip.preprocess.to_grid(image)
    return view


def logits(clip: Clip, images: Sequence[Image.Image], vectors: Floats) -> Floats:
    """Logits ``(n, n_classes)``; only images that are new go through the model."""
    encoded = image_vectors(clip, images)
    scores: Any = clip.logits(encoded, vectors)
    return np.asarray(scores, np.float32)
