"""The main job on one model and stimuli drawn on the spot: a suite of seven studies.

Six are of the stimuli that the page shows. The seventh tests names of neurons on images of their
own: the atlas of the first says which names, so it comes after them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attacks.bias.prepared import asked_of
from attacks.bias.settings import BiasAudit
from attacks.demo.choosing import (
    N_FRESH,
    N_NAMES,
    N_UNITS,
    example_attack,
    names_to_check,
    shown_units,
)
from attacks.demo.front import SHEETS, Front
from attacks.demo.page import SCENE, TITLES, front_page
from attacks.demo.scene import TwoThings, pair_of, two_things
from attacks.demo.settings import LETTERING, Demo
from attacks.typographic.attack.controls import CONDITIONS
from clipprobe.data import Dataset, open_dataset
from clipprobe.models import Clip
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.contents import AtlasContents
from clipprobe.neurons.atlas.showing import sheet_name
from clipprobe.runs import Run, RunView
from clipprobe.stimuli import Sample, concept, concept_set, concepts, people_set, write_set
from clipprobe.study import STUDIES, Outcome, Plan, Study, Workload
from clipprobe.study.suite.engine import load_parts, make_all
from clipprobe.study.suite.entry import Entry
from clipprobe.study.suite.scorecard import scores_of, summarise
from clipprobe.zeroshot import TEMPLATES

KIND = "demo"
MODALITIES = ("picture", "drawing", "word")
Inner = Mapping[str, RunView]
Tell = Callable[[int, int], None]


def prepare_demo(settings: Demo, clip: Clip) -> Plan[Inner]:
    """Name the concepts; nothing can be refused but what the driver refuses."""
    names = [concept.name for concept in concepts()[: settings.concepts]]

    def execute(run: Run) -> Outcome[Inner]:
        folder = run.adopt("stimuli")
        things, people = stimuli(settings, names, folder)
        entries = entries_of(settings, names, things, people)
        n, tell = len(entries), settings.progress
        views = make_all(run, clip, entries, settings.overwrite, _share(tell, 0, n + 1))
        atlas = Atlas.load(views["atlas"].path)
        fresh = fresh_images(settings, names_to_check(atlas, names), folder)
        # One half of the fresh images names the units, the other scores the names.
        how: dict[str, Any] = {"judge": "labels", "scorer": "invert", "renderings": 0}
        entries += (_entry(settings, "labels", images=fresh, **how),)
        views |= make_all(run, clip, entries[n:], settings.overwrite, _share(tell, n, n + 1))
        pair = pair_of([one.label for one in shown_units(atlas)], names)
        scene = None if pair is None else two_things(clip, pair)
        if scene is not None:
            scene.image.save(folder / SCENE)
        scores = scores_of(entries, views, TITLES)
        return Outcome(
            value=views,
            files=[] if scene is None else [("explanation.json", scene.to_json())],
            summary=lambda: summarise(KIND, clip, scores),
            page=lambda run: front_page(
                run,
                clip,
                scores,
                front=front_of(settings, clip, views, names, entries, scene),
                stimuli=(things, people, fresh),
            ),
            page_name="index",
            used=len(things) + len(people) + len(fresh),
            dataset=things.describe(),
        )

    return Plan(
        config={
            "model": clip.provenance()["model"],
            "concepts": names,
            "people_per_cell": settings.people_per_cell,
            "templates": list(TEMPLATES),
            "names_tested": {"names": N_NAMES, "images_per_modality": N_FRESH},
            "seed": settings.seed,
        },
        execute=execute,
        seed=settings.seed,
        provenance=clip.provenance(),
        workload=lambda: passes(settings, names),
    )


def _share(tell: Tell | None, done: int, of: int) -> Tell | None:
    """The progress of some stages as that of all; ``done`` came before."""
    if tell is None:
        return None
    return lambda part, total: tell(100 * done + part, 100 * of)


def front_of(
    settings: Demo,
    clip: Clip,
    views: Inner,
    names: Sequence[str],
    entries: Sequence[Entry],
    scene: TwoThings | None,
) -> Front:
    """What stands on the front page, looked up in the runs."""
    atlas = Atlas.load(views["atlas"].path)
    units = [atlas.unit(one.address) for one in shown_units(atlas)]
    attack = next(one.settings for one in entries if one.name == "typographic")
    return Front(
        atlas=atlas,
        names=views["labels"],
        typographic=views["typographic"],
        bias=views["bias"],
        units=units,
        attacked=example_attack(
            views["typographic"], attack, clip, _samples(settings, names, ["picture"])
        ),
        things=scene,
    )


def stimuli(settings: Demo, names: list[str], out: Path) -> tuple[Dataset, Dataset]:
    """Draw the stimuli to ``out``: concepts in every modality, and plain people."""
    things = write_set(_samples(settings, names, MODALITIES), out / "concepts")
    people = people_set(per_cell=settings.people_per_cell, seed=settings.seed)
    return open_dataset(things), open_dataset(write_set(people, out / "people"))


def passes(settings: Demo, names: list[str]) -> Workload:
    """Most passes of all studies: the things once, their pictures with words on them, people."""
    images = len(_samples(settings, names, ["picture"]))
    people = sum(1 for _ in people_set(per_cell=settings.people_per_cell, seed=settings.seed))
    # The names are tested by the model and a twin; sheets have a map on each of the strongest.
    fresh = 2 * min(len(names), N_NAMES) * N_FRESH * len(MODALITIES)
    maps = N_UNITS * int(STUDIES["atlas"].settings.top_k)
    questions, _ = asked_of(
        BiasAudit("people", "perceived_gender", out="bias", templates=TEMPLATES)
    )
    about_people = sum(len(words) * len(templates) for words, templates in questions.values())
    # Each study names the concepts for itself, and the audit of words does so twice.
    about_things = (len(MODALITIES) + 2) * len(names) * len(TEMPLATES)
    return Workload(
        images=(len(MODALITIES) + 1 + len(CONDITIONS)) * images + people + fresh + maps,
        texts=about_things + about_people,
        at_most=True,
        reason="studies share their passes",
    )


def fresh_images(settings: Demo, names: Sequence[str], out: Path) -> Dataset:
    """Draw more images of some concepts, none of which the atlas has."""
    samples = _samples(settings, names, MODALITIES, per_concept=N_FRESH, first_copy=1)
    return open_dataset(write_set(samples, out / "fresh"))


def _samples(
    settings: Demo,
    names: Sequence[str],
    modalities: Sequence[str],
    per_concept: int = 1,
    first_copy: int = 0,
) -> list[Sample]:
    """Concepts in some modalities, not yet on disk."""
    members = [concept(name) for name in names]
    return [
        sample
        for modality in modalities
        for sample in concept_set(
            modality,
            seed=settings.seed,
            names=members,
            per_concept=per_concept,
            first_copy=first_copy,
        )
    ]


def entries_of(
    settings: Demo, names: list[str], things: Dataset, people: Dataset
) -> tuple[Entry, ...]:
    """The studies of the demo, but for that of the names, which the atlas says."""
    by_modality = {m: _of_modality(things, m) for m in MODALITIES}
    picture = by_modality["picture"]
    about: dict[str, Any] = {
        "groups": ["perceived_gender"],
        "templates": TEMPLATES,
        "clusters": "drawing",
    }
    return (
        *(
            _entry(settings, "zeroshot", f"zeroshot-{m}", images=images, classes=names)
            for m, images in by_modality.items()
        ),
        _entry(settings, "atlas", images=things, sheets=sheet_links),
        _entry(settings, "typographic", images=picture, classes=names, **LETTERING),
        _entry(settings, "bias", images=people, **about),
    )


def _entry(settings: Demo, study: str, name: str = "", **fields: Any) -> Entry:
    """A study under a name, by default its own."""
    record: Any = STUDIES[study].settings
    name = name or study
    return Entry(name=name, study=study, settings=record(out=name, seed=settings.seed, **fields))


def sheet_links(atlas: AtlasContents) -> dict[str, str]:
    """The units whose sheets the demo writes, as links from the report of the atlas."""
    units = [one.address for one in shown_units(atlas)]
    return {address: f"../{SHEETS}/{sheet_name(address)}" for address in units}


def _of_modality(dataset: Dataset, modality: str) -> Dataset:
    """The part of the concepts that is drawn in one modality; nothing opens it by itself."""
    records = tuple(r for r in dataset.records if r.attributes["modality"] == modality)
    return replace(dataset, name=f"{dataset.name}/{modality}", records=records, origin=None)


DEMO = Study(kind=KIND, settings=Demo, prepare=prepare_demo, load=load_parts)
