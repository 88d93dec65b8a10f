"""One task behind every audit of written words: the same settings give the same images."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.typographic import audit_typographic
from attacks.typographic.choosing.prepared import check_task, prepare
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.settings import TypographicAudit
from attacks.typographic.sweep import sweep
from attacks.typographic.task import Task
from attacks.typographic.words import parse_words
from clipprobe.errors import ConfigError
from clipprobe.runs import RunView
from clipprobe.study.call import kept_settings, settings_from
from clipprobe.zeroshot.classes import Classes
from clipprobe.zeroshot.classifier import class_vectors

NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
WORDS = ["cat", "ship", "anchor"]


def pixels(run: RunView, *conditions: str) -> dict[tuple[str, str, str], str]:
    """Image, word and condition of each attacked row, with the digest of what the model got."""
    table = run.read_table("results.parquet")
    columns = (table[name].to_pylist() for name in ("image", "word", "condition", "pixels"))
    return {(i, w, c): p for i, w, c, p in zip(*columns, strict=True) if c in conditions}


def test_an_audit_and_the_cell_of_a_sweep_write_the_same(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    data, clip = colours(2), toy(reads=True)
    given = {"words": WORDS, "seed": 3, "batch_size": 4}
    one = audit_typographic(clip, data, NAMES, size=0.2, out=tmp_path / "audit", **given)
    other = sweep(clip, data, NAMES, factors={"size": [0.2]}, out=tmp_path / "sweep", **given)
    attacked = pixels(one, "attack", "nonsense")
    assert len(attacked) == 2 * len(data)
    assert pixels(other, "attack", "nonsense") == attacked
    configs = [run.manifest["config"] for run in (one, other)]
    shared = set(configs[0]) & set(configs[1]) - {"attack"}
    assert {"classes", "templates", "words", "pillow", "draw_at", "model"} <= shared
    assert all(configs[0][name] == configs[1][name] for name in shared)


def task(clip: Any, data: Any, **settings: Any) -> Task:
    classes = Classes(NAMES)
    record = TypographicAudit(data, NAMES, out="unused", batch_size=4, **settings)
    return Task.of(
        record,
        clip,
        classes=classes,
        templates=tuple(record.templates),
        words=parse_words(record.words),
        attack=prototype({"size": 0.2}, record.seed),
    )


def test_words_that_a_strategy_drops_stay_words_that_mean_something(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    from clipprobe.runs import Run

    listed = [*WORDS, "kite", "drum", "vase", "boot", "harp"]
    words = {"strategy": "brute-force", "listed": listed, "budget": 3}
    whole = task(toy(reads=True), colours(2), words=words)
    vectors = class_vectors(whole.clip, whole.classes.names, whole.templates)
    run = Run.open(tmp_path / "run", kind="typographic", config={})
    found = prepare(whole, vectors, run, check_task(whole))
    assert found.task.words.strategy == "ranked"
    assert 0 < len(found.task.cases) < len(whole.cases)
    # No nonsense word may be one of the list, not even one that the budget dropped.
    assert len(found.task.words.listed) <= 3
    assert found.task.possible == whole.possible == tuple(dict.fromkeys([*listed, *NAMES]))
    assert all(map(found.task.renderer.known, whole.possible))
    assert not found.task.renderer.known("kiet")


def test_the_task_says_what_makes_its_images(
    toy: Callable[..., Any], colours: Callable[..., Any]
) -> None:
    one = task(toy(reads=True), colours(1), words=WORDS)
    assert one.config()["attack"]["size"] == 0.2 and "word" not in one.config()["attack"]
    larger = replace(one, attack=prototype({"size": 0.3}, 0))
    changed = {k for k, v in one.config().items() if larger.config()[k] != v}
    assert changed == {"attack"}
    assert larger.renderer.attack.size == 0.3 and larger.bases is one.bases


def test_classes_and_words_of_any_collection_are_a_list() -> None:
    def classes(value: Any) -> Any:
        return TypographicAudit("photos", value, out="unused").classes

    for value in (np.array(NAMES), (name for name in NAMES), tuple(NAMES)):
        assert list(classes(value)) == NAMES
    assert all(type(name) is str for name in classes(np.array(NAMES)))  # not numpy's own
    for words in (np.array(WORDS), iter(WORDS)):  # a run keeps them, so that it can be made again
        assert TypographicAudit("photos", NAMES, out="unused", words=words).words == WORDS
    for place in (np.array(WORDS), iter(WORDS), frozenset(WORDS)):
        given = {"listed": place, "budget": np.int64(9)}
        record = TypographicAudit("photos", NAMES, out="unused", words=given)
        stored, again = kept_settings(record)
        words = settings_from(json.loads(json.dumps({"settings": stored})))["words"]
        assert again == [] and words["budget"] == 9
        assert sorted(words["listed"]) == sorted(WORDS)
    assert parse_words(set(WORDS)).listed == tuple(sorted(WORDS))
    assert classes({"dog": 1, "cat": 2}.keys()) == ["dog", "cat"]
    assert classes(np.array("dog")) == ["dog"]
    with pytest.raises(ConfigError, match=r"^classes=1 is not a text\.$"):
        classes({1, "dog"})
    assert classes(set(NAMES)) == sorted(NAMES) and classes("classes.txt") == "classes.txt"
    with pytest.raises(ConfigError, match=r"^classes=5 is neither a list nor a path\.$"):
        classes(5)
    with pytest.raises(ConfigError, match=r"^classes=1 is not a text\.$"):
        classes([1, "dog"])
