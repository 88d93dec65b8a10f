"""What must add up: AttnLRP's conservation, decompositions, interactions, words."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.attribution import explain
from clipprobe.attribution.coalitions import coalitions, second_order
from clipprobe.attribution.interactions.fit import fit, r2
from clipprobe.errors import ConfigError, UnsupportedHookError


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("family", ["clip", "metaclip_2", "altclip", "siglip", "siglip2"])
@pytest.mark.parametrize("centre", [False, True])
def test_attnlrp_conserves(load_tiny: Any, family: str, centre: bool, picture: np.ndarray) -> None:
    found = explain(load_tiny(family), picture, "a dog", "attnlrp", centre=centre)
    assert found.completeness_gap < 1e-3
    total = float(found.map.sum()) + found.constant
    assert abs(total - found.score) < 1e-3 * abs(found.score)
    assert abs(found.constant) > 1e-4 and np.abs(found.map).max() > 1e-5
    # The map and what it leaves to constants are computed apart: neither alone is the score.
    assert abs(float(found.map.sum()) - found.score) > 1e-3 * abs(found.score)


def test_attnlrp_notices_a_block_of_another_form(
    clip: Any, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlp = type(clip.module.vision_model.encoder.layers[1].mlp)
    original = mlp.forward
    monkeypatch.setattr(mlp, "forward", lambda self, x: 1.5 * original(self, x))
    with pytest.raises(UnsupportedHookError, match="not of the known form"):
        explain(clip, picture, "a dog", "attnlrp")


@pytest.mark.parametrize("family", ["clip", "metaclip_2", "siglip", "siglip2"])
def test_decompositions_sum_to_the_embedding(
    load_tiny: Any, family: str, picture: np.ndarray
) -> None:
    clip = load_tiny(family)
    image = clipprobe.decompose(clip, picture)
    text = clipprobe.decompose(clip, text="a red dog")
    assert np.abs(image.embedding - clip.encode_images([picture])[0]).max() < 1e-6
    assert np.abs(text.embedding - clip.encode_texts(["a red dog"])[0]).max() < 1e-6
    for parts in (image, text):
        assert parts.gap < 1e-5
        # Nothing is small enough to be left out.
        assert np.abs(parts.heads.sum((0, 1, 2))).max() > 1e-3
        assert np.abs(parts.neurons.sum((0, 1))).max() > 1e-3
        assert parts.heads.shape[2] == len(parts.tokens)
    direction = clip.encode_texts(["a dog"])[0]
    name, value = image.ranked(direction, 1)[0]
    assert name and abs(value) > 0
    assert image.to_json()["gap"] == image.gap


def test_a_heads_part_is_what_removing_it_from_the_stream_takes_away(
    clip: Any, picture: np.ndarray
) -> None:
    """In the last block nothing comes after a head but its own MLP: compare with the site."""
    from clipprobe.neurons.effects import decompose as scores

    text = "a dog"
    direction = clip.encode_texts([text])[0]
    parts = clipprobe.decompose(clip, picture)
    other = scores(clip, [picture], [text], score="cosine")
    for head in range(4):
        expected = other.term(f"vision.blocks.2.attn.head_out:{head}")[0, 0]
        assert parts.heads[2, head].sum(0) @ direction == pytest.approx(expected, abs=1e-6)
    neuron = other.neurons["vision.blocks.1.mlp.post"][0, 0, 7]
    assert parts.neurons[1, 7] @ direction == pytest.approx(neuron, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, "one of the two"), ({"image": np.zeros((8, 8, 3), np.uint8), "text": "a"}, "one of")],
)
def test_decompose_wants_one_input(clip: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        clipprobe.decompose(clip, **options)


def test_a_post_norm_tower_is_refused(load_tiny: Any) -> None:
    with pytest.raises(UnsupportedHookError, match="normalise every sum"):
        clipprobe.decompose(load_tiny("altclip"), text="a dog")


@pytest.mark.parametrize("p", [0.5, 0.7])
def test_interactions_equal_the_brute_force_fit(p: float) -> None:
    """Weighted least squares of order 2 over all coalitions of 5 patches and 3 words."""
    rng = np.random.default_rng(0)
    image, text = coalitions(5, 64, p=p), coalitions(3, 64, p=p)
    u, v = rng.normal(size=(32, 4)), rng.normal(size=(8, 4))
    found = fit(image, u, text, v)
    pairs = list(itertools.product(range(32), range(8)))
    x = np.array([[*image.members[i], *text.members[j]] for i, j in pairs], float)
    weights = np.array([image.weights[i] * text.weights[j] for i, j in pairs])
    truth = np.array([u[i] @ v[j] for i, j in pairs])
    products = [x[:, a] * x[:, b] for a, b in itertools.combinations(range(8), 2)]
    design = np.column_stack([np.ones(len(x)), x, *products])
    root = np.sqrt(weights)
    best = np.linalg.lstsq(design * root[:, None], truth * root, rcond=None)[0]
    constant, own_patches, own_words = found.raw()
    assert abs(best[0] - constant) < 1e-10
    assert np.abs(best[1:9] - np.concatenate([own_patches, own_words])).max() < 1e-10
    for (a, b), value in zip(itertools.combinations(range(8), 2), best[9:], strict=True):
        if b < 5:
            expected = found.within_image[a, b]
        elif a >= 5:
            expected = found.within_text[a - 5, b - 5]
        else:
            expected = found.matrix[a, b - 5]
        assert abs(value - expected) < 1e-10
    predicted = found.predict(x[:, :5] > 0, x[:, 5:] > 0, "all")
    assert np.abs(predicted - design @ best).max() < 1e-10


def test_interactions_of_a_bilinear_game_are_the_whole_game() -> None:
    """Where masked patches and words add up, order 2 leaves nothing, and first order does."""
    rng = np.random.default_rng(1)
    image, text = coalitions(6, 64), coalitions(3, 64)
    u = image.members @ rng.normal(size=(6, 4))
    v = text.members @ rng.normal(size=(3, 4))
    found = fit(image, u, text, v)
    x, y = rng.random((200, 6)) < 0.5, rng.random((200, 3)) < 0.5
    weights = 2 ** np.arange(6), 2 ** np.arange(3)
    truth = np.einsum("md,md->m", u[x @ weights[0]], v[y @ weights[1]])
    assert r2(truth, found.predict(x, y, "all")) == pytest.approx(1.0)
    assert r2(truth, found.predict(x, y, "cross terms")) == pytest.approx(1.0)
    assert r2(truth, found.predict(x, y, "first order")) < 0.95


def test_second_order_of_noise_is_shrunk_and_of_a_game_is_not() -> None:
    rng = np.random.default_rng(0)
    sets = coalitions(20, 1000, seed=1)
    noise = second_order(sets, rng.normal(size=1000))
    assert np.abs(noise).max() < 0.3  # 0.7 without
    x = sets.members - 0.5
    game = second_order(sets, 3 * x[:, 0] * x[:, 1] + 0.05 * rng.normal(size=1000))
    assert game[0, 1] == game[1, 0] == pytest.approx(3, abs=0.6)
    others = game.copy()
    others[0, 1] = others[1, 0] = 0
    assert np.abs(others).max() < 0.6


def test_interactions_of_an_image(clip: Any, picture: np.ndarray) -> None:
    found = clipprobe.interactions(clip, picture, "a red dog", n_unseen=300)
    assert found.words == ("a", "red", "dog")
    assert found.matrix.shape == (16, 3) and found.map("red").shape == (4, 4)
    assert found.exact == (False, True) and found.n_text_encodings == 8
    assert found.score == pytest.approx(float(clip.similarity([picture], ["a red dog"])[0, 0]))
    whole = np.ones((1, 16), bool), np.ones((1, 3), bool)
    assert found.predict(*whole)[0] == pytest.approx(found.fitted)
    assert found.r2["all"] > found.r2["first order"]
    again = type(found).from_json(found.to_json())
    assert np.abs(again.matrix - found.matrix).max() == 0 and again.grid == found.grid


@pytest.mark.slow
def test_cross_terms_make_the_fit_on_a_trained_model() -> None:
    """On random weights words and patches hardly meet; on a trained model cross terms must count.

    0.70 is what second order with both sides' first order has to reach on coalitions it never saw.
    """
    from clipprobe.attribution.faithfulness import scene_cases

    clip = clipprobe.load(device="cpu")
    found = []
    for case in scene_cases(2, 4)[::2]:
        text = " ".join(case.names)
        found.append(clipprobe.interactions(clip, case.image, text, n_unseen=300).r2)
    mean = {terms: np.mean([one[terms] for one in found]) for terms in found[0]}
    assert mean["first order and cross terms"] > 0.70
    assert mean["first order and cross terms"] > mean["first order"] + 0.05
    assert mean["first order and cross terms"] > mean["cross terms"]
    assert mean["all"] >= mean["first order and cross terms"] - 0.02


def test_the_interaction_method_is_the_sum_over_words(clip: Any, picture: np.ndarray) -> None:
    found = clipprobe.interactions(clip, picture, "a dog", n_masks=256, n_unseen=0)
    with pytest.raises(ConfigError, match="no word 'cat': it has 'a', 'dog'"):
        found.map("cat")
    method = explain(clip, picture, "a dog", "interactions", n_masks=256)
    assert np.abs(method.tokens - found.matrix.sum(1)).max() < 1e-6


@pytest.mark.parametrize("family", ["clip", "siglip", "altclip"])
@pytest.mark.parametrize("method", ["gradient", "occlusion", "interactions"])
def test_words_are_merged_from_tokens(
    load_tiny: Any, family: str, method: str, picture: np.ndarray
) -> None:
    clip = load_tiny(family)
    (found,) = clipprobe.explain_words(clip, picture, "a red dog", method)
    assert found.words == ("a", "red", "dog") and found.values.shape == (3,)
    assert found.score == pytest.approx(float(clip.similarity([picture], ["a red dog"])[0, 0]))
    assert np.abs(found.values).max() > 1e-5
    assert {0, 1, 2} <= set(found.token_words)
    image = clip.encode_images([picture])[0]
    if method == "occlusion" and found.masking == "delete":
        less = clip.encode_texts(["a dog"])[0] @ image
        assert found.values[1] == pytest.approx(found.score - less, abs=1e-6)
    if method == "gradient":
        total = found.token_values.sum()
        assert found.values.sum() + found.special == pytest.approx(total)


def test_a_masked_word_has_no_influence(clip: Any, picture: np.ndarray) -> None:
    """Two texts that differ in one word only, which is masked, are the same text."""
    from clipprobe.attribution.words import encode_words, words_of

    seen = np.array([[True, False, True]])
    one = encode_words(clip, words_of(clip, "a red dog"), seen)
    other = encode_words(clip, words_of(clip, "a big dog"), seen)
    assert np.abs(one - other).max() < 1e-6
    whole = encode_words(clip, words_of(clip, "a red dog"), ~seen | seen)
    assert np.abs(whole - clip.encode_texts(["a red dog"])).max() < 1e-6
    assert np.abs(whole - one).max() > 1e-3
