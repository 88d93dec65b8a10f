"""The bundled model is what its card says."""

from __future__ import annotations

import json

import pytest

import clipprobe
from clipprobe.models.checkpoints.bundled import bundled_folder
from clipprobe.pretraining.aims import AIMS, Aim, aim_rows
from clipprobe.pretraining.evaluation import PARTS, evaluate
from clipprobe.pretraining.planted import planted_truth
from clipprobe.report.numbers import format_cell
from clipprobe.stimuli import concepts
from clipprobe.zeroshot import TEMPLATES
from docs import renew

CHANCE = 1 / len(concepts())


def test_it_is_small_and_holds_nothing_that_runs() -> None:
    files = [path for path in bundled_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
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


def test_it_has_a_token_for_every_word_that_commands_ask_it_with() -> None:
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(bundled_folder())
    asked = {word for template in TEMPLATES for word in template.format("dog").split()}
    assert all(len(tokenizer.tokenize(word)) == 1 for word in asked), asked


def test_every_aim_is_reached_or_named_as_missed_with_a_reason() -> None:
    stored = json.loads((bundled_folder() / "evaluation.json").read_text())
    missed = stored.get("missed", {})
    rows = aim_rows(stored["abilities"], missed)
    for row in rows:
        print(f"{row.aim.what}: {row.aim}; {format_cell(row.ability)}; {row.verdict}")
    assert [row.aim for row in rows] == list(AIMS), "an aim was not measured"
    silent = [row.aim.name for row in rows if not row.reached and not row.reason]
    assert not silent, "missed, and no reason given"
    stale = set(missed) - {row.aim.name for row in rows if not row.reached}
    assert not stale, "a reason for what was not missed"
    card = (bundled_folder() / "README.md").read_text(encoding="utf-8")
    for row in rows:
        cells = (row.aim.what, str(row.aim), format_cell(row.ability), row.verdict)
        assert f"| {' | '.join(cells)} |" in card
    by_name = {entry["name"]: entry for entry in stored["abilities"]}
    assert by_name["planted_rank_correlation"]["low"] > 0
    trained, random = (
        by_name[f"multimodal_neurons_strong{twin}"]["value"] for twin in ("", "_random")
    )
    assert trained * 4608 >= 20 and random < trained / 5


def test_an_aim_is_reached_at_its_bound_and_an_undefined_number_reaches_none() -> None:
    least, most = Aim(name="a", what="a", bound=0.6), Aim(name="b", what="b", bound=0, at_most=True)
    assert least.reached(0.6) and not least.reached(0.599) and not least.reached(None)
    assert most.reached(0.0) and not most.reached(0.125) and not most.reached(float("nan"))
    row = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}
    abilities = [{"name": name, **row} for name in ("other_counts", "other_inks", "unasked")]
    rows = aim_rows(abilities, {"other_counts": "too few steps"})
    assert [r.verdict for r in rows] == ["missed: too few steps", "missed"]


def test_every_page_says_what_the_evaluation_says() -> None:
    """A page that was edited by hand, or that new numbers left behind, differs."""
    pages = renew.pages()
    assert {path.name for path in pages} >= {"README.md", "emoji-clip.md", "multimodality.md"}
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, f"run docs/renew.py: {path.name}"
    readme = pages[renew.ROOT / "README.md"]
    stored = json.loads((bundled_folder() / "evaluation.json").read_text())
    parts = renew.blocks(stored)
    stored["examples"]["unit"]["unit"] = "vision.blocks.0.mlp.post:0"
    assert renew.filled(readme, parts) == readme
    assert "--unit vision.blocks.0.mlp.post:0" in renew.filled(readme, renew.blocks(stored))


def test_the_card_counts_neurons_beside_shuffled_concepts() -> None:
    """No count stands without what coincidence gives, and none beyond it is called evidence."""
    shipped = json.loads((bundled_folder() / "evaluation.json").read_text())["abilities"]
    names = [entry["name"] for entry in shipped if entry["about"] == "neurons"]
    at = names.index("multimodal_neurons_strong")
    assert names[at + 1 : at + 3] == [
        "multimodal_neurons_strong_words_shuffled",
        "multimodal_neurons_strong_all_shuffled",
    ]
    by_name = {entry["name"]: entry for entry in shipped}
    seen, words, every = (by_name[name] for name in names[at : at + 3])
    assert words["n"] == every["n"] == 60
    if seen["value"] <= words["high"]:
        assert "not evidence" in words["meaning"]
    assert "multimodal_neurons" not in by_name
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
