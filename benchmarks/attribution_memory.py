"""Peak memory of explanations beyond the model, at ViT-B/32 size with random weights.

    python benchmarks/attribution_memory.py
    python benchmarks/attribution_memory.py --only interactions

Each line is the peak of a process of its own, less what it held with the model loaded and one
image encoded. ``interactions`` is one image with one text, fit and unseen coalitions together, with
the number of image encodings. ``batch`` is ``explain_batch`` of 16 images with one text each by
every method of the shared pass and AttnLRP, within budgets in gigabytes; ``pixels`` is integrated
gradients of the same.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

import clipprobe
from clipprobe.attribution import explain_many
from clipprobe.attribution.registry import shared_pass
from clipprobe.models.checkpoints.processors import from_processor
from clipprobe.models.clip import Clip, Source
from clipprobe.models.families.hf_clip import HFClip

BUDGETS = (None, 2.0, 1.0, 0.5)
N = 16
STATUS = Path("/proc/self/status")


def model() -> Clip:
    """ViT-B/32's vision tower; words and text tower are the bundled model's."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    bundled = clipprobe.load(device="cpu")
    text = {**bundled.module.config.text_config.to_dict(), "projection_dim": 512}  # type: ignore
    torch.manual_seed(0)
    module = CLIPModel(CLIPConfig(text_config=text, projection_dim=512)).eval()
    source = Source(id="random", revision=None, weights_sha256="0" * 64, attention="sdpa")
    return Clip(
        HFClip(module, pad_id=bundled.adapter.pad_id),
        preprocess=from_processor(CLIPImageProcessorPil(), size=224),
        tokens=bundled.tokens,
        source=source,
    )


def kilobytes(name: str) -> int:
    lines = STATUS.read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def measure(what: str, budget: float | None) -> None:
    """Print one line; run in a process of its own."""
    torch.set_num_threads(1)
    clip = model()
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 256, (N, 224, 224, 3), dtype=np.uint8))
    clip.encode_images(images[:1])
    counted = [0]
    clip.module.vision_model.register_forward_pre_hook(  # type: ignore[union-attr]
        lambda module, args, kwargs: counted.__setitem__(
            0, counted[0] + len(kwargs["pixel_values"])
        ),
        with_kwargs=True,
    )
    before = kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    start = time.perf_counter()
    if what == "interactions":
        clipprobe.interactions(clip, images[0], "a dog with a red hat")
    else:
        names = [*shared_pass(clip), "attnlrp"] if what == "batch" else ["integrated_gradients"]
        settings = {name: {"n_steps": 4} if what == "pixels" else {} for name in names}
        explain_many(clip, images, ["a dog"] * N, settings, batch_size=N, memory_gb=budget)
    peak = (kilobytes("VmHWM") - before) / 1024
    shown = "" if budget is None else f" within {budget:g} GB"
    seconds = time.perf_counter() - start
    print(f"{what}{shown}: {peak:.0f} MB beyond the model, {counted[0]:,} image encodings, "
          f"{seconds:.0f} s")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("interactions", "batch", "pixels"))
    parser.add_argument("--budget", type=float, help="of one process; for the script itself")
    parser.add_argument("--here", action="store_true", help="measure in this process")
    args = parser.parse_args()
    if args.here:
        measure(args.only, args.budget)
        return
    for what in ("interactions", "batch", "pixels"):
        for budget in BUDGETS if what != "interactions" else (None,):
            if args.only in (None, what):
                command = [sys.executable, __file__, "--here", "--only", what]
                command += [] if budget is None else ["--budget", str(budget)]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
