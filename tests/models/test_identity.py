"""The hash of a model is that of what is in memory, however it got there."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

import clipprobe
from clipprobe.models.identity import foreign_code, mark, state_sha256


@pytest.fixture
def own(checkpoint: Callable[[str], Path]) -> Any:
    return clipprobe.load(checkpoint("clip"))


def mlp(clip: Any) -> Any:
    return clip.module.vision_model.encoder.layers[1].mlp


class LowRank(nn.Module):
    """What adapters do: the layer, and a product of two thin matrices beside it."""

    def __init__(self, inner: nn.Linear, seed: int) -> None:
        super().__init__()
        self.inner = inner
        torch.manual_seed(seed)
        self.down = nn.Linear(inner.in_features, 2, bias=False)
        self.up = nn.Linear(2, inner.out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + self.up(self.down(x))


class Doubled(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 2 * weight


def add_in_place(clip: Any) -> None:
    with torch.no_grad():
        mlp(clip).fc1.weight.add_(1e-3)


def add_to_data(clip: Any) -> None:
    mlp(clip).fc1.weight.data[3, 5] += 1e-6


def swap_data(clip: Any) -> None:
    mlp(clip).fc1.weight.data = mlp(clip).fc1.weight.data.flip(0)


def swap_two_rows(clip: Any) -> None:
    weight = mlp(clip).fc1.weight.data
    weight[[2, 7]] = weight[[7, 2]].clone()


def flip_signs(clip: Any) -> None:
    mlp(clip).fc1.weight.data[4] *= -1


def through_numpy(clip: Any) -> None:
    mlp(clip).fc2.bias.detach().numpy()[0] += 0.5


def load_state(clip: Any) -> None:
    state = copy.deepcopy(clip.module.state_dict())
    state["visual_projection.weight"] *= 1.5
    clip.module.load_state_dict(state)


def train_a_step(clip: Any) -> None:
    parameters = list(mlp(clip).requires_grad_(True).parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    clip.image_embeddings(torch.zeros(1, 3, clip.image_size, clip.image_size)).sum().backward()
    optimizer.step()


def replace_parameter(clip: Any) -> None:
    mlp(clip).fc1.weight = nn.Parameter(mlp(clip).fc1.weight + 1)


def replace_activation(clip: Any) -> None:
    mlp(clip).activation_fn = nn.ReLU()


def loosen_norm(clip: Any) -> None:
    clip.module.vision_model.post_layernorm.eps = 0.1


def share_layers(clip: Any) -> None:
    layers = clip.module.vision_model.encoder.layers
    layers[2] = layers[1]


def adapt(clip: Any, seed: int = 0) -> None:
    mlp(clip).fc1 = LowRank(mlp(clip).fc1, seed)


def parametrise(clip: Any) -> None:
    parametrize.register_parametrization(mlp(clip).fc1, "weight", Doubled())


def cut(clip: Any) -> None:
    prune.random_unstructured(mlp(clip).fc1, "weight", amount=0.5)


def move_positions(clip: Any) -> None:
    clip.module.vision_model.embeddings.position_ids.data[0, :2] = torch.tensor([1, 0])


def quantise(clip: Any) -> None:
    mlp(clip).fc1.half()


EDITS = [
    add_in_place, add_to_data, swap_data, swap_two_rows, flip_signs, through_numpy, load_state,
    train_a_step, replace_parameter, replace_activation, loosen_norm, share_layers, adapt,
    parametrise, cut, move_positions, quantise,
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_in_memory_keeps_the_published_hash(own: Any, edit: Callable[[Any], None]) -> None:
    published = own.weights_sha256
    clean = own.provenance()["model"]
    assert published == own.source.weights_sha256 and "edited_from" not in clean
    torch.manual_seed(0)
    edit(own)
    edited = own.weights_sha256
    assert edited != published and edited == state_sha256(own.module) == own.weights_sha256
    model = own.provenance()["model"]
    assert model == {**clean, "weights_sha256": edited, "edited_from": published}


def test_two_adapters_of_one_shape_are_two_models(checkpoint: Callable[[str], Path]) -> None:
    hashes = []
    for seed in (0, 1, 0):
        clip = clipprobe.load(checkpoint("clip"))
        adapt(clip, seed)
        hashes.append(clip.weights_sha256)
    assert hashes[0] != hashes[1] and hashes[0] == hashes[2]


def test_what_is_put_back_has_its_published_hash_again(own: Any) -> None:
    published, weight = own.weights_sha256, mlp(own).fc1.weight
    before = weight.data.clone()
    flip_signs(own)
    assert own.weights_sha256 != published
    weight.data = before
    assert own.weights_sha256 == published


def test_use_leaves_the_hash_alone(own: Any) -> None:
    published = own.weights_sha256
    own.encode_texts(["a cat"])
    with clipprobe.capture(own, ["vision.blocks.*.mlp.post"]):
        own.image_embeddings(torch.zeros(1, 3, own.image_size, own.image_size))
        assert own.provenance()["model"]["weights_sha256"] == published
        assert "interventions" not in own.provenance()["model"]
    assert foreign_code(own.module) == []


@pytest.mark.parametrize("family", ["clip", "metaclip_2", "altclip", "chinese_clip", "siglip"])
def test_the_attention_in_use_is_the_one_in_the_provenance(
    checkpoint: Callable[[str], Path], family: str
) -> None:
    clip = clipprobe.load(checkpoint(family))
    assert clip.provenance()["model"]["attention"] == "sdpa"
    clip.module.set_attn_implementation("eager")
    assert clip.provenance()["model"]["attention"] == "eager"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bool, torch.uint8])
@pytest.mark.parametrize("n", [1, 7, 8, 40_000])
def test_a_mark_sees_every_byte(dtype: torch.dtype, n: int) -> None:
    held = nn.Module()
    held.register_buffer("x", torch.zeros(n + 1, dtype=dtype)[1:])  # not aligned to a word
    clean = mark(held)
    for place in {0, n // 2, n - 1}:
        held.x[place] = 1
        assert mark(held) != clean
        held.x[place] = 0
        assert mark(held) == clean


def test_an_empty_model_has_a_hash() -> None:
    held = nn.Module()
    held.register_buffer("x", torch.zeros(0, 3))
    assert mark(held) == mark(copy.deepcopy(held)) and len(state_sha256(held)) == 64


def test_the_hash_is_sha256_over_classes_names_and_bytes() -> None:
    held = nn.Linear(2, 1)
    weight, bias = held.weight.detach().numpy(), held.bias.detach().numpy()
    text = (
        b"\0torch.nn.modules.linear.Linear\0in_features=2, out_features=1, bias=True\n"
        b"bias\0torch.float32\0(1,)\n" + bias.tobytes() +
        b"weight\0torch.float32\0(1, 2)\n" + weight.tobytes()
    )  # fmt: skip
    assert state_sha256(held) == hashlib.sha256(text).hexdigest()
