"""How fast a model is here and what memory it takes: a few batches of noise are measured.

Only the towers are timed. Reading and drawing images and the statistics of a study come on top, and
an audit that encodes several batches at once can be faster.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from clipprobe.study.workload import Workload

SECONDS = 3.0
"""After so long no further batch of a kind is begun."""
MOST_BATCHES = 4
_TEXTS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of the towers, and the memory of the process meanwhile."""

    image: float
    """Per image, forward; NaN where none was tried."""
    gradient: float
    """Per image, forward and backward; NaN where none was tried."""
    text: float
    """Per text; NaN where none was tried."""
    memory: float
    """Most bytes of the process, or of the GPU, while the batches ran; NaN where the system does
    not say it."""
    tried: str
    """What was measured, for people."""

    def seconds(self, work: Workload) -> float:
        """How long the towers take, texts of unknown number left out; NaN without a number."""
        if work.images is None:
            return float("nan")
        forward = work.images - work.gradients
        parts = (
            (forward, self.image),
            (work.gradients, self.gradient),
            (work.texts or 0, self.text),
        )
        return float(sum(n * pace for n, pace in parts if n))


def measure(clip: Any, work: Workload, batch_size: int) -> Pace:
    """Time a few batches on the model itself, no larger than the work."""
    n = max(1, min(batch_size, work.images or batch_size))
    noise = np.random.default_rng(0).integers(0, 256, (n, clip.image_size, clip.image_size, 3))
    images = [Image.fromarray(one) for one in noise.astype(np.uint8)]
    texts = [f"a photo of {i} things" for i in range(min(_TEXTS, work.texts or _TEXTS))]
    notes = []

    def backward() -> None:
        clip.image_embeddings(clip.preprocess(images).requires_grad_(True)).sum().backward()

    def timed(count: object, run: Callable[[], object], n: int, what: str) -> float:
        if count == 0:
            return float("nan")
        seconds = _timed(clip, run)
        notes.append(f"{len(seconds)} batches of {n} {what}")
        return float(np.median(seconds)) / n

    image = timed(work.images, lambda: clip.encode_images(images, batch_size=n), n, "images")
    text = timed(work.texts, lambda: clip.encode_texts(texts), len(texts), "texts")
    gradient = timed(work.gradients, backward, n, "images with gradients")
    return Pace(
        image=image, gradient=gradient, text=text, memory=_peak(clip), tried=", ".join(notes)
    )


def _timed(clip: Any, run: Callable[[], object]) -> list[float]:
    """Seconds of each batch; the first, which warms up, does not count."""
    begun, seconds = time.perf_counter(), list[float]()
    run()
    while not seconds or (len(seconds) < MOST_BATCHES and time.perf_counter() - begun < SECONDS):
        start = time.perf_counter()
        run()
        _wait(clip)
        seconds.append(time.perf_counter() - start)
    return seconds


def _wait(clip: Any) -> None:
    """Until the accelerator is done."""
    if clip.device.type == "cuda":
        import torch

        torch.cuda.synchronize(clip.device)


def _peak(clip: Any) -> float:
    if clip.device.type == "cuda":
        import torch

        return float(torch.cuda.max_memory_reserved(clip.device))
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
