"""How a module runs now: in training mode, compiled, or a second time during a backward pass.

Each of the three changes what hooks see or what an encoding is, and torch says nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def training_part(module: nn.Module) -> str | None:
    """The first part in training mode, by name; None where all are in evaluation mode.

    Asked before every encoding, so the names are made only where there is something to name.
    """
    parts: list[nn.Module] = [module]
    while parts and not parts[-1].training:
        parts.extend(one for one in parts.pop()._modules.values() if one is not None)
    if not parts:
        return None
    for name, part in module.named_modules():
        if part.training:
            return name or "the whole model"
    return None


def compiled_parts(module: nn.Module) -> list[str]:
    """The outermost parts that torch.compile runs, past the hooks on the modules inside."""
    names: list[str] = []
    for name, part in module.named_modules():
        compiled = (
            getattr(part, "_compiled_call_impl", None) is not None
            or "_orig_mod" in part._modules
            or hasattr(vars(part).get("forward"), "_torchdynamo_orig_callable")
        )
        if compiled and not any(not one or name.startswith(f"{one}.") for one in names):
            names.append(name)
    return [name or "the whole model" for name in names]


def recomputing() -> bool:
    """Whether a forward pass runs inside a backward pass, as gradient checkpointing makes it."""
    import torch

    return torch._C._current_graph_task_id() != -1
