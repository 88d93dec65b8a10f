"""Does an accelerator compute what the CPU does, and what do capture, scan and audit cost there?

    python benchmarks/device_check.py                       # the first GPU, two sizes, five minutes
    python benchmarks/device_check.py --device cpu --tiny   # what the tests run
    python benchmarks/device_check.py --out device.json

Models are CLIPs of the sizes of ViT-B/32 and ViT-L/14, both towers, with random weights.

* **Equality.** Every hook point, and the embeddings under an edit of every kind, against the CPU in
  float32. The difference is the largest one of a hook point, divided by its largest magnitude (at
  least 1). Bounds: float32 1e-4, with TensorFloat-32 off; bfloat16, with 8 bits of precision, 0.05.
  What torch's default (TensorFloat-32 in convolutions) does to float32 is printed without a bound.
  As a control, one bias that is moved by a hundredth has to break the float32 bound.
* **Speed.** Images per second of the bare forward and of a streaming capture of every neuron on the
  same pixels, of a scan and of a typographic audit on the same files; median of rounds and range.
* **Memory.** Peak bytes by batch size, bytes per image by least squares, the batch that fits into
  what is free, and a pass of nine tenths of that size (at most 4,096 images, on the CPU 64); beside
  it clipprobe's own estimate. On the CPU it is what the process holds, which the allocator rounds.

Without a GPU the tiny size runs on the CPU. Exits with 1 where a bound is crossed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from device_memory import memory

import clipprobe
from clipprobe import Edit, Mean, Patch, Scale, Steer, Zero
from clipprobe.edits import ImageToken, Interventions, Mask, Projection, TextPrefix, Views
from clipprobe.hooks import capture
from clipprobe.testing import checkpoints, image_folder
from clipprobe.testing.tokenizers import clip_tokenizer

BOUNDS = {"float32": 1e-4, "bfloat16": 0.05}
TEXTS = ["a dog", "a photo of a cat", "hello big world"]
CLASSES = ["cat", "dog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Widths and depths of the two towers, and how much of them is run."""

    vision: dict[str, int]
    text: dict[str, int]
    d_embed: int
    n_equal: int = 2
    n_speed: int = 256
    batch: int = 64
    batches: tuple[int, ...] = (1, 16, 64)
    rounds: int = 5


def _tower(d: int, n_blocks: int, n_heads: int) -> dict[str, int]:
    return {
        "hidden_size": d,
        "intermediate_size": 4 * d,
        "num_hidden_layers": n_blocks,
        "num_attention_heads": n_heads,
    }


SIZES = {
    "tiny": Size(
        vision={**_tower(32, 3, 4), "image_size": 32, "patch_size": 8},
        text=_tower(24, 3, 4),
        d_embed=16,
        n_speed=8,
        batch=4,
        batches=(1, 64, 256),
        rounds=1,
    ),
    "ViT-B/32": Size(
        vision={**_tower(768, 12, 12), "image_size": 224, "patch_size": 32},
        text=_tower(512, 12, 8),
        d_embed=512,
    ),
    "ViT-L/14": Size(
        vision={**_tower(1024, 24, 16), "image_size": 224, "patch_size": 14},
        text=_tower(768, 12, 12),
        d_embed=768,
    ),
}


def checkpoint(size: Size, folder: Path) -> Path:
    """A checkpoint of this size with random weights."""
    from transformers import CLIPConfig, CLIPModel

    tokenizer = clip_tokenizer()
    config = CLIPConfig(
        text_config={**checkpoints.clip_text_config(tokenizer), **size.text},
        vision_config={**size.vision, "projection_dim": size.d_embed},
        projection_dim=size.d_embed,
    )
    side = size.vision["image_size"]
    return checkpoints.save(folder, CLIPModel(config), tokenizer, checkpoints.clip_processor(side))


def edits_for(clip: Any) -> dict[str, Edit]:
    """One edit of every kind that changes what a tower computes."""
    rng = np.random.default_rng(0)
    vision, text, side = clip.anatomy.vision, clip.anatomy.text, clip.image_size
    block = f"vision.blocks.{len(vision.blocks) // 2}"
    post, stream = f"{block}.mlp.post", f"{block}.resid_post"
    vector = rng.normal(size=vision.d_model)
    made: dict[str, Any] = {
        "zero": {f"{post}:3": Zero()},
        "set": {f"{post}:3": 2.0},
        "scale": {stream: Scale(0.9)},
        "steer": {stream: Steer(vector, 0.1)},
        "mean": {post: Mean(rng.normal(size=(4, vision.d_mlp)))},
        "patch": {f"{post}:5": Patch(rng.normal(size=(1, vision.d_mlp)))},
        "heads": Interventions.of_heads([f"{block}:0"], 0.5),
        "projection": Projection.without(rng.normal(size=(2, clip.d_embed))),
        "image token": ImageToken(rng.normal(size=(1, vision.d_model))),
        "text prefix": TextPrefix(rng.normal(size=(2, text.d_model))),
        "text unit": {"text.blocks.0.mlp.post:1": Zero()},
        "mask": Mask(np.tri(*clip.grid, dtype=bool)),
        "pixels": Mask(np.tri(side, dtype=bool), fill=(1.0, 0.0, 0.0)),
        "mirrored": Views.mirrored(),
    }
    found = {name: Edit(part) for name, part in made.items()}
    wet = clipprobe.direction("wet", vector, at=stream)
    return found | {"direction": wet + Edit({f"{stream}.wet:0": Zero()})}


def numbers(clip: Any, images: list[Any]) -> dict[str, torch.Tensor]:
    """Every hook point, and both embeddings under every edit."""
    with capture(clip, "*") as acts:
        clip.encode_images(images)
        clip.encode_texts(TEXTS)
    found = {f"hook {name}": values.float().cpu() for name, values in acts.items()}
    for name, edit in edits_for(clip).items():
        edited = edit.of(clip)
        pair = [edited.encode_images(images), edited.encode_texts(TEXTS)]
        found[f"edit {name}"] = torch.from_numpy(np.concatenate(pair))
    return found


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference over largest magnitude; infinite where one is undefined alone."""
    if found.shape != expected.shape or bool((found.isnan() != expected.isnan()).any()):
        return float("inf")
    gap = (found.nan_to_num() - expected.nan_to_num()).abs().max()
    return float(gap / max(1.0, float(expected.nan_to_num().abs().max())))


@contextmanager
def without_tf32() -> Iterator[None]:
    """Products and convolutions of float32 in float32."""
    backends = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [one.allow_tf32 for one in backends]
    try:
        for one in backends:
            one.allow_tf32 = False
        yield
    finally:
        for one, value in zip(backends, before, strict=True):
            one.allow_tf32 = value


def equality(folder: Path, size: Size, device: str, until: float) -> dict[str, Any]:
    """The largest difference of each type from the CPU in float32, and where it is."""
    side = size.vision["image_size"]
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(size.n_equal)]
    expected = numbers(clipprobe.load(folder, device="cpu"), images)
    report: dict[str, Any] = {"n_compared": len(expected), "n_images": size.n_equal}
    if device.startswith("cuda"):
        as_loaded = numbers(clipprobe.load(folder, device=device), images)
        report["torch's default"] = max(difference(as_loaded[k], v) for k, v in expected.items())
    for dtype, bound in BOUNDS.items():
        with without_tf32():
            found = numbers(clipprobe.load(folder, device=device, dtype=dtype), images)
        gaps = {name: difference(found[name], right) for name, right in expected.items()}
        worst = max(gaps, key=lambda name: gaps[name])
        crossed = sorted(name for name, gap in gaps.items() if not gap <= bound)
        report[dtype] = {"worst": gaps[worst], "at": worst, "bound": bound, "crossed": crossed}
    broken = clipprobe.load(folder, device=device)
    with torch.no_grad():
        broken.anatomy.vision.blocks[0].mlp_out.bias[0] += 0.01
    with without_tf32():
        moved = numbers(broken, images)
    control = max(difference(value, expected[name]) for name, value in moved.items())
    report["control"] = {"worst": control, "noticed": control > BOUNDS["float32"]}
    return report


def speed(folder: Path, size: Size, device: str, until: float) -> dict[str, Any]:
    """Images per second of each way, and its cost against the bare forward of the same round.

    At least one round is measured; no other begins after ``until`` (of ``time.perf_counter``).
    """
    from attacks.typographic import audit_typographic

    clip = clipprobe.load(folder, device=device)
    side = size.vision["image_size"]
    pixels = torch.randn(size.batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    pixels = pixels.to(device)  # the bare forward waits for no transfer
    n_passes = max(1, size.n_speed // size.batch)
    options = {"batch_size": size.batch}

    def bare() -> None:
        for _ in range(n_passes):
            clip.image_embeddings(pixels)

    def captured() -> None:
        with capture(clip, "vision.blocks.*.mlp.post", pool="max", sink=lambda *_: None):
            bare()

    with tempfile.TemporaryDirectory() as place, torch.no_grad():
        images = image_folder(Path(place) / "images", size.n_speed)
        ways: dict[str, tuple[int, Callable[[], Any]]] = {
            "bare": (n_passes * size.batch, bare),
            "capture": (n_passes * size.batch, captured),
            "encode files": (size.n_speed, lambda: clip.encode_images(
                sorted(images.glob("[0-9]*.png")), **options)),
            "scan": (size.n_speed, lambda: clipprobe.scan(clip, images, **options)),
            "audit (6 conditions)": (6 * size.n_speed, lambda: audit_typographic(
                clip, images, CLASSES, out=Path(place) / f"audit-{time.monotonic_ns()}",
                **options)),
        }  # fmt: skip
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(size.rounds + 1):
            if number > 1 and time.perf_counter() > until:
                break
            for name, (n, way) in ways.items():
                synchronise(device)
                start = time.perf_counter()
                way()
                synchronise(device)
                if number:  # the first round warms up
                    rates[name].append(n / (time.perf_counter() - start))
    return {name: _line(rates[name], rates["bare"]) for name in ways}


def _line(rates: list[float], bare: list[float]) -> dict[str, Any]:
    costs = [one / rate for rate, one in zip(rates, bare, strict=True)]
    return {
        "images_per_second": statistics.median(rates),
        "range": [min(rates), max(rates)],
        "times_bare": statistics.median(costs),
        "times_bare_range": [min(costs), max(costs)],
        "n_rounds": len(rates),
    }


def remembered(folder: Path, size: Size, device: str, until: float) -> dict[str, Any]:
    """See :func:`device_memory.memory`."""
    return memory(folder, size.batches, device)


def one_line(error: Exception) -> str:
    """An error as one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def synchronise(device: str) -> None:
    """Wait for the device."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def card(device: str) -> str:
    """What the numbers were measured on."""
    if device.startswith("cuda"):
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def check(device: str, names: list[str], seconds: float) -> dict[str, Any]:
    """The whole report. What would begin after the time limit is left out and says so."""
    start = time.perf_counter()
    report: dict[str, Any] = {"card": card(device), "sizes": {}}
    parts: dict[str, Callable[[Path, Size, str, float], dict[str, Any]]] = {
        "equality": equality, "memory": remembered, "speed": speed,
    }  # fmt: skip
    for name in names:
        report["sizes"][name] = {}
        with tempfile.TemporaryDirectory() as place:
            folder = checkpoint(SIZES[name], Path(place) / "model")
            for part, run in parts.items():
                spent = time.perf_counter() - start
                found: dict[str, Any] = {"reason": f"left out after {spent:.0f} s of {seconds:.0f}"}
                if spent <= seconds:
                    try:
                        found = run(folder, SIZES[name], device, start + seconds)
                    except Exception as error:  # the other parts are worth their time on the card
                        traceback.print_exc()
                        found = {"error": one_line(error)}
                report["sizes"][name][part] = found
                print(f"{name} {part} ({spent:.0f} s): {json.dumps(found)}", flush=True)
    report["seconds"] = time.perf_counter() - start
    return report


def passed(report: dict[str, Any]) -> bool:
    """Whether every size was compared, within its bounds, and each control was noticed."""
    for one in report["sizes"].values():
        if any("error" in part for part in one.values()):
            return False
        found = one["equality"]
        if "reason" in found or not found["control"]["noticed"]:
            return False
        if any(found[dtype]["crossed"] for dtype in BOUNDS):
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", help="default: cuda where there is one")
    parser.add_argument("--tiny", action="store_true", help="the tiny size alone")
    parser.add_argument("--seconds", type=float, default=240, help="begin no part after these")
    parser.add_argument("--out", type=Path, help="write the report as JSON")
    options = parser.parse_args()
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    tiny = options.tiny or (device == "cpu" and options.device is None)
    if tiny and not options.tiny:
        print("There is no GPU here: the tiny size runs on the CPU.")
    report = check(device, ["tiny"] if tiny else ["ViT-B/32", "ViT-L/14"], options.seconds)
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"{report['card']}: {'passed' if passed(report) else 'FAILED'}")
    sys.exit(0 if passed(report) else 1)


if __name__ == "__main__":
    main()
