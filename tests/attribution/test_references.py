"""AttnLRP by its rules one layer at a time, and methods that sample, against the sample by hand."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from attribution.by_hand import forward
from sklearn.cluster import KMeans
from torch import Tensor

from clipprobe.attribution import explain
from clipprobe.attribution.coalitions import coalitions
from clipprobe.attribution.methods.occlusion import smooth_masks

TEXT = "a dog"


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def direction_of(clip: Any) -> Tensor:
    return torch.from_numpy(clip.encode_texts([TEXT])[0])


class Rules:
    """Relevance, from the score back to the tokens; nothing here is a gradient.

    Achtibat et al. 2024, section 3: a linear map hands ``x_i w_ji R_j / y_j`` to its input, a
    product halves to its factors, a softmax ``x_i (R_i - s_i sum R)``, a non-linearity all of it,
    a layer norm as the linear map that it is with its scale held fixed.
    """

    def __init__(self, clip: Any, pixels: Tensor, direction: Tensor) -> None:
        self.tower: Any = copy.deepcopy(clip.module.vision_model).double()
        self.matrix = clip.module.visual_projection.weight.detach().double()
        self.per_token = torch.zeros(17, dtype=torch.float64)
        self.lost = 0.0
        with torch.no_grad():
            x = self.tower.pre_layrnorm(self.tower.embeddings(pixels.double()))[0]
            streams = [x]
            for layer in self.tower.encoder.layers:
                streams.append(self.block(layer, streams[-1])["out"])
            last = streams[-1]
            projected = self.tower.post_layernorm(last[0]) @ self.matrix.T
            relevance = projected * direction.double() / projected.norm()
            self.score = float(relevance.sum())
            pooled, _ = self.linear(
                self.tower.post_layernorm(last[:1]), self.matrix, None, relevance[None]
            )
            back, bias = self.norm(self.tower.post_layernorm, last[:1], pooled)
            self.lost += float(bias.sum())  # the bias of the last norm belongs to no token
            relevance = torch.zeros_like(last)
            relevance[0] = back[0]
            for layer, start in zip(
                reversed(self.tower.encoder.layers), reversed(streams[:-1]), strict=True
            ):
                relevance = self.back(layer, start, relevance)
            self.per_token += relevance.sum(-1)

    @staticmethod
    def linear(x: Tensor, weight: Tensor, bias: Any, relevance: Tensor) -> tuple[Tensor, Tensor]:
        """Relevance of the input, and of the bias at each token."""
        y = x @ weight.T + (0 if bias is None else bias)
        share = relevance / y
        kept = torch.zeros(len(x), dtype=x.dtype) if bias is None else (share * bias).sum(-1)
        return x * (share @ weight), kept

    @staticmethod
    def norm(module: Any, x: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
        inverse = (x.var(-1, unbiased=False, keepdim=True) + module.eps).rsqrt()
        share = relevance / module(x)
        inner = share * module.weight * inverse
        return x * (inner - inner.mean(-1, keepdim=True)), (share * module.bias).sum(-1)

    @staticmethod
    def block(layer: Any, x: Tensor) -> dict[str, Tensor]:
        """Everything of a forward pass of one block ``(t, d)``."""
        attention = layer.self_attn
        heads, width = attention.num_heads, attention.head_dim
        normed = layer.layer_norm1(x)
        q, k, v = (
            part(normed).view(len(x), heads, width).transpose(0, 1)
            for part in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        logits = q @ k.transpose(1, 2) * width**-0.5
        pattern = logits.softmax(-1)
        mixed = pattern @ v
        flat = mixed.transpose(0, 1).flatten(1)
        written = attention.out_proj(flat)
        mid = x + written
        normed2 = layer.layer_norm2(mid)
        inner = layer.mlp.fc1(normed2)
        active = layer.mlp.activation_fn(inner)
        wrote = layer.mlp.fc2(active)
        return {
            "normed": normed, "q": q, "k": k, "v": v, "logits": logits, "pattern": pattern,
            "mixed": mixed, "flat": flat, "written": written, "mid": mid, "normed2": normed2,
            "active": active, "wrote": wrote, "out": mid + wrote,
        }  # fmt: skip

    def back(self, layer: Any, x: Tensor, relevance: Tensor) -> Tensor:
        s, attention = self.block(layer, x), layer.self_attn
        share = relevance / s["out"]
        to_mid, to_mlp = s["mid"] * share, s["wrote"] * share
        to_active, bias = self.linear(s["active"], layer.mlp.fc2.weight, layer.mlp.fc2.bias, to_mlp)
        self.per_token += bias
        to_normed, bias = self.linear(
            s["normed2"], layer.mlp.fc1.weight, layer.mlp.fc1.bias, to_active
        )
        self.per_token += bias
        more, bias = self.norm(layer.layer_norm2, s["mid"], to_normed)
        self.per_token += bias
        share = (to_mid + more) / s["mid"]
        to_x, to_written = x * share, s["written"] * share
        out = attention.out_proj
        to_flat, bias = self.linear(s["flat"], out.weight, out.bias, to_written)
        self.per_token += bias
        heads, tokens, width = s["v"].shape
        ratio = to_flat.view(tokens, heads, width).transpose(0, 1) / s["mixed"]
        to_pattern = 0.5 * s["pattern"] * (ratio @ s["v"].transpose(1, 2))
        to_v = 0.5 * s["v"] * (s["pattern"].transpose(1, 2) @ ratio)
        whole = to_pattern.sum(-1, keepdim=True)
        to_logits = s["logits"] * (to_pattern - s["pattern"] * whole)
        self.lost += float(to_pattern.sum() - to_logits.sum())
        ratio = to_logits / s["logits"] * width**-0.5
        to_q = 0.5 * s["q"] * (ratio @ s["k"])
        to_k = 0.5 * s["k"] * (ratio.transpose(1, 2) @ s["q"])
        total = torch.zeros_like(x)
        for part, given in (("q_proj", to_q), ("k_proj", to_k), ("v_proj", to_v)):
            module = getattr(attention, part)
            flat = given.transpose(0, 1).flatten(1)
            more, bias = self.linear(s["normed"], module.weight, module.bias, flat)
            total, self.per_token = total + more, self.per_token + bias
        more, bias = self.norm(layer.layer_norm1, x, total)
        self.per_token += bias
        return to_x + more


def test_attnlrp_is_what_its_rules_say_one_layer_at_a_time(clip: Any, picture: np.ndarray) -> None:
    """The method is gradient times input of a twin pass; the reference never takes a gradient."""
    rules = Rules(clip, clip.preprocess([picture]), direction_of(clip))
    found = explain(clip, picture, TEXT, "attnlrp")
    assert rules.score == pytest.approx(found.score, abs=1e-6)
    # The rules conserve: tokens, the last norm's bias and what softmax absorbs are the score.
    assert float(rules.per_token.sum()) + rules.lost == pytest.approx(rules.score, rel=1e-6)
    expected = rules.per_token[1:].numpy()
    assert np.abs(expected).max() > 1e-3
    assert np.abs(found.tokens - expected).max() < 1e-4 * np.abs(expected).max()
    constant = float(rules.per_token[0]) + rules.lost
    assert found.constant == pytest.approx(constant, rel=1e-4)
    # The comparison notices another rule: all of a product to one factor.
    assert np.abs(found.tokens - 1.01 * expected).max() > 1e-4 * np.abs(expected).max()


def test_rise_is_the_mean_score_under_the_masks_that_show_a_pixel(
    clip: Any, picture: np.ndarray
) -> None:
    pixels, direction = clip.preprocess([picture]), direction_of(clip)
    rng = np.random.default_rng(5)
    masks = torch.cat([smooth_masks(rng, n, 0.5, 4, (32, 32)) for n in (32, 32, 6)]).double()
    scores = [float(clip.image_embeddings(pixels * m.float())[0] @ direction) for m in masks]
    weighted = sum(score * mask for score, mask in zip(scores, masks, strict=True))
    expected = (weighted / masks.sum(0)).numpy() - np.mean(scores)
    found = explain(clip, picture, TEXT, "rise", n_masks=70, cells=4, seed=5).map
    assert np.abs(expected).max() > 1e-3
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max() + 1e-6


def test_cci_is_the_loss_of_masking_each_cluster_of_k_means(clip: Any, picture: np.ndarray) -> None:
    pixels, direction = clip.preprocess([picture]), direction_of(clip)
    whole = forward(clip, pixels, direction)
    tokens = whole.streams[-1][0, 1:].detach().double().numpy()
    labels = KMeans(5, n_init=4, random_state=0).fit_predict(tokens)
    expected = np.zeros(16)
    for label in range(5):
        seen = torch.cat([torch.ones(1, dtype=torch.bool), torch.from_numpy(labels != label)])
        lost = whole.score - forward(clip, pixels, direction, seen).score
        expected[labels == label] = float(lost.detach())
    found = explain(clip, picture, TEXT, "cci", n_clusters=5).tokens
    assert len(np.unique(expected)) == 5 and np.abs(expected).max() > 1e-3
    assert np.abs(found - expected).max() < 1e-5


def test_banzhaf_is_the_linear_fit_to_the_scores_of_masked_images(
    clip: Any, picture: np.ndarray
) -> None:
    pixels, direction = clip.preprocess([picture]), direction_of(clip)
    sets = coalitions(16, 80, seed=2)
    scores = []
    for row in sets.members:
        seen = torch.cat([torch.ones(1, dtype=torch.bool), torch.from_numpy(row)])
        scores.append(float(forward(clip, pixels, direction, seen).score.detach()))
    design = np.column_stack([np.ones(len(sets.members)), sets.members])
    expected = np.linalg.lstsq(design, np.array(scores), rcond=None)[0][1:]
    found = explain(clip, picture, TEXT, "banzhaf", n_masks=80, seed=2).tokens
    assert np.abs(expected).max() > 1e-3
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_nulls_know_nothing_of_the_model(
    clip: Any, load_tiny: Any, picture: np.ndarray
) -> None:
    found = explain(clip, picture, TEXT, "centre").map
    for row in range(4):
        for column in range(4):
            off = ((row + 0.5) / 4 - 0.5) ** 2 + ((column + 0.5) / 4 - 0.5) ** 2
            assert found[row, column] == pytest.approx(np.exp(-off / (2 * 0.25**2)), rel=1e-6)
    maps = [explain(clip, picture, text, "random").tokens for text in (TEXT, "a cat", TEXT)]
    assert (maps[0] == maps[2]).all() and np.abs(np.corrcoef(maps[:2])[0, 1]) < 0.7
    many = np.concatenate([explain(clip, picture, f"text {i}", "random").tokens for i in range(60)])
    assert abs(many.mean()) < 0.1 and many.std() == pytest.approx(1, abs=0.1)
    for name in ("centre", "random"):
        other = explain(load_tiny("metaclip_2"), picture, TEXT, name)
        assert (other.map == explain(clip, picture, TEXT, name).map).all()
