"""How much memory passes of a model take on a device, and what fits: a part of ``device_check``."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import clipprobe
from clipprobe.hooks import capture
from clipprobe.memory import free_bytes, input_bytes


def memory(folder: Path, batches: Sequence[int], device: str) -> dict[str, Any]:
    """Peak bytes by batch, bytes per image, and the batch that fits."""
    gc.collect()  # models of the parts before
    gauge = gauge_of(device)
    if gauge is None:
        return {"reason": f"no peak of memory can be read on {device} here"}
    clip = clipprobe.load(folder, device=device)

    def peak(batch: int) -> int:
        gauge.reset()
        streamed(clip, batch)
        return gauge.peak()

    peak(1)  # libraries take their work space
    peaks = {batch: peak(batch) for batch in batches}
    found = room(peaks, gauge.available(), gauge.most)
    found |= {"counted": gauge.counted, "estimate_per_image": input_bytes(clip)}
    try:
        return found | {"tried_peak": peak(found["tried"])}
    except torch.OutOfMemoryError:
        return found | {"error": f"{found['tried']} images: out of memory"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """How the peak of a device's memory is read.

    ``counted``: what counts. ``most``: images of the largest pass that is tried.
    ``available``: bytes that the process could have in all, what it holds already included.
    """

    counted: str
    most: int
    reset: Callable[[], None]
    peak: Callable[[], int]
    available: Callable[[], int]


def gauge_of(device: str) -> Gauge | None:
    """Of a GPU what torch has allocated; of the CPU what the process holds, where Linux says it."""
    if device.startswith("cuda"):

        def reset() -> None:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)

        def peak() -> int:
            torch.cuda.synchronize(device)
            return torch.cuda.max_memory_allocated(device)

        def available() -> int:
            free, _ = torch.cuda.mem_get_info(device)
            return free + torch.cuda.memory_reserved(device)

        return Gauge(
            counted="allocated by torch", most=4096, reset=reset, peak=peak, available=available
        )
    process = Path("/proc/self")
    if device != "cpu" or not (process / "clear_refs").exists():
        return None

    def begin_anew() -> None:
        (process / "clear_refs").write_text("5")

    def held(name: str) -> int:
        lines = (process / "status").read_text("utf-8").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])

    return Gauge(
        counted="held by the process",
        most=64,
        reset=begin_anew,
        peak=lambda: held("VmHWM"),
        available=lambda: held("VmRSS") + (free_bytes() or 0),
    )


def streamed(clip: Any, batch: int) -> None:
    """A pass of ``n`` blank images with every neuron captured and streamed."""
    side = clip.image_size
    with (
        torch.no_grad(),
        capture(clip, "vision.blocks.*.mlp.post", pool="max", sink=lambda *_: None),
    ):
        clip.image_embeddings(torch.zeros(batch, 3, side, side))


def room(peaks: Mapping[int, int], available: int, most: int) -> dict[str, Any]:
    """Bytes per image by least squares, the batch that fits, and the one to try."""
    each, fixed = np.polyfit(list(peaks), list(peaks.values()), 1)
    fits = max(1, int((available - fixed) // max(each, 1.0)))
    tried = max(1, min(fits * 9 // 10, most))
    return {"peaks": dict(peaks), "bytes_per_image": float(each), "fits": fits, "tried": tried}
