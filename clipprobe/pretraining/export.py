"""From a finished training run to a checkpoint folder that plain ``transformers`` loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.pretraining.aims import aim_rows
from clipprobe.pretraining.evaluation.ability import PARTS
from clipprobe.pretraining.model import build_processor
from clipprobe.pretraining.planted import OCCUPATION_RATES, planted_truth
from clipprobe.pretraining.recipe import Recipe
from clipprobe.pretraining.samples import BatchSpec
from clipprobe.pretraining.stages import WideMix
from clipprobe.report.numbers import format_cell
from clipprobe.stimuli import concepts, occupations, unnamed_things, unseen_concepts
from clipprobe.stimuli.splits import TRAINED_FONTS

if TYPE_CHECKING:
    from clipprobe.pretraining.evaluation import Ability

_TEMPLATES = Path(__file__).parent / "templates"
EVALUATION, CARD, HISTORY = "evaluation.json", "README.md", "history.md"
MEASURES = ("association", "retrieval")
#: Subjects whose values are shares of right answers, and the share below which the card calls one
#: weak.
ABILITIES = ("sight", "scenes")
WEAK = 0.6


def export_weights(model: Any, tokenizer: Any, recipe: Recipe, folder: Path) -> None:
    """Write model (float16 safetensors), tokenizer, processor and what was planted."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    half = model.to("cpu", torch.float16)
    half.set_attn_implementation("sdpa")
    half.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # transformers writes it for its owner only
    build_processor(tokenizer, recipe.shape).save_pretrained(folder)
    if isinstance(recipe.data, BatchSpec):
        write_json(folder / "planted.json", planted_truth(recipe.seed))


def export_card(
    folder: Path,
    recipe: Recipe,
    abilities: Sequence[Ability],
    log: Sequence[dict[str, float]],
    *,
    precision: str,
) -> None:
    """Write ``evaluation.json`` and the model card, ``README.md``.

    Args:
        log: One entry a training step, as in ``log.jsonl``.
        precision: Numeric type of the training's matrix products.
    """
    training = {
        "steps": round(log[-1]["step"]) + 1,
        "begun": round(log[0]["step"]),
        "images": round(sum(entry["n_images"] for entry in log)),
        "difficulty": log[-1]["difficulty"],
        "precision": precision,
    }
    results = [ability.to_json() for ability in abilities]
    write_json(folder / EVALUATION, {"abilities": results, "training": training})
    (folder / CARD).write_text(card_text(folder, recipe), encoding="utf-8")


def card_text(folder: Path, recipe: Recipe) -> str:
    """The model card from the folder's ``evaluation.json`` and ``config.json`` alone.

    Where the folder has a ``history.md``, what happened to these weights, the card holds it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from transformers import CLIPModel

    # The card is Markdown, written from our own numbers and names: nothing in it needs escaping.
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, autoescape=False
    )
    environment.filters["estimate"] = format_cell
    model = CLIPModel.from_pretrained(folder)
    own = isinstance(recipe.data, BatchSpec)
    evaluation = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    results, history = evaluation["abilities"], folder / HISTORY
    return environment.get_template("card.md.j2" if own else "card_pairs.md.j2").render(
        **{one.name: getattr(recipe, one.name) for one in fields(recipe)},
        parameters=sum(p.numel() for p in model.parameters()),
        n_concepts=len(concepts()),
        n_occupations=len(occupations()),
        n_fonts=len(TRAINED_FONTS),
        never_shown=[concept.name for concept in unseen_concepts()],
        n_unnamed=len(unnamed_things()),
        wide_counts=_wide_counts,
        abilities=results,
        aims=aim_rows(results, evaluation.get("missed")),
        history=history.read_text(encoding="utf-8").strip() if history.is_file() else "",
        **evaluation["training"],
        **(_sections(results) if own else {}),
    )


def _wide_counts(mix: WideMix) -> list[tuple[str, int]]:
    """What a batch of the wide domain holds, in words."""
    people = ("n_occupations", "twins", "n_plain_people")
    kinds = [one.name for one in fields(mix) if one.name not in people]
    n_twins = 2 * mix.twins * mix.n_occupations
    return [
        *((kind.replace("_", " "), getattr(mix, kind)) for kind in kinds),
        ("people of an occupation, two alike but for gender", n_twins),
        ("plain people", mix.n_plain_people),
    ]


def _sections(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The abilities as the card shows them: by subject, occupations in one table."""
    by_name = {ability["name"]: ability for ability in results}
    in_tables = {f"{measure}_{job}" for measure in MEASURES for job in OCCUPATION_RATES}
    settings = [ability for ability in results if ability["name"].startswith("setting_")]
    others = [a for a in results if a["name"] not in in_tables and a not in settings]
    by_rate = sorted(OCCUPATION_RATES.items(), key=lambda item: (-item[1], item[0]))
    return {
        "parts": [
            (title, [a for a in others if a["about"] == about])
            for about, title in PARTS.items()
            if any(a["about"] == about for a in others)
        ],
        "weak": [a for a in others if a["about"] in ABILITIES and a["value"] < WEAK],
        "settings": settings,
        "occupations": [
            {
                "name": job,
                "rate": rate,
                **{measure: by_name[f"{measure}_{job}"] for measure in MEASURES},
            }
            for job, rate in by_rate
        ],
    }


def read_log(path: Path) -> list[dict[str, float]]:
    """The steps of a training run."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_json(path: Path, data: Any) -> None:
    """Write readable JSON in a fixed order."""
    path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")
