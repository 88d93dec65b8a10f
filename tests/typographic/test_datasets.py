"""Loaders of attack data sets, on tiny generated copies of every published layout."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typographic.attack_files import facts, fill, parquet, png, reasons, triplet_rows

from attacks.typographic.datasets import (
    Layout,
    detect_layout,
    find_layout,
    layouts,
    load_attacks,
    read_multi_image,
)
from clipprobe.data import decode_image
from clipprobe.errors import ConfigError, DataError


def test_label_text_names(tmp_path: Path) -> None:
    folder = fill(
        tmp_path,
        [
            "label=dog_text=cat.png",
            "label=cat_text=dog.jpeg",
            "label=bus_text=car.JPG",
            "label=hot_dog_text=ice_cream.png",
            "label=Dog_text=dog.png",
            "label=_text=dog.png",
            "other.png",
            "._label=dog_text=cat.png",
        ],
    )
    (folder / "README.md").write_text("about")
    (folder / "notes.xyz").write_text("?")
    found = load_attacks("label-text", folder)
    assert facts(found) == [
        ("label=bus_text=car.JPG", "bus", "car"),
        ("label=cat_text=dog.jpeg", "cat", "dog"),  # not "dog."
        ("label=dog_text=cat.png", "dog", "cat"),
        ("label=hot_dog_text=ice_cream.png", "hot dog", "ice cream"),
    ]
    assert found.classes() == ["bus", "car", "cat", "dog", "hot dog", "ice cream"]
    assert set(reasons(found)) == {
        "label=Dog_text=dog.png",
        "label=_text=dog.png",
        "notes.xyz",
        "other.png",
    }
    assert "its own label" in reasons(found)["label=Dog_text=dog.png"]
    assert found.warnings == ()


def test_counts_that_differ_from_the_published_ones_are_said(tmp_path: Path) -> None:
    folder = fill(tmp_path, [f"label=dog_text=w{i}.png" for i in range(3)])
    found = load_attacks("rta_100", folder)
    assert "1,000 images as published; 3 usable ones were found" in found.warnings[0]
    assert found.describe()["expected"] == [1000]
    assert (
        load_attacks(
            "paint", fill(tmp_path, [f"label=x_text=w{i}.png" for i in range(107)])
        ).warnings
        == ()
    )


@pytest.mark.parametrize("name", ["annotations.json", "annotation.json"])
def test_disentangling(tmp_path: Path, name: str) -> None:
    fill(tmp_path, ["images/IMG_2.JPG", "images/IMG_3.JPG", "images/IMG_9.JPG"])
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    (tmp_path / "images" / "IMG_1.JPG").write_bytes(png(format="JPEG", exif=exif))
    entry = {"true object": "cup", "typographic attack label": "good"}
    annotations: dict[str, Any] = {
        "IMG_1.JPG": entry,
        "IMG_2.JPG": {"true object": "cup", "typographic attack label": ""},
        "img_3.jpg": {"true object": "cup", "typographic attack label": None},
        "IMG_4.JPG": entry,
        "../IMG_5.JPG": entry,
        "IMG_6.JPG": {"typographic attack label": "good"},
    }
    fill(tmp_path, ["images/IMG_6.JPG"])
    (tmp_path / name).write_text(json.dumps(annotations))
    found = load_attacks("disentangling", tmp_path)
    assert [(p.label, p.word, p.pair) for p in found.pictures] == [
        ("cup", "good", "cup"),
        ("cup", "", "cup"),
        ("cup", "", "cup"),
    ]
    assert decode_image(found.pictures[0].source).size == (6, 8)
    assert found.counts() == {"attack": 1, "clean": 2}
    assert reasons(found) == {
        "../IMG_5.JPG": "its name leads out of the folder",
        "IMG_4.JPG": "the annotations name it and no such file is there",
        "IMG_6.JPG": "its annotation names no true object",
        "images/IMG_9.JPG": "the annotations do not name it",
    }
    assert "180 or 171" in found.warnings[0] and "cannot be compared" in found.warnings[0]
    assert detect_layout(tmp_path) == find_layout("disentangling")


def test_distill_folders(tmp_path: Path) -> None:
    fill(tmp_path / "in-the-wild-2", ["mug-blank.jpg", "mug-ipod.jpg", "mug-mug.jpg", "mug.jpg"])
    fill(tmp_path / "in-the-wild-3", ["mug-blank.jpg", "mug-cup.jpg"])
    fill(tmp_path / "other", ["a-b.jpg"])
    found = load_attacks("auto", tmp_path)
    assert found.layout.name == "distill"
    assert found.counts() == {"attack": 2, "clean": 2, "true": 1}
    assert {p.pair for p in found.pictures} == {"in-the-wild-2/mug", "in-the-wild-3/mug"}
    assert reasons(found) == {
        "in-the-wild-2/mug.jpg": "its name is not of the form {object}-{word}"
    }
    assert any("in-the-wild-3 has 56 photographs" in text for text in found.warnings)
    assert found.with_synonyms({"apple": ["fruit"]})["apple"] == ["Granny Smith", "fruit"]
    one = load_attacks("distill", tmp_path / "in-the-wild-3")
    assert [p.pair for p in one.pictures] == ["./mug", "./mug"]


def test_a_bundled_layout_can_be_made_again() -> None:
    own = find_layout("distill")
    again = Layout.bundled("distill", own.read, own.recognise)
    assert again == own and ("apple", ("Granny Smith",)) in again.synonyms


def test_typod(tmp_path: Path) -> None:
    fill(
        tmp_path,
        ["val-12-what is it-dog-hot_dog.jpg", "val-13-how many-two-two.jpg", "dog-cat.jpg"],
    )
    found = load_attacks("typod", tmp_path)
    assert facts(found) == [("val-12-what is it-dog-hot_dog.jpg", "dog", "hot dog")]
    assert "its own label" in reasons(found)["val-13-how many-two-two.jpg"]
    assert "does not end in" in reasons(found)["dog-cat.jpg"]
    assert detect_layout(tmp_path) is None


def test_colour_words(tmp_path: Path) -> None:
    fill(tmp_path, ["stroop/red_blue.png", "stroop_inv/red_example.png"])
    found = load_attacks("auto", tmp_path)
    assert found.layout.name == "stroop"
    assert [(p.label, p.word) for p in found.pictures] == [("red", "blue"), ("red", "example")]


def test_multi_image_counts(tmp_path: Path) -> None:
    path = tmp_path / "pizza.csv"
    path.write_text(
        "ori_label,total_num,untargeted_num,untargeted_asr,targeted_num,targeted_asr\n"
        "dog,50,20,0.4,5,0.1\ncat,50,30,0.6,5,0.1\ntotal,100,50,0.5,10,0.1\n"
    )
    rows, whole = read_multi_image(path)
    assert [r.label for r in rows] == ["dog", "cat"]
    assert (whole.total, whole.targeted_success.value, whole.untargeted_success.value) == (
        100,
        0.1,
        0.5,
    )
    assert np.isclose(whole.targeted_success.low, 0.0552, atol=1e-4)
    path.write_text("ori_label,total_num,untargeted_num,targeted_num\ndog,50,4,5\n")
    with pytest.raises(DataError, match="which cannot be"):
        read_multi_image(path)


def test_limits_keep_pairs_whole(tmp_path: Path) -> None:
    path = parquet(tmp_path / "t.parquet", triplet_rows(n=5))
    found = load_attacks("scam", path, limit=7)
    assert found.counts() == {"attack": 2, "clean": 2, "synth": 2}
    assert "Only 6 of 15 images were used (limit)" in found.warnings[-1]
    assert len(load_attacks("scam", path, limit=2)) == 2


def test_samples_keep_pairs_whole_and_follow_the_seed(tmp_path: Path) -> None:
    path = parquet(tmp_path / "t.parquet", triplet_rows(n=9))
    pairs = [
        frozenset(p.pair for p in load_attacks("scam", path, sample=12, seed=seed).pictures)
        for seed in (0, 0, 1)
    ]
    assert pairs[0] == pairs[1] != pairs[2] and len(pairs[0]) == 4
    few = load_attacks("scam", path, sample=6, seed=0)
    assert {p.pair for p in few.pictures} < pairs[0]
    labels = {p.label for p in load_attacks("scam", path).pictures}
    each = load_attacks("scam", path, sample=2, per_class=True)
    assert {p.label for p in each.pictures} == labels and len(each) == 2 * len(labels)
    assert "were used (sample)" in each.warnings[-1]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'rta-100'"):
        find_layout("rta100")
    with pytest.raises(ConfigError, match="known are disentangling, distill"):
        find_layout("zzz")
    with pytest.raises(DataError, match="nothing is downloaded"):
        load_attacks("scam", tmp_path / "absent")
    fill(tmp_path, ["dog.png"])
    with pytest.raises(ConfigError, match="cannot be told from its files"):
        load_attacks("auto", tmp_path)
    with pytest.raises(DataError, match=r"None of the 1 files .* 'dog\.png': its name is not"):
        load_attacks("rta-100", tmp_path)
    with pytest.raises(DataError, match=r"No .parquet, metadata.jsonl or .zip"):
        load_attacks("scam", tmp_path)
    assert all(layout.name == name for name, layout in layouts().items())


def test_the_layouts_of_names_are_read_from_a_zip(tmp_path: Path) -> None:
    names = ["label=dog_text=cat.png", "label=hot_dog_text=ipod.JPEG", "notes.png"]
    folder = fill(tmp_path / "rta", names)
    archive = zipped(tmp_path / "rta.zip", folder, "rta")
    plain, packed = load_attacks("label-text", folder), load_attacks("label-text", archive)
    assert [(p.label, p.word) for p in packed.pictures] == [
        (p.label, p.word) for p in plain.pictures
    ]
    assert list(reasons(packed).values()) == list(reasons(plain).values())
    assert all(p.source.read() == png() for p in packed.pictures)  # type: ignore[union-attr]
    (folder / "notes.png").unlink()
    whole = zipped(tmp_path / "whole.zip", folder, "")
    assert getattr(detect_layout(whole), "name", None) == "label-text"
    with zipfile.ZipFile(whole, "a") as opened:
        opened.writestr("../label=x_text=y.png", png())
    assert reasons(load_attacks("label-text", whole)) == {
        "../label=x_text=y.png": "its name leads out of the archive"
    }


def test_annotations_are_read_from_a_zip(tmp_path: Path) -> None:
    folder = fill(tmp_path / "d", ["IMG_1.JPG", "IMG_2.JPG"])
    entries = {
        "IMG_1.JPG": {"true object": "mug", "typographic attack label": "pizza"},
        "IMG_2.JPG": {"true object": "mug", "typographic attack label": ""},
    }
    (folder / "annotations.json").write_text(json.dumps(entries))
    packed = load_attacks("disentangling", zipped(tmp_path / "d.zip", folder, "photos"))
    assert [(p.label, p.word) for p in packed.pictures] == [("mug", "pizza"), ("mug", "")]


def test_numbers_for_types_and_labels_become_their_names(tmp_path: Path) -> None:
    rows = triplet_rows(n=2)
    kinds, things = ["NoSCAM", "SCAM", "SynthSCAM"], ["thing 0", "thing 1"]
    for row in rows:
        row["type"] = kinds.index(row["type"])
        row["object_label"] = things.index(row["object_label"])
    features = {
        "type": {"names": kinds, "_type": "ClassLabel"},
        "object_label": {"names": things, "_type": "ClassLabel"},
    }
    table = pa.Table.from_pylist(rows).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = load_attacks("auto", tmp_path / "t.parquet")
    assert found.layout.name == "scam"
    assert found.counts() == {"attack": 2, "clean": 2, "synth": 2}
    assert {p.label for p in found.pictures} == set(things)


def zipped(path: Path, folder: Path, around: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{around}/{file.name}".lstrip("/"))
    return path
