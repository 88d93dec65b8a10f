"""What a streaming capture of every MLP neuron costs, against the bare forward of the same model.

    python benchmarks/capture_overhead.py                     # time and memory
    python benchmarks/capture_overhead.py --memory-images     # time only
    python benchmarks/capture_overhead.py --rounds 0 --memory-images 64 512 4096

The model has the size of ViT-B/32 and random weights: speed does not depend on them. Ways of
running it are interleaved inside each round, and each round gives one ratio per way, so that a
busy machine slows all of them alike; processor time is the steadier of the two clocks there.
Memory is the peak of a process of its own per line.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from clipprobe.hooks import capture
from clipprobe.models.clip import Clip, Source
from clipprobe.models.families.hf_clip import HFClip

SITES = "vision.blocks.*.mlp.post"
TOP = 16


class Reduction:
    """Moments and the largest values of every neuron, updated once every few batches."""

    def __init__(self, flush_every: int = 4) -> None:
        self.flush_every = flush_every
        self.buffers: dict[str, torch.Tensor] = {}
        self.waiting: dict[str, int] = {}
        self.state: dict[str, dict[str, torch.Tensor]] = {}

    def __call__(self, name: str, values: torch.Tensor, rows: Any, tokens: Any) -> None:
        # Copied into one buffer for good: small values that outlive the large ones of the forward
        # pass would scatter over the heap, and the process would grow although nothing is kept.
        buffer = self.buffers.get(name)
        if buffer is None:
            buffer = self.buffers[name] = torch.empty(self.flush_every, *values.shape)
        index = self.waiting.get(name, 0)
        buffer[index].copy_(values)
        self.waiting[name] = (index + 1) % self.flush_every
        if self.waiting[name] == 0:
            self.flush(name, buffer.flatten(0, 1))

    def flush(self, name: str, values: torch.Tensor) -> None:
        wide = values.double()
        new = {"n": torch.tensor(len(values)), "sum": wide.sum(0), "square": wide.square().sum(0)}
        old = self.state.get(name)
        top = values
        if old is not None:
            top = torch.cat([old["top"], values])
            for key, value in new.items():
                old[key] += value
        new["top"] = top.topk(min(TOP, len(top)), dim=0).values
        if old is None:
            self.state[name] = new
        else:
            old["top"].copy_(new["top"])


def vit_b32() -> Clip:
    """A model of ViT-B/32 size; of its text tower one block is built, which nothing runs."""
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    module = CLIPModel(CLIPConfig(text_config={"num_hidden_layers": 1}))
    source = Source(id="random ViT-B/32", revision=None, weights_sha256="", attention="sdpa")
    unused: Any = None
    return Clip(HFClip(module), preprocess=unused, tokens=unused, source=source)


def bare(clip: Clip, pixels: torch.Tensor, reduction: Reduction) -> None:
    clip.image_embeddings(pixels)


def stream(clip: Clip, pixels: torch.Tensor, reduction: Reduction) -> None:
    with capture(clip, SITES, pool="max", sink=reduction, argmax=False):
        clip.image_embeddings(pixels)


def stream_tokens(clip: Clip, pixels: torch.Tensor, reduction: Reduction) -> None:
    with capture(clip, SITES, pool="max", sink=reduction):
        clip.image_embeddings(pixels)


def store(clip: Clip, pixels: torch.Tensor, reduction: Reduction) -> None:
    with capture(clip, SITES) as acts:
        clip.image_embeddings(pixels)
    kept.append([acts[name] for name in acts])


kept: list[Any] = []
"""What `store` holds on to: the way that streaming is there to avoid."""

WAYS: dict[str, Callable[[Clip, torch.Tensor, Reduction], None]] = {
    "bare": bare,
    "stream": stream,
    "stream+token": stream_tokens,
    "store": store,
}


def measure_time(rounds: int, batch: int) -> None:
    clip = vit_b32()
    pixels = torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    reduction = Reduction()
    clocks = {"wall": time.perf_counter, "processor": time.process_time}
    spent: dict[str, dict[str, list[float]]] = {c: {way: [] for way in WAYS} for c in clocks}
    with torch.no_grad():
        for index in range(rounds + 1):
            names = list(WAYS)
            for way in names[index % len(names) :] + names[: index % len(names)]:
                start = {name: clock() for name, clock in clocks.items()}
                WAYS[way](clip, pixels, reduction)
                for name, clock in clocks.items():
                    if index:  # The first round warms up.
                        spent[name][way].append(clock() - start[name])
                kept.clear()
    print(
        f"{rounds} rounds of {batch} images, {torch.get_num_threads()} threads; "
        f"bare: median {statistics.median(spent['wall']['bare']):.2f} s"
    )
    for name, seconds in spent.items():
        for way in list(WAYS)[1:]:
            ratios = [a / b for a, b in zip(seconds[way], seconds["bare"], strict=True)]
            middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
            print(f"{name} time, {way}: {middle:.3f} x bare [{low:.3f} - {high:.3f}]")


def measure_memory(way: str, n_images: int, batch: int) -> None:
    """Run one way over ``n_images`` and print the growth of this process in MB."""
    clip = vit_b32()
    pixels = torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    reduction = Reduction()
    before = peak_mb()
    with torch.no_grad():
        for _ in range(n_images // batch):
            WAYS[way](clip, pixels, reduction)
    print(f"{way:13s} {n_images:5d} images: +{peak_mb() - before:.0f} MB (peak {peak_mb():.0f} MB)")


def peak_mb() -> float:
    """Largest resident size of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux a child starts from the peak of the process that spawned it.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if platform.system() == "Darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--memory-images", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["bare", "stream", "store"])
    parser.add_argument("--child", nargs=2, metavar=("WAY", "N"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure_memory(options.child[0], int(options.child[1]), options.batch)
        return
    if options.rounds:
        measure_time(options.rounds, options.batch)
    for way in options.ways:
        for n_images in options.memory_images:
            command = [sys.executable, __file__, "--batch", str(options.batch)]
            subprocess.run([*command, "--child", way, str(n_images)], check=True)


if __name__ == "__main__":
    main()
