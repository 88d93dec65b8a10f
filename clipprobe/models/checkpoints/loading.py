"""From a name to a :class:`Clip`: the bundled model, a folder, a hub id, or an open_clip name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from clipprobe.errors import ConfigError, UnknownModelError
from clipprobe.models.checkpoints.bundled import BUNDLED_NAME, bundled_folder
from clipprobe.models.checkpoints.hub import fetch, is_hub_id
from clipprobe.models.checkpoints.huggingface import load_folder
from clipprobe.models.clip import Clip
from clipprobe.origin import Origin, absolute

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
ATTENTION = ("sdpa", "eager")
OPEN_CLIP = "open_clip:"


def load(
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "float32",
    attn_implementation: str = "sdpa",
) -> Clip:
    """Load a CLIP-like model.

    Args:
        model: None or ``emoji-clip`` for the bundled checkpoint; a checkpoint folder; a Hugging
            Face id; or ``open_clip:NAME/TAG`` (extra ``openclip``).
        revision: Branch, tag or commit of a Hugging Face id.
        device: ``auto`` (cuda, else mps, else cpu) or a torch device.
        dtype: ``float32``, ``float16`` or ``bfloat16``; outputs are float32 in any case.
        attn_implementation: ``sdpa`` or ``eager``.
    Raises:
        UnknownModelError: nothing of that name can be reached.
        UnsafeWeightsError: the checkpoint has pickled weights only.
        UnsupportedModelError: the checkpoint was read but cannot be run faithfully.
        MissingExtraError: ``open_clip:`` without the extra.
        ConfigError: an unknown device, dtype or attention implementation, or a revision of
            something that has none.
    """
    model = _none_if_bundled(model)
    place = resolve_device(device)
    if dtype not in DTYPES:
        raise ConfigError(f"The dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    if attn_implementation not in ATTENTION:
        raise ConfigError(
            f"The attention implementation {attn_implementation!r} is not one of "
            f"{', '.join(ATTENTION)}."
        )
    how: Any = {"device": place, "dtype": DTYPES[dtype], "attention": attn_implementation}
    if isinstance(model, str) and model.startswith(OPEN_CLIP):
        _no_revision(revision, model)
        from clipprobe.models.checkpoints.open_clip import load_open_clip

        clip = load_open_clip(model.removeprefix(OPEN_CLIP), **how)
    else:
        folder, name, commit = find(model, revision)
        clip = load_folder(folder, name=name, revision=commit, **how)
    loaded = {
        "model": None if model is None else absolute(model),
        "revision": revision,
        "device": str(place),
        "dtype": dtype,
        "attn_implementation": attn_implementation,
    }
    clip.origin = Origin(opener="model", arguments=loaded)
    return clip


def find(model: str | Path | None, revision: str | None) -> tuple[Path, str, str | None]:
    """Checkpoint folder, name for results and resolved commit of a model.

    Raises:
        UnknownModelError: it is neither a folder nor a hub id that can be reached.
    """
    model = _none_if_bundled(model)
    if model is None:
        _no_revision(revision, "the bundled model")
        return bundled_folder(), BUNDLED_NAME, None
    try:
        folder = Path(model).expanduser()
        is_folder, is_there = folder.is_dir(), folder.exists()
    except (OSError, RuntimeError, ValueError):  # a name that no file system takes, or ~nobody
        folder, is_folder, is_there = Path(model), False, False
    if is_folder:
        _no_revision(revision, f"the folder {folder}")
        return folder, folder.resolve().name, None
    if isinstance(model, str) and is_hub_id(model) and not is_there:
        snapshot, commit = fetch(model, revision)
        return snapshot, model, commit
    place = "that is a file" if is_there else "there is no such folder"
    raise UnknownModelError(
        f"The model {str(model)!r} cannot be loaded, because {place}: give a checkpoint folder, "
        f"a Hugging Face id such as openai/clip-vit-base-patch32, or {OPEN_CLIP}NAME/TAG."
    )


def _none_if_bundled(model: str | Path | None) -> str | Path | None:
    """None for the name of the bundled model in results and messages, where no folder has it."""
    return None if model == BUNDLED_NAME and not Path(BUNDLED_NAME).exists() else model


def _no_revision(revision: str | None, what: str) -> None:
    if revision is not None:
        raise ConfigError(
            f"The revision {revision!r} was asked for, but {what} has none: leave it out."
        )


def resolve_device(device: str) -> torch.device:
    """The torch device of that name, or the best one for ``auto``.

    Raises:
        ConfigError: no such device here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen_device = torch.device(device)
        torch.zeros(1, device=chosen_device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"The device {device!r} cannot be used here: give auto, cpu, or a device that this "
            "installation of torch supports."
        ) from error
    return chosen_device
