"""Whatever a user gets wrong has its sentence, and nothing that was done is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from attacks.typographic import TypographicAttack, audit_typographic
from attacks.typographic.words import parse_words
from clipprobe.data import Dataset, ImageRecord
from clipprobe.errors import (
    ConfigError,
    DataError,
    GlyphError,
    NoReadableImagesError,
    RunFolderError,
    TextFitError,
)

NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"classes": ["sea", "sky"]},
            DataError,
            "label 'cat' of the image 'cat/000.png' is not am",
        ),
        ({"classes": ["dog"]}, DataError, "at least two different classes"),
        ({"classes": Path("absent.txt")}, DataError, "class file absent.txt could not be read"),
        ({"words": "ranom"}, ConfigError, "did you mean 'random'"),
        ({"words": ["猫"]}, GlyphError, "'猫'"),
        ({"words": ["собака"], "font": "Caveat-Bold"}, GlyphError, "can write it"),
        ({"font": "Papyrus"}, ConfigError, "no bundled font 'Papyrus'"),
        ({"sise": 0.2}, ConfigError, "no setting 'sise': did you mean 'size'"),
        ({"size": "big"}, ConfigError, "size='big'"),
        ({"templates": ["a photo"]}, ConfigError, "template 'a photo'"),
        ({"draw_at": "screen"}, ConfigError, "draw_at='screen'"),
        ({"batch_size": 0}, ConfigError, "batch_size=0"),
        ({"words_per_image": 0}, ConfigError, "words_per_image=0"),
        ({"fail_under": {"reading_effect": 0.5}}, ConfigError, "better when higher"),
        ({"seed": "x"}, ConfigError, "seed='x'"),
        ({"workers": -1}, ConfigError, "workers=-1"),
        ({"fail_under": {"clean_accuracy": 60}}, ConfigError, "clean_accuracy=60.0 is not a share"),
    ],
)
def test_wrong_settings(
    toy: Callable[..., Any],
    colours: Callable[..., Any],
    tmp_path: Path,
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    clip = toy(reads=True)
    arguments = {"classes": NAMES, "out": tmp_path / "run", **options}
    with pytest.raises(error, match=message):
        audit_typographic(clip, colours(1), **arguments)
    assert not clip.seen
    assert not (tmp_path / "run").exists()  # refused before anything is written


def test_no_labels(toy: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    Image.new("RGB", (96, 96), "red").save(folder / "a.png")
    with pytest.raises(DataError, match=r"None of the 1 images of 'flat' has a label.*one.*folder"):
        audit_typographic(toy(reads=True), folder, NAMES, out=tmp_path / "run")


def test_a_word_that_means_the_label_is_left_out(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    run = audit_typographic(
        toy(reads=True), colours(2), NAMES, out=tmp_path / "run", words=["dog"], size=0.2
    )
    assert run.manifest["counts"] == {"used": 10, "skipped": 2, "failed": 0}
    assert run.manifest["failures"][0] == {
        "id": "dog/000.png",
        "reason": "every attack word means its true label",
    }
    dogs = Dataset("dogs", tuple(r for r in colours(2).records if r.label == "dog"))
    with pytest.raises(DataError, match=r"could be attacked .*means its true label"):
        audit_typographic(toy(reads=True), dogs, NAMES, out=tmp_path / "dogs", words=["dog"])


def test_unreadable_pictures_are_counted_and_named(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    data = colours(2)
    broken = [
        ImageRecord("cat/broken.png", b"no image", "cat"),
        ImageRecord("cat/empty.png", b"", "cat"),
        ImageRecord("cat/none.png", tmp_path / "absent.png", "cat"),
    ]
    mixed = Dataset("mixed", tuple(sorted([*data.records, *broken], key=lambda r: r.id)))
    for words in ("random", "runner-up"):
        run = audit_typographic(
            toy(reads=True), mixed, NAMES, out=tmp_path / words, words=words, size=0.2
        )
        assert run.manifest["counts"] == {"used": 12, "skipped": 0, "failed": 3}
        assert {f["id"]: f["reason"] for f in run.manifest["failures"]} == {
            "cat/broken.png": "not an image in a known format",
            "cat/empty.png": "the file is empty",
            "cat/none.png": "no such file",
        }
    with pytest.raises(NoReadableImagesError, match="None of the 3 files of 'broken'"):
        audit_typographic(
            toy(reads=True), Dataset("broken", tuple(broken)), NAMES, out=tmp_path / "none"
        )


def test_a_word_that_cannot_fit_is_left_out(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    words = ["ship", "a very long attack that nobody could ever write on so small an image"]
    run = audit_typographic(
        toy(reads=True), colours(4), NAMES, out=tmp_path / "run", words=words, size=0.2
    )
    # The long word is known not to fit before anything is encoded: no image is lost to it.
    assert run.manifest["counts"] == {"used": 20, "skipped": 4, "failed": 0}
    assert set(run.read_table("results.parquet")["word"].to_pylist()) == {"ship"}
    assert any("1 word cannot be written" in text for text in run.summary["warnings"])
    with pytest.raises(TextFitError, match=r"None of the 1 words to write .* into 90 x 90 px"):
        audit_typographic(
            toy(reads=True), colours(1), NAMES, out=tmp_path / "no", words=words[1:], size=0.2
        )


def test_another_configuration_does_not_overwrite(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path
) -> None:
    audit_typographic(toy(reads=True), colours(1), NAMES, out=tmp_path / "run", size=0.2)
    before = (tmp_path / "run" / "results.parquet").read_bytes()
    with pytest.raises(RunFolderError, match="another configuration"):
        audit_typographic(toy(reads=True), colours(1), NAMES, out=tmp_path / "run", size=0.3)
    assert (tmp_path / "run" / "results.parquet").read_bytes() == before


def test_hostile_names_are_shown_as_text(toy: Callable[..., Any], tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    names = [*NAMES, evil]
    source = tmp_path / "x.png"
    Image.new("RGB", (96, 96), "#c81e1e").save(source)
    records = [ImageRecord(f"{evil}\n{i}.png", source, "dog") for i in range(6)]
    run = audit_typographic(
        toy(reads=True), Dataset(evil, tuple(records)), names, out=tmp_path / "run",
        words=[evil, "ship"],
    )  # fmt: skip
    html = (run.path / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in html
    assert evil not in html
    assert evil not in (run.path / "report.md").read_text(encoding="utf-8")


def test_a_text_that_no_image_can_show_is_refused_at_once() -> None:
    word = "a" * 10_000_000
    start = time.monotonic()
    with pytest.raises(TextFitError, match=r"has 10,000,000 characters, and at most 1,000"):
        TypographicAttack(word=word)
    with pytest.raises(TextFitError, match="10,000,000 characters"):
        TypographicAttack(word="cat").with_word(word)
    with pytest.raises(DataError, match="10,000,000 characters"):
        parse_words(["cat", word])
    assert time.monotonic() - start < 5
