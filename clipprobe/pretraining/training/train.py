"""The training loop: render ahead, step, log, checkpoint, resume.

Everything is drawn from the recipe's seed and the step's number, so a run that was killed goes on
as if it had not been, and two runs on one machine, on as many threads, give the same weights.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clipprobe.models.threads import one_thread_each
from clipprobe.pretraining.batch import Batch
from clipprobe.pretraining.recipe import Recipe
from clipprobe.pretraining.training.begin import Begin, claim, first_model, trim_log
from clipprobe.pretraining.training.checkpoint import load_checkpoint, save_checkpoint
from clipprobe.pretraining.training.loss import LetterHead, contrastive_loss
from clipprobe.pretraining.training.patches import at_patches
from clipprobe.pretraining.training.side_by_side import encode

#: Batches rendered ahead. The difficulty of a batch is fixed when its rendering starts.
AHEAD = 3


@dataclass(slots=True)
class Progress:
    """What a resumed run must know beside its weights."""

    step: int = 0
    difficulty: float = 0.0
    word_accuracy: float = 0.0
    """Running mean over recent steps of words matched to their captions in the batch."""


def train(
    recipe: Recipe,
    out: Path,
    *,
    steps: int,
    workers: int = 1,
    device: str = "cpu",
    bf16: bool = False,
    checkpoint_every: int = 100,
    begin: Begin | None = None,
    on_step: Callable[[Progress, dict[str, float]], None] | None = None,
) -> tuple[Any, Any]:
    """Train ``recipe`` for ``steps`` steps, resuming from ``out`` if it holds a checkpoint.

    Args:
        out: Receives ``checkpoint.safetensors``, ``recipe.json`` and ``log.jsonl`` (one line a
            step).
        workers: Processes that render batches.
        bf16: Autocast the matrix products to bfloat16.
        begin: Finished weights to go on from, in place of random ones.
        on_step: Called after each step with the progress and the step's figures.
    Returns:
        The ``CLIPModel`` and its ``CLIPTokenizer``.
    Raises:
        RunFolderError: ``out`` holds a run of another recipe.
    """
    out.mkdir(parents=True, exist_ok=True)
    claim(out, recipe, begin)
    model, tokenizer = first_model(recipe, begin)
    model = model.to(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed + 1)
        head = LetterHead(recipe.shape.vision_width).to(device)
    modules = {"model": model, "letters": head}
    optimizer = make_optimizer(modules, recipe)
    saved = load_checkpoint(out, modules, optimizer)
    if saved:
        progress = Progress(**saved["progress"])
    else:
        progress = Progress() if begin is None else Progress(step=begin.step, difficulty=1.0)
    planned: deque[float] = deque(saved["planned"] if saved else [])
    trim_log(out / "log.jsonl", progress.step)
    first = progress.step
    pending: deque[Future[Batch]] = deque()
    with (
        ProcessPoolExecutor(workers) as pool,
        one_thread_each(model) as at_once,
        ThreadPoolExecutor(at_once) as towers,
        (out / "log.jsonl").open("a") as log,
    ):

        def plan(step: int) -> None:
            if step < steps:
                # A resumed run first draws again what was already planned.
                ahead = len(pending)
                if ahead >= len(planned):
                    planned.append(progress.difficulty)
                pending.append(pool.submit(recipe.data.draw, step, planned[ahead]))

        for step in range(first, min(first + AHEAD, steps)):
            plan(step)
        for step in range(first, steps):
            plan(step + AHEAD)
            batch = pending.popleft().result()
            planned.popleft()
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate_at(step, steps)
            figures = take_step(
                modules,
                optimizer,
                tokenizer,
                batch,
                recipe,
                letter_weight=recipe.letter_weight_at(step, steps),
                drop_patches=recipe.drops_patches_at(step, steps),
                device=device,
                bf16=bf16,
                towers=towers,
                parts=at_once,
            )
            progress.step = step + 1
            _advance(progress, figures, recipe)
            figures |= {"difficulty": progress.difficulty, "n_images": float(len(batch.pixels))}
            log.write(json.dumps({"step": step, **figures}) + "\n")
            if on_step is not None:
                on_step(progress, figures)
            if progress.step % checkpoint_every == 0 or progress.step == steps:
                log.flush()
                state = {"progress": asdict(progress), "planned": list(planned)}
                save_checkpoint(out, modules, optimizer, state)
    return model, tokenizer


def take_step(
    modules: dict[str, torch.nn.Module],
    optimizer: torch.optim.Optimizer,
    tokenizer: Any,
    batch: Batch,
    recipe: Recipe,
    *,
    letter_weight: float,
    drop_patches: bool,
    device: str,
    bf16: bool,
    towers: ThreadPoolExecutor,
    parts: int,
) -> dict[str, float]:
    """One optimizer step; returns its figures."""
    model: Any = modules["model"]
    model.train()
    pixels = to_pixels(batch, device)
    patches = torch.from_numpy(batch.kept).to(device) if drop_patches else None
    tokens = tokenizer(batch.texts(), padding=True, truncation=True, return_tensors="pt")
    n = len(batch.captions)
    encoded = encode(
        model,
        pixels,
        patches,
        tokens.to(device),
        block=recipe.letter_block,
        pool=towers,
        parts=parts,
        bf16=bf16,
    )
    loss, logits = contrastive_loss(
        encoded.images.float(),
        encoded.texts.float(),
        model.logit_scale,
        torch.from_numpy(batch.owners()).to(device),
        batch.also,
    )
    figures = {"loss": float(loss.detach())}
    if letter_weight > 0:
        letters = torch.from_numpy(batch.letters).to(device).flatten(1, 2)
        letter_loss, letter_accuracy, beside = modules["letters"](
            encoded.tokens.float(), at_patches(letters, patches)
        )
        loss = loss + letter_weight * letter_loss
        figures |= {
            "letter_loss": float(letter_loss.detach()),
            "letters_right": float(letter_accuracy),
            "neighbours_right": float(beside),
        }
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    encoded.backward(list(model.parameters()))
    norm = torch.nn.utils.clip_grad_norm_(
        [p for module in modules.values() for p in module.parameters()], 1.0
    )
    optimizer.step()
    right = (logits[:, :n].argmax(1) == torch.arange(n, device=logits.device)).cpu().numpy()
    matched = {
        f"{kind}_accuracy": float(right[[k == kind for k in batch.kinds]].mean())
        for kind in dict.fromkeys(batch.kinds)
    }
    return figures | {
        "gradient_norm": float(norm),
        **matched,
        "scale": float(model.logit_scale.detach().exp()),
    }


def to_pixels(batch: Batch, device: str) -> Tensor:
    """Normalised pixels ``(n, 3, h, w)``, as the model's own image processor makes them."""
    from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    pixels = torch.from_numpy(batch.pixels).to(device).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v, device=device) for v in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD))
    return (pixels - mean[:, None, None]) / std[:, None, None]


def _advance(progress: Progress, figures: dict[str, float], recipe: Recipe) -> None:
    """Make words harder by a small step once those of now are read."""
    now = figures.get("word_accuracy", progress.word_accuracy)
    progress.word_accuracy += 0.1 * (now - progress.word_accuracy)
    due = progress.step % recipe.curriculum_every == 0
    if due and progress.word_accuracy >= recipe.curriculum_accuracy:
        progress.difficulty = min(1.0, round(progress.difficulty + recipe.curriculum_step, 6))


def make_optimizer(modules: dict[str, torch.nn.Module], recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; no decay on biases, gains and the temperature, as in the paper (sec. 2.5)."""
    parameters = [p for module in modules.values() for p in module.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.rounds[0].learning_rate, betas=(0.9, 0.98), eps=1e-6)
