"""Every verb by name, as text: where it is, and the line that the help of its group shows.

The place of a verb is ``"package.module:thing"``. The thing is a :class:`Verb`, whose flags come
from records of settings, or a function ``register(app)`` of this package that adds commands to a
Typer app. Neither is imported before that verb runs or its own help is shown, so this package ties
to none of them. Another package adds verbs through the entry-point group ``clipprobe.verbs``
(``audit-mine = "package.module:VERB"``).
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

GROUP = "clipprobe.verbs"


class Verb(NamedTuple):
    """A command made from records: ``run`` takes one made record of each, in order."""

    run: Callable[..., None]
    records: tuple[Any, ...]


class Entry(NamedTuple):
    """One line of the table; a group of verbs has no place."""

    place: str
    help: str


_OURS = {
    "demo": (
        "attacks.demo.verb:DEMO",
        "Run the main job: zero-shot audits, an atlas, a typographic audit, a bias report.",
    ),
    "models": (
        "clipprobe.models.verbs:MODELS",
        "What can be loaded.",
    ),
    "hooks": (
        "clipprobe.models.verbs:HOOKS",
        "Every hook point of a model: its name, axes and units.",
    ),
    "similarity": (
        "clipprobe.zeroshot.similarity:SIMILARITY",
        "The cosine of every image with every text.",
    ),
    "explain": (
        "clipprobe.attribution.verb:EXPLAIN",
        "Explain the score of an image with a text, or a neuron's activation.",
    ),
    "attack": (
        "attacks.typographic.attack.verb:ATTACK",
        "Write WORD on IMAGE; the same image, settings and seed give the same pixels.",
    ),
    "compare": (
        "clipprobe.runs.verbs:COMPARE",
        "Compare two runs, paired over the images that both used; differences are B minus A.",
    ),
    "export-card": (
        "attacks.bias.report.verb:EXPORT_CARD",
        "Export a bias report to the JSON of the model-card-toolkit (schema 0.0.2).",
    ),
    "verify": (
        "clipprobe.runs.verbs:VERIFY",
        "Check the files of a run, and of the runs inside it, against their hashes.",
    ),
    "rerun": (
        "clipprobe.study.verb:RERUN",
        "Make a run again in another folder, from its call.json: the same bytes.",
    ),
    "dashboard": (
        "dashboard.verb:DASHBOARD",
        "Browse runs, neurons and typographic attacks in the browser, until Ctrl-C.",
    ),
    "pretrain": (
        "clipprobe.pretraining.verb:PRETRAIN",
        "Train a CLIP; the same command goes on where a killed one stopped.",
    ),
    "evaluate": (
        "clipprobe.pretraining.evaluation.verb:EVALUATE",
        "The numbers of the model card, measured again: sight, reading, scenes, neurons, planted.",
    ),
    "neurons": (
        "",
        "What activates each neuron.",
    ),
    "neurons scan": (
        "clipprobe.neurons.atlas.verb:SCAN",
        "Stream images (or texts) once through their tower and keep what each unit did.",
    ),
    "neurons show": (
        "clipprobe.neurons.sheet.verbs:SHOW",
        "One unit: its numbers, what lies along its range, what other instruments found.",
    ),
    "neurons merge": (
        "clipprobe.neurons.atlas.verb:MERGE",
        "Put the shards of one scan together; the same bytes in any order.",
    ),
    "neurons multimodal": (
        "clipprobe.neurons.multimodality.verb:MULTIMODAL",
        "Rank units by how well they tell one concept in every modality.",
    ),
    "neurons gallery": (
        "clipprobe.neurons.multimodality.gallery.verb:GALLERY",
        "Draw the units that best tell one concept in every modality: a sheet each, and an index.",
    ),
    "neurons effect": (
        "clipprobe.neurons.effects.effect_verbs:EFFECT",
        "What ablating or steering units does to logits, with controls of the same scale.",
    ),
    "neurons decompose": (
        "clipprobe.neurons.effects.decompose_verb:DECOMPOSE",
        "The logit of an image with a text as an exact sum over heads, MLPs, neurons and biases.",
    ),
    "neurons predict": (
        "clipprobe.neurons.effects.effect_verbs:PREDICT",
        "What removing heads and neurons does: predicted by attribution patching, and measured.",
    ),
    "neurons label": (
        "clipprobe.neurons.labels.verb:LABEL",
        "Name units from a list of concepts (CLIP-Dissect), with held-out scores and abstention.",
    ),
    "neurons compose": (
        "clipprobe.neurons.effects.composing.verb:COMPOSE",
        "Which few units make a class, an emotion or a place: sparse logistic regression.",
    ),
    "neurons similar": (
        "clipprobe.neurons.effects.similar_verb:SIMILAR",
        "The units most similar and most opposed: by what they respond to, and by what they write.",
    ),
    "neurons where": (
        "clipprobe.neurons.where_verb:WHERE",
        "Where in an image a unit fires; `clipprobe explain --unit` says which pixels drive it.",
    ),
    "neurons search": (
        "clipprobe.neurons.sheet.verbs:SEARCH",
        "Units by word, concept, property or statistic, or by what their strongest images show.",
    ),
    "neurons words": (
        "clipprobe.neurons.words.verb:WORDS",
        "Which written words, shown as images, activate each vision unit.",
    ),
    "neurons captions": (
        "clipprobe.neurons.captions.verb:CAPTIONS",
        "Captions along what a vision unit writes; or the prompts that activate a text unit most.",
    ),
    "audit": (
        "",
        "Measure where a model breaks, with intervals and controls.",
    ),
    "audit all": (
        "clipprobe.study.suite.verb:ALL",
        "Run a list of studies on one model; each image goes through it once for all of them.",
    ),
    "audit typographic": (
        "attacks.typographic.verb:TYPOGRAPHIC",
        "Write words on labelled images and measure how far a model follows them.",
    ),
    "audit sweep": (
        "attacks.typographic.sweep.verb:SWEEP",
        "Write the same words on the same images over a grid of sizes, places, colours, ...",
    ),
    "audit stroop": (
        "attacks.typographic.stroop.verb:STROOP",
        "Show colour words in coloured ink; ask for the ink and for the word.",
    ),
    "audit search": (
        "attacks.typographic.search.verb:SEARCH",
        "Search the least visible text on IMAGE that flips the model's answer.",
    ),
    "audit bias": (
        "attacks.bias.verb:BIAS",
        "Report how scores differ between perceived or annotated groups of people.",
    ),
    "audit gap": (
        "attacks.bias.gap.verb:GAP",
        "Rank heads and neurons by what they add to a gap, take them out, compare with random "
        "sets.",
    ),
    "audit mitigate": (
        "attacks.bias.mitigation.verb:MITIGATE",
        "Fit mitigations on half of the images and score them on the other half, cost included.",
    ),
    "audit reading": (
        "attacks.typographic.reading.verb:READING",
        "Say which heads and neurons carry a written word to the answer, and check it by ablation.",
    ),
    "audit zeroshot": (
        "clipprobe.zeroshot.verbs:ZEROSHOT",
        "How good the zero-shot classifier is, how sure its shares are, what its texts do to it.",
    ),
    "audit few-shot": (
        "clipprobe.zeroshot.verbs:FEW_SHOT",
        "How many labelled images a linear probe needs to overtake zero-shot.",
    ),
    "audit limits": (
        "clipprobe.zeroshot.verbs:LIMITS",
        "On which kinds of task zero-shot fails, and in which tower what it needs is missing.",
    ),
    "audit carriers": (
        "clipprobe.zeroshot.verbs:CARRIERS",
        "Which heads and neurons carry a class, a count, a relation, beside random sets of units.",
    ),
    "audit faithfulness": (
        "clipprobe.attribution.faithfulness.verb:FAITHFULNESS",
        "Which attribution methods can be believed on a model, measured where the truth is known.",
    ),
    "audit written": (
        "attacks.bias.written.verb:WRITTEN",
        "Write words on images of people and compare, between groups, how far labels follow them.",
    ),
}
ALIASES: Mapping[str, str] = {"audit why": "audit reading"}
"""Former names of verbs, which still work and which no help shows."""
VERBS: Mapping[str, Entry] = {name: Entry(*line) for name, line in _OURS.items()}
"""The verbs of this distribution, in the order in which help shows them."""


@functools.cache
def all_verbs() -> Mapping[str, Entry]:
    """Ours, then those of other packages, which cannot take a name of ours."""
    from importlib.metadata import entry_points

    table = dict(VERBS)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        owner = entry.dist.name if entry.dist else "another package"
        table.setdefault(entry.name, Entry(entry.value, f"Of {owner}."))
    return table


def load(place: str) -> Any:
    """The thing at a place of the table."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
