"""What a typographic audit costs, against a bare batched forward over its distinct images.

    python benchmarks/audit_overhead.py                       # the size of the bundled model
    python benchmarks/audit_overhead.py --model vit-b32 --images 8 --rounds 7

The audit reads files, draws, encodes every distinct picture and every text once, writes its parts
and, for `audit`, the report; `encode` is the same without tables and report. The base is
`clip.image_embeddings` over the same number of ready tensors, in the same batches: nothing is
decoded, drawn or preprocessed there. Weights are random: speed does not depend on them. Ways take
turns within each round and each round gives one ratio per way; processor time is steadier than
wall time where other work runs on the machine.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from attacks.typographic import TypographicAttack, audit_typographic
from attacks.typographic.cases import read_cases
from attacks.typographic.classes import Classes, key
from attacks.typographic.engine import Engine
from attacks.typographic.pipeline import Renderer
from attacks.typographic.scoring import class_vectors
from attacks.typographic.words import parse_words
from clipprobe.data import Dataset, ImageRecord
from clipprobe.models.clip import Clip, Source
from clipprobe.models.families.hf_clip import HFClip
from clipprobe.models.processors import from_processor

NAMES = "apple bridge candle dog engine ferry guitar house island jacket kettle lamp".split()
SIZES: dict[str, dict[str, dict[str, int]]] = {
    "bundled": {
        "vision_config": {
            "hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 6,
            "num_attention_heads": 3, "image_size": 64, "patch_size": 8,
        },
        "text_config": {
            "hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 3,
            "num_attention_heads": 3, "vocab_size": 512,
        },
    },
    "vit-b32": {"vision_config": {}, "text_config": {"num_hidden_layers": 1}},
}  # fmt: skip


class WordTokens:
    """One token for each word, between a start and an end token."""

    def __init__(self, end: int) -> None:
        self.end, self.known = end, {}

    def __call__(self, texts: list[str]) -> list[list[int]]:
        rows = [[self.known.setdefault(w, len(self.known) + 1) for w in t.split()] for t in texts]
        return [[0, *row, self.end] for row in rows]


def model(size: str) -> Clip:
    """A model of one of the sizes, with random weights."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    torch.manual_seed(0)
    text = dict(SIZES[size]["text_config"])
    end = text.get("vocab_size", 49408) - 1
    text |= {"bos_token_id": 0, "eos_token_id": end, "pad_token_id": end}
    config = CLIPConfig(text_config=text, vision_config=SIZES[size]["vision_config"])
    side = config.vision_config.image_size
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    return Clip(
        HFClip(CLIPModel(config)),
        preprocess=from_processor(processor, size=side),
        tokens=WordTokens(end),
        source=Source(id=f"random {size}", revision=None, weights_sha256="", attention="sdpa"),
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


def encoder(clip: Clip, data: Dataset, batch: int, workers: int) -> Callable[[], None]:
    """The audit's own inner part: decode, draw, encode, score; no files."""
    classes = Classes(NAMES)
    taken = {key(name) for name in NAMES}
    attack = TypographicAttack(word="word", size=0.2)
    renderer = Renderer(
        clip=clip, classes=classes, attack=attack, known=lambda w: key(w) in taken, seed=0,
        draw_at="model",
    )  # fmt: skip
    engine = Engine(
        clip=clip, classes=classes, classifier=class_vectors(clip, classes, ["a {}."]),
        renderer=renderer, words=parse_words("random"), words_per_image=1, seed=0,
        batch_size=batch, workers=workers,
    )  # fmt: skip
    cases, _ = read_cases(data, classes)

    def run() -> None:
        rows, problems = engine.score_cases(cases)
        assert len(rows) == 6 * len(cases) and not problems

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", choices=SIZES, default="bundled")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    clip = model(options.model)
    scratch = Path(tempfile.mkdtemp())
    data = pictures(scratch, options.images, clip.image_size)
    ready = torch.randn(options.batch, 3, clip.image_size, clip.image_size)
    distinct = 6 * options.images

    def bare() -> None:
        with torch.no_grad():
            for start in range(0, distinct, options.batch):
                clip.image_embeddings(ready[: min(options.batch, distinct - start)])

    def audit() -> None:
        out = scratch / "run"
        audit_typographic(
            clip, data, NAMES, out=out, size=0.2, batch_size=options.batch,
            workers=options.workers, overwrite=out.exists(),
        )  # fmt: skip

    encode = encoder(clip, data, options.batch, options.workers)
    ways: dict[str, Callable[[], None]] = {"bare": bare, "encode": encode, "audit": audit}
    clocks: dict[str, Callable[[], float]] = {
        "wall": time.perf_counter, "processor": time.process_time,
    }  # fmt: skip
    spent: dict[str, dict[str, list[float]]] = {c: {w: [] for w in ways} for c in clocks}
    for index in range(options.rounds + 1):
        order = list(ways)
        for way in order[index % 3 :] + order[: index % 3]:
            start = {name: clock() for name, clock in clocks.items()}
            ways[way]()
            for name, clock in clocks.items():
                if index:  # the first round warms up
                    spent[name][way].append(clock() - start[name])
    shutil.rmtree(scratch)
    report(spent, options, distinct)


def report(spent: dict[str, dict[str, list[float]]], options: Any, distinct: int) -> None:
    """Print medians and ranges of the ratios."""
    base = statistics.median(spent["wall"]["bare"])
    print(
        f"{options.model}: {options.rounds} rounds, {distinct} distinct images in batches of "
        f"{options.batch}, {torch.get_num_threads()} threads, {options.workers} workers; bare: "
        f"median {base:.2f} s, {distinct / base:.0f} images/s"
    )
    for clock, seconds in spent.items():
        for way in ("encode", "audit"):
            ratios = [a / b for a, b in zip(seconds[way], seconds["bare"], strict=True)]
            extra = statistics.median(
                a - b for a, b in zip(seconds[way], seconds["bare"], strict=True)
            )
            print(
                f"{clock} time, {way}: {statistics.median(ratios):.3f} x bare "
                f"[{min(ratios):.3f} - {max(ratios):.3f}], {extra:+.2f} s"
            )


if __name__ == "__main__":
    main()
