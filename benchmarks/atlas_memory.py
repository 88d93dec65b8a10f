"""Peak memory of a scan against the number of images, and its time against the bare forward.

    python benchmarks/atlas_memory.py                          # memory, 64 and 4,096 images
    python benchmarks/atlas_memory.py --images 64 512 4096
    python benchmarks/atlas_memory.py --images --rounds 7      # time only, at ViT-B/32 size

Memory: a model with random weights scans pictures that are drawn as they are read, into a run
folder; each line is the peak of a process of its own. Its vision tower has ViT-B/32's width and
depth (36,864 neurons) and pictures of 64 pixels (5 tokens in place of 50), so that 4,096 of them
take a minute. Statistics, top images and bins are of constant size (about 2.6 kB per unit); what
grows is one short name per image. The last line compares the growth with what keeping every
activation of every token would take, at 50 tokens.

Time: the loop of a scan (capture with the token of each maximum, statistics) against the bare
forward on the same pixels, interleaved round by round, at ViT-B/32 size (36,864 neurons).
Statistics run in the thread of the model here, so that both clocks count them in full; a scan works
them in beside the next batch. Processor time is the steadier clock on a busy machine. Statistics
are worked in every 128 images, so the rounds differ by more than the total does. Early images cost
more, because nearly every one of them enters some bin or top list; ``--warm`` says how many come
before the first round.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from clipprobe.data import Dataset, ImageRecord
from clipprobe.hooks.units import find_sites
from clipprobe.models.checkpoints.processors import from_processor
from clipprobe.models.clip import Clip, Source
from clipprobe.models.families.hf_clip import HFClip
from clipprobe.neurons import scan
from clipprobe.neurons.atlas.loops.images import ScanState, Stream
from clipprobe.neurons.atlas.statistics.accumulator import Settings, UnitStatistics

WIDE = {"image_size": 64, "patch_size": 32}
"""ViT-B/32, on fewer tokens."""
KEPT_BYTES = 50 * 36_864 * 4
"""All neurons of all tokens of one image at ViT-B/32 size, in float32."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture of noise that exists only while it is read."""

    number: int

    def read(self) -> bytes:
        pixels = np.random.default_rng(self.number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


class NamedDataset(Dataset):
    """A data set whose fingerprint is of its names, so that no picture is drawn twice."""

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        return hashlib.sha256(repr([record.id for record in self.records]).encode()).hexdigest()


def model(vision: dict[str, Any]) -> Clip:
    """A CLIP with random weights, whose text tower nothing runs."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    torch.manual_seed(0)
    module = CLIPModel(CLIPConfig(vision_config=vision, text_config={"num_hidden_layers": 1}))
    size = module.config.vision_config.image_size
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}
    )
    source = Source(id="random weights", revision=None, weights_sha256="", attention="sdpa")
    unused: Any = None
    preprocess = from_processor(processor, size=size)
    return Clip(HFClip(module), preprocess=preprocess, tokens=unused, source=source)


def measure_memory(n_images: int, batch: int) -> None:
    """Scan that many pictures and print the peak of this process."""
    clip = model(WIDE)
    records = tuple(ImageRecord(f"{i:07d}.png", Drawn(i)) for i in range(n_images))
    before, started = peak_mb(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        scan(clip, NamedDataset("noise", records), out=Path(folder) / "atlas", batch_size=batch)
    seconds = time.perf_counter() - started
    print(
        f"{n_images:6d} images: peak {peak_mb():.0f} MB, {peak_mb() - before:.0f} MB above the "
        f"loaded model ({seconds:.0f} s)"
    )


def measure_time(rounds: int, batch: int, warm: int) -> None:
    """The loop of a scan against the bare forward, interleaved."""
    clip = model({})
    generator = torch.Generator().manual_seed(0)
    sites = find_sites(clip, ["vision.blocks.*.mlp.post"], "max")
    settings = Settings()
    state = ScanState(
        {site.name: UnitStatistics.empty(site.name, site.n_units, settings) for site in sites}
    )
    n = warm + (rounds + 1) * batch
    records = [ImageRecord(f"{i:07d}.png", Drawn(i)) for i in range(n)]
    stream = Stream(clip, "max", state, records, range(n), 0)
    clocks = {"processor": time.process_time, "wall": time.perf_counter}
    spent: dict[str, dict[str, list[float]]] = {c: {"bare": [], "scan": []} for c in clocks}
    with torch.no_grad():
        warm_up(stream, warm, batch, generator)
        reader = stream.reader(batch)
        for number in range(rounds + 1):
            pixels = list(torch.randn(batch, 3, 224, 224, generator=generator))
            for way in ("bare", "scan") if number % 2 else ("scan", "bare"):
                started = {name: clock() for name, clock in clocks.items()}
                if way == "bare":
                    clip.image_embeddings(torch.stack(pixels))
                else:
                    rows = records[state.done : state.done + batch]
                    for update in stream.take(reader, rows, pixels, batch):
                        update()
                    state.done += batch
                    if number in (0, rounds):  # no row of the rounds is left for later
                        for units in state.statistics.values():
                            units.flush()
                for name, clock in clocks.items():
                    spent[name][way].append(clock() - started[name])
    print(f"{rounds} rounds of {batch} images after {warm}, {torch.get_num_threads()} threads")
    for name, ways in spent.items():
        bare, scanned = (sum(ways[way][1:]) for way in ("bare", "scan"))
        ratios = [a / b for a, b in zip(ways["scan"][1:], ways["bare"][1:], strict=True)]
        print(
            f"{name} time: scan {scanned / bare:.3f} x bare in all, median of the rounds "
            f"{statistics.median(ratios):.3f} [{min(ratios):.3f} - {max(ratios):.3f}]; bare "
            f"{bare / rounds / batch * 1e3:.1f} ms an image"
        )


def warm_up(stream: Stream, warm: int, batch: int, generator: torch.Generator) -> None:
    """Fill the statistics with ``warm`` images whose activations are those of a batch, jittered."""
    if not warm:
        return
    pixels = list(torch.randn(batch, 3, 224, 224, generator=generator))
    seen = stream.reader(batch)(pixels)
    rng = np.random.default_rng(0)
    for name, units in stream.state.statistics.items():
        values, tokens = seen.values[name], seen.tokens.get(name)
        for start in range(0, warm, 128):
            images = np.arange(start, min(start + 128, warm))
            like = rng.integers(0, batch, len(images))
            jitter = 1 + 0.1 * rng.standard_normal((len(images), units.n_units))
            units.update(
                (values[like] * jitter).astype(np.float32),
                images,
                rng.integers(0, 2**31, len(images)),
                None if tokens is None else tokens[like],
            )
        units.flush()
    stream.state.done = warm


def peak_mb() -> float:
    """Largest resident size of this process so far (Linux)."""
    # Not getrusage: a child starts from the peak of the process that spawned it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, nargs="*", default=[64, 4096])
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--warm", type=int, default=1024)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure_memory(options.child, options.batch)
        return
    peaks = {}
    for n_images in options.images:
        command = [sys.executable, __file__, "--batch", str(options.batch)]
        command += ["--child", str(n_images)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(text, end="", flush=True)
        peaks[n_images] = float(text.split("peak ")[1].split(" MB")[0])
    if len(peaks) > 1:
        few, many = min(peaks), max(peaks)
        growth = (peaks[many] - peaks[few]) / (many - few) * 2**20
        print(
            f"growth from {few} to {many} images: {growth:.0f} bytes an image; keeping activations "
            f"takes {KEPT_BYTES:,}, {KEPT_BYTES / max(growth, 1):,.0f} times as much"
        )
    if options.rounds:
        measure_time(options.rounds, options.batch, options.warm)


if __name__ == "__main__":
    main()
