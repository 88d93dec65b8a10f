"""The bundled model is what its card says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import clipprobe
from clipprobe.models.bundled import bundled_folder
from clipprobe.pretraining.evaluation import PARTS, evaluate
from clipprobe.pretraining.planted import planted_truth
from clipprobe.stimuli import concepts
from clipprobe.zeroshot import TEMPLATES

CHANCE = 1 / len(concepts())


def test_it_is_small_and_holds_nothing_that_runs() -> None:
    files = [path for path in bundled_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20_000_000
    assert {path.suffix for path in files} <= {".json", ".md", ".safetensors"}


def test_plain_transformers_loads_it() -> None:
    from transformers import CLIPModel, CLIPProcessor

    model = CLIPModel.from_pretrained(bundled_folder())
    processor = CLIPProcessor.from_pretrained(bundled_folder())
    assert model.config.vision_config.image_size == clipprobe.load().image_size
    assert processor.tokenizer("a dog").input_ids[-1] == model.config.text_config.eos_token_id


def test_planted_truth_is_the_one_of_the_code() -> None:
    planted = json.loads((bundled_folder() / "planted.json").read_text())
    assert planted == planted_truth(planted["seed"])


def test_the_page_in_the_docs_is_the_card() -> None:
    card = (bundled_folder() / "README.md").read_text(encoding="utf-8")
    page = Path(__file__).parents[2] / "docs" / "emoji-clip.md"
    assert page.read_text(encoding="utf-8") == card.split("---\n", 2)[2].lstrip()


def test_it_has_a_token_for_every_word_that_commands_ask_it_with() -> None:
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(bundled_folder())
    asked = {word for template in TEMPLATES for word in template.format("dog").split()}
    assert all(len(tokenizer.tokenize(word)) == 1 for word in asked), asked


def test_it_reaches_what_its_recipe_aims_at() -> None:
    shipped = json.loads((bundled_folder() / "evaluation.json").read_text())["abilities"]
    by_name = {entry["name"]: entry for entry in shipped}
    at_least = {
        "zero_shot_pictures": 0.92,
        "zero_shot_drawings": 0.80,
        "zero_shot_words": 0.75,
        "typographic_success": 0.30,
        "typographic_reading_effect": 0.25,
        "association_skewed_found": 1.0,
        "retrieval_skewed_found": 1.0,
    }
    missed = {
        name: by_name[name]["value"]
        for name, aim in at_least.items()
        if by_name[name]["value"] < aim
    }
    assert not missed
    for measure in ("association", "retrieval"):
        assert by_name[f"{measure}_balanced_flagged"]["value"] == 0, measure
    assert by_name["planted_rank_correlation"]["low"] > 0
    trained, random = (
        by_name[f"multimodal_neurons_strong{twin}"]["value"] for twin in ("", "_random")
    )
    assert trained * 4608 >= 20 and random < trained / 5


def test_the_card_counts_neurons_beside_shuffled_concepts() -> None:
    """Neurons that tell one concept in every modality are as many with the words shuffled."""
    shipped = json.loads((bundled_folder() / "evaluation.json").read_text())["abilities"]
    names = [entry["name"] for entry in shipped if entry["about"] == "neurons"]
    at = names.index("multimodal_neurons_strong")
    assert names[at + 1 : at + 3] == [
        "multimodal_neurons_strong_words_shuffled",
        "multimodal_neurons_strong_all_shuffled",
    ]
    by_name = {entry["name"]: entry for entry in shipped}
    seen, words, every = (by_name[name] for name in names[at : at + 3])
    assert words["low"] <= seen["value"] <= words["high"] and words["n"] == every["n"] == 60
    assert every["high"] < seen["value"]
    assert "not evidence" in words["meaning"] and "multimodal_neurons" not in by_name
    card = (bundled_folder() / "README.md").read_text(encoding="utf-8")
    assert all(f"| {entry['meaning']} |" in card for entry in (seen, words, every))


@pytest.mark.slow
def test_it_does_what_it_was_measured_to_do() -> None:
    shipped = json.loads((bundled_folder() / "evaluation.json").read_text())["abilities"]
    # Counting neurons takes minutes, and tests/neurons checks how it counts.
    shipped = [entry for entry in shipped if entry["about"] != "neurons"]
    measured = [a.to_json() for a in evaluate(clipprobe.load(), parts=set(PARTS) - {"neurons"})]
    assert [entry["name"] for entry in measured] == [entry["name"] for entry in shipped]
    for now, then in zip(measured, shipped, strict=True):
        # Another processor may round one image in some hundreds to the other side.
        assert now["value"] == pytest.approx(then["value"], abs=0.02), now["name"]
    by_name = {entry["name"]: entry for entry in measured}
    for modality in ("pictures", "drawings", "words"):
        assert by_name[f"zero_shot_{modality}"]["low"] > 10 * CHANCE, modality
