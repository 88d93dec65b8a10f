"""The audit against a known truth: a planted reader is found, a non-reader is cleared."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attacks.typographic import audit_typographic
from clipprobe.errors import ConfigError, ThresholdCrossedError
from clipprobe.zeroshot import TEMPLATES

NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
SIZE = 0.2


def headline(run: Any) -> dict[str, dict[str, Any]]:
    return {item["name"]: item["estimate"] for item in run.summary["headline"]}


def test_a_planted_reader_is_found(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    clip = toy(reads=True)
    run = audit_typographic(clip, colours(), NAMES, out=tmp_path / "run", size=SIZE)
    numbers = headline(run)
    assert numbers["clean_accuracy"]["value"] == 1.0
    assert numbers["attacked_accuracy"]["value"] == 0.0
    assert numbers["targeted_success"]["value"] == 1.0
    assert numbers["reading_effect"]["low"] > 0.5
    conditions = run.summary["conditions"]
    assert conditions["true"]["accuracy"]["all"]["value"] == 1.0
    assert conditions["nonsense"]["targeted_success"]["all"]["value"] < 0.5
    assert run.summary["effects"]["accuracy_gained_by_true_word"]["estimate"]["value"] == 0.0
    assert run.summary["effects"]["reading_effect"]["mcnemar_p"] < 1e-6
    assert math.isclose(sum(run.summary["distill_fractions"].values()), 1.0)
    # The 8 clean images of a class look alike, so they are one image to encode.
    assert run.summary["n"]["encoded"] == len(clip.seen) <= 48 * 5 + 6


def test_a_model_that_cannot_read_is_cleared(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    run = audit_typographic(toy(reads=False), colours(), NAMES, out=tmp_path / "run", size=SIZE)
    numbers = headline(run)
    # Clutter alone destroys every answer: what other tools would report as success.
    assert numbers["untargeted_success"]["value"] == 1.0
    assert numbers["targeted_success"]["value"] > 0
    effect = numbers["reading_effect"]
    assert effect["low"] <= 0.0 <= effect["high"]
    assert run.summary["effects"]["accuracy_lost_to_clutter"]["estimate"]["value"] == 1.0
    assert run.summary["effects"]["accuracy_lost_to_reading"]["estimate"]["value"] == 0.0


@pytest.mark.parametrize("words", ["random", "runner-up", "most-similar"])
def test_every_image_and_text_is_encoded_once(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path, words: str
) -> None:
    clip = toy(reads=True)
    # The 20 images of a class look alike when clean, also those of different chunks.
    run = audit_typographic(
        clip, colours(20), NAMES, out=tmp_path / "run", words=words, size=SIZE, batch_size=4,
        words_per_image=2,
    )  # fmt: skip
    assert set(clip.seen.values()) == {1}
    assert sum(clip.seen.values()) == run.summary["n"]["encoded"] < 120 * 10 + 6 + 1
    assert len(set(run.read_table("results.parquet")["pixels"].to_pylist())) == len(clip.seen)
    assert set(clip.texts.values()) == {1}
    assert len(clip.texts) == len(TEMPLATES) * len(NAMES)
    chunks = 120 / (4 * 4)
    # Full batches, but for the last one of a chunk (of its clean images, too, for runner-up).
    assert sum(n < 4 for n in clip.batches) <= 2 * (chunks + 1)


def test_another_seed_writes_other_words(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    tables = [
        audit_typographic(
            toy(reads=True), colours(4), NAMES, out=tmp_path / str(seed), size=SIZE, seed=seed
        ).read_table("results.parquet")
        for seed in (0, 1)
    ]
    assert tables[0]["word"].to_pylist() != tables[1]["word"].to_pylist()
    assert all(
        word != label
        for table in tables
        for word, label in zip(table["word"].to_pylist(), table["label"].to_pylist(), strict=True)
    )


def test_a_threshold_is_decided_on_the_lower_end_of_the_interval(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    def audit(least: float) -> Any:
        return audit_typographic(
            toy(reads=True), colours(), NAMES, out=tmp_path / "run", size=SIZE,
            fail_under={"clean_accuracy": least},
        )  # fmt: skip

    assert headline(audit(0.9))["clean_accuracy"]["low"] == pytest.approx(0.9259, abs=1e-4)
    with pytest.raises(ThresholdCrossedError, match=r"clean_accuracy is 1\.000 \[0\.926, 1\.000"):
        audit(0.95)  # the value 1.0 is above, the lower end is not
    assert (tmp_path / "run" / "manifest.json").is_file()


def test_the_report_shows_numbers_pictures_and_what_to_doubt(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    run = audit_typographic(toy(reads=True), colours(2), NAMES, out=tmp_path / "run", size=SIZE)
    html = (run.path / "report.html").read_text(encoding="utf-8")
    assert html.count("data:image/webp") == 3 * 6 + 12
    for text in ("reading effect", "blank label", "Holm", "not against a dictionary"):
        assert text in html
    assert "reading effect" in (run.path / "report.md").read_text(encoding="utf-8")
    json.loads((run.path / "summary.json").read_text())


def test_several_words_for_each_picture(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    clip = toy(reads=True)
    run = audit_typographic(
        clip, colours(1), NAMES, out=tmp_path / "run", size=SIZE, words_per_image=2
    )
    table = run.read_table("results.parquet").to_pylist()
    assert sum(clip.seen.values()) == run.summary["n"]["encoded"] == 6 * (1 + 2 * 5)
    clean = [row["pixels"] for row in table if row["condition"] == "clean"]
    assert len(clean) == 12 and len(set(clean)) == 6
    assert len(table) == 6 * 2 * 6  # the clean image stands beside each of its two words
    words = {(row["image"], row["word"]) for row in table}
    assert len(words) == 12 and all(word not in image for image, word in words)
    assert run.summary["conditions"]["clean"]["accuracy"]["all"]["n"] == 6
    reading = run.summary["effects"]["reading_effect"]
    assert reading["estimate"]["n"] == 12 and reading["mcnemar_p"] is None
    assert "over 6 clusters" in reading["estimate"]["method"]


def test_progress_counts_what_is_left_to_encode(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    steps: list[tuple[int, int]] = []
    clip = toy(reads=True)
    data = colours(4)
    (data.records[5].source).write_bytes(b"no image")
    audit_typographic(
        clip, data, [*NAMES, "ox"], out=tmp_path / "run", size=SIZE, batch_size=4,
        progress=lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    done, totals = zip(*steps, strict=True)
    assert list(done) == sorted(done) and list(totals) == sorted(totals, reverse=True)
    assert totals[0] <= 24 * 6 and len(steps) > 30
    # What needed no encoding (a broken file, look-alikes, "ox" that cannot be scrambled) is off.
    assert steps[-1] == (len(clip.seen), len(clip.seen)) and len(clip.seen) < 23 * 6


def test_text_drawn_at_the_image_keeps_its_share_of_the_picture(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    rows = {
        at: audit_typographic(
            toy(reads=False), colours(3), NAMES, out=tmp_path / at, size=SIZE, draw_at=at
        ).read_table("results.parquet")
        for at in ("model", "image")
    }
    # Images are 96, 97 and 98 wide and 96 high: the model's size is 96 x 96.
    assert max(x for x in rows["model"]["x1"].to_pylist() if x is not None) <= 96
    assert set(rows["image"]["size_px"].to_pylist()) == {None, SIZE * 96 // 0.25 * 0.25}
    assert rows["image"]["ink"].to_pylist() != rows["model"]["ink"].to_pylist()


def test_a_model_that_changes_its_own_size_is_drawn_on_at_the_image_only(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    clip = toy(reads=True)
    clip.preprocess.keeps = lambda height, width: False
    with pytest.raises(ConfigError, match="draw_at='image'"):
        audit_typographic(clip, colours(1), NAMES, out=tmp_path / "run", size=SIZE)
    assert not (tmp_path / "run").exists()
    run = audit_typographic(
        clip, colours(1), NAMES, out=tmp_path / "run", size=SIZE, draw_at="image"
    )
    assert headline(run)["attacked_accuracy"]["value"] == 0.0
