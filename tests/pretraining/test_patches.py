"""Dropping patches: the whole image is the model's own forward, a part of it is that part."""

from __future__ import annotations

import torch
from pretraining.small import small_recipe

from clipprobe.pretraining.model import build_model, build_tokenizer
from clipprobe.pretraining.reading import IGNORE, NO_LETTER
from clipprobe.pretraining.training.loss import LetterHead
from clipprobe.pretraining.training.patches import at_patches, see


def test_seeing_every_patch_is_the_models_own_forward() -> None:
    shape = small_recipe().shape
    vision = build_model(shape, build_tokenizer(["a dog"], 600), 0).vision_model.eval()
    pixels = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = vision(pixel_values=pixels, output_hidden_states=True)
    for kept in (None, torch.arange(64).expand(3, -1)):
        pooled, hidden = see(vision, pixels, kept, 1)
        assert torch.allclose(pooled, expected.pooler_output, atol=1e-6)
        assert torch.allclose(hidden, expected.hidden_states[1], atol=1e-6)


def test_dropped_patches_change_nothing_and_kept_ones_do() -> None:
    shape = small_recipe().shape
    vision = build_model(shape, build_tokenizer(["a dog"], 600), 0).vision_model.eval()
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    kept = torch.arange(0, 64, 2)[None]
    pooled, hidden = see(vision, pixels, kept, 2)
    assert hidden.shape == (1, 33, shape.vision_width)
    dropped, shown = pixels.clone(), pixels.clone()
    dropped[..., :8, 8:16] += 1.0  # patch 1
    shown[..., :8, 16:24] += 1.0  # patch 2
    assert torch.equal(see(vision, dropped, kept, 2)[0], pooled)
    assert not torch.allclose(see(vision, shown, kept, 2)[0], pooled, atol=1e-4)


def test_targets_follow_their_patches() -> None:
    targets = torch.arange(2 * 4 * 3).reshape(2, 4, 3)
    kept = torch.tensor([[0, 3], [1, 2]])
    assert at_patches(targets, kept).tolist() == [
        [[0, 1, 2], [9, 10, 11]],
        [[15, 16, 17], [18, 19, 20]],
    ]
    assert torch.equal(at_patches(targets, None), targets)


def test_the_letter_head_scores_letters_and_neighbours_apart() -> None:
    head = LetterHead(4)
    with torch.no_grad():
        head.letters.weight.zero_()
        head.letters.bias.zero_()
        head.letters.bias[27 + 3] = 9.0  # always "d" as the letter itself
        head.letters.bias[0] = 9.0  # always "a" before it
    targets = torch.tensor([[[0, 3, 5], [IGNORE, NO_LETTER, IGNORE]], [[IGNORE] * 3] * 2])
    with torch.no_grad():
        loss, named, beside = head(torch.randn(2, 3, 4), targets)
    assert float(named) == 1.0 and float(beside) == 0.5 and float(loss) > 0
