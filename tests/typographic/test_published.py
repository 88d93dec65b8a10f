"""Published answers of OpenAI's CLIP to photographed attacks, recomputed by our own metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks.typographic.datasets import load_attacks
from attacks.typographic.published import published_table, read_published
from attacks.typographic.report.summary import natural_outcomes
from attacks.typographic.scoring.metrics import condition_rates
from clipprobe.statistics import wilson

DISTILL = Path(__file__).resolve().parents[3] / "shared" / "data" / "distill"
needs_distill = pytest.mark.skipif(
    not (DISTILL / "stroop_experiment.json").is_file(),
    reason="the published answers (distill fixtures) are not on this machine",
)


def outcomes(name: str, head: str) -> dict[str, Any]:
    """Outcomes of one published set, by our loader and the metrics of every audit."""
    table = published_table(DISTILL / name, head)
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
    zero_shot = outcomes(name, "zero-shot")["attack"]
    assert (int(zero_shot.hit.sum()), int(zero_shot.has_target.sum())) == (hits, n)
    success = condition_rates(zero_shot, None, seed=0)["targeted_success"]["all"]
    assert success.value == pytest.approx(hits / n)
    assert success.low < hits / n < success.high
    probe = outcomes(name, "linear-probe")["attack"]
    assert (int(probe.hit.sum()), int(probe.has_target.sum())) == (0, n)


@needs_distill
def test_the_linear_probe_is_never_fooled_in_all_sets_together() -> None:
    names = [f"in_the_wild_{i}.json" for i in (1, 2, 3)]
    probe = [outcomes(name, "linear-probe")["attack"] for name in names]
    assert (sum(int(o.hit.sum()) for o in probe), sum(len(o.hit) for o in probe)) == (0, 72)


@needs_distill
def test_the_photographs_have_the_published_counts() -> None:
    found = load_attacks("auto", DISTILL)
    assert found.layout.name == "distill" and found.skipped == () and found.warnings == ()
    assert len(found) == 227 and found.counts()["clean"] == 9 + 7
    folders = [sum(p.id.startswith(f"in-the-wild-{i}/") for p in found.pictures) for i in (2, 3)]
    assert folders == [171, 56]
    assert len(load_attacks("distill", DISTILL / "in-the-wild-3")) == 56


@needs_distill
def test_apple_with_ipod() -> None:
    """The article's own example: p(Granny Smith) 0.856 becomes p(iPod) 0.997."""
    answers = {(a.thing, a.word): a for a in read_published(DISTILL / "in_the_wild_2.json")}
    blank, ipod = answers["apple", ""], answers["apple", "ipod"]
    assert (blank.names[0], round(blank.p[0], 3)) == ("Granny Smith", 0.856)
    assert (ipod.names[0], round(ipod.p[0], 4)) == ("iPod", 0.9968)
    assert list(ipod.p) == sorted(ipod.p, reverse=True)  # they are not sorted in the file


@pytest.mark.parametrize(("hits", "n", "value"), [(466, 1161, 40.14), (467, 1162, 40.19)])
def test_the_interval_of_a_published_rate(hits: int, n: int, value: float) -> None:
    """The 40.14 % of ViT-L/14 on SCAM is known to [37.4, 43.0] only.

    466 of 1,161 is 40.14 %; of the 1,162 that were released no count is, 467 lies nearest above.
    """
    found = wilson(hits, n)
    assert round(100 * found.value, 2) == value
    assert (round(100 * found.low, 1), round(100 * found.high, 1)) == (37.4, 43.0)
