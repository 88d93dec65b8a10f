"""Captures: order of rows, pooling, streaming, copies, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hooks.checks import (
    TEXTS,
    assert_close,
    assert_differs,
    assert_same,
    hooks_of,
    pictures,
    run_both,
)
from hypothesis import given
from hypothesis import strategies as st

from clipprobe.anatomy import listening as context
from clipprobe.errors import (
    ConfigError,
    HookNeverFiredError,
    UnknownHookPointError,
    UnsupportedHookError,
)
from clipprobe.hooks import capture
from clipprobe.hooks.pooling import max_and_token
from clipprobe.hooks.store import RowCounter

POST = "vision.blocks.1.mlp.post"
TEXT_POST = "text.blocks.1.mlp.post"


def all_tokens(clip: Any, name: str) -> torch.Tensor:
    with capture(clip, name) as acts:
        run_both(clip)
    return acts[name]


def test_rows_come_back_in_input_order_though_texts_are_grouped_by_length(clip: Any) -> None:
    together = all_tokens(clip, TEXT_POST)
    lengths = [len(ids) for ids in clip.tokenize(TEXTS)]
    assert together.shape[:2] == (len(TEXTS), max(lengths))
    for row, text in enumerate(TEXTS):
        with capture(clip, TEXT_POST) as alone:
            clip.encode_texts([text])
        assert_close(together[row, : lengths[row]], alone[TEXT_POST][0], 1e-5)
        assert together[row, lengths[row] :].isnan().all()
    assert not together[:, : min(lengths)].isnan().any()


def test_patterns_of_texts_are_padded_on_both_token_axes(clip: Any) -> None:
    pattern = all_tokens(clip, "text.blocks.0.attn.pattern")
    lengths = [len(ids) for ids in clip.tokenize(TEXTS)]
    for row, n in enumerate(lengths):
        assert_close(pattern[row, :, :n, :n].sum(-1), torch.ones(4, n), 1e-5)
        assert pattern[row, :, n:].isnan().all() and pattern[row, :, :, n:].isnan().all()


def test_calls_in_one_block_follow_each_other(clip: Any) -> None:
    images = pictures(7)
    with capture(clip, POST, pool="cls") as acts:
        clip.encode_images(images[:4], batch_size=3)
        clip.encode_images(iter(images[4:5]))
        clip.encode_images(images[5:])
    with capture(clip, POST, pool="cls") as at_once:
        clip.encode_images(images)
    assert_close(acts[POST], at_once[POST], 1e-5)
    assert acts.rows(POST).tolist() == list(range(7))


def test_calls_are_told_apart_by_a_repeated_row_or_another_length() -> None:
    counter = RowCounter()
    calls = [((4, 5), 6), ((0, 1), 6), ((2, 3), 6), ((2, 3), 6), ((0, 1), 3), ((2,), None)]
    calls += [((0, 1), None), ((1,), None)]
    numbers = [
        counter.number(context.Rows(indices, total), len(indices)).tolist()
        for indices, total in calls
    ]
    assert numbers == [[4, 5], [0, 1], [2, 3], [8, 9], [12, 13], [17], [15, 16], [19]]


def test_direct_forward_passes_are_numbered_in_the_order_they_run(clip: Any) -> None:
    pixels = clip.preprocess(pillow(3))
    with capture(clip, POST, pool="cls") as acts, torch.no_grad():
        clip.image_embeddings(pixels[:2])
        clip.image_embeddings(pixels[2:])
    assert acts[POST].shape == (3, 64)
    with pytest.raises(ValueError, match="2 rows was announced as 3"), context.rows([0, 1, 2]):
        with capture(clip, POST):
            clip.image_embeddings(pixels[:2])


def pillow(n: int) -> list[Any]:
    from PIL import Image

    return [Image.fromarray(picture) for picture in pictures(n)]


def test_an_interrupted_call_leaves_its_rows_out(clip: Any) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield from pictures(2)
        raise RuntimeError("no more")

    with capture(clip, POST, pool="cls") as acts:
        with pytest.raises(RuntimeError, match="no more"):
            clip.encode_images(broken(), batch_size=1)
        clip.encode_images(pictures(3), batch_size=1)
    assert acts.rows(POST).tolist() == [0, 1, 2, 3, 4]
    assert_same(acts[POST][:2], acts[POST][2:4])


@pytest.mark.parametrize("pool", ["cls", "mean", "max"])
@pytest.mark.parametrize("site", ["mlp.post", "resid_mid", "attn.z", "attn.head_out"])
def test_pooling_images(clip: Any, site: str, pool: str) -> None:
    name = f"vision.blocks.1.{site}"
    tokens = all_tokens(clip, name)
    with capture(clip, name, pool=pool) as acts:
        run_both(clip)
    expected = {"cls": tokens[:, 0], "mean": tokens.mean(1), "max": tokens.amax(1)}[pool]
    assert_close(acts[name], expected, 1e-6)


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize("pool", ["mean", "max", "eos"])
def test_pooling_texts_leaves_padding_out(load_tiny: Any, family: str, pool: str) -> None:
    clip = load_tiny(family)
    tokens = all_tokens(clip, TEXT_POST)
    with capture(clip, TEXT_POST, pool=pool) as acts:
        run_both(clip)
    lengths = [len(ids) for ids in clip.tokenize(TEXTS)]
    rows = [tokens[row, :n] for row, n in enumerate(lengths)]
    expected = torch.stack(
        [{"mean": r.mean(0), "max": r.amax(0), "eos": r[-1]}[pool] for r in rows]
    )
    assert_close(acts[TEXT_POST], expected, 1e-6)


@pytest.mark.parametrize("pool", ["mean", "max", "eos"])
def test_pooling_a_padded_batch_equals_pooling_each_text(clip: Any, pool: str) -> None:
    short, long = clip.tokenize(["ab", "abcdef"])
    end = clip.module.config.text_config.eos_token_id
    padded = torch.tensor([short + [end] * (len(long) - len(short)), long])
    with capture(clip, TEXT_POST, pool=pool) as acts, torch.no_grad():
        clip.text_embeddings(padded)
    with capture(clip, TEXT_POST, pool=pool) as alone:
        clip.encode_texts(["ab", "abcdef"])
    assert_close(acts[TEXT_POST], alone[TEXT_POST], 1e-5)


def test_class_token_of_a_bert_text_tower(load_tiny: Any) -> None:
    clip = load_tiny("chinese_clip")
    tokens = all_tokens(clip, TEXT_POST)
    with capture(clip, TEXT_POST, pool="cls") as acts:
        clip.encode_texts(TEXTS)
    assert_close(acts[TEXT_POST], tokens[:, 0], 1e-5)


def test_pooling_a_pattern_picks_a_query(clip: Any) -> None:
    name = "vision.blocks.1.attn.pattern"
    pattern = all_tokens(clip, name)
    with capture(clip, name, pool="cls") as acts:
        run_both(clip)
    assert_same(acts[name], pattern[:, :, 0, :])


def test_pooling_a_map_runs_over_its_places(clip: Any) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    with capture(clip, "vision.embed") as acts:
        clip.encode_images(pictures())
    with capture(
        clip, "vision.embed", pool="max", sink=lambda name, v, rows, t: seen.append((v, t))
    ):
        clip.encode_images(pictures())
    values, places = seen[0]
    flat = acts["vision.embed"].flatten(2)
    assert_same(values, flat.amax(2))
    assert_same(places, flat.argmax(2))


@pytest.mark.parametrize(
    ("family", "name", "pool", "reason"),
    [
        ("siglip", POST, "cls", "no class token"),
        ("clip", TEXT_POST, "cls", "no class token"),
        ("clip", POST, "eos", "no end-of-text token"),
        ("chinese_clip", TEXT_POST, "eos", "no end-of-text token"),
        ("clip", "vision.blocks.0.attn.pattern", "mean", "queries and keys"),
        ("clip", "vision.blocks.0.attn.pattern", "max", "queries and keys"),
        ("clip", "vision.embed", "cls", "no class token"),
        ("clip", "vision.pooled", "max", "one vector per input"),
    ],
)
def test_pools_without_a_meaning_are_refused(
    load_tiny: Any, family: str, name: str, pool: str, reason: str
) -> None:
    with pytest.raises(UnsupportedHookError, match=reason):
        capture(load_tiny(family), name, pool=pool)


def test_unknown_pools_are_refused(clip: Any) -> None:
    with pytest.raises(ConfigError, match="one of none, cls, mean, max, eos"):
        capture(clip, POST, pool="sum")


def test_the_end_token_of_a_model_called_directly_is_not_guessed(clip: Any) -> None:
    ids = torch.tensor(clip.tokenize(["ab"]))
    with pytest.raises(UnsupportedHookError, match="use encode_texts or text_embeddings"):
        with capture(clip, TEXT_POST, pool="eos"), torch.no_grad():
            clip.module.text_model(input_ids=ids)


def test_units_are_slices_of_their_hook_point(clip: Any) -> None:
    names = [f"{POST}:7", "vision.blocks.-2.attn.z:2", "vision.blocks.1.attn.pattern:3"]
    whole = ["vision.blocks.1.mlp.post", "vision.blocks.1.attn.z", "vision.blocks.1.attn.pattern"]
    with capture(clip, names) as acts, capture(clip, whole) as all_units:
        clip.encode_images(pictures())
    assert list(acts) == [f"{POST}:7", "vision.blocks.1.attn.z:2", "vision.blocks.1.attn.pattern:3"]
    assert_same(acts[f"{POST}:7"], all_units[whole[0]][..., 7])
    assert_same(acts["vision.blocks.1.attn.z:2"], all_units[whole[1]][:, :, 2])
    assert_same(acts["vision.blocks.1.attn.pattern:3"], all_units[whole[2]][:, 3])
    with capture(clip, [names[0], POST], pool="max") as pooled:
        clip.encode_images(pictures())
    assert_same(pooled[f"{POST}:7"], pooled[POST][:, 7])


def test_a_sink_gets_every_batch_and_nothing_is_stored(clip: Any) -> None:
    batches: list[tuple[str, torch.Tensor, np.ndarray, torch.Tensor | None]] = []
    names = [POST, "vision.blocks.2.mlp.post"]
    with capture(clip, names, pool="max", sink=lambda *batch: batches.append(batch)) as acts:
        clip.encode_images(pictures(), batch_size=2)
    assert [batch[0] for batch in batches] == names * 3
    assert [batch[2].tolist() for batch in batches[::2]] == [[0, 1], [2, 3], [4]]
    tokens = all_tokens(clip, POST)
    assert_close(torch.cat([batch[1] for batch in batches[::2]]), tokens.amax(1), 1e-6)
    assert_same(torch.cat([batch[3] for batch in batches[::2]]), tokens.argmax(1))
    with pytest.raises(UnknownHookPointError, match="went to the sink"):
        acts[POST]


def test_a_sink_may_do_without_tokens_and_never_holds_a_graph(clip: Any) -> None:
    seen: list[torch.Tensor] = []

    def sink(name: str, values: torch.Tensor, rows: np.ndarray, tokens: Any) -> None:
        assert tokens is None
        seen.append(values)

    pixels = clip.preprocess(pillow(1)).requires_grad_()
    with capture(clip, POST, pool="max", sink=sink, argmax=False):
        clip.image_embeddings(pixels)
    with capture(clip, POST, pool="mean", sink=sink):
        clip.image_embeddings(pixels)
    assert [value.requires_grad for value in seen] == [False, False]


def test_captures_are_copies(clip: Any) -> None:
    """An operation in place on what the module returned must not reach the capture."""
    linear = clip.anatomy.vision.blocks[1].mlp_out

    def scribble(module: Any, args: Any, output: torch.Tensor) -> None:
        output.fill_(0.0)

    handle = linear.register_forward_hook(scribble)
    try:
        with capture(clip, ["vision.blocks.1.mlp.out", "vision.blocks.1.resid_mid"]) as acts:
            clip.encode_images(pictures())
    finally:
        handle.remove()
    assert_differs(
        acts["vision.blocks.1.mlp.out"], torch.zeros_like(acts["vision.blocks.1.mlp.out"])
    )
    acts["vision.blocks.1.resid_mid"].fill_(0.0)
    with capture(clip, "vision.blocks.1.resid_mid") as again:
        clip.encode_images(pictures())
    assert_differs(again["vision.blocks.1.resid_mid"], acts["vision.blocks.1.resid_mid"])


def test_what_was_not_captured_is_unknown(clip: Any) -> None:
    with capture(clip, ["vision.blocks.*.mlp.post"]) as acts:
        with pytest.raises(UnknownHookPointError, match="has not been captured yet"):
            acts[POST]
        clip.encode_images(pictures(1))
    assert_same(acts["vision.blocks.-2.mlp.post"], acts[POST])
    assert "vision.blocks.0.mlp.pre" not in acts and "vision.blocks.-9.mlp.post" not in acts
    assert acts.get("vision.blocks.0.mlp.pre") is None
    with pytest.raises(UnknownHookPointError, match=r"vision\.blocks\.0\.mlp\.post") as failure:
        acts["vision.blocks.0.mlp.pre"]
    assert str(failure.value).startswith("'vision.blocks.0.mlp.pre' was not captured: ")


def test_a_point_that_never_fired_is_an_error(clip: Any) -> None:
    before = hooks_of(clip.module)
    with pytest.raises(HookNeverFiredError, match=r"text\.blocks\.0\.mlp\.post"):
        with capture(clip, "*.blocks.0.mlp.post"):
            clip.encode_images(pictures(1))
    with pytest.raises(HookNeverFiredError, match="and 1 more"):
        with capture(clip, ["vision.blocks.*.mlp.post", "text.pooled"]):
            pass
    assert hooks_of(clip.module) == before


def test_an_exception_on_its_way_is_not_replaced(clip: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        with capture(clip, POST):
            raise ZeroDivisionError


def test_a_capture_is_entered_once(clip: Any) -> None:
    session = capture(clip, POST)
    with session:
        clip.encode_images(pictures(1))
    with pytest.raises(ConfigError, match="entered before"), session:
        pass


def test_pooled_and_projected_of_another_model_stay_out(load_tiny: Any) -> None:
    clip, other = load_tiny("clip"), load_tiny("siglip")
    with capture(clip, "vision.pooled") as acts:
        other.encode_images(pictures(3))
        clip.encode_images(pictures(2))
    assert acts["vision.pooled"].shape == (2, 32)


SHAPES = st.sampled_from([((3, 5, 4), 1), ((3, 5, 2, 2), 1), ((2, 4, 9), 2), ((1, 1, 1), 1)])


@given(SHAPES, st.integers(0, 10**6), st.sampled_from([torch.float32, torch.bfloat16]))
def test_maxima_and_their_first_places_are_torchs_own(
    shape: tuple[tuple[int, ...], int], seed: int, dtype: torch.dtype
) -> None:
    """With ties, infinities and now and then a NaN."""
    size, axis = shape
    rng = np.random.default_rng(seed)
    choices = [-np.inf, -1.0, 0.0, 0.5, 2.0, np.inf] + [np.nan] * (seed % 3 == 0)
    x = torch.from_numpy(rng.choice(choices, size)).to(dtype)
    values, places = max_and_token(x, axis)
    expected = x.max(dim=axis)
    assert_same(values.float(), expected.values.float())
    assert_same(places, torch.from_numpy(np.argmax(x.float().numpy(), axis=axis)))
