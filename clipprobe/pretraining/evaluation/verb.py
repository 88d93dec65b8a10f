"""``clipprobe evaluate``: what a model can and cannot do on held-out bundled stimuli."""

from __future__ import annotations

from pathlib import Path

from clipprobe.cli.common import load_model, progress, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.pretraining.evaluation.settings import Evaluation
from clipprobe.settings.shared import Terminal


def evaluate(settings: Evaluation, terminal: Terminal) -> None:
    """Measure a model and print the numbers of its card."""
    from clipprobe.models.checkpoints.bundled import bundled_folder
    from clipprobe.pretraining.evaluation import PARTS
    from clipprobe.pretraining.evaluation import evaluate as measure
    from clipprobe.pretraining.evaluation.ability import abilities_text
    from clipprobe.pretraining.planted import holds_planted_truth
    from clipprobe.runs.jsonio import dumps

    out, model = settings.out, settings.model
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        why = "it is a folder, give a file" if out.is_dir() else f"there is no folder {out.parent}"
        raise ConfigError(f"--out {out} cannot be written: {why}.")
    clip = load_model(settings)
    planted = holds_planted_truth(bundled_folder() if model is None else Path(model))
    if not planted:
        say("Associations: left out, for no planted.json of the recipe is beside these weights.")
    without = {name for name, on in (("neurons", settings.neurons), ("planted", planted)) if not on}
    parts = [part for part in PARTS if part not in without]
    with progress("evaluating", total=len(parts)) as advance:
        abilities = measure(clip, parts=parts, on_part=advance)
    data = {**clip.provenance(), "abilities": [ability.to_json() for ability in abilities]}
    if out is not None:
        out.write_text(dumps(data), encoding="utf-8")
    result(data, as_json=terminal.as_json, text=lambda: abilities_text(data["abilities"]))


EVALUATE = Verb(evaluate, (Evaluation, Terminal))
