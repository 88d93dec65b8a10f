"""The same network before it learnt anything: the floor that every unit's score must clear.

A twin has the architecture, preprocessing, tokenizer and numeric type of a loaded model, and
weights drawn from a seed. What a score reaches on it comes from the images and the architecture
alone (Adebayo et al. 2018, arXiv:1810.03292, ask the same of attribution maps).
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from clipprobe.models.clip import Clip, Source
from clipprobe.models.identity import state_sha256


def random_twin(clip: Clip, *, seed: int = 0) -> Clip:
    """A new model of the same architecture with weights drawn from ``seed``.

    Models of transformers are built anew, so they start as a training run would. Others are
    copied, and every layer draws its own usual start: convolutions and linear maps a uniform one,
    norms the identity, bare matrices a normal one. A ResNet's last norms start at 1 (open_clip's
    own start of 0 would switch every residual branch off, and its units would all be copies of
    the stem). Scale and bias of the logits stay those of ``clip``.

    Args:
        clip: Any loaded model; left as it is.
        seed: The same seed, the same weights. Global random state is left as it was.
    Returns:
        A model on the same device and of the same dtype, under the same edits; its id says that it
        is random.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _rebuilt(clip) if hasattr(clip.module, "_from_config") else _redrawn(clip.module)
    module = module.to(device=clip.device, dtype=clip.dtype)
    for name in ("logit_scale", "logit_bias"):
        known = getattr(clip.module, name, None)
        if known is not None:
            getattr(module, name).data = known.detach().clone()
    source = Source(
        id=f"{clip.id} (random weights, seed {seed})",
        revision=None,
        weights_sha256=state_sha256(module),
        attention=clip.source.attention,
    )
    twin = clip.running(clip.network.over(module, source.weights_sha256))
    twin.source, twin.id, twin.revision = source, source.id, source.revision
    return twin


def _rebuilt(clip: Clip) -> nn.Module:
    """A new model of transformers from the same configuration."""
    module: Any = clip.module
    config = copy.deepcopy(module.config)
    rebuilt: nn.Module = type(module)._from_config(
        config, dtype=torch.float32, attn_implementation=clip.source.attention
    )
    return rebuilt


def _redrawn(module: nn.Module) -> nn.Module:
    """A copy whose layers have each drawn their start again."""
    twin = copy.deepcopy(module).to(device="cpu", dtype=torch.float32)
    done: set[int] = set()
    with torch.no_grad():
        for part in twin.modules():
            reset = getattr(part, "reset_parameters", getattr(part, "_reset_parameters", None))
            if reset is not None:
                reset()
                done.update(id(parameter) for parameter in part.parameters(recurse=False))
        for _, parameter in sorted(twin.named_parameters()):
            if id(parameter) not in done and parameter.ndim:
                # Position tables, class tokens and projections, as CLIP's own code starts them.
                parameter.normal_(std=parameter.shape[-1] ** -0.5)
    return twin
