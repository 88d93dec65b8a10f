"""The count with shuffled concepts: against relabelled images, planted truth, and older runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from clipprobe.neurons.multimodality import Multimodality, bundled_probes, multimodality
from clipprobe.neurons.multimodality.notes import WITHDRAWN_NOTE
from clipprobe.neurons.multimodality.scoring.measure import ModalityRows, Scores, measure
from clipprobe.neurons.multimodality.scoring.shuffles import (
    N_SHUFFLES,
    Shuffles,
    draw_orders,
    shuffled_scores,
)
from clipprobe.neurons.multimodality.store import TABLES
from clipprobe.neurons.sheet.evidence import Evidence
from clipprobe.runs import Run, load_run
from clipprobe.stimuli import concepts

SITE = "vision.blocks.1.mlp.post"
NAMES = ("picture", "drawing", "word")
N_CONCEPTS, PER_CONCEPT, N_UNITS = 30, 4, 80


def scores_of(seen: dict[str, ModalityRows]) -> Scores:
    return measure(seen, N_CONCEPTS, top_k=2, n_permutations=20, seed=0)


def profiles(shared: int, seed: int = 0) -> dict[str, ModalityRows]:
    """Units that respond strongly to a few concepts of each modality.

    In the first ``shared`` units they are the same concepts in all modalities. Held-out images are
    as alike as they are in the bundled stimuli: a concept's images differ by a little noise.
    """
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(N_CONCEPTS), PER_CONCEPT)
    selects = np.tile(np.arange(PER_CONCEPT) < PER_CONCEPT // 2, N_CONCEPTS)
    means = rng.normal(size=(len(NAMES), N_CONCEPTS, N_UNITS))
    means[1:, :, :shared] = means[0, :, :shared]
    return {
        name: ModalityRows(
            values=(mean[codes] + 0.1 * rng.normal(size=(len(codes), N_UNITS))).astype(np.float32),
            codes=codes,
            selects=selects,
        )
        for name, mean in zip(NAMES, means, strict=True)
    }


def counted(shared: int, threshold: float = 0.9) -> tuple[int, Shuffles]:
    scores = scores_of(profiles(shared))
    one, every = (shuffled_scores(scores, o) for o in draw_orders(NAMES, N_CONCEPTS, seed=0))
    seen = int((scores.at("score", scores.selected) >= threshold).sum())
    return seen, Shuffles(modality="word", one=one, all=every)


def test_a_shuffle_is_the_test_on_images_with_other_labels() -> None:
    seen = profiles(shared=20)
    one, every = draw_orders(NAMES, N_CONCEPTS, seed=3, n=2)
    scores = scores_of(seen)
    for orders in (one, every):
        found = shuffled_scores(scores, orders)
        for number, order in enumerate(orders):
            # Concept c takes the images that were of order[c].
            relabelled = {
                name: ModalityRows(
                    values=part.values, codes=np.argsort(places)[part.codes], selects=part.selects
                )
                for (name, part), places in zip(seen.items(), order, strict=True)
            }
            again = scores_of(relabelled)
            expected = again.at("score", again.selected)
            assert found[number] == pytest.approx(expected, abs=1e-6)
    right = np.tile(np.arange(N_CONCEPTS), (1, len(NAMES), 1))
    unshuffled = shuffled_scores(scores, right)[0]
    assert unshuffled == pytest.approx(scores.at("score", scores.selected), abs=1e-6)
    assert not np.allclose(unshuffled, shuffled_scores(scores, one)[0])


def test_only_the_named_modality_moves_and_the_others_move_alike_for_all_units() -> None:
    one, every = draw_orders(NAMES, N_CONCEPTS, seed=0)
    assert one.shape == every.shape == (N_SHUFFLES, len(NAMES), N_CONCEPTS)
    assert (one[:, :2] == np.arange(N_CONCEPTS)).all()
    assert (np.sort(every, axis=2) == np.arange(N_CONCEPTS)).all()
    assert (every[:, 0] != every[:, 1]).any() and len(np.unique(every[:, 2], axis=0)) == N_SHUFFLES
    of_the_users_own, _ = draw_orders(("word", "photo"), 5, seed=0)
    assert (of_the_users_own[:, 1] == np.arange(5)).all()
    last, _ = draw_orders(("photo", "sketch"), 5, seed=0)
    assert (last[:, 0] == np.arange(5)).all() and (last[:, 1] != np.arange(5)).any()


def test_coincidences_are_told_from_units_with_one_concept() -> None:
    """Units whose modalities have nothing to do with each other reach a threshold that is held out,
    so the count alone is not evidence; forty units with one concept are."""
    none, controls = counted(shared=0, threshold=0.75)
    alone, _ = controls.reaching(0.75, none)
    assert none > 10 and alone.p > 0.05
    assert abs(none - alone.mean) < 3 * alone.sd and str(alone).startswith(f"{alone.mean:.0f} ±")
    seen, controls = counted(shared=40)
    for count in controls.reaching(0.9, seen):
        assert seen >= 40 and count.p == pytest.approx(1 / (1 + N_SHUFFLES))
        assert count.mean + 3 * count.sd < seen
        assert count.share.n == N_SHUFFLES
        assert count.share.low <= count.share.value <= count.share.high
        assert count.share.value == pytest.approx(count.mean / N_UNITS)


@pytest.fixture(scope="module")
def made(clip: Any, tmp_path_factory: pytest.TempPathFactory) -> Multimodality:
    probes = bundled_probes(per_concept=4, concepts=concepts()[:5], size_px=64)
    out = tmp_path_factory.mktemp("shuffled") / "run"
    return multimodality(clip, probes, [SITE], controls=["random_weights"], out=out)


def test_the_count_stands_beside_its_controls(made: Multimodality) -> None:
    assert made.path is not None
    summary = json.loads((made.path / "summary.json").read_text("utf-8"))
    one, every = made.strong_shuffled
    assert summary["shuffled"] == {
        "modality": "word",
        "threshold": 0.85,
        "n_shuffles": 60,
        "one": {"mean": one.mean, "sd": one.sd, "p": one.p},
        "all": {"mean": every.mean, "sd": every.sd, "p": every.p},
    }
    claims = summary["claims"]
    assert claims["strong"]["one"] == summary["shuffled"]["one"]
    assert claims["strong"]["random_weights"]["n_tested"] == 64
    for test in ("each", "exact"):
        count = (made.units[f"q_{test}"] <= made.alpha).sum()
        assert claims[test]["n"] == count and claims[test]["n_tested"] == 64
    assert "profile" not in claims  # five concepts are too few
    assert any("profile test needs" in note for note in made.notes)
    assert all(one["one"] and one["all"] for one in claims.values())
    assert f"{made.n_strong} of 64 units" in made.verdict and summary["verdict"] == made.verdict
    assert f"images shuffled {one} do" in made.verdict and "at random weights" in made.verdict
    report = (made.path / "report.md").read_text("utf-8")
    assert made.verdict in report and "q_selected" not in report
    assert report.index(made.verdict) < report.index("|")  # before the first number of the page
    assert "q_selected" not in made.units and not hasattr(made, "n_significant_selected")


def test_an_older_run_opens_without_its_withdrawn_column(
    made: Multimodality, tmp_path: Path
) -> None:
    assert made.path is not None
    new, old = (
        load_run(made.path),
        Run.open(tmp_path / "old", kind="multimodality", config=dict(made.config)),
    )
    for file in TABLES.values():
        table = new.read_table(file)
        if file == "units.parquet":
            tests = ("each", "exact", "profile")
            later = [n for n in table.column_names if n.endswith(tests) or n.startswith("rho_")]
            assert len(later) == 10
            table = table.drop_columns(later).append_column(
                "q_selected", pa.array(np.zeros(len(table)))
            )
        old.write_table(file, table)
    arrays = dict(new.read_arrays("nulls.safetensors"))
    arrays = {
        name: array
        for name, array in arrays.items()
        if not name.startswith(("shuffled/", "floor/q_each", "floor/q_exact", "floor/q_profile"))
    }
    arrays["floor/q_selected"] = np.zeros(64)
    old.write_arrays("nulls.safetensors", arrays)
    kept = new.read_json("summary.json")
    old.write_json(
        "summary.json",
        {k: v for k, v in kept.items() if k not in ("shuffled", "claims", "verdict")},
    )
    old.finish(provenance={"model": made.config["model"]}, counts={}, seed=0)

    found = Multimodality.load(tmp_path / "old")
    assert found.shuffles is None and found.strong_shuffled == ()
    assert "q_selected" not in found.units and WITHDRAWN_NOTE in found.notes
    assert "no count with shuffled concepts" in found.verdict
    again = found.summary()
    assert again["shuffled"] is None and found.n_strong == made.n_strong
    assert set(again["claims"]) == {"strong", "concepts"} and "exact test" not in found.verdict
    assert again["claims"]["strong"]["one"] is None

    evidence = Evidence(runs={"multimodal": (load_run(tmp_path / "old"),)})
    first = evidence.about("multimodal", f"{SITE}:3")[0][1][0]
    assert first.warning == WITHDRAWN_NOTE and "q over units" not in first.columns
    evidence = Evidence(runs={"multimodal": (load_run(made.path),)})
    first = evidence.about("multimodal", f"{SITE}:3")[0][1][0]
    assert not first.warning and made.verdict in first.caption
