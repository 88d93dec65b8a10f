"""Checkpoints of a training run: safetensors and JSON, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clipprobe.errors import RunFolderError


def save_checkpoint(
    folder: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer, state: Any
) -> None:
    """Write weights, optimizer moments and ``state`` (JSON) to ``checkpoint.safetensors``.

    One file, replaced at once: a kill leaves the last whole checkpoint.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            tensors[f"{name}/{key}"] = value.detach().cpu().contiguous()
    for index, moments in optimizer.state_dict()["state"].items():
        for key, value in moments.items():
            tensors[f"optimizer/{index}/{key}"] = value.detach().cpu().contiguous()
    partial = folder / "checkpoint.partial"
    save_file(tensors, partial, metadata={"state": json.dumps(state)})
    partial.replace(folder / "checkpoint.safetensors")


def load_checkpoint(
    folder: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> Any | None:
    """Restore what :func:`save_checkpoint` wrote and return its state; ``None`` if there is none.

    Raises:
        RunFolderError: the checkpoint belongs to another model.
    """
    from safetensors import safe_open

    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return None
    tensors = load_file(path)
    with safe_open(path, "pt") as handle:
        state = json.loads(handle.metadata()["state"])
    try:
        for name, module in modules.items():
            prefix = f"{name}/"
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
    except RuntimeError as error:
        raise RunFolderError(
            f"{path} holds a checkpoint of another model ({str(error).splitlines()[0]}): "
            "give another --out folder."
        ) from None
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/", 2)
            moments.setdefault(int(index), {})[name] = value
    restored = optimizer.state_dict()
    restored["state"] = moments
    optimizer.load_state_dict(restored)
    return state
