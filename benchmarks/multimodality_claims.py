"""Do the tests of multimodal units find what is there, and nothing where nothing is?

    python benchmarks/multimodality_claims.py [--model PATH] [--per-concept 6] [--twins 5]

On the bundled concepts as picture, drawing and word: both tests of every neuron and of the residual
stream, beside 60 shuffles of the words and 60 of everything; class logits planted among all neurons
(20 plantings of 5 and of 20); random networks, before and after pixel covariates. Each number with
its n and a 95 % interval, and with the aim where there is one. Takes some ten minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import clipprobe
from clipprobe.models import random_twin
from clipprobe.neurons.multimodality import Probes, bundled_probes
from clipprobe.neurons.multimodality.activations import find_pooled_sites, pooled
from clipprobe.neurons.multimodality.contents import STRONG
from clipprobe.neurons.multimodality.probes import HALF, SELECT
from clipprobe.neurons.multimodality.scoring.exact import exact_p, shuffled_exact_p
from clipprobe.neurons.multimodality.scoring.pixels import basis, covariates, regress_out
from clipprobe.neurons.multimodality.scoring.profile import profile_test, shuffled_profiles
from clipprobe.neurons.multimodality.scoring.scores import (
    Floats,
    aurocs_by_concept,
    concept_means,
    rank,
)
from clipprobe.neurons.multimodality.scoring.shuffles import draw_orders
from clipprobe.neurons.multimodality.settings import LATE_CLS
from clipprobe.report.numbers import format_cell
from clipprobe.statistics import Estimate, benjamini_hochberg, wilson

ALPHA, N_PLANTINGS = 0.05, 20
Values = Mapping[str, Any]
"""Modality -> activations ``(n, u)``."""


class Measured:
    """The images of all modalities, and what models did on them."""

    def __init__(self, probes: Probes) -> None:
        self.probes, self.n = probes, len(probes.concepts)
        records = {name: probes.of(name) for name in probes.modalities}
        self.codes = {name: probes.codes(part) for name, part in records.items()}
        self.selects = {
            name: np.array([one.attributes[HALF] == SELECT for one in part])
            for name, part in records.items()
        }
        self.bases = {name: basis(covariates(part)) for name, part in records.items()}
        one, every = draw_orders(probes.modalities, self.n, seed=0)
        self.orders = {"words": one, "all": every}

    def run(self, clip: Any, sites: Sequence[str] | None, pool: str) -> Values:
        found, pools = find_pooled_sites(clip, sites, pool)
        tile = tuple((site.name, 0, site.n_units) for site in found)
        matrices = {}
        for name in self.probes.modalities:
            seen = pooled(
                [clip], self.probes.of(name), tile, pools, batch_size=32, workers=1, progress=None
            )
            assert not seen.failures
            matrices[name] = seen.matrices[0]
        return matrices

    def aurocs(self, values: Values, half: bool | None = None) -> Floats:
        """``(m, c, u)``, on all images or on one half."""
        parts = []
        for name, matrix in values.items():
            rows = slice(None) if half is None else self.selects[name] == half
            parts.append(aurocs_by_concept(rank(matrix[rows], self.codes[name][rows], self.n)))
        return np.array(parts)

    def profiles(self, values: Values) -> Floats:
        parts = [concept_means(matrix, self.codes[m], self.n) for m, matrix in values.items()]
        return np.array(parts)

    def strong(self, values: Values) -> int:
        best = self.aurocs(values, True).min(axis=0).argmax(axis=0)
        confirmed = self.aurocs(values, False).min(axis=0)
        return int((confirmed[best, np.arange(len(best))] >= STRONG).sum())

    def adjusted(self, values: Values) -> Values:
        return {name: regress_out(matrix, self.bases[name]) for name, matrix in values.items()}


def row(what: str, found: Any, aim: str = "") -> None:
    print(f"| {what} | {found} | {aim} |", flush=True)


def share(hits: Any) -> str:
    hits = np.asarray(hits)
    return f"{int(hits.sum())} of {hits.size}: {format_cell(wilson(int(hits.sum()), hits.size))}"


def mean(numbers: Sequence[float]) -> str:
    from scipy.stats import t

    n, centre = len(numbers), float(np.mean(numbers))
    half = float(t.ppf(0.975, n - 1) * np.std(numbers, ddof=1) / np.sqrt(n))
    return format_cell(
        Estimate(value=centre, low=centre - half, high=centre + half, n=n, method="t, 95 %")
    )


def profile_rows(images: Measured, values: Values, site: str, aim: str) -> None:
    profiles = images.profiles(values)
    row(f"profile test, {site}", share(profile_test(profiles).q <= ALPHA), aim)
    for what, orders in images.orders.items():
        found = (shuffled_profiles(profiles, orders) <= ALPHA).any(axis=1)
        row(f"… runs with a unit, {what} shuffled", share(found), "at most 5 %")


def exact_rows(images: Measured, aurocs: Floats, site: str) -> None:
    p = exact_p(aurocs)
    row(f"exact test, {site} (least p {np.nanmin(p):.1e})", share(benjamini_hochberg(p) <= ALPHA))
    for what, aim in (("words", ""), ("all", "at most 5 %")):
        shuffled = shuffled_exact_p(aurocs, images.orders[what])
        found = [(benjamini_hochberg(one) <= ALPHA).any() for one in shuffled]
        row(f"… runs with a unit, {what} shuffled", share(found), aim)


def planted_rows(images: Measured, clip: Any, neurons: Floats) -> None:
    """Class logits among the neurons."""
    text = clip.encode_texts([f"a {name}" for name in images.probes.concepts])
    logits = {}
    for name, embedding in images.run(clip, ["vision.projected"], "none").items():
        unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
        logits[name] = (unit @ text.T).astype(np.float32)
    p_logits, p_neurons = exact_p(images.aurocs(logits)), exact_p(neurons)
    for n, aim in ((5, "at least 3.5"), (20, "at least 14")):
        hits = []
        for seed in range(N_PLANTINGS):
            chosen = np.random.default_rng(seed).choice(len(p_logits), n, replace=False)
            q = benjamini_hochberg(np.concatenate([p_neurons, p_logits[chosen]]))
            hits.append(int((q[-n:] <= ALPHA).sum()))
        row(f"planted logits of {n} found among {len(p_neurons) + n:,}", mean(hits), aim)


def twin_rows(images: Measured, clip: Any, n_twins: int) -> None:
    counts: dict[str, list[int]] = {}
    for seed in range(n_twins):
        values = images.run(random_twin(clip, seed=seed), None, LATE_CLS)
        exact = benjamini_hochberg(exact_p(images.aurocs(values)))
        found = {
            "profile": int((profile_test(images.profiles(values)).q <= ALPHA).sum()),
            "exact": int((exact <= ALPHA).sum()),
            "strong": images.strong(values),
            "strong after pixel covariates": images.strong(images.adjusted(values)),
        }
        for name, n in found.items():
            counts.setdefault(name, []).append(n)
    aims = {"profile": "together at most 1", "strong after pixel covariates": "each at most 2"}
    for name, numbers in counts.items():
        row(f"{n_twins} random networks, units: {name}", numbers, aims.get(name, ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None)
    parser.add_argument("--per-concept", type=int, default=6)
    parser.add_argument("--twins", type=int, default=5)
    options = parser.parse_args()
    clip = clipprobe.load(options.model) if options.model else clipprobe.load()
    size = max(64, clip.image_size)
    images = Measured(bundled_probes(per_concept=options.per_concept, seed=0, size_px=size))
    print("| what | measured | aim |\n|---|---|---|")
    embedding = images.run(clip, ["vision.projected"], "none")
    profile_rows(images, embedding, "embedding", "all")
    exact_rows(images, images.aurocs(embedding), "embedding")
    last = len(clip.anatomy.vision.blocks) - 1
    for block, aim in ((last, "190 of 192"), (last - 1, "110 of 192")):
        site = f"vision.blocks.{block}.resid_post"
        profile_rows(images, images.run(clip, [site], "cls"), f"{site}, class token", aim)
    for pool in ("max", LATE_CLS):
        neurons = images.run(clip, None, pool)
        aurocs = images.aurocs(neurons)
        profile_rows(images, neurons, f"all neurons, {pool}", "")
        exact_rows(images, aurocs, f"all neurons, {pool}")
        row(f"strong, all neurons, {pool}", images.strong(neurons))
        row("… after pixel covariates", images.strong(images.adjusted(neurons)))
        planted_rows(images, clip, aurocs)
    twin_rows(images, clip, options.twins)


if __name__ == "__main__":
    main()
