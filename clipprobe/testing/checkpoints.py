"""Tiny complete checkpoints of every family, built without any download: random weights.

Weights are drawn from a local generator and are larger than the library's own initialisation, so
that attention, the MLPs and the choice of the pooled token all leave a visible trace.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from clipprobe.testing.tokenizers import (
    CONTEXT,
    SIGLIP_CONTEXT,
    bert_tokenizer,
    clip_tokenizer,
    siglip_tokenizer,
    xlm_tokenizer,
)

IMAGE_SIZE, PATCH_SIZE, D_EMBED = 32, 8, 16
N_BLOCKS, N_HEADS, D_VISION, D_TEXT, D_MLP = 3, 4, 32, 24, 64
#: Entries that the configurations of all towers share.
TOWER = {
    "intermediate_size": D_MLP,
    "num_hidden_layers": N_BLOCKS,
    "num_attention_heads": N_HEADS,
}


def pictures() -> list[Image.Image]:
    """Noise of several sizes and of every mode that Pillow converts without a choice."""
    rng = np.random.default_rng(0)

    def noise(*shape: int) -> Image.Image:
        return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))

    images = [noise(h, w, 3) for h, w in ((50, 40), (32, 32), (17, 90), (33, 33), (200, 301))]
    images += [noise(40, 50).convert(mode) for mode in ("L", "1", "P")]
    images += [noise(45, 40, 4), noise(45, 40, 4).convert("LA"), noise(30, 45, 3).convert("CMYK")]
    return images


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


def clip_vision_config() -> dict[str, Any]:
    """Shared by CLIP, MetaCLIP 2, AltCLIP and ChineseCLIP."""
    return {
        **TOWER,
        "hidden_size": D_VISION,
        "image_size": IMAGE_SIZE,
        "patch_size": PATCH_SIZE,
        "projection_dim": D_EMBED,
    }


def clip_text_config(tokenizer: Any) -> dict[str, Any]:
    """A causal text tower whose special tokens are inside its vocabulary."""
    return {
        **bert_text_config(tokenizer),
        "projection_dim": D_EMBED,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def bert_text_config(tokenizer: Any) -> dict[str, Any]:
    """A text tower that is told what is padding."""
    return {
        **TOWER,
        "vocab_size": len(tokenizer),
        "hidden_size": D_TEXT,
        "max_position_embeddings": CONTEXT,
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


def tiny_clip(folder: Path, *, seed: int = 0, image_size: int = IMAGE_SIZE, **text: Any) -> Path:
    """A CLIP; ``text`` overrides entries of the text configuration."""
    from transformers import CLIPConfig, CLIPModel

    tokenizer = clip_tokenizer()
    config = CLIPConfig(
        text_config={**clip_text_config(tokenizer), "hidden_act": "quick_gelu", **text},
        vision_config={
            **clip_vision_config(),
            "hidden_act": "quick_gelu",
            "image_size": image_size,
        },
        projection_dim=D_EMBED,
    )
    return save(folder, CLIPModel(config), tokenizer, clip_processor(image_size), seed)


def tiny_metaclip_2(folder: Path) -> Path:
    """MetaCLIP 2: CLIP's shape, XLM's tokenizer, padding that is not the end token."""
    from transformers import MetaClip2Config, MetaClip2Model

    tokenizer = xlm_tokenizer()
    config = MetaClip2Config(
        text_config={**clip_text_config(tokenizer), "hidden_act": "gelu"},
        vision_config={**clip_vision_config(), "hidden_act": "gelu"},
        projection_dim=D_EMBED,
    )
    return save(folder, MetaClip2Model(config), tokenizer, clip_processor())


def tiny_altclip(folder: Path) -> Path:
    """AltCLIP: a RoBERTa text tower with its own norm and map."""
    from transformers import AltCLIPConfig, AltCLIPModel

    tokenizer = xlm_tokenizer()
    text = {
        **bert_text_config(tokenizer),
        "max_position_embeddings": CONTEXT + 2,
        "project_dim": 20,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = AltCLIPConfig(
        text_config=text, vision_config=clip_vision_config(), projection_dim=D_EMBED
    )
    return save(folder, AltCLIPModel(config), tokenizer, clip_processor())


def tiny_chinese_clip(folder: Path) -> Path:
    """ChineseCLIP: a BERT text tower."""
    from transformers import ChineseCLIPConfig, ChineseCLIPImageProcessorPil, ChineseCLIPModel

    tokenizer = bert_tokenizer()
    config = ChineseCLIPConfig(
        text_config=bert_text_config(tokenizer),
        vision_config=clip_vision_config(),
        projection_dim=D_EMBED,
    )
    processor = ChineseCLIPImageProcessorPil(
        size={"shortest_edge": IMAGE_SIZE},
        crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
    )
    return save(folder, ChineseCLIPModel(config), tokenizer, processor)


def siglip_configs(context: int = SIGLIP_CONTEXT) -> dict[str, dict[str, Any]]:
    """Text and vision entries that SigLIP and SigLIP 2 share."""
    return {
        "text_config": {
            **TOWER,
            "vocab_size": len(siglip_tokenizer()),
            "hidden_size": D_VISION,
            "max_position_embeddings": context,
            "pad_token_id": 0,
            "bos_token_id": 2,
            "eos_token_id": 1,
        },
        "vision_config": {**TOWER, "hidden_size": D_VISION, "patch_size": PATCH_SIZE},
    }


def tiny_siglip(folder: Path) -> Path:
    """SigLIP, and SigLIP 2 at a fixed resolution."""
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    configs = siglip_configs()
    configs["vision_config"]["image_size"] = IMAGE_SIZE
    processor = SiglipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    return save(folder, SiglipModel(SiglipConfig(**configs)), siglip_tokenizer(), processor)


def tiny_siglip2(folder: Path) -> Path:
    """SigLIP 2 NaFlex: at most 16 patches of 8 pixels."""
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model

    configs = siglip_configs()
    configs["vision_config"]["num_patches"] = (IMAGE_SIZE // PATCH_SIZE) ** 2
    processor = Siglip2ImageProcessorPil(patch_size=PATCH_SIZE, max_num_patches=16)
    return save(folder, Siglip2Model(Siglip2Config(**configs)), siglip_tokenizer(), processor)


def vit_b32(folder: Path, *, n_blocks: int = 12) -> Path:
    """A CLIP of random weights with the vision tower of ViT-B/32; its text tower is tiny."""
    from transformers import CLIPConfig, CLIPModel

    tokenizer = clip_tokenizer()
    text = {**clip_text_config(tokenizer), "num_hidden_layers": 1}
    vision = {"num_hidden_layers": n_blocks}  # else the library's defaults, which are ViT-B/32's
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=512))
    config = model.config.vision_config
    assert (config.hidden_size, config.patch_size) == (768, 32)
    return save(folder, model, tokenizer, clip_processor(224))


BUILDERS = {
    "clip": tiny_clip,
    "metaclip_2": tiny_metaclip_2,
    "altclip": tiny_altclip,
    "chinese_clip": tiny_chinese_clip,
    "siglip": tiny_siglip,
    "siglip2": tiny_siglip2,
}
