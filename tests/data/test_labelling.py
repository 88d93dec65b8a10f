"""Labels in a table elsewhere on disk, and samples that stay the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.imagefiles import ids, put

from clipprobe.data import as_dataset, open_dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.study.call import OPENERS

ROWS = [("cats/1.png", "cat", "0.5"), ("dogs/1.png", "dog", "0.25"), ("absent.png", "cat", "1")]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four images that nobody may write beside."""
    for name in ("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/2.png"):
        put(tmp_path / "photos" / name)
    return tmp_path / "photos"


def table(path: Path, rows: list[tuple[str, ...]], names: tuple[str, ...]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.table({n: [row[i] for row in rows] for i, n in enumerate(names)}), path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
        path.write_text("\n".join(lines))
    else:
        comma = "\t" if path.suffix == ".tsv" else ","
        path.write_text("\n".join(comma.join(row) for row in [names, *rows]))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_table_elsewhere_labels_the_images(photos: Path, tmp_path: Path, suffix: str) -> None:
    labels = table(tmp_path / "else" / f"where{suffix}", ROWS, ("file_name", "label", "blur"))
    dataset = open_dataset(photos, labels=labels)
    assert {r.id: (r.label, r.attributes) for r in dataset} == {
        "cats/1.png": ("cat", {"blur": "0.5"}),
        "dogs/1.png": ("dog", {"blur": "0.25"}),
    }
    left_out = dataset.describe()["left_out"]
    assert [(one["n"], one["examples"]) for one in left_out] == [
        (2, ["cats/2.png", "dogs/2.png"]),
        (1, ["absent.png"]),
    ]
    assert "without a row" in left_out[0]["reason"] and "without an image" in left_out[1]["reason"]
    assert dataset.fingerprint != open_dataset(photos).fingerprint


def test_names_are_relative_to_the_root(photos: Path, tmp_path: Path) -> None:
    rows = [("photos/cats/1.png", "cat"), (str(photos / "dogs" / "2.png"), "dog")]
    labels = table(tmp_path / "labels.csv", rows, ("path", "species"))
    with pytest.raises(DataError, match=r"No id of the 4 images of 'photos'.*photos/cats/1.png"):
        open_dataset(photos, labels=labels)
    dataset = open_dataset(photos, labels=labels, image_root=tmp_path)
    assert {r.id: r.label for r in dataset} == {"cats/1.png": "cat", "dogs/2.png": "dog"}
    below = open_dataset(photos / "cats", labels=labels, image_root=tmp_path)
    assert {r.id: r.label for r in below} == {"1.png": "cat"}


def test_a_table_of_images_may_lie_anywhere_too(photos: Path, tmp_path: Path) -> None:
    rows = [("cats/1.png", "cat"), ("dogs/2.png", "dog")]
    images = table(tmp_path / "far" / "away.tsv", rows, ("file_name", "label"))
    dataset = open_dataset(images, image_root=photos)
    assert {r.id: r.label for r in dataset} == {"cats/1.png": "cat", "dogs/2.png": "dog"}
    assert all(Path(str(r.source)).is_file() for r in dataset)
    other = table(tmp_path / "far" / "other.csv", rows, ("photo", "what"))
    found = open_dataset(other, image_root=photos, id_column="photo", label_column="what")
    assert [r.label for r in found] == ["cat", "dog"]


@pytest.mark.parametrize("name", ["../secret.png", "cats/../../secret.png", "/etc/passwd"])
def test_no_name_leads_out_of_the_root(photos: Path, tmp_path: Path, name: str) -> None:
    put(tmp_path / "secret.png")
    images = table(
        tmp_path / "t.csv", [(name, "cat"), ("cats/1.png", "cat")], ("file_name", "label")
    )
    with pytest.raises(DataError, match=r"which is outside .*photos.*--image-root"):
        open_dataset(images, image_root=photos)
    labelled = open_dataset(photos, labels=images)  # here it names none of the images
    assert ids(labelled) == ["cats/1.png"]
    assert labelled.left_out[1].ids == (name,)


def test_the_columns_of_a_table_are_chosen(photos: Path, tmp_path: Path) -> None:
    rows = [("cats/1.png", "a", "x"), ("dogs/1.png", "b", "y")]
    labels = table(tmp_path / "t.csv", rows, ("image", "kind", "breed"))
    with pytest.raises(DataError, match=r"which column holds the labels \(it has: image, kind, br"):
        open_dataset(photos, labels=labels)
    with pytest.raises(DataError, match="has no column 'sort'"):
        open_dataset(photos, labels=labels, label_column="sort")
    by_breed = open_dataset(photos, labels=labels, label_column="breed")
    assert [(r.label, r.attributes) for r in by_breed] == [
        ("x", {"kind": "a"}),
        ("y", {"kind": "b"}),
    ]
    named = table(tmp_path / "n.csv", rows, ("key", "class", "image"))
    assert [r.label for r in open_dataset(photos, labels=named, id_column="key")] == ["a", "b"]


def test_names_without_endings_are_matched_by_stem(tmp_path: Path) -> None:
    for i in range(3):
        put(tmp_path / "photos" / f"{i}.png")
    labels = table(tmp_path / "t.csv", [("0", "zero"), ("2", "two")], ("id", "label"))
    assert [r.label for r in open_dataset(tmp_path / "photos", labels=labels)] == ["zero", "two"]


def test_an_image_twice_or_without_label(photos: Path, tmp_path: Path) -> None:
    twice = table(tmp_path / "t.csv", [ROWS[0], ROWS[0]], ("file_name", "label", "blur"))
    with pytest.raises(DataError, match="names 1 id\\(s\\) more than once"):
        open_dataset(photos, labels=twice)
    rows = [("cats/1.png", ""), ("cats/2.png", "cat")]
    dataset = open_dataset(photos, labels=table(tmp_path / "e.csv", rows, ("file_name", "label")))
    assert ids(dataset) == ["cats/2.png"] and "empty label" in dataset.left_out[1].reason
    with pytest.raises(DataError, match=r"'label' of the table .* is empty for every image"):
        open_dataset(photos, labels=table(tmp_path / "f.csv", rows[:1], ("file_name", "label")))


def test_a_labelled_data_set_opens_again(photos: Path, tmp_path: Path) -> None:
    labels = table(tmp_path / "t.csv", ROWS, ("file_name", "label", "blur"))
    dataset = open_dataset(photos, labels=labels, sample=1, per_class=True, seed=3)
    assert dataset.origin is not None
    arguments = json.loads(json.dumps(dict(dataset.origin.arguments)))
    assert OPENERS["images"](**arguments).fingerprint == dataset.fingerprint


def test_a_sample_depends_on_seed_and_names_alone(tmp_path: Path) -> None:
    for i in range(60):
        put(tmp_path / f"{'abc'[i % 3]}/{i:02}.png")
    whole = open_dataset(tmp_path)
    sample = open_dataset(tmp_path, sample=20, seed=1)
    assert len(sample) == 20 and ids(sample) == sorted(ids(sample))
    assert ids(as_dataset(whole, sample=20, seed=1)) == ids(sample)
    assert ids(open_dataset(tmp_path, sample=20, seed=2)) != ids(sample)
    assert set(ids(open_dataset(tmp_path, sample=5, seed=1))) < set(ids(sample))
    before = set(ids(sample))
    for i in range(60, 66):
        put(tmp_path / f"a/{i:02}.png")
    after = set(ids(open_dataset(tmp_path, sample=20, seed=1)))
    added = {name for name in after if int(name[2:4]) >= 60}
    assert after - added < before and len(before - after) == len(added)


def test_a_sample_of_each_class(tmp_path: Path) -> None:
    for i in range(30):
        put(tmp_path / f"{'abb'[i % 3]}/{i:02}.png")
    put(tmp_path / "c/1.png")
    dataset = open_dataset(tmp_path, sample=4, per_class=True)
    assert Counter(record.label for record in dataset) == {"a": 4, "b": 4, "c": 1}
    put(tmp_path / "loose.png")
    with pytest.raises(DataError, match="has no label, so the images cannot be sampled within"):
        open_dataset(tmp_path, sample=4, per_class=True)
    with pytest.raises(ConfigError, match="give --sample N too"):
        open_dataset(tmp_path, per_class=True)
    with pytest.raises(DataError, match="sample of 0"):
        open_dataset(tmp_path, sample=0)
