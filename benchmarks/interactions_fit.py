"""How much of a score second order explains: R2 on unseen coalitions of patches and words.

    python benchmarks/interactions_fit.py [--model MODEL] [--scenes 15]

Scenes of one to four things, one text with all their names apart by blanks; the mean over scenes
with a 95 % t interval, by which terms the fit has, with the same coalitions for all.
"""

from __future__ import annotations

import argparse
import math
import statistics

from scipy.stats import t

import clipprobe
from clipprobe.attribution.faithfulness import scene_cases
from clipprobe.attribution.interactions.fit import TERMS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None)
    parser.add_argument("--scenes", type=int, default=15)
    parser.add_argument("--unseen", type=int, default=1000)
    args = parser.parse_args()
    clip = clipprobe.load(args.model, device="cpu")
    found: dict[str, list[float]] = {terms: [] for terms in TERMS}
    for number in range(args.scenes):
        n_things = number % 4 + 1
        scene = number // 4
        cases = scene_cases(n_things, n_things * (scene + 1), size_px=clip.image_size)
        case = cases[-1]
        result = clipprobe.interactions(
            clip, case.image, " ".join(case.names), n_unseen=args.unseen
        )
        for terms in TERMS:
            found[terms].append(result.r2[terms])
        print(
            f"scene {number + 1}: {n_things} things, {result.n_image_encodings:,} image and "
            f"{result.n_text_encodings:,} text encodings, R2 {result.r2['all']:.2f}",
            flush=True,
        )
    n = args.scenes
    for terms, values in found.items():
        half = t.ppf(0.975, n - 1) * statistics.stdev(values) / math.sqrt(n)
        mean = statistics.mean(values)
        print(f"{terms:<28} {mean:.2f} [{mean - half:.2f}, {mean + half:.2f}] n={n} scenes")


if __name__ == "__main__":
    main()
