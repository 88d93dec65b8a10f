"""Tokens: lengths, truncation, grouping, and threads that share a tokenizer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import clipprobe
from clipprobe.errors import DataError
from clipprobe.models.texts import cut_sentence, length_batches
from clipprobe.testing import checkpoints as tiny

LONG = "a very long text " * 12


@given(
    lengths=st.lists(st.integers(1, 9), max_size=40),
    batch_size=st.integers(1, 7),
    max_tokens=st.none() | st.integers(1, 30),
)
def test_batches_hold_every_text_once_and_one_length_each(
    lengths: list[int], batch_size: int, max_tokens: int | None
) -> None:
    found = length_batches([[0] * n for n in lengths], batch_size, max_tokens)
    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    for rows in found:
        assert len({lengths[row] for row in rows}) == 1
        assert rows == sorted(rows)
        assert len(rows) <= batch_size
        if max_tokens is not None and len(rows) > 1:
            assert len(rows) * lengths[rows[0]] <= max_tokens


def test_encoding_uses_one_forward_pass_per_length(clip: Any) -> None:
    shapes: list[tuple[int, ...]] = []
    handle = clip.module.text_model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)),
        with_kwargs=True,
    )
    try:
        clip.encode_texts(["ab", "abc", "cd", "ab", "abd"])
    finally:
        handle.remove()
    # Letters and two special tokens; the repeated text is encoded once.
    assert shapes == [(2, 4), (2, 5)]


@pytest.mark.parametrize("family", ["clip", "siglip", "altclip", "chinese_clip"])
def test_long_texts_are_cut_as_transformers_cuts_them_and_counted(
    family: str, load_tiny: Callable[..., Any]
) -> None:
    clip = load_tiny(family)
    limit = clip.tokens.context
    assert limit == (tiny.SIGLIP_CONTEXT if family == "siglip" else tiny.CONTEXT)
    text = " ".join("abcdefghij") * 9
    with pytest.warns(UserWarning, match=f"2 of 3 texts have more than the {limit} tokens"):
        rows = clip.tokenize([text, "x", text])
    cut = clip.tokens.tokenizer([text], truncation=True, max_length=limit)["input_ids"][0]
    assert rows[0] == rows[2] == cut
    assert len(rows[0]) == limit


def test_the_sentence_on_what_was_cut_names_texts_and_tokens(clip: Any) -> None:
    texts = [" ".join("abcdefghij") * n for n in (9, 12, 10, 11)]
    lengths = clip.tokens.lengths(["x", *texts])
    assert lengths[0] == 3 and min(lengths[1:]) > clip.tokens.context
    uncut = clip.tokens.tokenizer(texts)["input_ids"]
    assert lengths[1:] == [len(row) for row in uncut]
    with pytest.warns(UserWarning) as said:
        clip.encode_texts(["x", *texts, texts[0]])
    (warning,) = said
    names = [f"{texts[i][:57] + '…'!r} has {lengths[i + 1]}" for i in (1, 3, 2)]
    assert str(warning.message) == (
        f"4 of 5 texts have more than the {clip.tokens.context} tokens that this model reads and "
        f"were cut at their end: {'; '.join(names)}; and 1 more."
    )
    assert cut_sentence(["x"], [3], 3) == ""


def test_a_text_of_exactly_the_context_is_not_cut(clip: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = clip.tokenize(["a" * (tiny.CONTEXT - 2)])
    assert len(rows[0]) == tiny.CONTEXT


def test_the_end_token_is_kept_when_a_text_is_cut(clip: Any) -> None:
    with pytest.warns(UserWarning, match="1 of 1 texts"):
        row = clip.tokenize([LONG])[0]
    assert row[-1] == clip.tokens.tokenizer.eos_token_id


def test_an_unknown_token_in_a_text_is_an_error(checkpoint: Callable[[str], Path]) -> None:
    clip = clipprobe.load(checkpoint("clip"))
    clip.tokens.tokenizer.add_tokens(["zebra"])
    with pytest.raises(DataError, match="'a zebra' holds the token 514"):
        clip.encode_texts(["a zebra"])


def test_two_threads_share_a_model(clip: Any) -> None:
    texts = [[f"{'word ' * (i % 5)}{i}{j}" for i in range(12)] for j in range(8)]
    alone = [clip.encode_texts(row) for row in texts]
    with warnings.catch_warnings(), ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("ignore")  # the filter list is shared; long texts would race in it
        together = list(pool.map(lambda row: clip.encode_texts([*row, LONG])[:-1], texts))
    assert all(np.abs(a - b).max() <= 1e-6 for a, b in zip(alone, together, strict=True))


def test_two_threads_share_the_vision_tower(clip: Any) -> None:
    pictures = tiny.pictures() * 2
    alone = clip.encode_images(pictures, batch_size=3)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda image: clip.encode_images([image]), pictures))
    assert np.abs(np.concatenate(parts) - alone).max() <= 1e-6


@pytest.mark.parametrize(("eos", "legacy"), [(2, True), (513, False)])
def test_both_rules_for_the_end_token_pool_where_transformers_pools(
    eos: int, legacy: bool, tmp_path: Any
) -> None:
    folder = tiny.tiny_clip(tmp_path / "eos", eos_token_id=eos)
    clip = clipprobe.load(folder)
    tokens = torch.tensor([[512, 320, 2, 321, 513, 513, 513], [512, 2, 320, 321, 322, 323, 513]])
    assert clip.adapter.pool_positions(tokens).tolist() == [4, 6]
    model = clip.module.text_model
    with torch.no_grad():
        output = model(input_ids=tokens)
    own = output.last_hidden_state[torch.arange(2), clip.adapter.pool_positions(tokens)]
    assert torch.equal(own, output.pooler_output)
    assert (model.eos_token_id == 2) is legacy
