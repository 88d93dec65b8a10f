"""What stands beside the scores: controls with words, counts under shuffles, and the gallery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clipprobe
from clipprobe.neurons.multimodality import Multimodality, multimodality
from clipprobe.neurons.multimodality.controls import AGAINST, drawings, word_controls
from clipprobe.neurons.multimodality.gallery.sheet import LARGEST
from clipprobe.neurons.multimodality.gallery.writing import write_gallery
from clipprobe.stimuli import concepts

SITE = "vision.blocks.1.mlp.post"
FEW = concepts()[:5]


def test_word_controls_share_everything_but_the_word() -> None:
    made = drawings("dog", 0, 64)
    assert {name: len(images) for name, images in made.items()} == dict.fromkeys(made, 24)
    assert set(made) == {"word", *AGAINST}
    for number in range(24):
        blank = np.asarray(made["blank"][number]).astype(int)
        ink = np.abs(np.asarray(made["word"][number]).astype(int) - blank).sum(axis=2) > 0
        # The ground is the same; only letters differ.
        assert 0.005 < ink.mean() < 0.5
    assert len(drawings("oo", 0, 64)["scrambled"]) == 0


def test_word_controls_tell_reading_from_ink(clip: Any) -> None:
    pairs = [(f"{SITE}:3", "dog"), (f"{SITE}:3", "日本")]
    found = word_controls(clip, pairs, pools={SITE: "max"})
    assert set(found[0].against) == set(AGAINST) and found[0].n_word == 24
    for name in AGAINST:
        estimate = found[0].against[name]
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1 and estimate.n == 48
    assert set(found[0].jitter) == {"font", "size", "place"}
    assert all(value >= 0 for value in found[0].jitter.values())
    assert "cannot be drawn" in found[1].reason and not found[1].against["blank"].defined


def test_controls_are_in_the_table_with_n_and_interval(made: Multimodality) -> None:
    assert len(made.controls) == 2 * (4 + 3)
    rates = made.controls[~made.controls["control"].str.startswith("jitter")]
    assert (rates["low"] <= rates["value"]).all() and (rates["n"] == 48).all()


def test_counts_are_those_of_the_tables(clip: Any, probes: Any) -> None:
    count = clipprobe.count_multimodal(clip, probes, sites=[SITE], threshold=0.6)
    found = multimodality(clip, probes, sites=[SITE], controls=["random_weights"])
    units = found.units
    assert count.n_strong == int((units["score"] >= 0.6).sum()) > 0
    assert count.n_units == int(((units["score"] >= 0.6) & (units["q"] <= 0.05)).sum())
    assert found.shuffles is not None
    by_hand = (found.shuffles.one >= np.float32(0.6)).sum(axis=1)
    assert count.one_shuffled.mean == by_hand.mean() and 0 < count.one_shuffled.p <= 1
    assert count.all_shuffled.sd == (found.shuffles.all >= np.float32(0.6)).sum(axis=1).std(ddof=1)
    assert set(count.claims) == {"each", "exact"}  # five concepts are too few for profiles
    exact = count.claims["exact"]
    assert exact.n == int((units["q_exact"] <= 0.05).sum()) and exact.share.n == len(units)
    assert exact.one is not None and exact.one.mean == found.shuffles.counts["exact"][0].mean()
    assert count.units.n == len(units) and count.random_strong.n == len(units)
    assert found.floor is not None
    assert count.random_strong.value == pytest.approx((found.floor.score >= 0.6).mean())
    assert json.loads(json.dumps(count.to_json()))["n_images"] == 60


def test_a_gallery_is_small_pictures_and_an_index(clip: Any, tmp_path: Path) -> None:
    out = tmp_path / "gallery"
    out.mkdir()
    (out / "99-old.webp").write_bytes(b"")
    (out / "notes.md").write_text("kept")
    options: dict[str, Any] = {"top": 2, "sites": [SITE], "per_concept": 4, "names": FEW}
    entries = write_gallery(clip, out, **options)
    assert len(entries) == 2 and len({entry.concept for entry in entries}) == 2
    assert {path.name for path in out.iterdir()} == {
        "README.md", "notes.md", *(entry.file for entry in entries)
    }  # fmt: skip
    index = (out / "README.md").read_text("utf-8")
    for entry in entries:
        path = out / entry.file
        assert path.stat().st_size <= LARGEST
        with Image.open(path) as sheet:
            assert sheet.size == (840, 464)
            assert len(np.unique(np.asarray(sheet.convert("L")))) > 50
        assert f"({entry.file})" in index and entry.unit in index
        assert entry.score.n == 48 and entry.score.value == min(
            one.value for one in entry.aurocs.values()
        )
    assert (
        "random weights" in index
        and "cross-tower" in index
        and "pooled by class token in the last third" in index
    )
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_gallery(clip, out, **options)
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}
