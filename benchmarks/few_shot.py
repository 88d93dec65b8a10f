"""How long a few-shot sweep takes, against scikit-learn fitted one by one, and at which loss.

    OMP_NUM_THREADS=1 python benchmarks/few_shot.py [--classes 48] [--draws 1] [--rounds 3]

Vectors before the projection of the bundled model, of its own pictures (``--style fluent``: a style
that it never saw). Our side is the whole search; scikit-learn fits the same shots with the same
values of C, at ``tol=1e-8`` and at its default of 1e-4. Printed: seconds, ratios, and the largest
excess of our loss over that of scikit-learn, relative, for C up to 1e4 and above. Rounds are
interleaved; the median is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

import clipprobe
from clipprobe import stimuli
from clipprobe.zeroshot import build_classifier
from clipprobe.zeroshot.embedded import pooled_vectors
from clipprobe.zeroshot.few_shot.draws import sample, split_rows
from clipprobe.zeroshot.few_shot.logistic import Regression
from clipprobe.zeroshot.few_shot.search import search_strength
from clipprobe.zeroshot.few_shot.sweep import LabelledVectors

SHOTS = (1, 2, 4, 8, 16)


def main() -> None:
    """Print one line for each shot number, and the totals."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", type=int, default=48)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--style", default="noto")
    given = parser.parse_args()
    data = vectors(given.classes, given.style)
    split = split_rows(data.labels, data.names, test_share=0.2, seed=0)
    total: dict[str, float] = dict.fromkeys(("ours", "1e-8", "1e-4"), 0.0)
    worst = {"C <= 1e4": -np.inf, "C > 1e4": -np.inf}
    for shots in SHOTS:
        seconds: dict[str, list[float]] = {name: [] for name in total}
        for _ in range(given.rounds):
            once = dict.fromkeys(total, 0.0)
            for number in range(given.draws):
                draw = sample(split, data.names, shots, draw=number, seed=0)
                x, y = data.pooled[draw.shots].astype(np.float64), data.labels[draw.shots]
                start = time.perf_counter()
                ours = search(data, draw, x, y)
                once["ours"] += time.perf_counter() - start
                for name in ("1e-8", "1e-4"):
                    start = time.perf_counter()
                    theirs = [fitted(x, y, C, float(name)) for C in ours.fitted]
                    once[name] += time.perf_counter() - start
                    if name == "1e-8":
                        for (C, probe), other in zip(ours.fitted.items(), theirs, strict=True):
                            key = "C <= 1e4" if C <= 1e4 else "C > 1e4"
                            least = loss(other.coef_.T, other.intercept_, C, x, y)
                            worst[key] = max(worst[key], probe.loss / least - 1)
            for name, value in once.items():
                seconds[name].append(value)
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        print(shots, "shots:", line(medians), flush=True)
        for name, value in medians.items():
            total[name] += value
    print("all:", line(total))
    print("largest excess of our loss:", {key: f"{value:.1e}" for key, value in worst.items()})


def vectors(n_classes: int, style: str) -> LabelledVectors:
    """Twenty-six images of each class, encoded."""
    clip = clipprobe.load()
    names = stimuli.concepts()[:n_classes]
    samples = list(stimuli.concept_set("picture", per_concept=26, names=names, styles=(style,)))
    pooled, unit = [], []
    for start in range(0, len(samples), 64):
        images = [stimuli.render(s.scene).image for s in samples[start : start + 64]]
        before, after = pooled_vectors(clip, images)
        pooled.append(before)
        unit.append(after)
    place = {concept.name: index for index, concept in enumerate(names)}
    return LabelledVectors(
        names=tuple(place),
        labels=np.array([place[s.label] for s in samples]),
        pooled=np.concatenate(pooled),
        vectors=np.concatenate(unit),
        texts=build_classifier(clip, [c.phrase for c in names], ["{}"]),
    )


def search(data: LabelledVectors, draw: Any, x: Any, y: Any) -> Regression:
    """The product's search, and every fit that it made."""
    regression = Regression(x, y)
    truth, seen = data.labels[draw.validation], data.pooled[draw.validation]
    search_strength(lambda C: float((regression.fit(C).logits(seen).argmax(1) == truth).mean()))
    return regression


def fitted(x: Any, y: Any, C: float, tolerance: float) -> Any:
    """One fit of scikit-learn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(C=C, tol=tolerance, max_iter=10_000).fit(x, y)


def loss(weights: Any, intercepts: Any, C: float, x: Any, y: Any) -> float:
    """What both minimise, per image."""
    logits = x @ weights + intercepts
    logits -= logits[np.arange(len(y)), y][:, None]
    top = logits.max(axis=1, keepdims=True)
    nll = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return float((weights**2).sum() / (2 * C * len(x)) + nll.mean())


def line(seconds: dict[str, float]) -> str:
    """Seconds and ratios."""
    ours = seconds["ours"]
    return ", ".join(
        f"{name} {value:.2f} s" + (f" ({value / ours:.1f}x)" if name != "ours" else "")
        for name, value in seconds.items()
    )


if __name__ == "__main__":
    main()
