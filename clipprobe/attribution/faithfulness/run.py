"""``faithfulness``: every method, on data whose truth is known, by metrics that are checked too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.attribution.explaining import explain_targets
from clipprobe.attribution.faithfulness.cases import Case, CaseOnGrid, check_cases, on_grid
from clipprobe.attribution.faithfulness.metrics import METRICS
from clipprobe.attribution.faithfulness.randomisation import RANDOMISATION, agreements
from clipprobe.attribution.faithfulness.removal import REMOVAL, Protocol, Remover
from clipprobe.attribution.faithfulness.result import Faithfulness, Row
from clipprobe.attribution.faithfulness.truths import TRUTHS, truth_maps, why_refused
from clipprobe.attribution.faithfulness.variants import variants_of
from clipprobe.attribution.registry import METHODS, attribution_methods, check_support, find_method
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.people import refuse_person_groups
from clipprobe.statistics import Estimate, cluster_bootstrap, undefined

if TYPE_CHECKING:
    from clipprobe.models import Clip

Floats = NDArray[np.float64]
Key = tuple[str, bool, int, str]
ALL_METRICS = (*METRICS, *REMOVAL, RANDOMISATION)
_CHUNK = 64


def faithfulness(
    clip: Clip,
    data: Sequence[Case],
    *,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    metrics: Sequence[str] | None = None,
    centre: Sequence[bool] = (False, True),
    protocol: Protocol | None = None,
    batch_size: int = 16,
    n_boot: int = 2000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Faithfulness:
    """Measure how faithful each method is on this model.

    Args:
        data: Cases with known regions; see ``clipprobe.attribution.faithfulness`` for loaders.
        methods: Names, or name -> settings. None: all that support the model, the nulls included.
        metrics: Of ``inside``, ``inside_strict``, ``zone``, ``mass``, ``pixel_accuracy``,
            ``miou``, ``map``, ``deletion``, ``insertion``, ``drop``, ``increase`` and
            ``randomisation``. None: all.
        centre: Whether texts are explained as they are, less the mean text, or both.
        protocol: Of the metrics that cover patches.
        batch_size: Distinct images that are explained together.
        n_boot: Resamples of whole scenes for each interval.
        progress: Called with the number of cases done.

    Raises:
        ConfigError: no such metric, or a text that says what a person is.
        UnknownMethodError: no such method.
        DataError: no cases, or masks that do not fit their images.
    """
    check_cases(data)
    refuse_person_groups({text for case in data for text in case.names}, "faithfulness")
    wanted = list(ALL_METRICS if metrics is None else metrics)
    for metric in wanted:
        if metric not in ALL_METRICS:
            raise ConfigError(f"There is no metric {metric!r}: use {', '.join(ALL_METRICS)}.")
    given = _settings(attribution_methods() if methods is None else methods)
    refused = _unsupported(clip, given) if methods is None else {}
    chosen = {name: one for name, one in given.items() if name not in refused}
    for name, settings in chosen.items():
        check_support(name, find_method(name, settings), clip, unit=False)
    rule = Protocol() if protocol is None else protocol
    rule = replace(rule, prompts=tuple(dict.fromkeys([*rule.prompts, *(c.text for c in data)])))
    values: dict[Key, list[float]] = defaultdict(list)
    measures: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    scenes: dict[int, list[str]] = defaultdict(list)
    rng = np.random.default_rng([seed, 2])
    for n_objects, part in _chunks(data):
        scenes[n_objects] += [case.scene for case in part]
        on, maps = _maps(clip, part, chosen, centre, batch_size)
        score = _scorer(clip, part, on, wanted, rule, batch_size)
        for (name, centred), rows in maps.items():
            for metric, numbers in score(rows).items():
                values[name, centred, n_objects, metric] += list(numbers)
        if RANDOMISATION in wanted:
            for (name, centred), numbers in agreements(clip, part, chosen, maps, seed).items():
                values[name, centred, n_objects, RANDOMISATION] += list(numbers)
        made = [truth_maps(one, case.own, rng) for one, case in zip(on, part, strict=True)]
        for name in TRUTHS:
            for metric, numbers in score(np.stack([one[name] for one in made])).items():
                measures[name, n_objects, metric] += list(numbers)
        if progress is not None:
            progress(len(part))

    def estimate(numbers: list[float], n_objects: int) -> Estimate:
        return _estimate(numbers, scenes[n_objects], n_boot, seed)

    truths = {key: estimate(numbers, key[1]) for key, numbers in measures.items()}
    unprinted = {}
    for n_objects in scenes:
        for metric in wanted:
            if metric != RANDOMISATION:
                three = {name: truths[name, n_objects, metric] for name in TRUTHS}
                if why := why_refused(three):
                    unprinted[f"{metric}, {n_objects} shown"] = why
    return Faithfulness(
        rows=tuple(
            Row(
                method=name,
                centred=centred,
                n_objects=n_objects,
                metric=metric,
                estimate=estimate(numbers, n_objects),
            )
            for (name, centred, n_objects, metric), numbers in values.items()
            if f"{metric}, {n_objects} shown" not in unprinted
        ),
        measures=tuple(
            Row(method=name, centred=False, n_objects=n, metric=metric, estimate=one)
            for (name, n, metric), one in truths.items()
        ),
        refused_metrics=unprinted,
        refused_methods=refused,
        protocol=rule.sentence(),
        settings=chosen,
        provenance={
            **clip.provenance(),
            "n_cases": len(data),
            "n_scenes": len({case.scene for case in data}),
            "seed": seed,
            "n_boot": n_boot,
        },
    )


def _settings(
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]],
) -> dict[str, Mapping[str, Any]]:
    if isinstance(methods, str):
        methods = [methods]
    return dict(methods) if isinstance(methods, Mapping) else {name: {} for name in methods}


def _unsupported(clip: Clip, names: Mapping[str, Any]) -> dict[str, str]:
    refused = {}
    for name in names:
        try:
            check_support(name, METHODS[name], clip, unit=False)
        except UnsupportedHookError as error:
            refused[name] = str(error)
    return refused


def _chunks(data: Sequence[Case]) -> Iterator[tuple[int, list[Case]]]:
    """Cases of one number of things and one image shape, a few scenes at a time."""
    groups: dict[tuple[int, tuple[int, ...]], list[Case]] = defaultdict(list)
    for case in data:
        groups[case.n_objects, case.masks.shape[1:]].append(case)
    for (n_objects, _), cases in sorted(groups.items(), key=lambda one: one[0]):
        for start in range(0, len(cases), _CHUNK):
            yield n_objects, cases[start : start + _CHUNK]


def _maps(
    clip: Clip,
    cases: list[Case],
    methods: Mapping[str, Mapping[str, Any]],
    centre: Sequence[bool],
    batch_size: int,
) -> tuple[list[CaseOnGrid], dict[tuple[str, bool], Floats]]:
    """Truths on the grid, and (method, centred) -> maps of the patches ``(n, rows, columns)``."""
    maps: dict[tuple[str, bool], Floats] = {}
    grid, size = (0, 0), (0, 0)
    for group in variants_of(clip, cases, methods, centre):
        images = [case.image for _ in group.variants for case in cases]
        found = explain_targets(
            clip,
            images,
            group.targets,
            group.methods,
            options=[((), one.centred) for one in group.variants for _ in cases],
            batch_size=batch_size,
        )
        for method, rows in found.items():
            for place, one in enumerate(group.variants):
                part = rows[place * len(cases) : (place + 1) * len(cases)]
                name = one.name or method
                maps[name, one.centred] = np.stack([row.patches for row in part]).astype(float)
            grid = rows[0].grid
    pixels = clip.preprocess([cases[0].image])
    size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    return [on_grid(clip, case, grid, size) for case in cases], maps


def _scorer(
    clip: Clip,
    cases: list[Case],
    on: list[CaseOnGrid],
    metrics: Sequence[str],
    protocol: Protocol,
    batch_size: int,
) -> Callable[[Floats], dict[str, Floats]]:
    """Maps ``(n, rows, columns)`` to each metric's numbers ``(n,)``."""
    removal = [metric for metric in metrics if metric in REMOVAL]
    remover = None
    if removal:
        pixels = clip.preprocess([case.image for case in cases]).to(clip.device)
        texts = [case.text for case in cases]
        remover = Remover(clip, pixels, texts, protocol, max(32, batch_size))

    def score(maps: Floats) -> dict[str, Floats]:
        found = {
            metric: np.array(
                [
                    METRICS[metric](values, one, case.own)
                    for values, one, case in zip(maps, on, cases, strict=True)
                ]
            )
            for metric in metrics
            if metric in METRICS
        }
        if remover is not None:
            found |= {metric: remover.measure(metric, maps) for metric in removal}
        return found

    return score


def _estimate(numbers: list[float], scenes: list[str], n_boot: int, seed: int) -> Estimate:
    array = np.array(numbers)
    known = ~np.isnan(array)
    if not known.any():
        return undefined("with one thing shown there is nothing to tell apart", n=len(array))
    return cluster_bootstrap(
        array[known], clusters=np.array(scenes)[known], n_boot=n_boot, seed=seed
    )
