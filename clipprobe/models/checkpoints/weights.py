"""The weight files of a checkpoint folder: which they are, whether they are safe, their hash."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from clipprobe.errors import UnsafeWeightsError, UnsupportedModelError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_TABLES = ("vocab_size", "max_position_embeddings")
_SIZES = (
    "num_hidden_layers", "hidden_size", "intermediate_size", "image_size", "patch_size", *_TABLES
)  # fmt: skip
_LAYER_TENSORS = 6


def check_weights(folder: Path) -> list[Path]:
    """The safetensors files of the folder, each proven to be one.

    Raises:
        UnsafeWeightsError: there are pickled weights only.
        UnsupportedModelError: there are no weights, or a file is missing or damaged.
    """
    files = weight_files(folder)
    for path in files:
        check_safetensors(path)
    return files


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights: one, or the shards that the index names, sorted."""
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    index = folder / INDEX
    if index.is_file():
        try:
            weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            shards = sorted(set(weight_map.values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise UnsupportedModelError(
                f"{index} is not an index of weight shards, so the checkpoint is damaged: "
                "download it again."
            ) from error
        absent = [name for name in shards if not (folder / name).is_file()]
        if absent:
            raise UnsupportedModelError(
                f"{folder} lacks {len(absent)} of its {len(shards)} weight shards "
                f"({', '.join(absent[:3])}): download it again."
            )
        return [folder / name for name in shards]
    if (folder / "adapter_config.json").is_file():
        raise UnsupportedModelError(
            f"{folder} holds an adapter, not a whole model: merge it into its base model "
            "(merge_and_unload) and save that."
        )
    if pickled := sorted(path.name for path in folder.glob("pytorch_model*.bin")):
        raise UnsafeWeightsError(
            f"{folder} holds pickled weights only ({', '.join(pickled[:3])}), which can run code "
            "when they are opened and are never loaded: convert them once with this command, which "
            "needs torch 2.6 or newer (CVE-2025-32434), "
            f"reads tensors and refuses everything else: {conversion_command(folder)}"
        )
    raise UnsupportedModelError(
        f"{folder} holds no weights (neither {SINGLE} nor {INDEX}): download the whole checkpoint."
    )


def has_safetensors(folder: Path) -> bool:
    """Whether the folder names weights in safetensors, complete or not."""
    return (folder / SINGLE).is_file() or (folder / INDEX).is_file()


def conversion_command(folder: Path) -> str:
    """A shell line that writes ``model.safetensors`` beside ``pytorch_model*.bin``.

    ``weights_only=True`` makes torch read tensors and refuse everything else in the pickle. Below
    torch 2.6 it does not (CVE-2025-32434), so the line stops there: it may be run elsewhere.
    """
    code = (
        "import pathlib, sys, torch; from safetensors.torch import save_file; "
        'torch.__version__ >= "2.6" or sys.exit("torch 2.6 or newer is needed: in older ones '
        'weights_only=True can run code (CVE-2025-32434)"); '
        f"folder = pathlib.Path({json.dumps(str(folder))}); "
        "save_file({name: tensor.clone().contiguous() "
        'for file in sorted(folder.glob("pytorch_model*.bin")) '
        'for name, tensor in torch.load(file, map_location="cpu", weights_only=True).items()}, '
        'folder / "model.safetensors", metadata={"format": "pt"})'
    )
    return f"python -c {shlex.quote(code)}"


def check_safetensors(path: Path) -> None:
    """Read the header, which also proves that the file is as long as it says."""
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as file:
        if file.read(64).startswith(b"version https://git-lfs"):
            raise UnsupportedModelError(
                f"{path} is a Git LFS pointer, not the weights: run git lfs pull in its folder."
            )
    try:
        with safe_open(path, framework="pt") as opened:
            opened.keys()
    except (SafetensorError, OSError) as error:
        raise UnsupportedModelError(
            f"{path} cannot be read as safetensors ({error}), so it is damaged or incomplete: "
            "download it again."
        ) from error


def check_size(folder: Path, config: Mapping[str, Any], files: list[Path]) -> None:
    """Refuse a configuration whose towers are larger than the files before they are built.

    Raises:
        UnsupportedModelError: names what is configured and what there is.
    """
    from safetensors import safe_open

    n_tensors = 0
    for path in files:
        with safe_open(path, framework="pt") as opened:
            n_tensors += len(opened.keys())
    n_bytes = sum(path.stat().st_size for path in files)
    for name in ("text_config", "vision_config"):
        tower = config.get(name)
        sizes = {key: _whole(tower, key) for key in _SIZES} if isinstance(tower, Mapping) else {}
        layers, width = sizes.get("num_hidden_layers", 0), sizes.get("hidden_size", 0)
        rows = sum(sizes.get(key, 0) for key in _TABLES)
        rows += (sizes.get("image_size", 0) // max(1, sizes.get("patch_size", 1))) ** 2
        # At least: six tensors a layer, two square matrices, one byte a number.
        least = width * (layers * (width + sizes.get("intermediate_size", 0)) + rows)
        if _LAYER_TENSORS * layers > n_tensors or least > n_bytes:
            raise UnsupportedModelError(
                f"The {name} of {folder} describes {layers:,} layers of width {width:,} and tables "
                f"of {rows:,} rows, more than its {n_tensors:,} tensors of {n_bytes / 1e6:,.1f} MB "
                "can be: its config.json belongs to another checkpoint; download both again."
            )


def _whole(settings: Mapping[str, Any], key: str) -> int:
    """A whole number of a configuration; 0 for what is absent or something else."""
    value = settings.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def full_precision_logits(module: torch.nn.Module, files: list[Path]) -> None:
    """Give a module in half precision the scale and bias of its logits as the files hold them.

    bfloat16 has 8 bits: OpenAI's scale of 100 would become 98.5.
    """
    from safetensors import safe_open

    for path in files:
        with safe_open(path, framework="pt") as opened:
            for name in {"logit_scale", "logit_bias"} & set(opened.keys()):
                place = getattr(module, name)
                place.data = opened.get_tensor(name).float().reshape(place.shape).to(place.device)


def weights_sha256(files: list[Path]) -> str:
    """Hash of the file; of the sorted shards' hashes, joined, where there are several."""
    hashes = []
    for path in files:
        with path.open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()
