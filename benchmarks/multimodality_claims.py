"""Do the tests of multimodal units find what is there, and nothing where nothing is?

    nice python benchmarks/multimodality_claims.py [--model PATH] [--out runs/claims] [--page]

On the bundled concepts as picture, drawing and word: the tests of every neuron and of the residual
stream, beside 60 shuffles of the words and 60 of everything; class logits planted among all neurons
(20 plantings of 5 and of 20); random networks, before and after pixel covariates. Each number with
its n and a 95 % interval, and with the aim where there is one.

The images run through the model once, and each part is kept as it ends: a killed benchmark goes on.
``--page`` writes the numbers for ``docs/neurons/multimodality.md`` (then run ``docs/renew.py``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import clipprobe
from clipprobe.models import random_twin
from clipprobe.neurons.multimodality import bundled_probes
from clipprobe.neurons.multimodality.activations import find_pooled_sites, pooled
from clipprobe.neurons.multimodality.contents import STRONG
from clipprobe.neurons.multimodality.probes import HALF, SELECT
from clipprobe.neurons.multimodality.scoring.exact import (
    each_p,
    exact_p,
    shuffled_each_p,
    shuffled_exact_p,
)
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
from clipprobe.runs import Run
from clipprobe.runs.jsonio import dumps
from clipprobe.statistics import Estimate, benjamini_hochberg, wilson
from clipprobe.stimuli import concepts

ALPHA, N_PLANTINGS = 0.05, 20
MODALITIES = ("picture", "drawing", "word")
PAGE = Path(__file__).parents[1] / "docs" / "neurons" / "claims.json"
Values = dict[str, Any]
"""Modality -> activations ``(n, u)``."""


class Images:
    """The images of all modalities; made once, and what a model did on them kept."""

    def __init__(self, run: Run, per_concept: int, n_concepts: int | None, side: int) -> None:
        self.run, self.per_concept, self.n_concepts, self.side = run, per_concept, n_concepts, side
        self.facts = self.kept("images", self._facts)
        self.n = int(self.facts["picture/codes"].max()) + 1
        one, every = draw_orders(MODALITIES, self.n, seed=0)
        self.orders = {"words": one, "everything": every}

    @cached_property
    def probes(self) -> Any:
        shown = concepts()[: self.n_concepts]
        return bundled_probes(
            per_concept=self.per_concept, seed=0, size_px=self.side, concepts=shown
        )

    def _facts(self) -> dict[str, Any]:
        facts = {}
        for name in MODALITIES:
            records = self.probes.of(name)
            facts[f"{name}/codes"] = self.probes.codes(records)
            halves = [one.attributes[HALF] == SELECT for one in records]
            facts[f"{name}/selects"] = np.array(halves)
            facts[f"{name}/basis"] = basis(covariates(records))
        return facts

    def kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Arrays, from the folder where they are there."""
        part = f"parts/{name}.safetensors"
        if not self.run.has(part):
            self.run.write_arrays(part, make())
        return self.run.read_arrays(part)

    def activations(self, clip: Any, points: Sequence[tuple[Any, str]]) -> dict[str, Values]:
        """Hook point -> modality -> values; ``points`` are patterns and how they are pooled."""
        pools, sizes = {}, {}
        for patterns, pool in points:
            sites, how = find_pooled_sites(clip, patterns, pool)
            pools |= how
            sizes |= {site.name: site.n_units for site in sites}
        tile = tuple((name, 0, n) for name, n in sizes.items())
        stops = np.cumsum(list(sizes.values()))[:-1]
        values: dict[str, Values] = {name: {} for name in sizes}
        for modality in MODALITIES:
            records = self.probes.of(modality)
            seen = pooled([clip], records, tile, pools, batch_size=32, workers=1, progress=None)
            assert not seen.failures
            for name, part in zip(sizes, np.split(seen.matrices[0], stops, axis=1), strict=True):
                values[name][modality] = part
        return values

    def aurocs(self, values: Values, half: bool | None = None) -> Floats:
        """``(m, c, u)``, on all images or on one half."""
        parts = []
        for name in MODALITIES:
            codes = self.facts[f"{name}/codes"]
            rows = slice(None) if half is None else self.facts[f"{name}/selects"] == half
            ranked = rank(values[name][rows], codes[rows], self.n)
            parts.append(aurocs_by_concept(ranked))
        return np.array(parts)

    def profiles(self, values: Values) -> Floats:
        parts = [
            concept_means(values[name], self.facts[f"{name}/codes"], self.n) for name in MODALITIES
        ]
        return np.array(parts)

    def strong(self, values: Values) -> int:
        best = self.aurocs(values, True).min(axis=0).argmax(axis=0)
        confirmed = self.aurocs(values, False).min(axis=0)
        return int((confirmed[best, np.arange(len(best))] >= STRONG).sum())

    def adjusted(self, values: Values) -> Values:
        return {name: regress_out(one, self.facts[f"{name}/basis"]) for name, one in values.items()}


def joined(parts: Sequence[Values]) -> Values:
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in MODALITIES}


def row(what: str, measured: Any, aim: str = "", met: bool | None = None) -> dict[str, Any]:
    known = isinstance(measured, Estimate)
    return {
        "what": what,
        "measured": measured.to_json() if known else measured,
        "text": format_cell(measured) if known else str(measured),
        "aim": aim,
        "met": met,
    }


def share(what: str, hits: Any, aim: str = "", least: float = 0, most: float = 1) -> dict[str, Any]:
    n, of = int(np.sum(hits)), int(np.size(hits))
    line = row(what, wilson(n, of), aim, least <= n / of <= most if aim else None)
    return line | {"text": f"{n:,} of {of:,}: {line['text']}"}


def mean(what: str, numbers: Sequence[int], aim: str = "", least: float = 0) -> dict[str, Any]:
    from scipy.stats import t

    n, centre = len(numbers), float(np.mean(numbers))
    half = float(t.ppf(0.975, n - 1) * np.std(numbers, ddof=1) / np.sqrt(n))
    found = Estimate(value=centre, low=centre - half, high=centre + half, n=n, method="t, 95 %")
    return row(what, found, aim, centre >= least if aim else None)


def any_unit(q: Any) -> Any:
    return (np.asarray(q) <= ALPHA).any(axis=1)


def corrected(p: Any) -> Any:
    return np.array([benjamini_hochberg(one) for one in p])


def tested(images: Images, values: Values, site: str, aim: str = "", least: float = 0) -> Any:
    """The three tests of the units of a site, beside shuffled concepts."""
    profiles, aurocs = images.profiles(values), images.aurocs(values)
    p = {"each given the others": each_p(aurocs), "all unrelated": exact_p(aurocs)}
    lines = [share(f"profile test, {site}", profile_test(profiles).q <= ALPHA, aim, least)]
    for what, orders in images.orders.items():
        hits = any_unit(shuffled_profiles(profiles, orders))
        lines.append(share(f"… runs with a unit, {what} shuffled", hits, "at most 5 %", most=0.05))
    for (name, values_p), shuffled in zip(
        p.items(), (shuffled_each_p, shuffled_exact_p), strict=True
    ):
        lines.append(share(f"exact test, {name}, {site}", benjamini_hochberg(values_p) <= ALPHA))
        for what, orders in images.orders.items():
            aim = "" if (name, what) == ("all unrelated", "words") else "at most 5 %"
            hits = any_unit(corrected(shuffled(aurocs, orders)))
            lines.append(share(f"… runs with a unit, {what} shuffled", hits, aim, most=0.05))
    return lines


def strong(images: Images, values: Values, site: str) -> Any:
    n = values["picture"].shape[1]
    lines = []
    for what, seen in (("strong", values), ("… after pixel covariates", images.adjusted(values))):
        found = images.strong(seen)
        lines.append(row(f"{what}, {site}" if seen is values else what, f"{found:,} of {n:,}"))
    return lines


def planted(images: Images, logits: Values, neurons: Values, site: str) -> Any:
    """Class logits among the neurons."""

    def tests(values: Values) -> dict[str, Any]:
        aurocs = images.aurocs(values)
        return {
            "profile test": profile_test(images.profiles(values)).p_max,
            "exact test, all unrelated": exact_p(aurocs),
            "exact test, each given the others": each_p(aurocs),
        }

    p_logits, p_neurons = tests(logits), tests(neurons)
    lines = []
    for name, p in p_neurons.items():
        for n, least in ((5, 3.5), (20, 14)):
            if n > images.n:
                continue
            hits = []
            for seed in range(N_PLANTINGS):
                chosen = np.random.default_rng(seed).choice(images.n, n, replace=False)
                q = benjamini_hochberg(np.concatenate([p, p_logits[name][chosen]]))
                hits.append(int((q[-n:] <= ALPHA).sum()))
            what = f"{name}: planted logits of {n} found among {len(p) + n:,}, {site}"
            # Given the others no p is below 1 / C, so a few among thousands cannot pass.
            aim = "" if name.endswith("others") else f"at least {least}"
            lines.append(mean(what, hits, aim, least))
    return lines


def twin(images: Images, clip: Any, seed: int) -> Any:
    """Units that a random network has by each test."""
    values = joined(
        list(images.activations(random_twin(clip, seed=seed), [(None, LATE_CLS)]).values())
    )
    aurocs = images.aurocs(values)
    return {
        "profile test": int((profile_test(images.profiles(values)).q <= ALPHA).sum()),
        "exact test, each given the others": int(
            (benjamini_hochberg(each_p(aurocs)) <= ALPHA).sum()
        ),
        "exact test, all unrelated": int((benjamini_hochberg(exact_p(aurocs)) <= ALPHA).sum()),
        "strong": images.strong(values),
        "strong after pixel covariates": images.strong(images.adjusted(values)),
    }


def twins(found: Sequence[dict[str, int]]) -> Any:
    lines = []
    for name in found[0]:
        counts = [one[name] for one in found]
        what, text = f"units of {len(found)} random networks: {name}", ", ".join(map(str, counts))
        if name.endswith("covariates"):
            lines.append(row(what, text, "each at most 2", max(counts) <= 2))
        elif name == "strong":
            lines.append(row(what, text))
        else:
            lines.append(row(what, text, "together at most 1", sum(counts) <= 1))
    return lines


def measure(run: Run, clip: Any, images: Images, n_twins: int) -> list[dict[str, Any]]:
    """Every part that is not there yet, then all rows."""
    last = len(clip.anatomy.vision.blocks) - 1
    stream = [f"vision.blocks.{block}.resid_post" for block in (last, last - 1)]

    def of_model(points: Sequence[tuple[Any, str]]) -> dict[str, Any]:
        found = images.activations(clip, points)
        return {f"{site}/{name}": v for site, one in found.items() for name, v in one.items()}

    end = [(None, LATE_CLS), (["vision.projected"], "none"), (stream, "cls")]
    seen = images.kept("model", lambda: of_model(end))
    late = [
        site for site, pool in find_pooled_sites(clip, None, LATE_CLS)[1].items() if pool == "cls"
    ]
    largest = images.kept("model-max", lambda: of_model([(late, "max")])) if late else {}

    def values(sites: Sequence[str], arrays: dict[str, Any]) -> Values:
        parts = [{name: arrays[f"{site}/{name}"] for name in MODALITIES} for site in sites]
        return joined(parts)

    def rows(name: str, make: Callable[[], Any]) -> Any:
        part = f"parts/{name}.json"
        if not run.has(part):
            run.write_json(part, make())
            print(f"{name} is done", flush=True)
        return run.read_json(part)

    neurons = [site.name for site in find_pooled_sites(clip, None, LATE_CLS)[0]]
    pools = {
        "neurons, class token late": ("late", lambda: values(neurons, seen)),
        "neurons, maximum over tokens": ("max", lambda: values(neurons, seen | largest)),
    }
    n_stream = clip.anatomy.vision.d_model
    lines = rows(
        "embedding",
        lambda: tested(images, values(["vision.projected"], seen), "embedding", "all", 1),
    )
    for site, least in zip(stream, (190 / 192, 110 / 192), strict=True):
        aim = f"at least {round(least * n_stream)} of {n_stream}"
        name = f"{site}, class token"
        lines += rows(
            site, lambda s=site, n=name, a=aim, k=least: tested(images, values([s], seen), n, a, k)
        )
    embedded = values(["vision.projected"], seen)
    text = clip.encode_texts([f"a {name}" for name in images.probes.concepts]).T
    logits = {
        name: (one / np.linalg.norm(one, axis=1, keepdims=True) @ text).astype(np.float32)
        for name, one in embedded.items()
    }
    for name, (part, make) in pools.items():
        lines += rows(f"tests-{part}", lambda n=name, m=make: tested(images, m(), n))
        lines += rows(f"strong-{part}", lambda n=name, m=make: strong(images, m(), n))
        lines += rows(f"planted-{part}", lambda n=name, m=make: planted(images, logits, m(), n))
    found = [rows(f"twin-{s}", lambda s=s: twin(images, clip, s)) for s in range(n_twins)]
    return [*lines, *twins(found)]


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    text = [[one["what"], one["text"], one["aim"] + {False: ": missed"}.get(one["met"], "")]
            for one in lines]  # fmt: skip
    head = ["| what | measured | aim |", "|---|---|---|"]
    return "\n".join([*head, *("| " + " | ".join(cells) + " |" for cells in text)])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--model", default=None)
    parser.add_argument("--out", type=Path, default=Path("runs/claims"))
    parser.add_argument("--per-concept", type=int, default=6)
    parser.add_argument("--concepts", type=int, default=None, help="the first N, for a trial")
    parser.add_argument("--twins", type=int, default=5)
    parser.add_argument("--page", action="store_true", help="write the numbers for the docs")
    options = parser.parse_args(arguments)
    clip = clipprobe.load(options.model) if options.model else clipprobe.load()
    config = {
        "model": clip.provenance()["model"],
        "per_concept": options.per_concept,
        "concepts": options.concepts,
        "twins": options.twins,
    }
    with Run.open(options.out, kind="claims", config=config) as run:
        if not run.complete:
            side = max(64, clip.image_size)
            images = Images(run, options.per_concept, options.concepts, side)
            lines = measure(run, clip, images, options.twins)
            run.write_json("claims.json", lines)
            n = sum(len(images.facts[f"{name}/codes"]) for name in MODALITIES)
            counts = {"used": n, "skipped": 0, "failed": 0}
            run.finish(provenance=clip.provenance(), counts=counts, seed=0)
        lines = run.read_json("claims.json")
    print(table(lines))
    if options.page:
        facts = {"weights": clip.weights_sha256, "per_concept": options.per_concept}
        PAGE.write_text(dumps(facts | {"rows": lines}), encoding="utf-8")


if __name__ == "__main__":
    main()
