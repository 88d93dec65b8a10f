"""Renew every page that prints a number or a unit of the bundled model, from one file.

    python docs/renew.py --check                # do the pages say what evaluation.json says?
    python docs/renew.py                        # write them anew from evaluation.json
    python docs/renew.py --measure              # evaluate, audit, choose unit and attack, write
    python docs/renew.py --audit                # curves and limits alone, then write
    python docs/renew.py --type                 # type the README's commands, then write
    python docs/renew.py --draw                 # the pictures of circuits and of maps alone
    python docs/renew.py --weights RUN/model    # take these weights first, then all of the above

The file is ``clipprobe/assets/emoji-clip/evaluation.json``. ``--missed NAME=REASON`` records why
an aim was missed; without a reason the tests fail. What happened to the weights is told by hand in
``history.md`` beside them. The best unit is chosen on one set of images and the best attack on
every other concept; their numbers come from fresh images and from the other concepts.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import string
import sys
import tempfile
import textwrap
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import clipprobe
from attacks.typographic import TypographicAttack
from clipprobe.attribution import explain_many
from clipprobe.figures.attribution import side_by_side
from clipprobe.models.checkpoints.bundled import bundled_folder
from clipprobe.neurons.multimodality.gallery.writing import write_gallery
from clipprobe.pretraining.audited import CHART, audit_section, curves_chart, measure_audits
from clipprobe.pretraining.evaluation import evaluate
from clipprobe.pretraining.evaluation.ability import SEED, concept_classifier
from clipprobe.pretraining.export import CARD, EVALUATION, HISTORY, card_text, write_json
from clipprobe.pretraining.recipe import emoji_clip
from clipprobe.report.numbers import format_cell
from clipprobe.statistics import difference_of_paired_proportions
from clipprobe.stimuli import Picture, Scene, concept_set, concepts, render

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script it finds its own folder alone

from docs import examples as typed

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
PAGE = ROOT / "docs" / "emoji-clip.md"
CIRCUITS = ROOT / "docs" / "neurons" / "circuits.md"
#: Picture in ``docs/images`` -> what the examples of the page of circuits call it.
DRAWN = {
    "patch-sweep.svg": "sweep_svg",
    "path-patch.svg": "head_svg",
    "logit-lens.svg": "lens_svg",
    "attribution-patching.svg": "heads_svg",
}
METHODS = ROOT / "docs" / "methods"
#: Page of attribution methods -> those whose maps of one scene it shows.
MAPPED = {
    "gradients": (
        "grad_eclip",
        "values_x_gradient",
        "legrad",
        "token_grad_cam",
        "gradient_x_input",
        "integrated_gradients",
    ),
    "patch-text": ("patch_cosine", "maskclip", "value_value"),
    "relevance": ("attnlrp", "chefer", "attention_rollout"),
    "removal": ("keep_only", "banzhaf", "attention_occlusion", "cci", "occlusion", "rise"),
}
#: Ways to write that the best attack is chosen from.
SIZES, POSITIONS, PAPERS = (0.2, 0.28, 0.36), ("center", "bottom"), (None, "white")


def choose_unit(clip: Any) -> dict[str, Any]:
    """Draw the gallery anew; its first unit, with the score on fresh images."""
    best = write_gallery(clip, GALLERY, top=10)[0]
    return {"unit": best.unit, "concept": best.concept, "score": best.score.to_json()}


def choose_named(clip: Any) -> dict[str, Any]:
    """The first unit on the demo's front page: of one concept, its name tested on other images."""
    from attacks.demo.choosing import shown_units
    from attacks.demo.settings import Demo
    from attacks.demo.study import DEMO
    from clipprobe.neurons import Atlas
    from clipprobe.study import carry_out

    with tempfile.TemporaryDirectory() as folder:
        carry_out(DEMO, Demo(out=folder), clip)
        best = shown_units(Atlas.load(Path(folder) / "atlas"))[0]
    return {"unit": best.address, "concept": best.label}


def choose_attack(clip: Any) -> dict[str, Any]:
    """The way to write that reads best on half of the concepts, and its effect on the rest."""
    classifier, names = concept_classifier(clip), [concept.name for concept in concepts()]
    shown = [render(s.scene).image for s in concept_set("picture", per_concept=1, seed=SEED)]
    truth = np.arange(len(names))
    rng = np.random.default_rng(SEED)
    targets = (truth + rng.integers(1, len(names), len(names))) % len(names)
    nonsense = ["".join(rng.choice(list(string.ascii_lowercase), len(names[t]))) for t in targets]

    def answers(images: list[Any]) -> Any:
        return (clip.encode_images(images, batch_size=64) @ classifier.T).argmax(axis=1)

    known = answers(shown) == truth

    def wins(how: dict[str, Any], rows: Any) -> tuple[Any, Any]:
        """Whether the word, and nonsense in its place, makes the word the answer."""
        outcomes = []
        for texts in ([names[t] for t in targets], nonsense):
            made = [
                TypographicAttack(word=texts[row], **how)(shown[row], image_id=str(row)).image
                for row in rows
            ]
            outcomes.append(answers(made) == targets[rows])
        return outcomes[0], outcomes[1]

    halves = [truth[known & (truth % 2 == half)] for half in (0, 1)]
    ways = [
        {"color": "black", "outline": "none", "size": size, "position": where, "background": paper}
        for size, where, paper in product(SIZES, POSITIONS, PAPERS)
    ]
    effects = []
    for way in ways:
        word, letters = wins(way, halves[0])
        effects.append(float(word.mean() - letters.mean()))
    best = ways[int(np.argmax(effects))]
    word, letters = wins(best, halves[1])
    effect = difference_of_paired_proportions(word, letters, seed=0)
    return {"how": best, "n_ways": len(ways), "effect": effect.to_json()}


def blocks(evaluation: dict[str, Any]) -> dict[str, str]:
    """The text between the markers of each name."""
    by_name = {ability["name"]: ability for ability in evaluation["abilities"]}
    unit, attack = evaluation["examples"]["unit"], evaluation["examples"]["attack"]

    def units(name: str, of: int | None = None) -> str:
        row = by_name[name]
        n = row["n"] if of is None else of
        return f"{round(row['value'] * n):,} of {n:,}"

    strong = "multimodal_neurons_strong"
    n_neurons, n_embedding = by_name[strong]["n"], by_name["profile_embedding"]["n"]
    words = by_name[f"{strong}_words_shuffled"]
    shuffled = round(words["value"] * n_neurons)
    alone = (
        "that count alone is not evidence of multimodal neurons"
        if "not evidence" in words["meaning"]
        else "more than shuffled words explain"
    )
    profile = (
        f"{units('profile_embedding')} dimensions of the embedding and "
        f"{units('profile_last_residual')} of the class token after the last block rank all "
        "concepts alike in all three modalities "
        f"({units('profile_embedding_words_shuffled', n_embedding)} of the embedding with shuffled "
        f"words, {units('profile_embedding_random')} at random weights)"
    )
    return typed.blocks(evaluation["examples"]) | {
        "neurons": wrapped(
            f"In emoji-clip {units(strong)} neurons tell one concept in all three modalities "
            f"(AUROC 0.85), and {shuffled} on average with shuffled words: {alone}. {profile}."
        ),
        "reading": wrapped(
            f"The way to write is the strongest of {attack['n_ways']} on half of the concepts. Of "
            "the images of the other half that are named right, it makes the word the answer this "
            f"much oftener than nonsense in its place: {format_cell(attack['effect'])}."
        ),
        "explain": '```\nclipprobe explain IMAGE "a cat" --out map.png\n'
        f"clipprobe explain IMAGE --unit {unit['unit']}\n```",
        "multimodality": f"In emoji-clip {units(strong)} neurons reach 0.85, {shuffled} with "
        "shuffled words, "
        f"{units(f'{strong}_all_shuffled', n_neurons).split()[0]} with everything shuffled, "
        f"and {units(strong + '_random')} at random weights (`clipprobe evaluate`). By the profile "
        f"over all concepts, {profile}.",
    }


def claims_table() -> str:
    """What ``benchmarks/multimodality_claims.py --page`` measured, and on which weights."""
    stored = json.loads((ROOT / "docs" / "neurons" / "claims.json").read_text(encoding="utf-8"))
    missed = {False: ": missed"}
    rows = [
        f"| {one['what']} | {one['text']} | {one['aim']}{missed.get(one['met'], '')} |"
        for one in stored["rows"]
    ]
    head = (
        f"Weights `{stored['weights'][:8]}`, {stored['per_concept']} images of each of 224 "
        "concepts in each modality.\n\n"
        "| what | measured, with its 95 % interval | aim |\n|---|---|---|"
    )
    return "\n".join([head, *rows])


def examples(page: Path) -> list[str]:
    """The Python examples of a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)


def example_values(page: Path) -> dict[str, Any]:
    """What the examples of a page define, run as they stand, in order."""
    values: dict[str, Any] = {}
    for number, example in enumerate(examples(page)):
        exec(compile(example, f"example {number} of {page.name}", "exec"), values)
    return values


def maps_of(page: str) -> Image.Image:
    """A scene of two things, and the maps of its score with one of them: by the methods of a page,
    and one of random numbers, the control."""
    clip = clipprobe.load(device="cpu")
    items = (
        Picture(concept="cat", size=0.46, center=(0.28, 0.3)),
        Picture(concept="dog", size=0.46, center=(0.72, 0.7)),
    )
    image = render(Scene(items=items, size_px=clip.image_size)).image
    names = (*MAPPED[page], "random")
    found = explain_many(clip, [image], ["a cat"], {name: {} for name in names})
    maps = [(name, rows[0].patches) for name, rows in found.items()]
    return side_by_side(clip.preprocess.to_grid(image), maps, columns=4 if len(maps) > 4 else 5)


def draw() -> None:
    """Draw the pictures of the pages of circuits and of attribution methods anew."""
    values = example_values(CIRCUITS)
    for picture, name in DRAWN.items():
        (ROOT / "docs" / "images" / picture).write_text(values[name], encoding="utf-8")
        print(f"drawn: docs/images/{picture}")
    for page in MAPPED:
        maps_of(page).save(ROOT / "docs" / "images" / f"maps-{page}.webp", lossless=True)
        print(f"drawn: docs/images/maps-{page}.webp")


def wrapped(text: str) -> str:
    """Lines of a page."""
    return textwrap.fill(text, 104, break_long_words=False, break_on_hyphens=False)


def pages() -> dict[Path, str]:
    """Every page, as it should be."""
    folder = bundled_folder()
    evaluation = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    card = card_text(folder, emoji_clip())
    texts = {folder / CARD: card, PAGE: card.split("---\n", 2)[2].lstrip()}
    if audits := evaluation.get("audits"):
        section = audit_section(audits, f"images/{CHART}")
        texts[PAGE] = texts[PAGE].replace("## Licences", f"{section}\n## Licences")
        texts[ROOT / "docs" / "images" / CHART] = curves_chart(audits)
    parts = blocks(evaluation) | {"claims": claims_table()}
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text(encoding="utf-8")
        if path != PAGE and "<!-- numbers: " in text:
            texts[path] = filled(text, parts)
    return texts


def filled(text: str, parts: dict[str, str]) -> str:
    """The page with new text between its markers."""

    def put(match: re.Match[str]) -> str:
        gap = match[2]
        return f"<!-- numbers: {match[1]} -->{gap}{parts[match[1]]}{gap}<!-- /numbers -->"

    return re.sub(r"<!-- numbers: (\w+) -->(\n?).*?<!-- /numbers -->", put, text, flags=re.DOTALL)


def take(weights: Path) -> None:
    """Copy a finished model folder over the bundled one."""
    for path in weights.iterdir():
        shutil.copy(path, bundled_folder() / path.name)
    if not (weights / HISTORY).exists():
        (bundled_folder() / HISTORY).unlink(missing_ok=True)


def measure(*, again: bool, choose: bool, audit: bool) -> None:
    """Measure the bundled model and store it; ``again`` also what the file has already."""
    path = bundled_folder() / EVALUATION
    stored = json.loads(path.read_text(encoding="utf-8"))
    clip = clipprobe.load()
    if again:
        stored["abilities"] = [ability.to_json() for ability in evaluate(clip)]
    if choose:
        stored["examples"] = {
            "named": choose_named(clip),
            "unit": choose_unit(clip),
            "attack": choose_attack(clip),
        }
    if audit:
        stored["audits"] = measure_audits(clip)
    write_json(path, stored)


def main(arguments: list[str]) -> int:
    """Returns 1 where a page differs and was only to be checked."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--measure", action="store_true", help="evaluate and choose again")
    parser.add_argument("--choose", action="store_true", help="choose unit and attack again")
    parser.add_argument("--audit", action="store_true", help="audit few-shot and limits again")
    parser.add_argument("--type", action="store_true", help="type the README's commands again")
    parser.add_argument("--draw", action="store_true", help="draw circuits and maps again")
    parser.add_argument("--keep", type=Path, help="where --type types, for docs/pictures.py")
    parser.add_argument("--weights", type=Path, help="a model folder that replaces the bundled one")
    parser.add_argument("--missed", action="append", default=[], metavar="NAME=REASON")
    options = parser.parse_args(arguments)
    if options.keep and not (options.type or options.choose or options.measure or options.weights):
        parser.error("--keep goes with --type")
    if options.weights:
        take(options.weights)
    again = bool(options.weights or options.measure)
    if again or options.choose or options.audit:
        measure(again=again, choose=again or options.choose, audit=again or options.audit)
    if again or options.choose or options.type:
        stored = json.loads((bundled_folder() / EVALUATION).read_text(encoding="utf-8"))
        typed.type_all(stored["examples"], options.keep)
    if again or options.draw:
        draw()
    if options.missed:
        path = bundled_folder() / EVALUATION
        stored = json.loads(path.read_text(encoding="utf-8"))
        stored["missed"] = dict(one.split("=", 1) for one in options.missed)
        write_json(path, stored)
    differing = {
        path: text
        for path, text in pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    for path, text in differing.items():
        print(f"{'differs' if options.check else 'renewed'}: {path.relative_to(ROOT)}")
        if not options.check:
            path.write_text(text, encoding="utf-8")
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
