"""Which attribution methods can be believed on a model? The harness as a study with a report.

``cases.parquet`` has a row for each case, method and option with every metric, so that two runs on
the same data can be compared case by case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.attribution.explaining import default_method
from clipprobe.attribution.faithfulness.cases import Case
from clipprobe.attribution.faithfulness.chunks import Harness, Key, Numbers
from clipprobe.attribution.faithfulness.removal import Protocol
from clipprobe.attribution.faithfulness.report import build_page, headline, warnings
from clipprobe.attribution.faithfulness.result import Faithfulness
from clipprobe.attribution.faithfulness.run import assemble, harness_of
from clipprobe.attribution.faithfulness.settings import FaithfulnessAudit
from clipprobe.attribution.faithfulness.sources import Source, source_of, unusable
from clipprobe.attribution.registry import attribution_methods, settings_of_each
from clipprobe.attribution.settings import read_pairs
from clipprobe.data import Failure, require_readable
from clipprobe.runs import Run, RunView
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out

if TYPE_CHECKING:
    from clipprobe.models import Clip

CASES = "cases.parquet"
_CENTRE = {"both": (False, True), "plain": (False,), "centred": (True,)}


@takes(FaithfulnessAudit)
def audit_faithfulness(clip: Clip, settings: FaithfulnessAudit) -> RunView:
    """Measure every attribution method on rendered scenes, or on images whose regions are known.

    The same arguments give the same bytes, and an interrupted audit goes on where it stopped.

    Returns:
        The finished run; ``run.summary`` holds every number with its interval, ``cases.parquet``
        every case.
    Raises:
        DataError, ConfigError, UnknownMethodError, RunFolderError: see the message.
    """
    return carry_out(FAITHFULNESS, settings, clip).run


def prepare_audit(settings: FaithfulnessAudit, clip: Clip) -> Plan[Faithfulness]:
    """Read what is known of the images, and refuse what cannot be measured."""
    source = source_of(settings, clip.image_size)
    names = settings.methods or attribution_methods()
    by_method = settings_of_each(names, read_pairs(settings.extra))
    protocol = Protocol(
        fill=settings.fill,
        score=settings.score,
        prompts=tuple(settings.prompts),
        steps=settings.steps,
        until=settings.until,
    )
    harness, refused = harness_of(
        clip,
        [],
        methods=by_method,
        metrics=settings.metrics,
        centre=_CENTRE[settings.centring],
        protocol=protocol,
        batch_size=settings.batch_size,
        seed=settings.seed,
        memory_gb=settings.memory_gb,
        refuse=bool(settings.methods),
    )
    work = _Work(clip=clip, settings=settings, source=source, harness=harness, refused=refused)
    return Plan.of(work, source.dataset)


@dataclass(frozen=True, kw_only=True)
class _Work:
    clip: Clip
    settings: FaithfulnessAudit
    source: Source
    harness: Harness
    refused: dict[str, str]

    def config(self) -> dict[str, Any]:
        """Everything that changes the result."""
        return {
            "model": self.clip.provenance()["model"],
            "data": self.source.config,
            "methods": {name: dict(one) for name, one in self.harness.methods.items()},
            "metrics": list(self.harness.metrics),
            "centre": list(self.harness.centre),
            "protocol": asdict(self.harness.protocol),
            "batch_size": self.settings.batch_size,
            "memory_gb": self.settings.memory_gb,
            "n_boot": self.settings.n_boot,
            "seed": self.settings.seed,
        }

    def passes(self) -> Workload:
        """Nobody knows before."""
        return Workload(
            reason="each method takes passes of its own, and one that the model lacks takes none"
        )

    def execute(self, run: Run) -> Outcome[Faithfulness]:
        """Measure chunk by chunk; each is a part."""
        cases, failures = self._usable(run)
        harness = self._with_texts(cases)
        chunks = harness.chunks(self.clip, cases)
        twin, step = None, self.settings.counter(len(cases))
        parts: list[tuple[Sequence[int], Numbers]] = []
        for number, places in enumerate(chunks):
            part = f"parts/chunk-{number:05d}.safetensors"
            if not run.has(part):
                twin = harness.twin(self.clip) if twin is None else twin
                numbers = harness.measure(self.clip, cases, places, twin)
                run.write_arrays(part, {_name(key): row for key, row in numbers.items()})
            stored = run.read_arrays(part)
            parts.append((places, {key: stored[_name(key)] for key in _keys(stored, harness)}))
            step(len(places))
        result = assemble(
            cases,
            harness,
            parts,
            clip=self.clip,
            refused=self.refused,
            n_boot=self.settings.n_boot,
        )
        default = default_method(self.clip, "a text")
        return Outcome(
            value=result,
            files=[(CASES, list(_rows(cases, harness, parts)))],
            summary=lambda: {
                "kind": FAITHFULNESS.kind,
                "headline": headline(result, default),
                "warnings": warnings(result),
                "default": default,
                "n": {
                    "cases": len(cases),
                    "scenes": len({case.scene for case in cases}),
                    "methods": len(harness.methods),
                },
                **{k: v for k, v in result.to_json().items() if k != "provenance"},
            },
            page=lambda run: build_page(result, default, run.config),
            used=len({case.scene for case in cases}),
            failed=len(failures),
            failures=failures,
        )

    def _usable(self, run: Run) -> tuple[list[Case], list[Failure]]:
        """The cases whose images can be read."""
        cases = self.source.cases()
        if self.source.dataset is None:
            return cases, []
        part = "parts/unusable.json"
        if not run.has(part):
            run.write_json(part, [one.to_json() for one in unusable(cases)])
        more = [Failure(**one) for one in run.read_json(part)]
        failures = [*self.source.failures, *more]
        lost = {one.id for one in failures}
        usable = [case for case in cases if case.scene not in lost]
        require_readable(len(usable), failures, self.source.dataset["name"])
        return usable, sorted(failures, key=lambda one: one.id)

    def _with_texts(self, cases: Sequence[Case]) -> Harness:
        """The texts of the data are prompts too."""
        protocol = self.harness.protocol
        texts = dict.fromkeys([*protocol.prompts, *(case.text for case in cases)])
        return replace(self.harness, protocol=replace(protocol, prompts=tuple(texts)))


def _name(key: Key) -> str:
    return json.dumps([key.made, key.name, key.centred, key.metric])


def _keys(stored: Any, harness: Harness) -> list[Key]:
    """The keys of a part, in an order that does not depend on how it was stored."""
    keys = [Key(*json.loads(name)) for name in stored]
    metrics = {metric: place for place, metric in enumerate(harness.metrics)}
    return sorted(keys, key=lambda one: (one.made, one.name, one.centred, metrics[one.metric]))


def _rows(
    cases: Sequence[Case], harness: Harness, measurements: Sequence[tuple[Sequence[int], Numbers]]
) -> Iterator[dict[str, Any]]:
    """For each case, method and option; metrics are columns, NaN where undefined."""
    for places, numbers in measurements:
        undefined = np.full(len(places), np.nan)
        for made, name, centred in dict.fromkeys((k.made, k.name, k.centred) for k in numbers):
            keys = [Key(made, name, centred, metric) for metric in harness.metrics]
            columns = [numbers.get(key, undefined) for key in keys]
            for place, *values in zip(places, *columns, strict=True):
                case = cases[place]
                yield {
                    "scene": case.scene,
                    "text": case.text,
                    "n_objects": case.n_objects,
                    "made": made,
                    "name": name,
                    "centred": centred,
                    **dict(zip(harness.metrics, values, strict=True)),
                }


FAITHFULNESS: Study[FaithfulnessAudit, Faithfulness] = Study(
    kind="faithfulness", settings=FaithfulnessAudit, prepare=prepare_audit
)
