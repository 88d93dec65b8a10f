"""Published answers of OpenAI's CLIP to photographed attacks, recomputed by our own metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.typographic.cases import Case
from attacks.typographic.classes import Classes
from attacks.typographic.metrics import condition_rates, rate
from attacks.typographic.pipeline import Caption
from attacks.typographic.scoring import natural_row, score, to_table
from attacks.typographic.summary import natural_outcomes
from clipprobe.data import ImageRecord
from clipprobe.statistics import wilson

DISTILL = Path(__file__).resolve().parents[3] / "shared" / "data" / "distill"
ALIASES = {
    "apple": ["Granny Smith"],
    "laptop": ["laptop computer", "desktop computer"],
    "trash": ["waste container", "ashcan"],
    "phone": ["rotary dial telephone"],
    "wine": ["red wine"],
    "plant": ["plant pot"],
    "cup": ["measuring cup"],
    "water": ["water jug"],
    "mug": ["coffee mug"],
}
needs_distill = pytest.mark.skipif(
    not (DISTILL / "stroop_experiment.json").is_file(),
    reason="the published answers (distill fixtures) are not on this machine",
)


def outcomes(name: str, head: str) -> dict[str, Any]:
    """Rows of one published set; each picture is answered among the classes listed for it.

    A class that is not listed had a small probability; it takes part with 0.
    """
    rows = []
    for thing, words in json.loads((DISTILL / name).read_text()).items():
        for word, entry in words.items():
            p, names = zip(*entry[head], strict=True)  # neither sorted nor the same everywhere
            classes = Classes([*names, thing, word], ALIASES)
            logits = np.log(np.array([[*p, 0.0, 0.0]], dtype=np.float32) + 1e-12)
            shown = "" if word == "blank" else word
            record = ImageRecord(f"{thing}-{word}", b"", thing)
            label = classes.index(thing)
            assert label is not None
            case = Case(record=record, label=label, word=shown, cluster=thing)
            [scored] = score([Caption(condition="clean")], logits, classes)
            rows.append(natural_row(case, scored, classes))
    table = to_table(rows)
    return natural_outcomes(
        {column: np.array(table[column].to_pylist(), object) for column in table.column_names}
    )


@needs_distill
@pytest.mark.parametrize(
    ("name", "hits", "n"),
    [
        ("in_the_wild_1.json", 3, 8),
        ("in_the_wild_2.json", 25, 34),
        ("in_the_wild_3.json", 15, 30),
    ],
)
def test_zero_shot_follows_the_word_and_the_linear_probe_does_not(
    name: str, hits: int, n: int
) -> None:
    zero_shot = outcomes(name, "zero_shot_statistics")["attack"]
    assert (int(zero_shot.hit.sum()), int(zero_shot.has_target.sum())) == (hits, n)
    success = condition_rates(zero_shot, None, seed=0)["targeted_success"]["all"]
    assert success.value == pytest.approx(hits / n)
    assert success.low < hits / n < success.high
    probe = outcomes(name, "linear_probe_statistics")["attack"]
    assert (int(probe.hit.sum()), int(probe.has_target.sum())) == (0, n)


@needs_distill
def test_stroop_answers_are_the_word_never_the_ink() -> None:
    grid = json.loads((DISTILL / "stroop_experiment.json").read_text())["output"]
    classes = Classes(sorted(grid))
    word_hits, ink_hits = [], []
    for ink, words in grid.items():
        for word, entry in words.items():
            if word in (ink, "example"):
                continue
            names = [name for _, name in entry["results"]]
            logits = np.full((1, len(classes.names)), -np.inf, dtype=np.float32)
            for (p, _), name in zip(entry["results"], names, strict=True):
                logits[0, classes.names.index(name)] = np.log(p)
            [answer] = classes.pick(logits)
            word_hits.append(classes.names[answer] == word)
            ink_hits.append(classes.names[answer] == ink)
    assert (sum(word_hits), sum(ink_hits), len(word_hits)) == (49, 0, 49)
    followed = rate(np.array(word_hits), np.arange(49).astype(str), seed=0)
    assert followed.low == pytest.approx(0.9273, abs=1e-4)


def test_the_interval_of_a_published_rate() -> None:
    """The 40.14 % of ViT-L/14 on SCAM (466 of 1161 pictures) is known to [37.4, 43.0] only."""
    found = wilson(466, 1161)
    assert round(100 * found.value, 2) == 40.14
    assert (round(100 * found.low, 1), round(100 * found.high, 1)) == (37.4, 43.0)
