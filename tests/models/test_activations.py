"""One pass over inputs, block by block: what a capture of the whole sees, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.errors import ConfigError, DataError, UnsupportedHookError
from clipprobe.models.activations import Block

POST, OUT = "vision.blocks.1.mlp.post", "vision.blocks.0.attn.out"
TEXTS = ["a cat", "two dogs on a red mat", "birds", "a hen", "an old grey horse", "a cat"]


def noise(n: int) -> list[Any]:
    return list(np.random.default_rng(0).integers(0, 256, (n, 40, 36, 3), np.uint8))


def whole(blocks: Sequence[Block], name: str = "") -> np.ndarray:
    """Values of a hook point, or the embeddings, of all blocks in the order of the inputs."""
    rows = np.concatenate([block.rows for block in blocks])
    assert sorted(rows) == list(range(len(rows)))
    parts = [block.values[name] if name else block.embeddings for block in blocks]
    return np.concatenate(parts)[np.argsort(rows)]


@pytest.mark.parametrize("pool", ["max", "mean", "cls"])
def test_images_give_what_a_capture_sees(clip: Any, pool: str) -> None:
    images = noise(7)
    blocks = list(clipprobe.activations(clip, images, [POST, OUT], pool, batch_size=3))
    assert [len(block.rows) for block in blocks] == [3, 3, 1]
    assert [list(block.values) for block in blocks] == [[POST, OUT]] * 3
    with clipprobe.capture(clip, [POST, OUT], pool=pool) as seen:
        embeddings = clip.encode_images(images, batch_size=3)
    for name in (POST, OUT):
        assert blocks[0].values[name].dtype == np.float32
        np.testing.assert_array_equal(whole(blocks, name), seen[name].numpy())
    np.testing.assert_array_equal(whole(blocks), embeddings)


def test_what_a_data_set_cannot_read_is_counted(clip: Any, tmp_path: Path) -> None:
    from PIL import Image

    for number, pixels in enumerate(noise(4)):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no image")
    blocks = list(clipprobe.activations(clip, tmp_path, POST, batch_size=2))
    assert [block.rows.tolist() for block in blocks] == [[0, 2], [3]]
    assert [one.id for block in blocks for one in block.failures] == ["1.png"]
    with clipprobe.capture(clip, POST, pool="max") as seen:
        clip.encode_images([tmp_path / f"{number}.png" for number in (0, 2, 3)], batch_size=2)
    found = np.concatenate([block.values[POST] for block in blocks])
    np.testing.assert_array_equal(found, seen[POST].numpy())
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "a.png").write_bytes(b"")
    (last,) = clipprobe.activations(clip, tmp_path / "nothing", POST)
    assert last.embeddings.shape == (0, clip.d_embed) and not len(last.rows) and last.failures


def test_texts_come_back_with_their_places(clip: Any) -> None:
    name = "text.blocks.1.mlp.post"
    blocks = list(clipprobe.activations(clip, TEXTS, name, "eos", batch_size=2))
    assert any(block.rows.tolist() != sorted(block.rows) for block in blocks) or (
        np.concatenate([block.rows for block in blocks]).tolist() != list(range(len(TEXTS)))
    )
    with clipprobe.capture(clip, name, pool="eos") as seen:
        embeddings = clip.encode_texts(TEXTS)
    np.testing.assert_allclose(whole(blocks, name), seen[name].numpy(), atol=1e-6)
    np.testing.assert_allclose(whole(blocks), embeddings, atol=1e-6)


def test_inputs_are_taken_as_blocks_are(clip: Any) -> None:
    """Of endless images no more are read than the blocks need."""
    taken = []

    def endless() -> Iterator[Any]:
        for number in count():
            taken.append(number)
            yield noise(1)[0]

    blocks = list(islice(clipprobe.activations(clip, endless(), POST, batch_size=4), 2))
    assert len(taken) == 8 and [block.rows.tolist() for block in blocks] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]
    assert not np.shares_memory(blocks[0].values[POST], blocks[1].values[POST])


@pytest.mark.parametrize(
    ("inputs", "sites", "more", "error", "said"),
    [
        (noise(1), "vision.blocks.0.attn.z", {}, UnsupportedHookError, "no single number"),
        (noise(1), [POST, "text.blocks.0.mlp.post"], {}, UnsupportedHookError, "text tower"),
        (noise(1), POST, {"pool": "eos"}, UnsupportedHookError, "eos"),
        ("a cat", "text.blocks.0.mlp.post", {}, DataError, "list of texts"),
        (noise(1)[0], POST, {}, DataError, "list of images"),
        (noise(1), POST, {"batch_size": 0}, ConfigError, "batch_size"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(
    clip: Any, inputs: Any, sites: Any, more: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        clipprobe.activations(clip, inputs, sites, **more)
