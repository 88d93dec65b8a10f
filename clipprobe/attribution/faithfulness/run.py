"""``faithfulness``: every method, on data whose truth is known, by metrics that are checked too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.attribution.faithfulness.cases import Case, check_cases
from clipprobe.attribution.faithfulness.chunks import Harness, Key, Numbers
from clipprobe.attribution.faithfulness.metrics import METRICS
from clipprobe.attribution.faithfulness.randomisation import RANDOMISATION
from clipprobe.attribution.faithfulness.removal import REMOVAL, Protocol
from clipprobe.attribution.faithfulness.result import Faithfulness, Row
from clipprobe.attribution.faithfulness.truths import TRUTHS, why_refused
from clipprobe.attribution.registry import attribution_methods, check_support, find_method
from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.people import refuse_person_groups
from clipprobe.statistics import Estimate, cluster_bootstrap, undefined

if TYPE_CHECKING:
    from clipprobe.models import Clip

ALL_METRICS = (*METRICS, *REMOVAL, RANDOMISATION)


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
    memory_gb: float | None = None,
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
        memory_gb: Gigabytes that may be taken beyond the model; smaller parts give the same table.
        progress: Called with the number of cases done.

    Raises:
        ConfigError: no such metric, a text that says what a person is, or too little memory.
        UnknownMethodError: no such method.
        DataError: no cases, or masks that do not fit their images.
    """
    check_cases(data)
    harness, refused = harness_of(
        clip,
        data,
        methods=methods,
        metrics=metrics,
        centre=centre,
        protocol=protocol,
        batch_size=batch_size,
        seed=seed,
        memory_gb=memory_gb,
    )
    twin = harness.twin(clip)
    parts: list[tuple[list[int], Numbers]] = []
    for places in harness.chunks(clip, data):
        parts.append((places, harness.measure(clip, data, places, twin)))
        if progress is not None:
            progress(len(places))
    return assemble(data, harness, parts, clip=clip, refused=refused, n_boot=n_boot)


def harness_of(
    clip: Clip,
    data: Iterable[Case],
    *,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None,
    metrics: Sequence[str] | None,
    centre: Sequence[bool],
    protocol: Protocol | None,
    batch_size: int,
    seed: int,
    memory_gb: float | None = None,
    refuse: bool = True,
) -> tuple[Harness, dict[str, str]]:
    """What is measured, checked; and which methods have no map of the model, and why.

    Args:
        refuse: Whether a method that was named and has no map of the model is an error.
    """
    texts = list(dict.fromkeys(text for case in data for text in (case.text, *case.names)))
    refuse_person_groups(texts, "faithfulness")
    metric_names = list(metrics or ALL_METRICS)
    for metric in metric_names:
        if metric not in ALL_METRICS:
            raise ConfigError(f"There is no metric {metric!r}: use {', '.join(ALL_METRICS)}.")
    if methods is None:
        methods, refuse = attribution_methods(), False
    names = [methods] if isinstance(methods, str) else methods
    by_method = dict(names) if isinstance(names, Mapping) else {name: {} for name in names}
    usable: dict[str, Mapping[str, Any]] = {}
    refused: dict[str, str] = {}
    for name, settings in by_method.items():
        try:
            check_support(name, find_method(name, settings), clip, unit=False)
            usable[name] = settings
        except UnsupportedHookError as error:
            if refuse:
                raise
            refused[name] = str(error)
    rule = Protocol() if protocol is None else protocol
    prompts = tuple(dict.fromkeys([*rule.prompts, *(case.text for case in data)]))
    return Harness(
        methods=usable,
        metrics=metric_names,
        centre=tuple(centre),
        protocol=replace(rule, prompts=prompts),
        batch_size=batch_size,
        seed=seed,
        memory_gb=memory_gb,
    ), refused


def assemble(
    data: Sequence[Case],
    harness: Harness,
    measurements: Sequence[tuple[Sequence[int], Numbers]],
    *,
    clip: Clip,
    refused: Mapping[str, str],
    n_boot: int,
) -> Faithfulness:
    """The result, from the numbers of all chunks."""
    values: dict[tuple[int, Key], list[float]] = defaultdict(list)
    scenes: dict[int, list[str]] = defaultdict(list)
    for places, numbers in measurements:
        n_objects = data[places[0]].n_objects
        scenes[n_objects] += [data[place].scene for place in places]
        for key, row in numbers.items():
            values[n_objects, key] += list(row)
    estimates = {
        (n_objects, key): _estimate(row, scenes[n_objects], n_boot, harness.seed)
        for (n_objects, key), row in values.items()
    }
    unprinted = {}
    for n_objects in scenes:
        for metric in harness.metrics:
            if metric != RANDOMISATION:
                three = {t: estimates[n_objects, Key("truth", t, False, metric)] for t in TRUTHS}
                if why := why_refused(three):
                    unprinted[f"{metric}, {n_objects} shown"] = why
    rows: dict[str, list[Row]] = {"method": [], "truth": []}
    for (n_objects, key), estimate in estimates.items():
        if key.made == "truth" or f"{key.metric}, {n_objects} shown" not in unprinted:
            rows[key.made].append(
                Row(
                    method=key.name,
                    centred=key.centred,
                    n_objects=n_objects,
                    metric=key.metric,
                    estimate=estimate,
                )
            )
    used = [data[place] for places, _ in measurements for place in places]
    return Faithfulness(
        rows=tuple(rows["method"]),
        measures=tuple(rows["truth"]),
        refused_metrics=unprinted,
        refused_methods=dict(refused),
        protocol=harness.protocol.sentence(),
        settings=harness.methods,
        provenance={
            **clip.provenance(),
            "n_cases": len(used),
            "n_scenes": len({case.scene for case in used}),
            "seed": harness.seed,
            "n_boot": n_boot,
        },
    )


def _estimate(numbers: list[float], scenes: list[str], n_boot: int, seed: int) -> Estimate:
    array = np.array(numbers)
    known = ~np.isnan(array)
    if not known.any():
        return undefined("with one thing shown there is nothing to tell apart", n=len(array))
    return cluster_bootstrap(
        array[known], clusters=np.array(scenes)[known], n_boot=n_boot, seed=seed
    )
