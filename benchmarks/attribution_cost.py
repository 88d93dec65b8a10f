"""What attribution costs, in forward passes of the same batch of 16, timed in turns.

    python benchmarks/attribution_cost.py [--model MODEL] [--rounds 5]

Prints the ratio of each method's time to that of a forward pass in the same round, of all methods
of the shared pass together, of integrated gradients to bare forward-backward pairs, and of a loop
over cases, one method and case at a time, to the harness. Median and range over rounds; processor
time of one thread, the steadier clock on a busy machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

import clipprobe
from clipprobe.attribution import attribution_methods, explain
from clipprobe.attribution.faithfulness import faithfulness, scene_cases
from clipprobe.attribution.job import Job
from clipprobe.attribution.registry import METHODS, vision_tower_kind
from clipprobe.attribution.target import targets_of

N = 16
STEPS = 50
QUICK = {"integrated_gradients": {"n_steps": STEPS}, "rise": {"n_masks": 100}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="these methods; those of the shared pass always")
    parser.add_argument("--harness-rounds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    clip = clipprobe.load(args.model, device="cpu")
    rng = np.random.default_rng(0)
    side = clip.image_size
    pixels = clip.preprocess(list(rng.integers(0, 256, (N, side, side, 3), dtype=np.uint8)))
    targets = targets_of(clip, ["a dog"] * N)
    kind = vision_tower_kind(clip)
    names = [name for name in attribution_methods() if kind in METHODS[name].towers]
    shared = [name for name in names if METHODS[name].single_pass]
    if args.only is not None:
        names = [name for name in names if name in args.only]

    def run(chosen: list[str]) -> None:
        job = Job(clip, pixels, targets)
        for name in chosen:
            if METHODS[name].single_pass:
                job.needs.update(METHODS[name].needs(job))
        for name in chosen:
            METHODS[name](job, **QUICK.get(name, {}))

    def forward() -> None:
        with torch.no_grad():
            clip.image_embeddings(pixels)

    def pairs() -> None:
        for _ in range(STEPS):
            x = pixels.clone().requires_grad_()
            torch.autograd.grad(targets(x).sum(), x)

    jobs: dict[str, Callable[[], None]] = {"forward": forward}
    jobs |= {name: (lambda name=name: run([name])) for name in shared}
    jobs["all of the shared pass"] = lambda: run(shared)
    jobs |= {name: (lambda name=name: run([name])) for name in names if name not in shared}
    if "integrated_gradients" in names:
        jobs[f"{STEPS} forward-backward pairs"] = pairs
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(args.rounds):  # in turns, so that a busy moment hits all alike
        for name, job in jobs.items():
            start = time.process_time()
            job()
            times[name].append(time.process_time() - start)
    base = statistics.median(times["forward"])
    print(f"forward pass of {N} images: {base * 1e3:.1f} ms (median of {args.rounds})")
    for name in times:
        print(f"  {name:<28} {ratio(times, name, 'forward')} forwards")
    if "integrated_gradients" in names:
        found = ratio(times, "integrated_gradients", f"{STEPS} forward-backward pairs")
        print(f"integrated gradients, {STEPS} steps: {found} of {STEPS} forward-backward pairs")
    for _ in range(args.harness_rounds):
        harness(clip, shared)


def ratio(times: dict[str, list[float]], name: str, other: str) -> str:
    """Median and range over rounds of one job's time to another's in the same round."""
    found = [a / b for a, b in zip(times[name], times[other], strict=True)]
    return f"{statistics.median(found):8.2f} [{min(found):.2f}-{max(found):.2f}]"


def harness(clip: clipprobe.Clip, names: list[str]) -> None:
    """All methods of the shared pass on 200 cases: together, and one by one."""
    cases = scene_cases(4, 200, size_px=clip.image_size)
    start = time.process_time()
    faithfulness(clip, cases, methods=names, metrics=["inside", "zone", "mass"], centre=[False])
    together = (time.process_time() - start) / len(cases)
    start = time.process_time()
    for case in cases[:8]:
        for name in names:
            explain(clip, case.image, case.text, name)
    loop = (time.process_time() - start) / 8
    print(f"harness: {together * 1e3:.1f} ms per case, maps, metrics and intervals")
    print(f"loop:    {loop * 1e3:.1f} ms per case, maps alone: {loop / together:.1f} times")


if __name__ == "__main__":
    main()
