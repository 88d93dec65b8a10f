"""What a training step costs with the towers on parts of the batch side by side.

    python benchmarks/pretraining_step.py                # the recipe's shape and batches
    python benchmarks/pretraining_step.py --rounds 20 --threads 4

First the drawing of batches, which runs beside the training in another process, is timed alone: of
the studio and of the wide domain. A round takes one step each way, on the same batches and on
copies of the same network: one pass over the batch that torch splits over the threads at every
operation, and one part of the batch a thread. Ways take turns within each round; the ratio of the
totals and the median of the rounds' ratios are given.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from clipprobe.models.threads import one_thread_each
from clipprobe.pretraining.batch import Batch
from clipprobe.pretraining.model import build_model, build_tokenizer
from clipprobe.pretraining.recipe import Recipe, emoji_clip
from clipprobe.pretraining.stages import STAGES
from clipprobe.pretraining.training.loss import LetterHead
from clipprobe.pretraining.training.train import make_optimizer, take_step

DIFFICULTY = 0.5


def stepper(recipe: Recipe, corpus: list[str], *, side_by_side: bool) -> Callable[[Batch], None]:
    """A function that takes one optimizer step on a new network."""
    tokenizer = build_tokenizer(corpus, recipe.shape.vocabulary)
    model = build_model(recipe.shape, tokenizer, recipe.seed)
    modules = {"model": model, "letters": LetterHead(recipe.shape.vision_width)}
    optimizer = make_optimizer(modules, recipe)

    def step(batch: Batch, towers: ThreadPoolExecutor, parts: int) -> None:
        take_step(
            modules,
            optimizer,
            tokenizer,
            batch,
            recipe,
            letter_weight=1.0,
            drop_patches=True,
            device="cpu",
            bf16=False,
            towers=towers,
            parts=parts,
        )

    def alone(batch: Batch) -> None:
        with ThreadPoolExecutor(1) as towers:
            step(batch, towers, 1)

    def beside(batch: Batch) -> None:
        with one_thread_each(model) as at_once, ThreadPoolExecutor(at_once) as towers:
            step(batch, towers, at_once)

    return beside if side_by_side else alone


def time_drawing(recipe: Recipe) -> None:
    """Print what one process draws in each domain."""
    first_wide = next(s.from_step for s in STAGES if s.wide is not None)
    for name, first in (("studio", 0), ("wide", first_wide)):
        recipe.data.draw(first, DIFFICULTY)  # opens sheets and fonts
        start = time.perf_counter()
        n = sum(len(recipe.data.draw(first + i, DIFFICULTY).pixels) for i in range(1, 6))
        seconds = time.perf_counter() - start
        print(f"drawing, {name:<7} {seconds / 5:.3f} s a batch, {n / seconds:.0f} images a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = emoji_clip(0)
    time_drawing(recipe)
    corpus = recipe.data.corpus(8)
    batches = [recipe.data.draw(step, DIFFICULTY) for step in range(4)]
    ways = {
        "one pass, split": stepper(recipe, corpus, side_by_side=False),
        "side by side": stepper(recipe, corpus, side_by_side=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(options.rounds + 1):
        batch = batches[number % len(batches)]
        for name in list(ways)[:: 1 if number % 2 else -1]:
            start = time.perf_counter()
            ways[name](batch)
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    split, beside = seconds.values()
    ratios = [b / a for a, b in zip(split, beside, strict=True)]
    for name, times in seconds.items():
        print(f"{name:<16} median {statistics.median(times):.3f} s a step")
    print(
        f"side by side / split: {sum(beside) / sum(split):.3f} in all, median "
        f"{statistics.median(ratios):.3f} [{min(ratios):.3f} to {max(ratios):.3f}], "
        f"{options.rounds} rounds, {options.threads} threads, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
