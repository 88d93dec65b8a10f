"""``decompose``: one image or text, its embedding as an exact sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clipprobe.attribution.decomposition.reader import Reader
from clipprobe.attribution.decomposition.result import EmbeddingParts
from clipprobe.attribution.job import as_floats
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.memory import check_fits
from clipprobe.models.grid import patch_grid

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.anatomy.parts import Tower
    from clipprobe.models import Clip

_SITES = ("attn.pattern", "attn.v", "mlp.post")


def decompose(clip: Clip, image: object = None, *, text: str | None = None) -> EmbeddingParts:
    """Take the embedding of an image, or of a text, apart.

    Args:
        image: A path, a Pillow image, a uint8 array ``(h, w, 3)`` or an ImageRecord.
        text: A text instead.

    Returns:
        Vectors in the joint space, one for each (block, head, source token), each neuron and each
        bias; their sum is the embedding (``.gap`` says to what precision).

    Raises:
        UnsupportedHookError: the tower is not read linearly (ResNets, post-norm towers), or its
            attention is fused; the message says why.
        ConfigError: both were given, or neither.

    Example:
        >>> parts = clipprobe.decompose(clip, "dog.png")  # doctest: +SKIP
        >>> abs(parts.total - parts.embedding).max() < 1e-5  # doctest: +SKIP
        True
    """
    import torch

    if (image is None) == (text is None):
        raise ConfigError("Give an image or text=..., one of the two.")
    tower = clip.anatomy.vision if text is None else clip.anatomy.text
    _check(clip, tower)
    ids = [] if text is None else clip.tokenize([text])[0]
    pixels = clip.preprocess([image]) if text is None else torch.zeros(0)
    grid = patch_grid(clip, pixels) if text is None else (0, 0)
    n_tokens = len(ids) or grid[0] * grid[1] + tower.has_class_token
    each = 4.0 * (tower.blocks[0].n_heads * n_tokens + tower.d_mlp) * clip.d_embed
    check_fits("the number of blocks", len(tower.blocks), each)
    acts, embedding = _run(clip, tower, pixels, ids)
    token = _pooled_token(clip, tower, ids)
    last = f"{tower.name}.blocks.{len(tower.blocks) - 1}.resid_post"
    with torch.no_grad():
        reader = Reader(clip, tower.name, acts[last], acts[f"{tower.name}.projected"], token)
        start = acts[f"{tower.name}.blocks.0.resid_pre"]
        terms = {"embed": reader.of_stream(start)} | reader.constants
        heads, neurons = [], []
        for index, block in enumerate(tower.blocks):
            name = f"{tower.name}.blocks.{index}"
            pattern, v, post = (acts[f"{name}.{site}"] for site in _SITES)
            heads.append(_heads(reader, block, pattern, v))
            out: Any = block.mlp_out
            neurons.append(reader.mixed(out.weight.T, reader.weights @ post.double()))
            for site, module in (("attn.head_out", block.out), ("mlp.out", block.mlp_out)):
                bias = getattr(module, "bias", None)
                if bias is not None:
                    written = bias.expand(len(start), -1)
                    terms[f"{name}.{site} bias"] = reader.of_stream(written)
    return EmbeddingParts(
        tower=tower.name,
        input=str(getattr(image, "id", image if isinstance(image, str) else "image"))
        if text is None
        else text,
        embedding=as_floats(embedding),
        heads=torch.stack(heads).float().cpu().numpy(),
        neurons=torch.stack(neurons).float().cpu().numpy(),
        terms={name: as_floats(value) for name, value in terms.items() if bool(value.any())},
        tokens=_names(clip, tower, grid, ids),
        grid=grid,
        first_patch=int(tower.has_class_token),
        provenance=clip.provenance(),
    )


def _heads(reader: Reader, block: Any, pattern: Tensor, v: Tensor) -> Tensor:
    """``(h, t, e)``: what each head moved from each token to where the embedding is read."""
    import torch

    moved = torch.einsum("pq,hqt->pht", reader.weights, pattern.double())
    weight = block.out.weight.double().view(-1, block.n_heads, block.d_head)  # d h k
    rows = [
        reader.mixed(v[:, head].double() @ weight[:, head].T, moved[:, head])
        for head in range(block.n_heads)
    ]
    return torch.stack(rows)


def _run(
    clip: Clip, tower: Tower, pixels: Tensor, ids: list[int]
) -> tuple[dict[str, Tensor], Tensor]:
    """Activations of the one input, and its unit vector."""
    import torch

    from clipprobe.hooks import capture

    n = len(tower.blocks)
    names = [f"{tower.name}.blocks.{index}.{site}" for index in range(n) for site in _SITES]
    ends = [f"{tower.name}.blocks.0.resid_pre", f"{tower.name}.blocks.{n - 1}.resid_post"]
    with torch.no_grad(), capture(clip, [*names, *ends, f"{tower.name}.projected"]) as acts:
        vision = tower.name == "vision"
        vectors = (
            clip.image_embeddings(pixels) if vision else clip.text_embeddings(torch.tensor([ids]))
        )
    return {name: value[0] for name, value in dict(acts).items()}, vectors[0]


def _pooled_token(clip: Clip, tower: Tower, ids: list[int]) -> int | None:
    import torch

    if tower.name == "vision":
        return None if tower.pool_token == "none" else 0
    return int(clip.adapter.pool_positions(torch.tensor([ids]))[0])


def _names(clip: Clip, tower: Tower, grid: tuple[int, int], ids: list[int]) -> tuple[str, ...]:
    if tower.name == "text":
        return tuple(clip.tokens.piece(token) for token in ids)
    first = ["class token"] if tower.has_class_token else []
    patches = [f"{row}, {column}" for row in range(grid[0]) for column in range(grid[1])]
    return (*first, *patches)


def _check(clip: Clip, tower: Tower) -> None:
    from torch import nn

    for block in tower.blocks:
        out: Any = block.mlp_out
        if block.q is None or block.out is None or not isinstance(out, nn.Linear):
            raise UnsupportedHookError(
                f"The {tower.name} tower of {clip.id} hides its queries, keys and values, so its "
                "embedding cannot be taken apart by head and token: use `clipprobe neurons "
                "decompose`, which sums over tokens."
            )
