"""Images per second of the zero-shot audit on photos, against the bare forward of the same model.

    python benchmarks/photo_throughput.py [--images 1000] [--sizes 500x375 2000x1500] [--rounds 3]

Photos are made up (smooth noise with edges, JPEG, quality 90) and lie in a folder for each class;
the model has the size of ViT-B/32 and random weights. The base is the vision tower on pixels that
are already prepared, in batches side by side of one thread each, as many as there are threads: a
pass that torch splits over the threads is slower, and an easier base. Ours reads, decodes, resizes
and encodes the files: ``encode_records``, and the whole ``audit_zeroshot`` with its texts, tables
and report. Rounds are interleaved; printed is the ratio of images per second of each round, and its
median.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clipprobe.data import open_dataset
from clipprobe.models.clip import Clip
from clipprobe.models.threads import one_thread_each
from clipprobe.zeroshot import audit_zeroshot
from clipprobe.zeroshot.embedded import encode_records

CLASSES = 10
BATCH = 32


def main() -> None:
    """Print one line for each size of the photos."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--sizes", nargs="*", default=["500x375", "2000x1500"])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    clip = vit_b32()
    print(f"{given.images} photos, {torch.get_num_threads()} threads, ratio of images per second")
    for size in given.sizes:
        width, height = (int(side) for side in size.split("x"))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            kilobytes = write_photos(folder / "photos", given.images, width, height)
            found = rounds(clip, folder, given.images, given.rounds)
            for way, ratios in found.items():
                shown = ", ".join(f"{ratio:.3f}" for ratio in ratios)
                print(
                    f"{size} ({kilobytes:.0f} kB each), {way}: {statistics.median(ratios):.3f} "
                    f"(rounds {shown})",
                    flush=True,
                )


def rounds(clip: Clip, folder: Path, n: int, times: int) -> dict[str, list[float]]:
    """Ratios of images per second to the bare forward, by way and round."""
    dataset = open_dataset(folder / "photos")
    batches = [torch.randn(min(BATCH, n - at), 3, 224, 224) for at in range(0, n, BATCH)]
    found: dict[str, list[float]] = {"embed": [], "audit_zeroshot": []}
    bare(clip, batches[:2])
    encode_records(clip, open_dataset(folder / "photos", limit=BATCH).records, BATCH)
    for number in range(times):
        base = seconds(lambda: bare(clip, batches))
        ours = seconds(lambda: encode_records(clip, dataset.records, BATCH))
        out = folder / f"run-{number}"
        whole = seconds(
            lambda out=out: audit_zeroshot(clip, dataset, batch_size=BATCH, out=out)  # type: ignore[misc]
        )
        found["embed"].append(base / ours)
        found["audit_zeroshot"].append(base / whole)
    return found


def bare(clip: Clip, batches: list[torch.Tensor]) -> None:
    """The vision tower on prepared pixels, batches side by side."""

    def one(pixels: torch.Tensor) -> None:
        with torch.no_grad():
            clip.image_embeddings(pixels)

    with one_thread_each(clip) as n, ThreadPoolExecutor(n) as pool:
        list(pool.map(one, batches))


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write_photos(folder: Path, n: int, width: int, height: int) -> float:
    """JPEG files in a folder for each class; returns their mean size in kB."""
    rng = np.random.default_rng(0)
    total = 0
    for number in range(n):
        place = folder / f"class {number % CLASSES}" / f"{number:05}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
        pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int64)
        fine = rng.integers(-12, 13, (height, width, 1))
        edges = 60 * (np.add.outer(np.arange(height), np.arange(width)) // 37 % 2)[..., None]
        shown = (pixels + fine + edges).clip(0, 255).astype(np.uint8)
        Image.fromarray(shown).save(place, quality=90)
        total += place.stat().st_size
    return total / n / 1000


def vit_b32() -> Clip:
    """A checkpoint of that size with random weights, loaded as a user's would be."""
    from transformers import AutoTokenizer, CLIPConfig, CLIPImageProcessorPil, CLIPModel

    import clipprobe
    from clipprobe.models.checkpoints.bundled import bundled_folder

    tokenizer = AutoTokenizer.from_pretrained(bundled_folder())
    config = CLIPConfig()
    config.text_config.eos_token_id = tokenizer.eos_token_id
    config.text_config.bos_token_id = tokenizer.bos_token_id
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        CLIPModel(config).save_pretrained(name)
        tokenizer.save_pretrained(name)
        CLIPImageProcessorPil().save_pretrained(name)
        clip: Clip = clipprobe.load(name)
        return clip


if __name__ == "__main__":
    main()
