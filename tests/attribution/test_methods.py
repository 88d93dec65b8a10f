"""Every method equals a few lines that follow its paper, on a tower run by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attribution.by_hand import Pass, forward, joint
from torch import Tensor
from torch.nn import functional

import clipprobe
from clipprobe.attribution import attribution_methods, explain
from clipprobe.attribution.registry import METHODS

TEXT = "a dog"
References = Callable[[Any, Tensor, Tensor], Tensor]


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def grad(seen: Pass, value: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(seen.score, value, retain_graph=True)
    return found


def rollout(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    reach = torch.eye(17)
    for pattern in forward(clip, pixels, direction).patterns:
        reach = (pattern[0].mean(0) + torch.eye(17)) / 2 @ reach
    return reach[0, 1:]


def chefer(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    seen = forward(clip, pixels, direction)
    relevance = torch.eye(17)
    for pattern in seen.patterns:
        weighted = (pattern * grad(seen, pattern))[0].clamp(min=0).mean(0)
        relevance = relevance + weighted @ relevance
    # The class token's own row starts as itself, which belongs to no patch.
    return relevance[0, 1:]


def grad_eclip(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    seen = forward(clip, pixels, direction)
    weight = grad(seen, seen.z[-1])[0, 0].flatten()  # h * k
    near = functional.cosine_similarity(
        seen.q[-1][0, :1].flatten(1), seen.k[-1][0, 1:].flatten(1), dim=-1
    )
    loose = (near - near.min()) / (near.max() - near.min())
    return torch.relu((seen.v[-1][0, 1:].flatten(1) * weight).sum(-1) * loose)


def values_x_gradient(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    seen = forward(clip, pixels, direction)
    return (seen.v[-1] * grad(seen, seen.v[-1]))[0, 1:].sum((1, 2))


def legrad(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    seen = forward(clip, pixels, direction)
    total = torch.zeros(16)
    for block in (1, 2):
        read = joint(clip, seen.streams[block + 1].mean(1)) @ direction
        (found,) = torch.autograd.grad(read.sum(), seen.patterns[block], retain_graph=True)
        total += found[0].clamp(min=0).mean((0, 1))[1:]
    return total


def maskclip(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    seen = forward(clip, pixels, direction)
    out = clip.module.vision_model.encoder.layers[-1].self_attn.out_proj
    return joint(clip, out(seen.v[-1][0, 1:].flatten(1))) @ direction


def patch_cosine(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    return joint(clip, forward(clip, pixels, direction).streams[-1][0, 1:]) @ direction


def value_value(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    seen = forward(clip, pixels, direction)
    layers = clip.module.vision_model.encoder.layers
    path = seen.streams[2]
    for block in (2,):  # half of three blocks, rounded down
        v = seen.v[block]
        near = torch.einsum("bqhk,bthk->bhqt", v, v) * v.shape[-1] ** -0.5
        mixed = torch.einsum("bhqt,bthk->bqhk", near.softmax(-1), v)
        path = path + layers[block].self_attn.out_proj(mixed.flatten(2))
    return joint(clip, path[0, 1:]) @ direction


def keep_only(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    found = torch.zeros(4, 4)
    for row in range(4):
        for column in range(4):
            seen = torch.zeros(4, 4, dtype=torch.bool)
            seen[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
            mask = torch.cat([torch.ones(1, dtype=torch.bool), seen.flatten()])
            found[row, column] = forward(clip, pixels, direction, mask).score
    return found


def attention_occlusion(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    whole = forward(clip, pixels, direction).score
    found = []
    for patch in range(1, 17):
        mask = torch.ones(17, dtype=torch.bool)
        mask[patch] = False
        found.append(whole - forward(clip, pixels, direction, mask).score)
    return torch.stack(found)


def occlusion(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    whole = clip.image_embeddings(pixels) @ direction
    total, count = torch.zeros(4, 4), torch.zeros(4, 4)
    for row in range(3):
        for column in range(3):
            covered = pixels.clone()
            covered[..., row * 8 : row * 8 + 16, column * 8 : column * 8 + 16] = 0
            lost = (whole - clip.image_embeddings(covered) @ direction)[0]
            total[row : row + 2, column : column + 2] += lost
            count[row : row + 2, column : column + 2] += 1
    return total / count


def gradient_x_input(clip: Any, pixels: Tensor, direction: Tensor) -> Tensor:
    x = pixels.clone().requires_grad_()
    (found,) = torch.autograd.grad((clip.image_embeddings(x) @ direction).sum(), x)
    return (found * x).sum(1)[0].detach()


REFERENCES: dict[str, References] = {
    "attention_rollout": rollout,
    "chefer": chefer,
    "grad_eclip": grad_eclip,
    "values_x_gradient": values_x_gradient,
    "legrad": legrad,
    "maskclip": maskclip,
    "patch_cosine": patch_cosine,
    "value_value": value_value,
    "keep_only": keep_only,
    "attention_occlusion": attention_occlusion,
    "occlusion": occlusion,
    "gradient_x_input": gradient_x_input,
}


@pytest.mark.parametrize("method", REFERENCES)
def test_a_method_equals_its_reference(clip: Any, picture: np.ndarray, method: str) -> None:
    direction = torch.from_numpy(clip.encode_texts([TEXT])[0])
    pixels = clip.preprocess([picture])
    expected = REFERENCES[method](clip, pixels, direction).detach().double().numpy().reshape(-1)
    found = explain(clip, picture, TEXT, method).map.reshape(-1)
    assert np.abs(expected).max() > 1e-3
    assert np.abs(found - expected).max() < 1e-5 * max(1.0, float(np.abs(expected).max()))
    other = REFERENCES[method](clip, pixels, -direction.roll(1)).detach().numpy().reshape(-1)
    if METHODS[method].reads_target:  # the comparison notices another text
        assert np.abs(found - other).max() > 1e-3


def test_the_pass_by_hand_is_the_models(clip: Any, picture: np.ndarray) -> None:
    direction = torch.from_numpy(clip.encode_texts([TEXT])[0])
    score = float(forward(clip, clip.preprocess([picture]), direction).score.detach())
    assert score == pytest.approx(float(clip.similarity([picture], [TEXT])[0, 0]), abs=1e-6)


def test_head_tokens_are_the_decompositions(clip: Any, picture: np.ndarray) -> None:
    direction = clip.encode_texts([TEXT])[0]
    parts = clipprobe.decompose(clip, picture)
    found = explain(clip, picture, TEXT, "head_tokens").map
    assert np.abs(found - parts.map(direction)).max() < 1e-6
    assert np.abs(found).max() > 1e-3


def test_rise_of_a_linear_score_is_its_weights_where_masks_are_known(clip: Any) -> None:
    """For a score that is the mean of some pixels, only those pixels stand out."""
    from clipprobe.attribution.job import Job
    from clipprobe.attribution.methods.occlusion import rise
    from clipprobe.attribution.target import Targets

    targets = Targets(
        names=("corner",),
        kind="text",
        units="units",
        points=(),
        directions=torch.ones(1, 1),
        features=lambda x: x[:, :, :8, :8].mean((1, 2, 3))[:, None],
    )
    job = Job(clip, torch.ones(1, 3, 32, 32), targets)
    found = rise(job, n_masks=2000, cells=4).values[0]
    inside, outside = found[:8, :8].mean(), found[16:, 16:].mean()
    assert inside > 0.15 and abs(outside) < 0.02
    # E[m | seen] - E[m] of a mask's own cell: between 0 and the most that one cell allows.
    assert found.max() < 0.55


def test_clusters_of_one_patch_each_are_attention_occlusion(clip: Any, picture: np.ndarray) -> None:
    single = explain(clip, picture, TEXT, "attention_occlusion").map
    clusters = explain(clip, picture, TEXT, "cci", n_clusters=16).map
    assert np.abs(single - clusters).max() == 0
    seven = explain(clip, picture, TEXT, "cci", n_clusters=7).tokens.astype(float)
    labels = np.unique(seven, return_inverse=True)[1]
    assert labels.max() == 6


def test_banzhaf_of_all_coalitions_is_the_brute_sum(clip: Any, picture: np.ndarray) -> None:
    """Four players in an image of 16 patches are out of reach, so the fit is tried on a game."""
    from clipprobe.attribution.coalitions import coalitions, first_order

    rng = np.random.default_rng(0)
    for p in (0.5, 0.7):
        sets = coalitions(5, 64, p=p)
        assert sets.exhaustive and sets.weights.sum() == pytest.approx(1)
        values = rng.normal(size=(32, 3))
        place = {tuple(row): i for i, row in enumerate(sets.members)}
        for player in range(5):
            brute = np.zeros(3)
            for row in sets.members:
                if row[player]:
                    without = row.copy()
                    without[player] = False
                    n_others = int(without.sum())
                    weight = p**n_others * (1 - p) ** (4 - n_others)
                    brute += weight * (values[place[tuple(row)]] - values[place[tuple(without)]])
            assert np.abs(first_order(sets, values)[1][player] - brute).max() < 1e-12
    sample = coalitions(12, 600, p=0.5, seed=1)
    linear = sample.members @ np.arange(12.0) + 3
    mean, slopes = first_order(sample, linear[:, None])
    assert mean[0] == pytest.approx(3 + 33, abs=1e-3)
    assert np.abs(slopes[:, 0] - np.arange(12)).max() < 1e-3
    few = coalitions(12, 20, p=0.5, seed=1)  # too few for a fit: covariances, and no explosion
    rough = first_order(few, (few.members @ np.arange(12.0))[:, None])[1][:, 0]
    assert np.abs(rough).max() < 40 and np.corrcoef(rough, np.arange(12))[0, 1] > 0.2
    full = explain(clip, picture, TEXT, "banzhaf", n_masks=3000).map
    less = explain(clip, picture, TEXT, "banzhaf", n_masks=3000, seed=9).map
    assert np.corrcoef(full.reshape(-1), less.reshape(-1))[0, 1] > 0.9


def test_every_method_is_held_to_something() -> None:
    elsewhere = {
        # test_references.py
        "attnlrp", "banzhaf", "cci", "centre", "random", "rise",
        # test_identities.py, and here
        "head_tokens", "interactions",
        # their own files
        "integrated_gradients", "token_grad_cam",
    }  # fmt: skip
    assert set(attribution_methods()) == {*REFERENCES, *elsewhere}
    assert not set(REFERENCES) & elsewhere
