"""Each part changes what it says and nothing else, and equals the same change made by hand."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from edits.parts import NAMES, POST, TEXTS_SEEN, images, parts_for, seen
from PIL import Image

import clipprobe
from clipprobe import At, Edit, Mean, Scale, Steer, Zero
from clipprobe.edits import (
    CentredClasses,
    ClassOffsets,
    ImageToken,
    Interventions,
    Mask,
    Projection,
    TextPrefix,
    View,
    Views,
    WeightDifference,
)
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.zeroshot import build_classifier


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("name", NAMES)
def test_an_edit_changes_what_it_says_and_leaves_no_trace(name: str, clip: Any) -> None:
    edit, changes = parts_for(clip)[name]
    before = seen(clip)
    edited = edit.of(clip)
    for_good = seen(edited)
    with edit.on(clip) as same:
        assert same is clip
        in_block = seen(clip)
    after = seen(clip)
    for what, values in before.items():
        assert np.array_equal(after[what], values)
        assert np.allclose(in_block[what], for_good[what], atol=1e-6)
        moved = np.abs(for_good[what] - values).max()
        assert moved > 1e-4 if what in changes else moved < 1e-6
    assert np.allclose(np.linalg.norm(for_good["image"], axis=1), 1, atol=1e-6)
    assert "edits" not in clip.provenance()["model"]


def test_every_part_of_the_table_is_tested(clip: Any) -> None:
    from clipprobe.edits import PARTS

    made = parts_for(clip)
    assert tuple(made) == NAMES
    assert {part.kind for edit, _ in made.values() for part in edit.parts} == set(PARTS)


def test_ablating_a_neuron_equals_editing_the_weight(clip: Any) -> None:
    by_hand = clip.running(clip.network.copied())
    layer: Any = by_hand.module.vision_model.encoder.layers[1].mlp.fc2
    with torch.no_grad():
        layer.weight[:, 3] = 0
    ablated = Edit({f"{POST}:3": Zero()}).of(clip).encode_images(images())
    assert np.abs(ablated - by_hand.encode_images(images())).max() <= 1e-6
    assert np.abs(ablated - clip.encode_images(images())).max() > 1e-4


def test_removing_heads_equals_editing_the_weight(clip: Any) -> None:
    block = clip.anatomy.vision.blocks[1]
    by_hand = clip.running(clip.network.copied())
    layer: Any = by_hand.module.vision_model.encoder.layers[1].self_attn.out_proj
    with torch.no_grad():
        layer.weight[:, : block.d_head] *= 0.25
    scaled = Edit(Interventions.of_heads(["vision.blocks.1:0"], 0.25)).of(clip)
    assert np.abs(scaled.encode_images(images()) - by_hand.encode_images(images())).max() <= 1e-6


def test_a_projection_equals_projecting_the_embeddings(clip: Any) -> None:
    rng = np.random.default_rng(2)
    directions = rng.normal(size=(3, clip.d_embed))
    edited = Edit(Projection.without(directions)).of(clip)
    basis = np.linalg.qr(directions.T)[0]
    matrix = np.eye(clip.d_embed) - basis @ basis.T
    for made, plain in (
        (edited.encode_images(images()), clip.encode_images(images())),
        (edited.encode_texts(TEXTS_SEEN), clip.encode_texts(TEXTS_SEEN)),
    ):
        assert np.abs(made - unit(plain @ matrix.T)).max() <= 1e-6
        assert np.abs(made @ basis).max() <= 1e-6


def test_views_are_the_mean_of_unit_vectors(clip: Any) -> None:
    size = clip.image_size
    pixels = np.random.default_rng(3).integers(0, 255, (size, size, 3), dtype=np.uint8)
    flipped = np.ascontiguousarray(pixels[:, ::-1])
    both = clip.encode_images([pixels, flipped])
    edited = Edit(Views.mirrored()).of(clip)
    assert np.abs(edited.encode_images([pixels]) - unit(both.sum(axis=0))).max() <= 1e-6
    same = Edit(Views([View(), View()])).of(clip).encode_images([pixels])
    assert np.abs(same - both[:1]).max() <= 1e-6


def test_who_reads_activations_sees_the_first_view(clip: Any) -> None:
    edited = Edit(Views([View(mirrored=True), View(), View()])).of(clip)
    size = clip.image_size
    pixels = np.random.default_rng(3).integers(0, 255, (size, size, 3), dtype=np.uint8)
    with clipprobe.capture(edited, [POST]) as under:
        edited.encode_images([pixels])
    with clipprobe.capture(clip, [POST]) as plain:
        clip.encode_images([np.ascontiguousarray(pixels[:, ::-1])])
    assert under[POST].shape == plain[POST].shape
    assert torch.allclose(under[POST], plain[POST], atol=1e-6)


def test_a_mask_paints_over_pixels(clip: Any) -> None:
    size = clip.image_size
    pixels = np.random.default_rng(4).integers(0, 255, (size, size, 3), dtype=np.uint8)
    hidden = np.zeros((size, size), bool)
    hidden[: size // 2, 3:9] = True
    painted = pixels.copy()
    painted[hidden] = (255, 0, 0)
    edited = Edit(Mask(hidden, (1, 0, 0))).of(clip)
    found, by_hand = edited.encode_images([pixels]), clip.encode_images([painted])
    assert np.abs(found - by_hand).max() <= 1e-6
    rows, columns = clip.grid
    patches = np.zeros((rows, columns), bool)
    patches[0, 1] = True
    whole = np.repeat(np.repeat(patches, size // rows, 0), size // columns, 1)
    assert np.array_equal(
        Edit(Mask(patches)).of(clip).encode_images([pixels]),
        Edit(Mask(whole)).of(clip).encode_images([pixels]),
    )


def test_a_prefix_is_what_the_text_tower_reads(clip: Any) -> None:
    """With the stream of an ordinary word in the place of the learned token, it is that word."""
    text, longer = "dog", "a dog"
    point = "text.blocks.0.resid_pre"
    ids = [clip.tokenize([one])[0] for one in (text, longer)]
    n = len(ids[1]) - len(ids[0])
    assert ids[1][1 + n :] == ids[0][1:]
    with clipprobe.capture(clip, [point]) as acts:
        clip.encode_texts([longer])
    vectors = acts[point][0, 1 : 1 + n]
    edited = Edit(TextPrefix(vectors)).of(clip)
    assert np.abs(edited.encode_texts([text]) - clip.encode_texts([longer])).max() <= 1e-6
    with pytest.warns(UserWarning, match=f"more than the {clip.tokens.context - n} tokens"):
        assert edited.encode_texts(["dog " * 300]).shape == (1, clip.d_embed)
    counts = {"dog " * k: clip.tokens.lengths(["dog " * k])[0] for k in range(1, 100)}
    fits = max((one for one in counts if counts[one] <= clip.tokens.context), key=len)
    assert counts[fits] > clip.tokens.context - n
    clip.encode_texts([fits])  # without a word
    with pytest.warns(UserWarning, match=r"were cut|was cut"):  # by the tokens of the prefix
        edited.encode_texts([fits])
    with clipprobe.capture(edited, ["text.blocks.1.resid_post"], pool="eos") as under:
        edited.encode_texts([text, longer])
    assert under["text.blocks.1.resid_post"].shape == (2, clip.anatomy.text.d_model)


def test_image_tokens_stand_behind_the_patches(clip: Any) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(2, clip.anatomy.vision.d_model))
    edited = Edit(ImageToken(vectors)).of(clip)
    plain = clip.grid[0] * clip.grid[1] + 1
    with clipprobe.capture(edited, ["vision.blocks.0.resid_pre"]) as acts:
        edited.encode_images(images(2))
    found = acts["vision.blocks.0.resid_pre"]
    assert found.shape[1] == plain + 2
    assert np.allclose(found[:, plain:], vectors, atol=1e-6)


def test_rules_on_class_vectors_equal_the_formula(clip: Any) -> None:
    names, templates = ["dog", "cat", "tree"], ["a {}", "the {}"]
    plain = build_classifier(clip, names, templates).astype(np.float64)
    offset = np.random.default_rng(6).normal(size=clip.d_embed)
    centred = Edit(CentredClasses(0.5)).of(clip)
    expected = unit(plain - 0.5 * plain.mean(axis=0))
    assert np.abs(build_classifier(centred, names, templates) - expected).max() <= 1e-6
    moved = build_classifier(Edit(ClassOffsets({"cat": offset})).of(clip), names, templates)
    assert np.array_equal(moved[[0, 2]], plain[[0, 2]].astype(np.float32))
    assert np.abs(moved[1] - unit(plain[1] + offset)).max() <= 1e-6
    two = [ClassOffsets({"cat": offset}), CentredClasses(0.5)]
    assert not np.allclose(
        build_classifier(Edit(*two).of(clip), names, templates),
        build_classifier(Edit(*reversed(two)).of(clip), names, templates),
    )


def test_a_difference_of_weights_leads_from_one_model_to_the_other(clip: Any) -> None:
    tuned = clip.running(clip.network.copied())
    with torch.no_grad():
        for parameter in list(tuned.module.parameters())[::3]:
            parameter.add_(0.01 * torch.randn_like(parameter))
    whole = WeightDifference.between(clip, tuned)
    assert 0 < len(whole.differences) < len(list(clip.module.parameters()))
    edited = Edit(whole).of(clip)
    assert np.abs(edited.encode_images(images()) - tuned.encode_images(images())).max() <= 1e-6
    half = Edit(WeightDifference.between(clip, tuned, share=0.5)).of(clip)
    assert not np.allclose(half.encode_images(images()), tuned.encode_images(images()))
    assert edited.weights_sha256 == clip.weights_sha256  # of what it was made from


def test_the_edit_comes_before_what_the_user_opens(clip: Any) -> None:
    edited = Edit({f"{POST}:3": Zero()}).of(clip)
    with clipprobe.intervene(edited, {f"{POST}:3": 2.0}), clipprobe.capture(edited, [POST]) as acts:
        edited.encode_images(images(1))
    assert bool((acts[POST][..., 3] == 2.0).all())
    with clipprobe.capture(edited, [POST]) as acts:
        edited.encode_images(images(1))
    assert bool((acts[POST][..., 3] == 0.0).all())


def test_parts_compose_in_their_order(clip: Any) -> None:
    unit_17 = f"{POST}:3"
    first = Edit({unit_17: 2.0}, {unit_17: Scale(3.0)})
    second = Edit({unit_17: Scale(3.0)}, {unit_17: 2.0})
    for edit, value in ((first, 6.0), (second, 2.0)):
        with clipprobe.capture(edit.of(clip), [unit_17]) as acts:
            edit.of(clip).encode_images(images(1))
        assert bool((acts[unit_17] == value).all())
    made = parts_for(clip)
    del made["image token"]  # it lengthens the stream, which the means of each place do not fit
    everything = Edit(*(edit for edit, _ in made.values()))
    one_by_one = clip
    for edit, _ in made.values():
        one_by_one = edit.of(one_by_one)
    for what, values in seen(everything.of(clip)).items():
        assert np.array_equal(values, seen(one_by_one)[what])
    assert everything.of(clip).identity == one_by_one.identity


def test_steering_and_units_are_words_of_intervene_too(clip: Any) -> None:
    direction = torch.arange(clip.anatomy.vision.d_model, dtype=torch.float32)
    point = "vision.blocks.0.resid_post"
    with clipprobe.capture(clip, [point]) as plain:
        clip.encode_images(images(1))
    changes = {point: Steer(direction, 2.0), At(point, units=[1, 5], tokens=[0, 2]): Zero()}
    with clipprobe.intervene(clip, changes), clipprobe.capture(clip, [point]) as acts:
        clip.encode_images(images(1))
    expected = plain[point] + 2.0 * direction
    for token in (0, 2):
        expected[:, token, [1, 5]] = 0
    assert torch.allclose(acts[point], expected, atol=1e-6)
    with (
        pytest.raises(UnsupportedHookError, match="direction given"),
        clipprobe.intervene(clip, {point: Steer(direction[:3])}),
    ):
        clip.encode_images(images(1))


def test_a_mean_over_inputs_is_kept_as_one(clip: Any) -> None:
    with clipprobe.capture(clip, [POST]) as acts:
        clip.encode_images(images())
    part = Interventions({At(POST, units=[1, 3]): Mean(acts[POST])})
    [(_, how)] = part.changes
    assert isinstance(how, Mean) and how.values.shape == (1, *acts[POST].shape[1:])
    with clipprobe.intervene(clip, {At(POST, units=[1, 3]): Mean(acts[POST])}):
        expected = clip.encode_images(images())
    assert np.abs(Edit(part).of(clip).encode_images(images()) - expected).max() <= 1e-6


def test_the_twin_of_an_edited_model_is_edited_too(clip: Any) -> None:
    from clipprobe.models.twin import random_twin

    twin = random_twin(Edit({f"{POST}:3": 2.0}).of(clip))
    with clipprobe.capture(twin, [POST]) as acts:
        twin.encode_images(images(1))
    assert bool((acts[POST][..., 3] == 2.0).all())
    assert twin.weights_sha256 != clip.weights_sha256


def test_explanations_by_token_refuse_an_edit_that_adds_tokens(clip: Any) -> None:
    d = clip.anatomy.vision.d_model
    edited = Edit(ImageToken(np.random.default_rng(7).normal(size=(1, d)))).of(clip)
    with pytest.raises(UnsupportedHookError, match="under an edit that adds tokens"):
        clipprobe.explain(edited, images(1)[0], "a dog", method="grad_eclip")
    found = clipprobe.explain(edited, images(1)[0], "a dog", method="occlusion")
    assert found.tokens.shape == (clip.grid[0] * clip.grid[1],)
    prefix = Edit(TextPrefix(np.ones((1, clip.anatomy.text.d_model)))).of(clip)
    with pytest.raises(ConfigError, match="cannot be told by their tokens"):
        clipprobe.explain_words(prefix, images(1)[0], "a dog with a hat")


@pytest.mark.parametrize("family", ["siglip", "chinese_clip"])
def test_other_families_take_edits(family: str, load_tiny: Any) -> None:
    clip = load_tiny(family)
    d = clip.d_embed
    edit = Edit(
        {f"{POST}:3": Zero()}, Projection.dropping([0], d), Views.mirrored(), CentredClasses()
    )
    made = edit.of(clip).encode_images([Image.fromarray(images(1)[0])])
    assert made[0, 0] == 0 and np.isclose(np.linalg.norm(made), 1)
    assert copy.copy(edit) == edit
