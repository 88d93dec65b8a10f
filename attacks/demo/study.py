"""The main job on one model and stimuli drawn on the spot, as a run of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.demo.page import PARTS, index_page, summarise
from attacks.demo.settings import Demo
from clipprobe.runs import RunView, load_run
from clipprobe.statistics import Estimate
from clipprobe.study import STUDIES, Outcome, Plan, Study, carry_out
from clipprobe.zeroshot import TEMPLATES

if TYPE_CHECKING:
    from clipprobe.data.records import Dataset
    from clipprobe.models import Clip
    from clipprobe.runs import Run

KIND = "demo"
MODALITIES = ("picture", "drawing", "word")
Inner = Mapping[str, RunView]
_SHARE = 100  # of the progress, for each stage


def prepare_demo(settings: Demo, clip: Clip) -> Plan[Inner]:
    """Name the concepts; nothing can be refused but what the driver refuses."""
    from clipprobe.stimuli import concepts

    names = [concept.name for concept in concepts()[: settings.concepts]]
    config = {
        "model": clip.provenance()["model"],
        "concepts": names,
        "people_per_cell": settings.people_per_cell,
        "templates": list(TEMPLATES),
        "seed": settings.seed,
    }
    return Plan(
        config=config,
        execute=lambda run: _Demo(settings, clip, names, run).execute(),
        seed=settings.seed,
        provenance=clip.provenance(),
    )


def load_parts(run: RunView) -> Inner:
    """The runs inside a demo.

    Raises:
        RunFolderError: one is absent or damaged.
    """
    return {name: load_run(run.path / name) for name in PARTS}


@dataclass(frozen=True)
class _Demo:
    settings: Demo
    clip: Clip
    names: list[str]
    run: Run

    def execute(self) -> Outcome[Inner]:
        """Draw, then measure what is not measured yet: an accuracy is a part, the rest are runs."""
        concepts, people = self.stimuli(self.run.adopt("stimuli"))
        tell = _Stages(self.settings.progress, 1 + len(PARTS))
        accuracy = self.zero_shot(concepts, tell.counted(0, len(concepts)))
        pictures = _of_modality(concepts, "picture")
        lettering = {"size": 0.28, "background": "white", "color": "black", "outline": None}
        self.inner("atlas", images=concepts, progress=tell.counted(1, len(concepts)))
        self.inner(
            "typographic",
            images=pictures,
            classes=self.names,
            progress=tell.told(2),
            **lettering,
        )
        self.inner(
            "bias",
            images=people,
            groups=["perceived_gender"],
            templates=TEMPLATES,
            clusters="drawing",
            progress=tell.counted(3, len(people)),
        )
        tell.end()
        seed = self.settings.seed
        return Outcome(
            value={name: load_run(self.run.path / name) for name in PARTS},
            files=[],
            summary=lambda: summarise(self.run, accuracy),
            page=lambda run: index_page(run, self.clip, accuracy, concepts, people, seed=seed),
            page_name="index",
            used=len(concepts) + len(people),
            dataset=concepts.describe(),
        )

    def stimuli(self, out: Path) -> tuple[Dataset, Dataset]:
        """Draw the stimuli to ``out``: concepts in every modality, and plain people."""
        from clipprobe.data import open_dataset
        from clipprobe.stimuli import concept, concept_set, people_set, write_set

        kept, seed = [concept(name) for name in self.names], self.settings.seed
        samples = (s for m in MODALITIES for s in concept_set(m, seed=seed, names=kept))
        concepts = write_set(samples, out / "concepts")
        drawn = people_set(per_cell=self.settings.people_per_cell, seed=seed)
        return open_dataset(concepts), open_dataset(write_set(drawn, out / "people"))

    def zero_shot(self, concepts: Dataset, advance: Callable[[int], None]) -> dict[str, Estimate]:
        """Top-1 accuracy over the concepts, by modality."""
        from clipprobe.zeroshot import zero_shot

        accuracy = {}
        for modality in MODALITIES:
            part = f"parts/zero-shot-{modality}.json"
            records = _of_modality(concepts, modality).records
            if self.run.has(part):
                advance(len(records))
            else:
                labels = [str(record.label) for record in records]
                found = zero_shot(self.clip, records, self.names, labels=labels, progress=advance)
                self.run.write_json(part, found.accuracy.to_json())
            accuracy[modality] = Estimate.from_json(self.run.read_json(part))
        return accuracy

    def inner(self, name: str, **given: Any) -> None:
        """Make one of the runs inside, go on with it, or recognise it."""
        study = STUDIES[name]
        shared = {"seed": self.settings.seed, "overwrite": self.settings.overwrite}
        made: Any = study.settings
        carry_out(study, made(out=self.run.path / name, **shared, **given), self.clip)


class _Stages:
    """Tells one progress of several stages, each an equal share of the whole."""

    def __init__(self, tell: Callable[[int, int], None] | None, n: int) -> None:
        self._tell, self._total, self._done = tell, n * _SHARE, 0

    def told(self, stage: int) -> Callable[[int, int], None]:
        """For a stage that tells what is done, and of how many."""
        return lambda done, total: self._at(stage, done / total if total else 1)

    def counted(self, stage: int, total: int) -> Callable[[int], None]:
        """For a stage that tells what was done since the last call."""
        seen = [0]

        def advance(n: int) -> None:
            seen[0] += n
            self._at(stage, min(seen[0] / total, 1))

        return advance

    def end(self) -> None:
        """All stages are done."""
        self._at(self._total // _SHARE, 0)

    def _at(self, stage: int, share: float) -> None:
        self._done = max(self._done, int(_SHARE * (stage + share)))
        if self._tell is not None:
            self._tell(self._done, self._total)


def _of_modality(dataset: Dataset, modality: str) -> Dataset:
    """The part of the concepts that is drawn in one modality; nothing opens it by itself."""
    kept = tuple(r for r in dataset.records if r.attributes["modality"] == modality)
    return replace(dataset, name=f"{dataset.name}/{modality}", records=kept, origin=None)


DEMO = Study(kind=KIND, settings=Demo, prepare=prepare_demo, load=load_parts)
