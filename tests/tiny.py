"""Tiny complete checkpoints on disk, built without any download: random weights, real tokenizers.

Weights are drawn from a local generator and are larger than the library's own initialisation, so
that attention, the MLPs and the choice of the pooled token all leave a visible trace.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

IMAGE_SIZE, PATCH_SIZE, D_EMBED, CONTEXT = 32, 8, 16, 77
N_BLOCKS, N_HEADS, D_VISION, D_TEXT, D_MLP = 3, 4, 32, 24, 64


def randomise(module: torch.nn.Module, seed: int = 0) -> None:
    """Overwrite every weight: matrices with unit gain, vectors around their usual value."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith(("logit_scale", "logit_bias")):
                parameter.fill_(2.5 if name.endswith("scale") else -1.5)
            elif parameter.ndim >= 2:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.1 * noise)
            else:
                parameter.copy_(0.1 * noise)


def byte_vocabulary() -> dict[str, int]:
    """CLIP's 256 byte symbols, each also as the end of a word, and the two special tokens."""
    from tokenizers.pre_tokenizers import ByteLevel

    symbols = sorted(ByteLevel.alphabet())
    words = symbols + [f"{symbol}</w>" for symbol in symbols]
    return {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}


def clip_tokenizer() -> Any:
    """CLIP's tokenizer without merges: one token per byte."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer(vocab=byte_vocabulary(), merges=[], model_max_length=CONTEXT)


def clip_vision_config() -> dict[str, Any]:
    """Shared by CLIP, MetaCLIP 2, AltCLIP and ChineseCLIP."""
    return {
        "hidden_size": D_VISION,
        "intermediate_size": D_MLP,
        "num_hidden_layers": N_BLOCKS,
        "num_attention_heads": N_HEADS,
        "image_size": IMAGE_SIZE,
        "patch_size": PATCH_SIZE,
        "projection_dim": D_EMBED,
    }


def clip_text_config(tokenizer: Any) -> dict[str, Any]:
    """A causal text tower whose special tokens are inside its vocabulary."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": D_TEXT,
        "intermediate_size": D_MLP,
        "num_hidden_layers": N_BLOCKS,
        "num_attention_heads": N_HEADS,
        "max_position_embeddings": CONTEXT,
        "projection_dim": D_EMBED,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def clip_processor(size: int = IMAGE_SIZE) -> Any:
    """CLIP's image processor: shortest edge to ``size``, then the centre."""
    from transformers import CLIPImageProcessorPil

    return CLIPImageProcessorPil(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}
    )


def save(folder: Path, model: Any, tokenizer: Any, processor: Any, seed: int = 0) -> Path:
    """Write a checkpoint folder as a hub repository holds it."""
    randomise(model, seed)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def tiny_clip(folder: Path, *, seed: int = 0, **text: Any) -> Path:
    """A CLIP; ``text`` overrides entries of the text configuration."""
    from transformers import CLIPConfig, CLIPModel

    tokenizer = clip_tokenizer()
    config = CLIPConfig(
        text_config={**clip_text_config(tokenizer), "hidden_act": "quick_gelu", **text},
        vision_config={**clip_vision_config(), "hidden_act": "quick_gelu"},
        projection_dim=D_EMBED,
    )
    return save(folder, CLIPModel(config), tokenizer, clip_processor(), seed)


BUILDERS = {"clip": tiny_clip}
