"""The image of a page: a bundled one, or one of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from clipprobe.errors import DataError, UnreadableImageError
from clipprobe.models import Clip
from clipprobe.stimuli import STYLES, Picture, Scene, concepts, render
from dashboard import snippets, state
from dashboard.components import plain

UPLOAD_MB = 20
SUFFIXES = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif"]
Shown: TypeAlias = tuple[Image.Image, snippets.ImageSource]


def choose_picture() -> dict[str, Any]:
    """Widgets for the image."""
    st.subheader("Image", anchor=False)
    kind = st.segmented_control(
        "Source",
        ["Bundled", "Upload"],
        default="Bundled",
        key="source",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    if kind == "Upload":
        return {"upload": choose_upload("upload")}
    left, right = st.columns(2)
    names = [item.name for item in concepts()]
    concept = left.selectbox(
        "Thing", names, index=names.index("apple"), key="concept", bind="query-params"
    )
    style = right.selectbox(
        "Drawn as",
        STYLES,
        key="style",
        bind="query-params",
        help="Three emoji fonts in colour, and drawings in lines.",
    )
    return {"concept": concept, "style": style}


def choose_upload(key: str) -> UploadedFile | None:
    """A widget for an image of the user's."""
    return st.file_uploader(
        "An image of yours",
        type=SUFFIXES,
        max_upload_size=UPLOAD_MB,
        key=key,
        help="It stays on this machine and is not written to disk.",
    )


def choose_uploads(label: str, key: str) -> list[UploadedFile]:
    """A widget for images of the user's."""
    return st.file_uploader(
        label,
        type=SUFFIXES,
        accept_multiple_files=True,
        max_upload_size=UPLOAD_MB,
        key=key,
        help="They stay on this machine and are not written to disk.",
    )


def bundled(clip: Clip, concept: str, style: str = STYLES[0]) -> Shown:
    """A bundled image at the model's size, and how code gets at it."""
    scene = Scene(items=(Picture(concept=concept, style=style),), size_px=max(16, clip.image_size))
    made = snippets.stimulus(concept, style, scene.size_px)
    return state.model_view(clip, render(scene).image), made


def uploaded(clip: Clip, file: UploadedFile) -> Shown:
    """An image of the user's at the model's size, and how code gets at it.

    Raises:
        UnreadableImageError: the file is not an image.
    """
    return state.upload_view(clip, file.getvalue()), snippets.upload(file.name)


def all_uploaded(clip: Clip, files: Sequence[UploadedFile]) -> dict[str, Shown]:
    """Images of the user's by name; a file that is not an image is named, and the others stay.

    Two files of one name, from two folders, are two images.
    """
    shown: dict[str, Shown] = {}
    for file in files:
        try:
            one = uploaded(clip, file)
        except UnreadableImageError as error:
            st.error(plain(f"{file.name}: {error}"), icon=":material/error:")
            continue
        alike = sum(made.file == file.name for _, made in shown.values())
        shown[f"{file.name} ({alike + 1})" if alike else file.name] = one
    return shown


def source_picture(
    clip: Clip, source: dict[str, Any]
) -> tuple[Image.Image, snippets.ImageSource, str]:
    """The image at the model's size, how code gets at it, and the thing that it shows if known.

    Raises:
        DataError: no file was uploaded yet.
        UnreadableImageError: the file is not an image.
    """
    if "concept" in source:
        return *bundled(clip, source["concept"], source["style"]), source["concept"]
    if source["upload"] is None:
        raise DataError("No image was uploaded yet: choose a file on the left.")
    return *uploaded(clip, source["upload"]), ""
