"""The other ways of asking about a unit: which run each makes, and by which command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.atlas import Atlas


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One way of asking about a unit.

    Attributes:
        name: Key and anchor.
        kind: ``kind`` of the runs that it makes.
        title: Heading on a sheet.
        question: What it answers, and what it does not say.
        command: What makes such a run, without the model; ``{unit}``, ``{site}``, ``{pool}``,
            ``{beside}`` (the folder around the atlas), ``{slug}`` (the unit as a file name) and
            ``{n_units}`` (of the hook point) are filled in.
        towers: Of which towers it knows units.
        endings: How the names of its hook points end; any where it is empty.
    """

    name: str
    kind: str
    title: str
    question: str
    command: str
    towers: tuple[str, ...] = ("vision",)
    endings: tuple[str, ...] = ()

    def knows(self, tower: str, site: str) -> bool:
        """Whether units of this hook point can be asked about."""
        return tower in self.towers and (not self.endings or site.endswith(self.endings))

    def command_for(self, atlas: Atlas, unit: str) -> str:
        """The command line that asks about a unit of this atlas, with its model and pooling."""
        site = unit.rpartition(":")[0]
        beside = "runs" if atlas.path is None else str(atlas.path.parent)
        filled = self.command.format(
            unit=shlex.quote(unit),
            site=shlex.quote(site),
            beside=shlex.quote(beside),
            pool=shlex.quote(atlas.pool),
            slug=unit.replace(":", "-"),
            n_units=atlas.site(site).n_units,
        )
        if atlas.tower == "text":
            filled += f" --pool {shlex.quote(atlas.pool)}"  # no command above says it for texts
        model = atlas.config["model"]
        if model["id"] != _bundled():
            filled += f" --model {shlex.quote(str(model['id']))}"
            if model["revision"]:
                filled += f" --revision {shlex.quote(str(model['revision']))}"
        return filled


def _bundled() -> str:
    from clipprobe.models.bundled import BUNDLED_NAME

    return BUNDLED_NAME


INSTRUMENTS = (
    Instrument(
        name="words",
        kind="words",
        title="Words",
        question="Which written words, shown as pictures, make it fire? Spelling and meaning are "
        "not told apart.",
        command="clipprobe neurons words --sites {site} --pool {pool} --out {beside}/words",
    ),
    Instrument(
        name="captions",
        kind="captions",
        title="Captions",
        question="Which captions lie along its effect on the joint space (a vision unit), or "
        "activate it most (a text unit)? Alignment across the towers does not say that a unit sees "
        "these things.",
        command="clipprobe neurons captions --sites {site} --out {beside}/captions",
        towers=("vision", "text"),
    ),
    Instrument(
        name="multimodal",
        kind="multimodality",
        title="One concept in several modalities",
        question="Does it tell a concept from others as picture, as drawing and as word, each "
        "against distractors of the same modality?",
        command="clipprobe neurons multimodal --sites {site} --pool {pool} "
        "--out {beside}/multimodal",
    ),
    Instrument(
        name="labels",
        kind="labels",
        title="Label",
        question="What should it be called, and how well does that name predict it on images that "
        "did not choose it?",
        command="clipprobe neurons label --images IMAGES --sites {site} --pool {pool} "
        "--out {beside}/labels",
    ),
    Instrument(
        name="effects",
        kind="effects",
        title="Effects",
        question="What does it do to the model's answers: what its direct path predicts, and what "
        "is measured when it is taken out?",
        command="clipprobe neurons predict --images IMAGES --text TEXT --sites {site} "
        "--per-site {n_units} --out {beside}/effects",
        endings=("mlp.post", "attn.head_out"),
    ),
    Instrument(
        name="similar",
        kind="similar",
        title="Similar and opposed units",
        question="Which units answer to the same images and which to the opposite, and which write "
        "the same?",
        command="clipprobe neurons similar {unit} --images IMAGES --pool {pool} "
        "--out {beside}/similar-{slug}",
    ),
)
