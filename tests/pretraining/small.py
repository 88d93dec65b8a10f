"""A recipe small enough for tests."""

from __future__ import annotations

from dataclasses import replace

from clipprobe.pretraining.model import Shape
from clipprobe.pretraining.recipe import Recipe, Round, emoji_clip
from clipprobe.pretraining.samples import BatchSpec

SHAPE = Shape(vision_width=32, vision_blocks=2, text_width=32, text_blocks=1, d_embed=16, d_head=16)


def small_recipe(seed: int = 0) -> Recipe:
    """The bundled model's recipe with tiny towers and batches."""
    return replace(
        emoji_clip(seed),
        shape=SHAPE,
        data=BatchSpec(
            seed=seed, n_concepts=20, n_occupations=2, n_plain_people=2, n_letter_strings=8
        ),
        letter_block=1,
        rounds=(Round(warm_up_steps=2),),
        tokenizer_batches=10,
    )
