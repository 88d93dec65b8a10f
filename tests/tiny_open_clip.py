"""A stand-in for open_clip, torch only: the parts of its interface and models that are used here.

Written from open_clip 3.3's structure: the same module names, the additions of its ResNet that
write over their input, its fused attention, a text tower that only takes the full context.
"""

from __future__ import annotations

import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from clipprobe.testing import checkpoints as tiny

CONTEXT, N_WORDS, WIDTH, D_EMBED = 12, 64, 32, 16
MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


class QuickGELU(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class Bottleneck(nn.Module):
    def __init__(self, d_in: int, width: int, stride: int) -> None:
        super().__init__()
        d_out = 4 * width
        self.conv1 = nn.Conv2d(d_in, width, 1, bias=False)
        self.bn1, self.act1 = nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2, self.act2 = nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(width, d_out, 1, bias=False)
        self.bn3, self.act3 = nn.BatchNorm2d(d_out), nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(stride), nn.Conv2d(d_in, d_out, 1, bias=False), nn.BatchNorm2d(d_out)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.act2(self.bn2(self.conv2(self.act1(self.bn1(self.conv1(x))))))
        out = self.bn3(self.conv3(self.avgpool(out)))
        out += self.downsample(x)
        return self.act3(out)


class AttentionPool(nn.Module):
    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(d_in, d_in)
        self.c_proj = nn.Linear(d_in, d_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1)
        return self.c_proj(functional.scaled_dot_product_attention(self.q_proj(x), x, x))[:, 0]


class ModifiedResNet(nn.Module):
    def __init__(self, image_size: int = 64) -> None:
        super().__init__()
        self.image_size, self.output_dim = image_size, D_EMBED
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.bn1, self.act1 = nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.avgpool = nn.AvgPool2d(2)
        self.layer1 = nn.Sequential(Bottleneck(8, 4, 1), Bottleneck(16, 4, 1))
        self.layer2 = nn.Sequential(Bottleneck(16, 4, 2))
        self.layer3 = nn.Sequential(Bottleneck(16, 4, 2))
        self.layer4 = nn.Sequential(Bottleneck(16, 8, 2), Bottleneck(32, 8, 1))
        self.attnpool = AttentionPool(32, D_EMBED)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.avgpool(self.act1(self.bn1(self.conv1(x))))
        return self.attnpool(self.layer4(self.layer3(self.layer2(self.layer1(x)))))


class Block(nn.Module):
    def __init__(self, act: type[nn.Module], layer_scale: bool) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.ls_1 = nn.Linear(WIDTH, WIDTH, bias=False) if layer_scale else nn.Identity()
        self.ls_2 = nn.Linear(WIDTH, WIDTH, bias=False) if layer_scale else nn.Identity()
        parts = [("c_fc", nn.Linear(WIDTH, 64)), ("gelu", act()), ("c_proj", nn.Linear(64, WIDTH))]
        self.mlp = nn.Sequential(OrderedDict(parts))

    def forward(self, x: torch.Tensor, attn_mask: torch.Tensor | None = None) -> torch.Tensor:
        y = self.ln_1(x)
        mask = None if attn_mask is None else attn_mask.to(x.dtype)
        x = x + self.ls_1(self.attn(y, y, y, need_weights=False, attn_mask=mask)[0])
        return x + self.ls_2(self.mlp(self.ln_2(x)))


class Transformer(nn.Module):
    def __init__(self, act: type[nn.Module], layer_scale: bool = False) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(act, layer_scale) for _ in range(2))

    def get_cast_dtype(self) -> torch.dtype:
        return self.resblocks[0].mlp.c_fc.weight.dtype

    def forward(self, x: torch.Tensor, attn_mask: torch.Tensor | None = None) -> torch.Tensor:
        for block in self.resblocks:
            x = block(x, attn_mask)
        return x


class VisionTransformer(nn.Module):
    def __init__(self, act: type[nn.Module], layer_scale: bool) -> None:
        super().__init__()
        self.image_size, self.grid_size, self.output_dim = (32, 32), (4, 4), D_EMBED
        self.pool_type = "tok"
        self.conv1 = nn.Conv2d(3, WIDTH, 8, stride=8, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(WIDTH))
        self.positional_embedding = nn.Parameter(torch.zeros(17, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Transformer(act, layer_scale)
        self.proj = nn.Parameter(torch.zeros(WIDTH, D_EMBED))

    def _embeds(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x).flatten(2).transpose(1, 2)
        start = self.class_embedding.expand(len(x), 1, -1).to(x.dtype)
        return self.ln_pre(torch.cat([start, x], 1) + self.positional_embedding.to(x.dtype))

    def _pool(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.ln_post(x)
        return x[:, 0], x[:, 1:]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled, _ = self._pool(self.transformer(self._embeds(x)))
        return pooled @ self.proj


class CLIP(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        act = QuickGELU if config.get("quick_gelu") else nn.GELU
        layer_scale = config.get("layer_scale", False)
        resnet = config["resnet"]
        self.visual = ModifiedResNet() if resnet else VisionTransformer(act, layer_scale)
        if "image_size" in config:
            self.visual.image_size = config["image_size"]
        self.transformer = Transformer(act)
        self.context_length, self.text_pool_type = CONTEXT, config.get("pool", "argmax")
        self.text_eos_id = N_WORDS - 1
        self.token_embedding = nn.Embedding(N_WORDS, WIDTH)
        self.positional_embedding = nn.Parameter(torch.zeros(CONTEXT, WIDTH))
        self.ln_final = nn.LayerNorm(WIDTH)
        self.text_projection = nn.Parameter(torch.zeros(WIDTH, D_EMBED))
        self.register_buffer(
            "attn_mask", torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1), persistent=False
        )
        self.logit_scale = nn.Parameter(torch.tensor(2.0))
        self.logit_bias = None

    def encode_image(self, image: torch.Tensor) -> torch.Tensor:
        return functional.normalize(self.visual(image), dim=-1)

    def encode_text(self, text: torch.Tensor) -> torch.Tensor:
        x = self.token_embedding(text) + self.positional_embedding  # the full context only
        x = self.ln_final(self.transformer(x, attn_mask=self.attn_mask))
        x = x[torch.arange(len(x)), text.argmax(-1)] @ self.text_projection
        return functional.normalize(x, dim=-1)


class SimpleTokenizer:
    """Letters as tokens."""

    sot_token_id, eot_token_id = N_WORDS - 2, N_WORDS - 1

    def encode(self, text: str) -> list[int]:
        return [1 + ord(letter) % 60 for letter in text.lower()]

    def __call__(self, texts: list[str]) -> torch.Tensor:
        result = torch.zeros(len(texts), CONTEXT, dtype=torch.long)
        for row, text in enumerate(texts):
            ids = [self.sot_token_id, *self.encode(text), self.eot_token_id]
            if len(ids) > CONTEXT:
                ids = [*ids[: CONTEXT - 1], self.eot_token_id]
            result[row, : len(ids)] = torch.tensor(ids)
        return result


def transform(size: int, squash: bool) -> Any:
    """torchvision's Resize, CenterCrop, ToTensor, Normalize."""

    def run(image: Image.Image) -> torch.Tensor:
        if squash:
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        else:
            width, height = image.size
            short = min(width, height)
            new = (int(size * width / short), int(size * height / short))
            if new != image.size:
                image = image.resize(new, Image.Resampling.BICUBIC)
            left, top = (round((side - size) / 2.0) for side in new)
            image = image.crop((left, top, left + size, top + size))
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        mean, std = torch.tensor(MEAN), torch.tensor(STD)
        return (pixels - mean[:, None, None]) / std[:, None, None]

    return run


CONFIGS: dict[str, dict[str, Any]] = {
    "RN50": {"resnet": True},
    "RN50-quickgelu": {"resnet": True, "quick_gelu": True},
    "ViT-T": {"resnet": False},
    "ViT-T-quickgelu": {"resnet": False, "quick_gelu": True},
    "ViT-T-scaled": {"resnet": False, "layer_scale": True},
    "ViT-T-eos": {"resnet": False, "pool": "eos"},
    "ViT-T-wide": {"resnet": False, "image_size": (32, 64)},
    "ViT-T-last": {"resnet": False, "pool": "last"},
    "timm-T": {"resnet": False, "vision_cfg": {"timm_model_name": "vit"}},
    "bert-T": {"resnet": False, "text_cfg": {"hf_model_name": "bert"}},
    "coca-T": {"resnet": False, "multimodal_cfg": {}},
}


def tag(**options: Any) -> dict[str, Any]:
    common = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    return {"url": "", "hf_hub": "timm/tiny/", **common, **options}


TAGS: dict[str, dict[str, Any]] = {
    "openai": tag(quick_gelu=True),
    "laion": tag(),
    "quick": tag(quick_gelu=True),
    "squash": tag(resize_mode="squash"),
    "padded": tag(resize_mode="longest"),
    "pickle": tag(hf_hub="", url="https://example.org/model.pt"),
}


def seeded(config: dict[str, Any]) -> CLIP:
    """The model with random weights and random running statistics, in evaluation mode."""
    model = CLIP(config)
    tiny.randomise(model)
    generator = torch.Generator().manual_seed(1)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(0.1 * torch.randn(buffer.shape, generator=generator))
        elif name.endswith("running_var"):
            buffer.copy_(1 + 0.5 * torch.rand(buffer.shape, generator=generator))
    return model.eval()


def save_weights(folder: Path, architecture: str, quick: bool) -> Path:
    """A file such as the hub holds."""
    model = seeded({**CONFIGS[architecture], "quick_gelu": quick})
    path = folder / "0123abc" / "open_clip_model.safetensors"
    path.parent.mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


def library() -> types.ModuleType:
    """A module with the functions of open_clip that loading calls."""
    module: Any = types.ModuleType("open_clip")

    def create(architecture: str, pretrained: str, **options: Any) -> tuple[CLIP, Any]:
        config = {**CONFIGS[architecture]}
        if options["force_quick_gelu"]:
            config["quick_gelu"] = True
        model = CLIP(config)
        model.load_state_dict(load_file(pretrained))
        dtypes = {"fp32": torch.float32, "pure_fp16": torch.float16, "pure_bf16": torch.bfloat16}
        model.to(device=options["device"], dtype=dtypes[options["precision"]])
        size = model.visual.image_size
        size = size if isinstance(size, int) else size[0]
        return model, transform(size, options["image_resize_mode"] == "squash")

    module.create_model_from_pretrained = create
    module.get_model_config = lambda name: CONFIGS.get(name)
    module.get_pretrained_cfg = lambda name, wanted: TAGS.get(wanted, {})
    module.list_pretrained_tags_by_model = lambda name: sorted(TAGS) if name in CONFIGS else []
    module.get_tokenizer = lambda name: SimpleTokenizer()
    return module
