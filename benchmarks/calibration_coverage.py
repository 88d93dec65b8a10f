"""How often does the interval of the calibration error hold the true error?

    python benchmarks/calibration_coverage.py [--repeats 200]

Two classes whose logits are drawn, so the true error is known: 0 where images are right as often as
their share says, more where they are right less often by a fifth of what the share is above one
half. Each row has the judged images, the model, and the share of data sets whose interval held the
truth, with Wilson's 95 % interval.
"""

from __future__ import annotations

import argparse

import numpy as np

from clipprobe.statistics import Estimate, wilson
from clipprobe.zeroshot.accuracy.calibration import best_shares, calibration

JUDGED = (16, 64, 300, 2000)
MODELS = {"calibrated": 0.0, "too sure": 0.2}
SPREAD = 2.0  # standard deviation of the logit of the first class over the second


def coverage(judged: int, too_sure: float, repeats: int) -> Estimate:
    """The share of data sets whose interval holds the true error."""
    rng, held = np.random.default_rng(judged), 0
    truth = float(np.mean(too_sure * (2 * shares(rng, 500_000)[1] - 1)))
    for seed in range(repeats):
        logits, share = shares(rng, 2 * judged)  # the other half chooses the temperature
        right = rng.random(2 * judged) < share - too_sure * (2 * share - 1)
        best = logits.argmax(axis=1)
        error = calibration(logits, np.where(right, best, 1 - best), seed=seed).error
        held += bool(error.low <= truth <= error.high)
    return wilson(held, repeats)


def shares(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits ``(n, 2)`` and the share of the better class ``(n,)``."""
    logits = np.stack([rng.normal(0, SPREAD, n), np.zeros(n)], axis=1)
    return logits, best_shares(logits, np.zeros(n, np.int64))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    for judged in JUDGED:
        for name, too_sure in MODELS.items():
            one = coverage(judged, too_sure, repeats)
            print(f"{judged:5}  {name:<10}  {one.value:.3f} [{one.low:.3f}, {one.high:.3f}] "
                  f"n={one.n}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
