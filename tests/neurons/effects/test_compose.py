"""A planted unit is found by composition, its control is at chance, and parts never mix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clipprobe.errors import ConfigError, DataError, UnsupportedHookError
from clipprobe.neurons.effects import compose
from clipprobe.neurons.effects.composing.probes import (
    emotion_texts,
    joint_weights,
    read_texts,
    text_values,
)
from clipprobe.neurons.effects.composing.sparse import PENALTIES, shuffled_labels, split

NAMES = [f"vision.blocks.0.mlp.post:{i}" for i in range(40)]


def made(seed: int = 0, n: int = 240) -> tuple[np.ndarray, list[str]]:
    """Units 3 and 7 together make "sun", unit 11 makes "cat", the others are noise."""
    rng = np.random.default_rng(seed)
    labels = [("sun", "cat", "dog", "tree")[i % 4] for i in range(n)]
    x = rng.normal(size=(n, 40))
    sun = np.array([label == "sun" for label in labels])
    x[:, 3] += 1.5 * sun
    x[:, 7] -= 1.5 * sun
    x[:, 11] += 4.0 * np.array([label == "cat" for label in labels])
    return x, labels


def test_the_planted_units_are_found_with_few_others() -> None:
    x, labels = made()
    found = {one.target: one for one in compose(x, NAMES, labels)}
    sun, cat = found["sun"], found["cat"]
    assert cat.units[0][0] == NAMES[11] and cat.units[0][1] > 0
    assert {unit for unit, _ in sun.units[:2]} == {NAMES[3], NAMES[7]}
    weights = dict(sun.units)
    assert weights[NAMES[3]] > 0 > weights[NAMES[7]]
    for one in (sun, cat):
        assert one.n_units == len(one.units) <= 10 and one.n_there == 40
        assert one.auroc.low > 0.8 and one.accuracy.low > 0.6
        assert one.shuffled.low < 0.5 < one.shuffled.high
        assert one.accuracy.n == one.auroc.n == 240 - one.n_fit
        assert one.majority == pytest.approx(0.75, abs=0.02) and one.n_positive == 20


def test_noise_is_at_chance() -> None:
    rng = np.random.default_rng(1)
    labels = [("a", "b")[i % 2] for i in range(200)]
    (first, _) = compose(rng.normal(size=(200, 40)), NAMES, labels, penalties=[0.03, 0.3])
    assert first.auroc.low < 0.5 < first.auroc.high


def test_the_path_runs_from_sparse_to_dense_and_the_number_of_units_can_be_held_down() -> None:
    x, labels = made()
    (free,) = compose(x, NAMES, labels, targets=["sun"])
    counts = [point.n_units for point in free.path]
    assert [point.c for point in free.path] == list(PENALTIES)
    assert counts == sorted(counts) and counts[0] < counts[-1]
    (held,) = compose(x, NAMES, labels, targets=["sun"], max_units=2)
    assert held.n_units <= 2


def test_rows_of_a_group_stay_together_and_parts_do_not_mix() -> None:
    y = np.array([True] * 30 + [False] * 60)
    groups = [f"{i // 3}" for i in range(90)]
    fit, test = split(y, groups, 0)
    assert sorted([*fit, *test]) == list(range(90)) and y[test].sum() == 9 and len(test) == 27
    assert not {groups[i] for i in fit} & {groups[i] for i in test}
    shuffled = shuffled_labels(y, groups, 0)
    assert shuffled[fit].sum() == y[fit].sum() and (shuffled != y).any()
    for name in set(groups):
        assert len({shuffled[i] for i in range(90) if groups[i] == name}) == 1


def test_the_same_seed_gives_the_same_composition() -> None:
    x, labels = made()

    def run(seed: int) -> Any:
        return [
            one.to_json()
            for one in compose(x, NAMES, labels, targets=["cat"], seed=seed, penalties=[0.1])
        ]

    assert run(0) == run(0) != run(1)


def test_a_neuron_that_writes_a_text_is_found_by_texts(checkpoint: Any) -> None:
    """The joint-space probe: one neuron's column is what tells the texts apart."""
    import clipprobe

    clip = clipprobe.load(checkpoint("clip"))
    texts = [f"{word} {number}" for word in ("cat", "dog", "red", "table") for number in range(20)]
    encoded = torch.from_numpy(clip.encode_texts(texts))
    direction = torch.randn(clip.d_embed, generator=torch.Generator().manual_seed(0))
    side = (encoded - encoded.mean(0)) @ direction
    labels = ["yes" if value > side.median() else "no" for value in side]
    with torch.no_grad():
        column = direction @ torch.linalg.pinv(clip.anatomy.vision.projection.weight).T
        clip.module.vision_model.encoder.layers[1].mlp.fc2.weight[:, 9] = (
            column / clip.anatomy.vision.norm_final.weight
        )
    values, names = text_values(clip, texts)
    (found,) = compose(values, names, labels, targets=["yes"], penalties=[0.1, 0.3, 1])
    assert found.units[0][0] == "vision.blocks.1.mlp.post:9" and found.auroc.low > 0.7
    weights, _ = joint_weights(clip)
    assert weights.shape == (3 * 64, clip.d_embed)


def test_joint_weights_are_what_a_neuron_adds_to_the_projection(clip: Any) -> None:
    """Against the model's own last norm and projection, on a stream whose scale is held fixed."""
    weights, names = joint_weights(clip, ["vision.blocks.2.mlp.post"])
    tower = clip.anatomy.vision
    column = tower.blocks[2].mlp_out.weight[:, 4].double()
    centred = column - column.mean()
    expected = tower.projection.weight.double() @ (tower.norm_final.weight.double() * centred)
    np.testing.assert_allclose(weights[names.index("vision.blocks.2.mlp.post:4")], expected)


def test_the_bundled_feelings() -> None:
    texts = emotion_texts(["i feel {}"])
    assert len(texts.texts) == 80 and len(set(texts.labels)) == 10
    assert texts.texts[0] == "i feel happy" and texts.groups[0] == "happy"
    assert len(set(texts.groups)) == 80 and len(emotion_texts().texts) == 240


def test_a_table_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("text,label,group\nin paris,france,paris\nparis by night,france,paris\n")
    found = read_texts(path)
    assert found.labels == ("france", "france") and found.groups == ("paris", "paris")
    path.write_text("text,label\nin rome,italy\n")
    assert read_texts(path).groups == ("in rome",)
    path.write_text("text,label\nin rome,\n")
    with pytest.raises(DataError, match="Row 1"):
        read_texts(path)
    path.write_text("text,label\n")
    with pytest.raises(DataError, match="no row"):
        read_texts(path)
    with pytest.raises(DataError, match="could not be read"):
        read_texts(tmp_path / "absent.csv")


def test_mistakes_are_named(clip: Any) -> None:
    x, labels = made()
    with pytest.raises(ConfigError, match="'sea'"):
        compose(x, NAMES, labels, targets=["sea"])
    with pytest.raises(DataError, match="one row per label"):
        compose(x[:5], NAMES, labels)
    with pytest.raises(DataError, match="NaN"):
        compose(x * np.nan, NAMES, labels)
    with pytest.raises(DataError, match="one value on all rows"):
        compose(np.ones_like(x), NAMES, labels)
    with pytest.raises(DataError, match="None of the 240 labels"):
        compose(x, NAMES, [str(i) for i in range(240)])
    with pytest.raises(DataError, match="too few"):
        compose(x[:8], NAMES, ["a"] * 7 + ["b"], targets=["b"])
    with pytest.raises(DataError, match="with and without"):
        compose(x[:12], NAMES, ["a", "b"] * 6, groups=["g"] * 12)
    with pytest.raises(UnsupportedHookError, match=r"mlp\.post"):
        joint_weights(clip, ["vision.blocks.0.resid_post"])
