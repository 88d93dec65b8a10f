"""Images that carry their words already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from PIL import Image

from attacks.typographic import TypographicAttack, audit_typographic
from attacks.typographic.rendering.cases import compile_pattern, read_cases
from clipprobe.data import Dataset, open_dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.testing.toys import NAMES as COLOUR_NAMES
from clipprobe.zeroshot.classes import Classes

NAMES = ["dog", "cat", "ship", "lamp", "tree", "fish"]
COLORS = ["#c81e1e", "#1ea01e", "#2828c8", "#beb414", "#9614a0", "#00a0aa"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """``{object}-{word}.png`` for 6 objects x (blank, the own word, two others, no class)."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, (name, color) in enumerate(zip(NAMES, COLORS, strict=True)):
        ground = Image.new("RGB", (96, 96), color)
        for word in ("blank", name, NAMES[i - 1], NAMES[i - 2], "meow"):
            picture = ground
            if word != "blank":
                picture = TypographicAttack(word=word, size=0.2)(ground).image
            picture.save(folder / f"{name}-{word}.png")
    return folder


def test_photographed_words_are_audited_as_they_are(
    toy: Callable[..., Any], photos: Path, tmp_path: Path
) -> None:
    clip = toy(reads=True)
    run = audit_typographic(
        clip, photos, NAMES, out=tmp_path / "run", name_pattern="{label}-{word}", batch_size=8
    )
    summary = run.summary
    assert sum(clip.seen.values()) == summary["n"]["encoded"] == 30
    assert summary["n"]["clusters"] == 6
    attack = summary["conditions"]["attack"]
    assert (attack["accuracy"]["all"]["value"], attack["accuracy"]["all"]["n"]) == (0.0, 18)
    targeted = attack["targeted_success"]
    assert (targeted["all"]["value"], targeted["all"]["n"]) == (1.0, 12)  # meow aims at no class
    assert (targeted["clean_right"]["value"], targeted["clean_right"]["n"]) == (1.0, 12)
    assert summary["conditions"]["true"]["accuracy"]["all"]["value"] == 1.0
    assert summary["conditions"]["clean"]["accuracy"]["all"]["n"] == 6
    assert summary["effects"]["effect_over_clean"]["estimate"]["value"] == 1.0
    headline = {item["name"]: item["estimate"] for item in summary["headline"]}
    assert headline["reading_effect"]["value"] is None
    assert "no nonsense-word control" in headline["reading_effect"]["reason"]
    assert any("meow" in text for text in summary["warnings"])
    assert "different photographs of one object" in (run.path / "report.md").read_text()


def test_a_model_that_does_not_know_the_classes_is_said_to(
    toy: Callable[..., Any], photos: Path, tmp_path: Path
) -> None:
    clip = toy(reads=False)
    clip.answer = lambda pixels: 0
    run = audit_typographic(
        clip, photos, NAMES, out=tmp_path / "run", name_pattern="{label}-{word}"
    )
    assert "cannot be shown to know these classes" in run.summary["warnings"][0]


def test_without_blank_photos_only_attacked_numbers_are_given(
    toy: Callable[..., Any], photos: Path, tmp_path: Path
) -> None:
    for photo in photos.glob("*-blank.png"):
        photo.unlink()
    run = audit_typographic(
        toy(reads=True), photos, NAMES, out=tmp_path / "run", name_pattern="{label}-{word}"
    )
    headline = {item["name"]: item["estimate"] for item in run.summary["headline"]}
    assert headline["attacked_accuracy"]["value"] == 0.0
    assert headline["clean_accuracy"]["value"] is None
    assert headline["targeted_success"]["value"] is None
    assert "No image is there without a word" in run.summary["warnings"][0]


def test_words_from_a_column(toy: Callable[..., Any], photos: Path, tmp_path: Path) -> None:
    lines = ["file_name,label,shown"]
    for photo in sorted(photos.iterdir()):
        label, word = photo.stem.split("-")
        lines.append(f"{photo.name},{label},{word}")
    (photos / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    by_column = audit_typographic(
        toy(reads=True), photos, NAMES, out=tmp_path / "column", word_column="shown"
    )
    (photos / "metadata.csv").unlink()
    by_name = audit_typographic(
        toy(reads=True), photos, NAMES, out=tmp_path / "name", name_pattern="{label}-{word}"
    )
    assert by_column.summary == by_name.summary


def test_patterns() -> None:
    match = compile_pattern("{label}-{word}").fullmatch("ice-cream-dog")
    assert match is not None and (match["label"], match["word"]) == ("ice-cream", "dog")
    match = compile_pattern("label={label}_text={word}").fullmatch("label=hot_dog_text=cat")
    assert match is not None and (match["label"], match["word"]) == ("hot_dog", "cat")
    match = compile_pattern("{label}.{}").fullmatch("dog.0007")
    assert match is not None and match["label"] == "dog"
    assert compile_pattern("{label}+{word}").fullmatch("dog-cat") is None
    for wrong in ("{word}", "{label}{label}", "{name}-{label}", "plain"):
        with pytest.raises(ConfigError, match="cannot be used"):
            compile_pattern(wrong)


def test_names_that_do_not_fit_are_left_out_with_a_reason(photos: Path) -> None:
    Image.new("RGB", (8, 8)).save(photos / "readme.png")
    cases, skipped = read_cases(open_dataset(photos), Classes(NAMES), name_pattern="{label}-{word}")
    assert len(cases) == 30
    assert [(s.id, s.reason) for s in skipped] == [
        ("readme.png", "its name is not of the form {label}-{word}")
    ]
    with pytest.raises(DataError, match=r"None of the 31 file names .* '{label}_{word}' .*cat-bl"):
        read_cases(open_dataset(photos), Classes(NAMES), name_pattern="{label}_{word}")


def test_an_absent_word_column_is_named(colours: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match="No image of 'colours' has a value in the column 'shown'"):
        read_cases(colours(1), Classes(NAMES), word_column="shown")


@pytest.mark.parametrize(
    ("pattern", "name", "label"),
    [
        ("{}_{label}", "n01677366_common_iguana.JPEG", "common_iguana"),
        ("{}_{label}_{}", "n01677366_common_iguana_0042.JPEG", "common_iguana"),
        ("{label}_{}", "common_iguana_0042.jpg", "common_iguana"),
        ("{label}", "val/common iguana.png", "common iguana"),
        ("{}-{}-{label}", "2019-03-hot-dog.png", "hot-dog"),
        ("{label}.{}", "hot.dog.1.png", "hot.dog"),
        ("{}_{label}", "iguana.png", None),
        ("{label} ({})", "iguana (3).png", "iguana"),
    ],
)
def test_a_pattern_ignores_as_little_as_it_can(pattern: str, name: str, label: str | None) -> None:
    match = compile_pattern(pattern).fullmatch(PurePosixPath(name).stem)
    assert (match and match["label"]) == label


def test_labels_of_names_are_the_classes(toy: Any, colours: Any, tmp_path: Path) -> None:
    records = [
        replace(record, id=f"n0_{record.label}_{i}.png", label=None)
        for i, record in enumerate(colours(1))
    ]
    data = Dataset("names", tuple(sorted(records, key=lambda one: one.id)))
    run = audit_typographic(
        toy(reads=True), data, name_pattern="{}_{label}_{}", size=0.2, out=tmp_path / "run"
    )
    assert run.manifest["config"]["classes"] == sorted(COLOUR_NAMES)
    assert run.manifest["counts"] == {"used": 6, "skipped": 0, "failed": 0}
