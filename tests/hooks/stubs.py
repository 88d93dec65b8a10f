"""Torch-only stand-ins for open_clip's two vision towers, with its way of computing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from clipprobe.anatomy import listening as context
from clipprobe.anatomy.parts import Anatomy, Block, ChannelSite, Tower

WIDTH, N_HEADS = 8, 2


class Bottleneck(nn.Module):
    """The last addition and its ReLU write over their inputs, as CLIP's ResNets do."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.act3 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out: Tensor = self.bn(self.conv(x))
        out += identity
        return self.act3(out)


class FusedBlock(nn.Module):
    """open_clip's transformer block: fused attention whose ``out_proj`` never runs as a module."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, N_HEADS, batch_first=True)
        self.c_fc, self.gelu = nn.Linear(WIDTH, 4 * WIDTH), nn.GELU()
        self.c_proj = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        return x + self.c_proj(self.gelu(self.c_fc(self.ln_2(x))))


class TwoTowers(nn.Module):
    """A ResNet of two blocks as vision tower, two fused transformer blocks as text tower."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTH, 1)
        self.layer4 = nn.Sequential(Bottleneck(WIDTH), Bottleneck(WIDTH))
        self.embedding = nn.Embedding(20, WIDTH)
        self.blocks = nn.Sequential(FusedBlock(), FusedBlock())


def draw(module: nn.Module) -> None:
    """Weights from a local generator; open_clip's own start zeroes the residual branches."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(noise if parameter.ndim > 1 else 1 + 0.3 * noise)


def resnet_clip() -> Any:
    """What the hooks use of a `Clip`."""
    module = TwoTowers().eval().requires_grad_(False)
    draw(module)
    blocks = tuple(
        Block(
            module=part,
            norm_pre=part.ln_1,
            norm_mid=part.ln_2,
            attention=part.attn,
            q=None,
            k=None,
            v=None,
            out=None,
            n_heads=N_HEADS,
            d_head=WIDTH // N_HEADS,
            scale=(WIDTH // N_HEADS) ** -0.5,
            activation=part.gelu,
            mlp_out=part.c_proj,
            causal=False,
        )
        for part in module.blocks
    )
    channels = {}
    for i, part in enumerate(module.layer4):
        add = ChannelSite(module=part.act3, at="input", n_channels=WIDTH)
        post = ChannelSite(module=part, at="output", n_channels=WIDTH)
        channels |= {f"layer4.{i}.add": add, f"layer4.{i}.post": post}
    shared: dict[str, Any] = {"norm_final": None, "projection": None, "has_class_token": False}
    shared |= {"grid": None, "d_model": WIDTH, "d_pooled": WIDTH, "pool_token": "none"}
    vision = Tower(name="vision", blocks=(), embed=None, d_mlp=0, channels=channels, **shared)
    text = Tower(name="text", blocks=blocks, embed=None, d_mlp=4 * WIDTH, **shared)

    def image_embeddings(pixels: Tensor) -> Tensor:
        pooled = context.emit(
            "vision.pooled", module.layer4(module.stem(pixels)).mean((2, 3)), module
        )
        return context.emit("vision.projected", pooled, module)

    def text_embeddings(tokens: Tensor) -> Tensor:
        pooled = context.emit("text.pooled", module.blocks(module.embedding(tokens))[:, 0], module)
        return context.emit("text.projected", pooled, module)

    return SimpleNamespace(
        id="open_clip:stub",
        module=module,
        d_embed=WIDTH,
        anatomy=Anatomy(vision=vision, text=text),
        image_embeddings=image_embeddings,
        text_embeddings=text_embeddings,
    )
