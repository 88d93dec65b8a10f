"""What a typographic audit costs, against a bare batched forward over its distinct images.

    python benchmarks/typographic_audit.py                     # the bundled model, all concepts
    python benchmarks/typographic_audit.py --model vit-b32 --images 8 --rounds 7

One round takes turns of the whole audit (files, drawing, texts, encoding, tables, bootstrap, both
reports), and of `clip.image_embeddings` over as many ready tensors as the audit encoded distinct
images, in the same batches: nothing is decoded, drawn or preprocessed there. The audit's parts
are timed beside it. `usual` is the script that most papers publish: `model(texts, image)` for one
image at a time, its texts padded to 77 tokens; it is run on a few images and its cost stated for
each.

Ways take turns within each round; the ratio of the totals and the median of the rounds' ratios are
given for wall time and for processor time of this process, which is steadier where other work
runs on the machine. The load of the machine stands beside.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import attacks.typographic.job as audit_module
import clipprobe
from attacks.typographic import audit_typographic
from clipprobe.data import Dataset, ImageRecord, open_dataset
from clipprobe.models.checkpoints.processors import from_processor
from clipprobe.models.clip import Clip, Source
from clipprobe.models.families.hf_clip import HFClip
from clipprobe.stimuli import concept_set, concepts, write_set

NAMES = "apple bridge candle dog engine ferry guitar house island jacket kettle lamp".split()
CLOCKS: dict[str, Callable[[], float]] = {
    "wall": time.perf_counter,
    "processor": time.process_time,
}
#: Functions of the audit that are timed: what is left is drawing, encoding and scoring.
PARTS = {
    "class_vectors": "class texts",
    "summarise": "bootstrap and tests",
    "build_page": "reports",
}


class WordTokens:
    """One token for each word, between a start and an end token."""

    def __init__(self, end: int) -> None:
        self.end, self.known = end, {}

    def __call__(self, texts: list[str]) -> list[list[int]]:
        rows = [[self.known.setdefault(w, len(self.known) + 1) for w in t.split()] for t in texts]
        return [[0, *row, self.end] for row in rows]


def random_vit_b32() -> Clip:
    """A model of ViT-B/32's size; speed does not depend on weights."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    torch.manual_seed(0)
    end = 49407
    text = {"num_hidden_layers": 1, "bos_token_id": 0, "eos_token_id": end, "pad_token_id": end}
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224}
    )
    return Clip(
        HFClip(CLIPModel(CLIPConfig(text_config=text))),
        preprocess=from_processor(processor, size=224),
        tokens=WordTokens(end),
        source=Source(id="random vit-b32", revision=None, weights_sha256="", attention="sdpa"),
    )


def pictures(folder: Path, n: int, pixels: int) -> Dataset:
    """JPEG files of smooth noise, a bit larger than the model's input, with labels in turn."""
    records = []
    for i in range(n):
        low = np.random.default_rng(i).integers(0, 255, (7, 9, 3), dtype=np.uint8)
        path = folder / f"{i:05}.jpg"
        Image.fromarray(low).resize((pixels * 5 // 4, pixels), 3).save(path, quality=90)
        records.append(ImageRecord(path.name, path, NAMES[i % len(NAMES)]))
    return Dataset("noise", tuple(records))


def usual_script(clip: Clip, images: int, labels: int) -> None:
    """One image at a time with all its texts, padded to 77 tokens."""
    ids = torch.randint(1, 400, (labels, 77))
    ids[:, -1] = int(clip.module.config.text_config.eos_token_id)
    pixels = torch.randn(1, 3, clip.image_size, clip.image_size)
    with torch.no_grad():
        for _ in range(images):
            clip.module(input_ids=ids, pixel_values=pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", choices=("bundled", "vit-b32"), default="bundled")
    parser.add_argument("--images", type=int, default=None, help="default: every concept")
    parser.add_argument("--modalities", nargs="+", default=["picture"], help="of the bundled set")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--usual", type=int, default=8, help="images of the usual script")
    parser.add_argument("--labels", type=int, default=10, help="texts of the usual script")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp())
    try:
        measure(options, scratch)
    finally:
        shutil.rmtree(scratch)


def measure(options: Any, scratch: Path) -> None:
    if options.model == "bundled":
        clip, names = clipprobe.load(), [concept.name for concept in concepts()]
        samples = chain.from_iterable(concept_set(kind) for kind in options.modalities)
        data = open_dataset(write_set(samples, scratch / "set"))
        if options.images is not None:
            data = open_dataset(scratch / "set", limit=options.images)
    else:
        clip, names = random_vit_b32(), NAMES
        data = pictures(scratch, options.images or 8, clip.image_size)
    ready = torch.randn(options.batch, 3, clip.image_size, clip.image_size)
    parts: dict[str, list[float]] = {name: [] for name in PARTS}
    for name in PARTS:
        setattr(audit_module, name, timed(getattr(audit_module, name), parts[name]))
    few = replace(data, records=data.records[:: max(1, len(data) // 8)])
    distinct = [0]

    def audit(of: Dataset = data) -> None:
        out = scratch / "run"
        run = audit_typographic(
            clip, of, names, out=out, size=0.28, background="white", color="black", outline=None,
            batch_size=options.batch, workers=options.workers, overwrite=out.exists(),
        )  # fmt: skip
        distinct[0] = run.summary["n"]["encoded"]

    def bare() -> None:
        with torch.no_grad():
            for start in range(0, distinct[0], options.batch):
                clip.image_embeddings(ready[: min(options.batch, distinct[0] - start)])

    def usual() -> None:
        usual_script(clip, options.usual, options.labels)

    ways: dict[str, Callable[[], None]] = {"audit": audit, "bare": bare, "usual": usual}
    spent: dict[str, dict[str, list[float]]] = {c: {w: [] for w in ways} for c in CLOCKS}
    loads = []
    audit(few)  # warms up: imports, fonts, plotly's script
    bare()
    for index in range(options.rounds):
        # The audit is first in the first round: it counts the distinct images.
        for way in list(ways)[index % 3 :] + list(ways)[: index % 3]:
            start = {name: clock() for name, clock in CLOCKS.items()}
            ways[way]()
            for name, clock in CLOCKS.items():
                spent[name][way].append(clock() - start[name])
        loads.append(os.getloadavg()[0])
    report(spent, parts, loads, options, distinct[0], len(data), len(names))


def timed(function: Callable[..., Any], found: list[float]) -> Callable[..., Any]:
    """``function``, with the processor time of each call added to ``found``."""

    def wrapper(*arguments: Any, **more: Any) -> Any:
        start = time.process_time()
        try:
            return function(*arguments, **more)
        finally:
            found.append(time.process_time() - start)

    return wrapper


def report(
    spent: dict[str, dict[str, list[float]]],
    parts: dict[str, list[float]],
    loads: list[float],
    options: Any,
    distinct: int,
    n_images: int,
    n_classes: int,
) -> None:
    """Print what was measured."""
    print(
        f"{options.model}: {options.rounds} rounds; {n_images} pictures, {n_classes} classes, "
        f"{distinct} distinct images encoded in batches of {options.batch}; "
        f"{torch.get_num_threads()} threads, {options.workers} workers; load of the machine "
        f"{min(loads):.1f} to {max(loads):.1f}"
    )
    for clock, seconds in spent.items():
        ratios = [a / b for a, b in zip(seconds["audit"], seconds["bare"], strict=True)]
        print(
            f"{clock} time: audit {statistics.median(seconds['audit']):.2f} s, bare "
            f"{statistics.median(seconds['bare']):.2f} s; ratio in all "
            f"{sum(seconds['audit']) / sum(seconds['bare']):.3f}, median "
            f"{statistics.median(ratios):.3f} [{min(ratios):.3f} - {max(ratios):.3f}]"
        )
        one = [
            (usual / options.usual) / (bare / distinct)
            for usual, bare in zip(seconds["usual"], seconds["bare"], strict=True)
        ]
        print(
            f"{clock} time of the usual script, {options.labels} texts an image, one at a time: "
            f"{statistics.median(one):.1f} x bare an image [{min(one):.1f} - {max(one):.1f}]"
        )
    whole = statistics.median(spent["processor"]["audit"])
    for name, what in PARTS.items():
        median = statistics.median(parts[name][1:])
        print(f"{what}: {median:.2f} s processor time, {median / whole:.1%} of the audit")


if __name__ == "__main__":
    main()
