"""Parts of a batch side by side: the gradients are those of the whole batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from pretraining.small import small_recipe
from torch import Tensor

from clipprobe.pretraining.model import build_model, build_tokenizer
from clipprobe.pretraining.training.loss import contrastive_loss
from clipprobe.pretraining.training.side_by_side import encode
from clipprobe.pretraining.training.train import to_pixels

CAPTIONS = ["a dog", "two red cars", "a woman", "hgkz", "a cat left of a tree"]


def _batch() -> tuple[Any, Tensor, Tensor, Any]:
    recipe = small_recipe()
    tokenizer = build_tokenizer(CAPTIONS, 600)
    batch = recipe.data.draw(0, 0.0)
    n = len(CAPTIONS)
    return (
        build_model(recipe.shape, tokenizer, 0).double(),
        to_pixels(batch, "cpu")[:n].double(),
        torch.from_numpy(batch.kept)[:n],
        tokenizer(CAPTIONS, padding=True, return_tensors="pt"),
    )


def _losses(images: Tensor, texts: Tensor, tokens: Tensor, model: Any, with_tokens: bool) -> Tensor:
    loss, _ = contrastive_loss(images, texts, model.logit_scale)
    return loss + tokens.square().mean() if with_tokens else loss


def _gradients(parts: int, *, with_tokens: bool = True, whole: bool = False) -> dict[str, Tensor]:
    model, pixels, kept, texts = _batch()
    with ThreadPoolExecutor(parts) as pool:
        made = encode(
            model, pixels, None if whole else kept, texts, block=1, pool=pool, parts=parts
        )
        _losses(made.images, made.texts, made.tokens, model, with_tokens).backward()  # type: ignore[no-untyped-call]
        made.backward(list(model.parameters()))
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_texts_may_outnumber_images() -> None:
    model, pixels, kept, _ = _batch()
    more = build_tokenizer(CAPTIONS, 600)([*CAPTIONS, "a key", "a red key"], padding=True)
    texts = {name: torch.tensor(more[name]) for name in ("input_ids", "attention_mask")}
    with ThreadPoolExecutor(3) as pool:
        whole, made = (
            encode(model, pixels, kept, texts, block=1, pool=pool, parts=parts) for parts in (1, 3)
        )
        for encoded in (whole, made):
            encoded.texts.square().sum().add(encoded.images.sum()).backward()  # type: ignore[no-untyped-call]
        assert made.texts.shape[0] == 7 and torch.allclose(made.texts, whole.texts, atol=1e-12)
        grads = []
        for encoded in (whole, made):
            model.zero_grad(set_to_none=True)
            encoded.backward(list(model.parameters()))
            grads.append([p.grad for p in model.parameters()])
    for one, other in zip(*grads, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.allclose(one, other, atol=1e-12)


def test_one_part_is_the_models_own_forward_and_backward() -> None:
    model, pixels, _, texts = _batch()
    out = model(pixel_values=pixels, **texts, output_hidden_states=True)
    tokens = out.vision_model_output.hidden_states[1]
    _losses(out.image_embeds, out.text_embeds, tokens, model, True).backward()  # type: ignore[no-untyped-call]
    found = _gradients(1, whole=True)
    expected = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert found.keys() == expected.keys()
    for name, grad in expected.items():
        assert torch.allclose(found[name], grad, atol=1e-12), name


@pytest.mark.parametrize("with_tokens", [True, False])
@pytest.mark.parametrize("parts", [2, 3, 5])
def test_parts_add_up_to_the_whole(parts: int, with_tokens: bool) -> None:
    whole, found = (_gradients(k, with_tokens=with_tokens) for k in (1, parts))
    assert found.keys() == whole.keys()
    for name, grad in whole.items():
        assert torch.allclose(found[name], grad, atol=1e-12), name


def test_the_same_parts_give_the_same_bits() -> None:
    first = _gradients(5)
    for _ in range(4):
        again = _gradients(5)
        assert all(torch.equal(again[name], grad) for name, grad in first.items())
