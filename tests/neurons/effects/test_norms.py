"""Norms taken exactly: removals where a norm is all that is not linear, and what is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import clipprobe
from clipprobe import Edit, Scale, Zero
from clipprobe.edits import Projection, Views
from clipprobe.neurons.effects import attribution_patching, site_effects, total_effects
from clipprobe.neurons.effects.norms.reads import ColumnWrites, VectorWrites, of_norm
from clipprobe.testing import checkpoints as tiny

TEXTS = ["a cat", "the sea"]
LAST = tiny.N_BLOCKS - 1


def errors(clip: Any, site: str, tower: str = "vision", **options: Any) -> tuple[float, float]:
    """The largest errors of one pass and of the plain gradient, beside the largest effect."""
    images = tiny.pictures()[:4]
    wanted = {"per_site": None, "batch_size": 3, **options}
    sizes = []
    for norms in (True, False):
        one = site_effects(clip, images, TEXTS, f"{tower}.blocks.{site}", norms=norms, **wanted)
        measured = one.measured.mean(axis=0)
        sizes.append(np.abs(one.attribution - measured).max() / np.abs(measured).max())
    return sizes[0], sizes[1]


@pytest.mark.parametrize(
    "edit",
    [
        Edit(Views.mirrored()),
        Edit({f"vision.blocks.{LAST}.resid_post": Scale(0.5)}),
        Edit({"vision.projected:0": Zero()}),
    ],
    ids=str,
)
def test_an_edit_that_changes_the_way_keeps_the_gradient(clip: Any, edit: Any) -> None:
    edited, site = edit.of(clip), f"vision.blocks.{LAST}.mlp.post"
    both = [
        site_effects(edited, tiny.pictures()[:3], TEXTS, site, per_site=4, norms=norms).attribution
        for norms in (True, False)
    ]
    np.testing.assert_array_equal(*both)
    images = tiny.pictures()[:2]
    assert not attribution_patching(edited, images, TEXTS, sites=site).norms
    with clipprobe.intervene(clip, {f"vision.blocks.{LAST}.resid_post": Scale(0.5)}):
        assert not attribution_patching(clip, images, TEXTS, sites=site).norms
    assert attribution_patching(clip, images, TEXTS, sites=site).norms


def test_an_edit_behind_the_score_leaves_norms_exact(clip: Any) -> None:
    directions = np.eye(clip.d_embed, dtype=np.float32)[:2]
    edited = Edit(Projection.without(directions)).of(clip)
    exact, plain = errors(edited, f"{LAST}.mlp.post")
    assert exact < 1e-3 < 0.02 < plain


@pytest.mark.parametrize("method", ["zero", "mean"])
@pytest.mark.parametrize("tower", ["vision", "text"])
def test_neurons_that_only_the_readout_reads_are_predicted_exactly(
    clip: Any, tower: str, method: str
) -> None:
    exact, plain = errors(clip, f"{LAST}.mlp.post", tower, method=method)
    assert exact < 1e-3 < 0.02 < plain


@pytest.mark.parametrize("tower", ["vision", "text"])
def test_so_are_heads_where_the_neurons_after_them_are_silent(checkpoint: Any, tower: str) -> None:
    clip = clipprobe.load(checkpoint("clip"))
    layer = getattr(clip.module, f"{tower}_model").encoder.layers[LAST]
    with torch.no_grad():
        layer.mlp.fc2.weight.zero_()
    exact, plain = errors(clip, f"{LAST}.attn.head_out", tower)
    assert exact < 1e-3 < 0.02 < plain
    found = attribution_patching(clip, tiny.pictures()[:4], TEXTS, sites=f"{tower}.blocks.*.attn.z")
    heads = [f"{tower}.blocks.{LAST}.attn.z:{head}" for head in range(tiny.N_HEADS)]
    site = f"{tower}.blocks.{LAST}.attn.head_out"
    one = site_effects(clip, tiny.pictures()[:4], TEXTS, site, per_site=None)
    np.testing.assert_allclose(found.of_units(heads), one.attribution, atol=1e-4)


@pytest.mark.parametrize("form", ["columns", "vectors", "mapped"])
def test_what_a_norm_adds_is_its_change_less_its_derivative(form: str) -> None:
    """Against the layer norm itself, with writes as large as what they are added to."""
    generator = torch.Generator().manual_seed(3)

    def drawn(*sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, generator=generator)

    norm = torch.nn.LayerNorm(16, eps=1e-5)
    with torch.no_grad():
        norm.weight.copy_(drawn(16))
        norm.bias.copy_(drawn(16))
    x, slopes, columns = drawn(2, 3, 16), [drawn(2, 3, 16) for _ in TEXTS], drawn(16, 4)
    change, weight = drawn(2, 3, 4), drawn(16, 4, 5)
    writes: Any
    if form == "columns":
        writes, written = ColumnWrites(change, columns), change[..., None] * columns.T
    elif form == "vectors":
        written = drawn(2, 3, 4, 16)
        writes = VectorWrites(written, None)
    else:
        inner = drawn(2, 3, 4, 5)
        writes, written = VectorWrites(inner, weight), torch.einsum("btuk,duk->btud", inner, weight)
    expected = np.zeros((2, 2, 4))
    for unit in range(4):
        move = written[:, :, unit]
        _, slope = torch.autograd.functional.jvp(norm, x, move)
        beyond = norm(x + move) - norm(x) - slope
        for column, one in enumerate(slopes):
            expected[:, column, unit] = (one * beyond).sum((1, 2)).detach().numpy()
    found = of_norm(norm, x, writes, slopes).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected).max() > 1


def test_every_family_has_it_or_keeps_the_gradient(load_tiny: Any) -> None:
    images = tiny.pictures()[:3]
    for family, tower, there in (
        ("clip", "vision", True), ("clip", "text", True), ("siglip", "vision", True),
        ("siglip", "text", True), ("altclip", "text", False),
    ):  # fmt: skip
        clip = load_tiny(family)
        unit = f"{tower}.blocks.{len(getattr(clip.anatomy, tower).blocks) - 1}.mlp.post:3"
        found = attribution_patching(clip, images, TEXTS, units=[unit])
        assert found.norms is there, family
        plain = attribution_patching(clip, images, TEXTS, units=[unit], norms=False)
        assert not plain.norms
        equal = found.of_units([unit]) == plain.of_units([unit])
        assert equal.all() if not there else not equal.any()


def test_batches_agree_and_units_that_write_nothing_keep_the_gradient(clip: Any) -> None:
    images, site = tiny.pictures()[:5], "vision.blocks.0.attn.z"
    whole, parts = (
        attribution_patching(clip, images, TEXTS, sites=site, batch_size=size).mean()[site]
        for size in (5, 2)
    )
    np.testing.assert_allclose(whole, parts, atol=1e-4)
    site = "vision.blocks.1.mlp.pre"  # it does not write itself
    same = [
        attribution_patching(clip, images, TEXTS, sites=site, norms=norms).mean()[site]
        for norms in (True, False)
    ]
    assert (same[0] == same[1]).all()
    assert not attribution_patching(clip, images, TEXTS, sites=site, probes=1).norms
    norms = [m for m in clip.module.modules() if isinstance(m, torch.nn.LayerNorm)]
    assert not any(norm._forward_hooks for norm in norms)  # none is left behind


def test_on_the_bundled_model_heads_and_neurons_are_ranked_better_than_by_the_gradient() -> None:
    """With texts and images that no number of the docs is of."""
    from clipprobe.stimuli import concept_set, concepts, render

    clip = clipprobe.load()
    samples = concept_set("drawing", per_concept=1, seed=31, names=concepts()[150:166])
    images = [render(sample.scene).image for sample in samples]
    texts = ["a photo of a bird", "a drawing of a car", "the word house"]
    for site, step in (("attn.z", 1), ("mlp.post", 64)):
        n_units = 6 if site == "attn.z" else 768
        units = [f"vision.blocks.{b}.{site}:{u}" for b in range(6) for u in range(0, n_units, step)]
        measured = total_effects(
            clip, images, texts, units, methods=["zero"], n_controls=0, n_boot=2
        )
        truth = np.array([one.effect.value for one in measured]).reshape(len(units), 3)
        ranks = []
        for norms in (True, False):
            told = attribution_patching(clip, images, texts, units=units, norms=norms)
            told = told.of_units(units)
            ranks.append(np.mean([spearmanr(told[:, t], truth[:, t]).statistic for t in range(3)]))
        assert ranks[0] > ranks[1], site
