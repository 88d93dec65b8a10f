"""The main job on one model and stimuli drawn on the spot: a suite of six studies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from attacks.bias.prepared import asked_of
from attacks.bias.settings import BiasAudit
from attacks.demo.page import TITLE, TITLES, introduction, limits, subtitle
from attacks.demo.settings import Demo
from attacks.typographic.attack.controls import CONDITIONS
from clipprobe.data import Dataset, open_dataset
from clipprobe.models import Clip
from clipprobe.runs import Run, RunView
from clipprobe.study import STUDIES, Outcome, Plan, Study, Workload
from clipprobe.study.suite.engine import load_parts, make_all
from clipprobe.study.suite.entry import Entry
from clipprobe.study.suite.page import page_of
from clipprobe.study.suite.scorecard import scores_of, summarise
from clipprobe.zeroshot import TEMPLATES

KIND = "demo"
MODALITIES = ("picture", "drawing", "word")
Inner = Mapping[str, RunView]


def prepare_demo(settings: Demo, clip: Clip) -> Plan[Inner]:
    """Name the concepts; nothing can be refused but what the driver refuses."""
    from clipprobe.stimuli import concepts

    names = [concept.name for concept in concepts()[: settings.concepts]]

    def execute(run: Run) -> Outcome[Inner]:
        things, people = stimuli(settings, names, run.adopt("stimuli"))
        entries = entries_of(settings, names, things, people)
        views = make_all(run, clip, entries, settings.overwrite, settings.progress)
        scores = scores_of(entries, views, TITLES)
        return Outcome(
            value=views,
            files=[],
            summary=lambda: summarise(KIND, clip, scores),
            page=lambda run: page_of(
                clip,
                scores,
                seed=settings.seed,
                title=TITLE,
                subtitle=subtitle(clip.id, things, people),
                first=introduction(things),
                last=[limits()],
            ),
            page_name="index",
            used=len(things) + len(people),
            dataset=things.describe(),
        )

    return Plan(
        config={
            "model": clip.provenance()["model"],
            "concepts": names,
            "people_per_cell": settings.people_per_cell,
            "templates": list(TEMPLATES),
            "seed": settings.seed,
        },
        execute=execute,
        seed=settings.seed,
        provenance=clip.provenance(),
        workload=lambda: passes(settings, names),
    )


def passes(settings: Demo, names: list[str]) -> Workload:
    """Most passes of all studies: the things once, their pictures with words on them, people."""
    things, people = ([*samples] for samples in scenes(settings, names))
    pictures = sum(one.attributes["modality"] == "picture" for one in things)
    asked, _ = asked_of(BiasAudit("people", "perceived_gender", out="bias", templates=TEMPLATES))
    about_people = sum(len(words) * len(templates) for words, templates in asked.values())
    # Each study names the concepts for itself, and the audit of words does so twice.
    about_things = (len(MODALITIES) + 2) * len(names) * len(TEMPLATES)
    return Workload(
        images=len(things) + pictures * (1 + len(CONDITIONS)) + len(people),
        texts=about_things + about_people,
        at_most=True,
        reason="studies share their passes",
    )


def scenes(settings: Demo, names: list[str]) -> tuple[Iterator[Any], Iterator[Any]]:
    """Concepts in every modality, and plain people; nothing is drawn yet."""
    from clipprobe.stimuli import concept, concept_set, people_set

    members, seed = [concept(name) for name in names], settings.seed
    things = (s for m in MODALITIES for s in concept_set(m, seed=seed, names=members))
    return things, iter(people_set(per_cell=settings.people_per_cell, seed=seed))


def stimuli(settings: Demo, names: list[str], out: Path) -> tuple[Dataset, Dataset]:
    """Draw the stimuli to ``out``."""
    from clipprobe.stimuli import write_set

    things, people = scenes(settings, names)
    return (
        open_dataset(write_set(things, out / "concepts")),
        open_dataset(write_set(people, out / "people")),
    )


def entries_of(
    settings: Demo, names: list[str], things: Dataset, people: Dataset
) -> tuple[Entry, ...]:
    """The studies of the demo."""

    def entry(name: str, study: str, **given: Any) -> Entry:
        record: Any = STUDIES[study].settings
        return Entry(name=name, study=study, settings=record(out=name, seed=settings.seed, **given))

    by_modality = {m: _of_modality(things, m) for m in MODALITIES}
    lettering = {"size": 0.28, "background": "white", "color": "black", "outline": None}
    return (
        *(
            entry(f"zeroshot-{m}", "zeroshot", images=images, classes=names)
            for m, images in by_modality.items()
        ),
        entry("atlas", "atlas", images=things),
        entry(
            "typographic", "typographic",
            images=by_modality["picture"], classes=names, **lettering,
        ),
        entry(
            "bias", "bias",
            images=people, groups=["perceived_gender"], templates=TEMPLATES, clusters="drawing",
        ),
    )  # fmt: skip


def _of_modality(dataset: Dataset, modality: str) -> Dataset:
    """The part of the concepts that is drawn in one modality; nothing opens it by itself."""
    records = tuple(r for r in dataset.records if r.attributes["modality"] == modality)
    return replace(dataset, name=f"{dataset.name}/{modality}", records=records, origin=None)


DEMO = Study(kind=KIND, settings=Demo, prepare=prepare_demo, load=load_parts)
