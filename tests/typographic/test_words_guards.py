"""What is never written, word files, and strategies that measure: against known answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.typographic import TypographicAttack, audit_typographic
from attacks.typographic.choosing.scores import unit_scores
from attacks.typographic.choosing.units import unit_words
from attacks.typographic.words import (
    Guard,
    Words,
    choose,
    collisions,
    overlaps,
    parse_words,
    read_word_file,
)
from clipprobe.errors import ConfigError, DataError
from clipprobe.neurons.words import bundled_words, is_blocked
from clipprobe.zeroshot.classes import Classes

NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
PROMPTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "prompts"
IMAGENET = PROMPTS / "imagenet_classes_templates.json"


@pytest.mark.skipif(not IMAGENET.is_file(), reason="OpenAI's class names are not on this machine")
def test_collisions_of_imagenet_names_are_told() -> None:
    names = json.loads(IMAGENET.read_text(encoding="utf-8"))["imagenet_classes"]
    classes = Classes(names)
    assert sorted(set(classes.duplicates())) == ["missile", "sunglasses"]
    said = collisions(classes, ["crane", "cardigan", "pizza"])
    assert len([text for text in said if "is in the list 2 times" in text]) == 2
    [crane] = [text for text in said if "'crane'" in text]
    assert "crane bird" in crane and "construction crane" in crane and "untargeted" in crane
    [cardigan] = [text for text in said if "'cardigan'" in text]
    assert "Cardigan Welsh Corgi" in cardigan
    assert not any("pizza" in text for text in said)
    corgi = names.index("Cardigan Welsh Corgi")
    words = choose(Words(strategy="random"), classes, corgi, image_id="a", seed=0, count=1000)
    assert "cardigan" not in words and "missile" not in words and len(words) > 900


def test_names_in_full_collide() -> None:
    """ImageNet's own names hold crane, maillot and cardigan twice each."""
    classes = Classes(["crane", "maillot", "cardigan", "dog", "crane", "maillot", "cardigan"])
    assert len(collisions(classes)) == 3
    for seed in range(10):
        words = choose(Words(strategy="random"), classes, 0, image_id="a", seed=seed, count=9)
        assert words == ["dog"]


def test_part_of_the_truth_is_no_attack() -> None:
    classes = Classes(["tiger", "tiger shark", "pineapple", "apple"])
    assert overlaps(classes, "tiger shark", "tiger") and overlaps(classes, "shark", "tiger shark")
    assert overlaps(classes, "tigers", "Tiger") and overlaps(classes, "berries", "berry")
    assert (
        not overlaps(classes, "glass", "glas")
        and not overlaps(classes, "pineapple", "apple")
        and not overlaps(classes, "$$$", "apple")
    )
    words = choose(Words(strategy="random"), classes, 0, image_id="a", seed=0, count=9)
    assert sorted(words) == ["apple", "pineapple"]


def test_forbidden_words_are_never_written(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"1 attack word\(s\) are forbidden \('Ice cream'\)"):
        parse_words(["meow", "Ice cream"], guard=Guard(forbidden=("cream",)))
    offensive = next(w for w in _common_but_blocked())
    with pytest.raises(DataError, match="slurs or sexual words"):
        parse_words(["meow", offensive])
    assert parse_words([offensive], guard=Guard(allowed=(offensive,))).listed == (offensive,)
    data = colours(1)
    with pytest.raises(DataError, match="'cat', which are labels of images"):
        audit_typographic(toy(reads=True), data, NAMES, out=tmp_path / "no", forbidden=["cat"])
    run = audit_typographic(
        toy(reads=True), data, [*NAMES, "bomb"], out=tmp_path / "run", forbidden=["bomb"],
        words_per_image=9, size=0.2,
    )  # fmt: skip
    texts = set(run.read_table("results.parquet")["text"].to_pylist())
    assert "bomb" not in texts and "ship" in texts


def _common_but_blocked() -> list[str]:
    """Words that the built-in filter knows, without printing one here."""
    source = bundled_words().words
    made = [a + b for a in ("ass", "bull", "shit") for b in ("hole", "shit", "ty")]
    return [word for word in [*made, *source] if is_blocked(word)]


def test_what_is_chosen_does_not_depend_on_any_order() -> None:
    shuffled = [NAMES[i] for i in (3, 0, 5, 1, 4, 2)]
    for strategy in ("random", "most-similar", "list"):
        listed = ("meow", "sun", "car") if strategy == "list" else ()
        found = []
        for names in (NAMES, shuffled):
            words = Words(
                strategy=strategy, listed=listed if names is NAMES else tuple(reversed(listed))
            )
            label = names.index("dog")
            found.append(
                choose(words, Classes(names), label, image_id="x", seed=3, count=2,
                       scores=np.zeros(6))  # ties, too, go by name
            )  # fmt: skip
        assert found[0] == found[1]


def test_files_that_give_each_picture_its_words(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "output.txt"
    file.write_text("dog/000.png,ship\ncat/000.png,a round, red thing,lamp\n", encoding="utf-8")
    words, by_image = read_word_file(file)
    assert words == ("ship", "lamp")
    assert by_image == {"cat/000.png": ("lamp",), "dog/000.png": ("ship",)}
    run = audit_typographic(
        toy(reads=True), colours(1), NAMES, out=tmp_path / "run", words=file, size=0.2
    )
    table = run.read_table("results.parquet")
    pairs = set(zip(table["image"].to_pylist(), table["word"].to_pylist(), strict=True))
    assert pairs == {("dog/000.png", "ship"), ("cat/000.png", "lamp")}
    assert run.manifest["counts"] == {"used": 2, "skipped": 4, "failed": 0}
    file.write_text("dog.png,ship\nmeow\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"the line 'meow' without one"):
        read_word_file(file)


def test_image_similar_ranks_by_the_picture_and_the_bare_word(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    """To the toy "treehouse" is a tree, bare "boat" a bit of every class, "sun ship" a ship."""
    words = {"strategy": "image-similar", "listed": ["sun ship", "boat", "treehouse"]}
    run = audit_typographic(
        toy(reads=True), colours(1), NAMES, out=tmp_path / "run", words=words, size=0.1,
    )  # fmt: skip
    table = run.read_table("results.parquet").to_pylist()
    chosen = {row["image"]: row["word"] for row in table}
    assert chosen.pop("tree/000.png") == "treehouse"
    assert set(chosen.values()) == {"boat"}  # "sun ship" holds the label of the ship


def test_brute_force_finds_the_word_that_works_and_reports_on_others(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    clip = toy(reads=True, disturbed=False)
    listed = ["zog", "ship", "qua", "bim", "tal", "ver", "nop", "lim"]
    run = audit_typographic(
        clip, colours(4), NAMES, out=tmp_path / "run", size=0.2,
        words={"strategy": "brute-force", "listed": listed, "budget": 40},
    )  # fmt: skip
    choice = run.summary["word_choice"]
    assert choice["words"][0] == "ship"  # the only word that this toy reads
    assert 0 < choice["queries"] <= choice["budget"] == 40
    assert choice["table"][0]["n"] >= choice["table"][-1]["n"]
    table = run.read_table("results.parquet")
    reported = set(table["image"].to_pylist())
    assert len(choice["choosing"]) == 6 and not reported & set(choice["choosing"])
    assert len(reported) == run.summary["n"]["images"] == 18
    attacked = {
        row["label"]: row["word"] for row in table.to_pylist() if row["condition"] == "attack"
    }
    assert attacked["dog"] == "ship" and attacked.get("ship") != "ship"
    assert sum(clip.seen.values()) == choice["queries"] + run.summary["n"]["encoded"]
    assert any("chosen by brute force" in text for text in run.summary["warnings"])
    with pytest.raises(ConfigError, match="budget=0"):
        parse_words({"strategy": "brute-force", "budget": 0})


@pytest.mark.parametrize("kind", ["neuron", "head"])
def test_derived_words_are_exact_sums_over_units(clip: Any, kind: str) -> None:
    """Over all units the shifts are the model's own: terms of the logits, centred over words."""
    from clipprobe.neurons.effects import decompose

    names = ["a", "do", "w"]
    classifier = clip.encode_texts(["dog", "cat", "ship"])
    attack = TypographicAttack(word="word", size=0.3, outline=None)
    found = unit_words(clip, names, classifier, kind=kind, attack=attack, n_units=10**6)
    from dataclasses import replace

    from PIL import Image

    ground = Image.new("RGB", (clip.image_size, clip.image_size), (128, 128, 128))
    images = [replace(attack, position="center").with_word(w)(ground).image for w in names]
    parts = decompose(clip, images, ["dog", "cat", "ship"])
    if kind == "neuron":
        total = sum(values.sum(axis=-1) for values in parts.neurons.values())
    else:
        rows = [i for i, name in enumerate(parts.terms) if "head_out:" in name]
        total = parts.values[..., rows].sum(axis=-1)
    assert np.abs(found.shifts - (total - total.mean(axis=0))).max() < 1e-4
    assert list(found.sensitivity) == sorted(found.sensitivity, reverse=True)
    one = unit_words(clip, names, classifier, kind=kind, attack=attack, n_units=1)
    assert one.units == found.units[:1] and len(found.units) > 8


def test_unit_scores_follow_the_words_own_class() -> None:
    classes = Classes(["dog", "cat", "ship"])
    shifts = np.array([[0.0, 5.0, 1.0], [0.0, 2.0, 9.0], [0.5, 4.0, 3.0]])
    words = Words(strategy="neuron", listed=("cat", "sea", "ship"))
    assert unit_scores(shifts, words, classes, 0).tolist() == [5.0, 9.0, 2.5]
