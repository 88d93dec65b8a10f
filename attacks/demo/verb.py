"""``clipprobe demo``: the main job, on the bundled model and stimuli drawn on the spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.demo.settings import Demo
from clipprobe.cli.common import countdown, load_model, progress, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Terminal

if TYPE_CHECKING:
    from clipprobe.data.records import Dataset
    from clipprobe.models import Clip
    from clipprobe.statistics import Estimate

MODALITIES = ("picture", "drawing", "word")
#: Plain people of each perceived gender and skin tone.
PEOPLE_PER_CELL = 24


def demo(settings: Demo, terminal: Terminal) -> None:
    """Make the runs and the page that leads to them."""
    from attacks.demo.page import PARTS, write_index
    from clipprobe.runs import Run, load_run
    from clipprobe.runs.folder import discard
    from clipprobe.stimuli import concepts
    from clipprobe.zeroshot import TEMPLATES

    out, seed, overwrite = Path(settings.out), settings.seed, settings.overwrite
    clip = load_model(settings.model, device=settings.device)
    names = [c.name for c in concepts()[: settings.concepts]]
    config = {
        "model": clip.provenance()["model"],
        "concepts": names,
        "people_per_cell": PEOPLE_PER_CELL,
        "templates": list(TEMPLATES),
        "seed": seed,
    }
    with Run.open(out, kind="demo", config=config, overwrite=overwrite) as run:
        if run.complete:
            for name in PARTS:
                load_run(out / name)  # refuses a damaged one
            say(f"{out} is already complete.")
        else:
            if overwrite:
                for name in PARTS:
                    discard(out / name)
            concepts_set, people = _stimuli(run.adopt("stimuli"), names, seed)
            accuracy = _zero_shot(clip, concepts_set, names)
            _atlas(clip, concepts_set, out, seed)
            _typographic(clip, concepts_set, out, names, seed)
            _bias(clip, people, out, seed)
            write_index(run, clip, accuracy, concepts_set, people, seed=seed)
        summary = run.read_json("summary.json")
    index = (out / "index.html").resolve()
    result(
        {"index": str(index), **summary},
        as_json=terminal.as_json,
        text=lambda: "\n".join([*_lines(summary), f"Open {index.as_uri()}"]),
    )


def _lines(summary: dict[str, Any]) -> list[str]:
    from clipprobe.report.numbers import format_cell

    return [f"{item['name']}: {format_cell(item['estimate'])}" for item in summary["headline"]]


def _stimuli(out: Path, names: list[str], seed: int) -> tuple[Dataset, Dataset]:
    """Draw the stimuli to ``out``: concepts in every modality, and plain people."""
    from clipprobe.data import open_dataset
    from clipprobe.stimuli import concept, concept_set, people_set, write_set

    kept = [concept(name) for name in names]
    samples = (s for m in MODALITIES for s in concept_set(m, seed=seed, names=kept))
    concepts = write_set(samples, out / "concepts")
    people = write_set(people_set(per_cell=PEOPLE_PER_CELL, seed=seed), out / "people")
    return open_dataset(concepts), open_dataset(people)


def _of_modality(dataset: Dataset, modality: str) -> Dataset:
    """The part of the concepts that is drawn in one modality."""
    kept = tuple(r for r in dataset.records if r.attributes["modality"] == modality)
    return replace(dataset, name=f"{dataset.name}/{modality}", records=kept)


def _zero_shot(clip: Clip, concepts: Dataset, names: list[str]) -> dict[str, Estimate]:
    """Top-1 accuracy over the concepts, by modality."""
    from clipprobe.zeroshot import zero_shot

    accuracy = {}
    with progress("zero-shot", total=len(concepts)) as advance:
        for modality in MODALITIES:
            records = _of_modality(concepts, modality).records
            labels = [str(record.label) for record in records]
            found = zero_shot(clip, records, names, labels=labels, progress=advance)
            accuracy[modality] = found.accuracy
    return accuracy


def _atlas(clip: Clip, concepts: Dataset, out: Path, seed: int) -> None:
    """Scan every neuron of the vision tower over all three modalities."""
    from clipprobe.neurons import scan

    with progress("atlas", total=len(concepts)) as advance:
        scan(clip, concepts, out=out / "atlas", seed=seed, progress=advance)


def _typographic(clip: Clip, concepts: Dataset, out: Path, names: list[str], seed: int) -> None:
    """Write another concept's name on each colour picture."""
    from attacks.typographic import audit_typographic

    with countdown("typographic audit, pictures encoded") as step:
        audit_typographic(
            clip,
            _of_modality(concepts, "picture"),
            names,
            out=out / "typographic",
            size=0.28,
            background="white",
            color="black",
            outline=None,
            seed=seed,
            progress=step,
        )


def _bias(clip: Clip, people: Dataset, out: Path, seed: int) -> None:
    """Associations of occupations on plain people, beside what was planted."""
    from attacks.bias import audit_bias
    from clipprobe.zeroshot import TEMPLATES

    with progress("bias report", total=None) as advance:
        audit_bias(
            clip,
            people,
            ["perceived_gender"],
            out=out / "bias",
            templates=TEMPLATES,
            clusters="drawing",
            seed=seed,
            progress=advance,
        )


DEMO = Verb(demo, (Demo, Terminal))
