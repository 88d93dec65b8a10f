"""Labels that are codes, and a file that says what they mean."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from data.imagefiles import put

from attacks.typographic.inputs import classes_of
from clipprobe.data import open_dataset
from clipprobe.data.label_names import read_names, refuse_codes
from clipprobe.errors import DataError
from clipprobe.study.call import OPENERS
from clipprobe.zeroshot.embedded import label_rows

MAPPING = "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n\nn02012849 crane\n"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three images in folders as ImageNet has them."""
    for name in ("n01440764/a.png", "n01443537/b.png", "n09999999/c.png"):
        put(tmp_path / "val" / name)
    return tmp_path / "val"


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LOC_synset_mapping.txt", MAPPING),
        ("tabs.txt", "n01440764\ttench\nn01443537\tgoldfish\n"),
        ("names.csv", "label,name\nn01440764,tench\nn01443537,goldfish\n"),
        ("names.tsv", "code\tmore\tname\nn01440764\tx\ttench\nn01443537\ty\tgoldfish\n"),
        ("two.csv", 'wnid,words\nn01440764,"tench, Tinca tinca"\nn01443537,goldfish\n'),
    ],
)
def test_codes_get_names(photos: Path, tmp_path: Path, name: str, text: str) -> None:
    file = written(tmp_path / name, text)
    dataset = open_dataset(photos, label_names=file)
    assert [(one.id, one.label) for one in dataset] == [
        ("n01440764/a.png", "tench"),
        ("n01443537/b.png", "goldfish"),
    ]
    (left_out,) = dataset.describe()["left_out"]
    assert left_out["examples"] == ["n09999999/c.png"] and "has no name" in left_out["reason"]
    assert dataset.origin is not None
    again = OPENERS["images"](**dataset.origin.arguments)
    assert again.fingerprint == dataset.fingerprint != open_dataset(photos).fingerprint


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "n01440764 tench\nn01440764 fish\n", "more than once"),
        ("b.txt", "n01440764 tench\nn01443537\n", "Row 2 .* has no name"),
        ("c.txt", " \n", "is empty"),
        ("d.csv", "label\nn01440764\n", "one column"),
        ("e.txt", "cat tench\n", "names labels such as 'cat', and the images have 'n01440764'"),
        ("g.csv", "n01440764,tench\nn01443537,goldfish\n", "first line .* is 'n01440764'"),
        ("f.txt", "\udcff", "cannot be read"),
    ],
)
def test_a_file_that_names_nothing_is_refused(
    photos: Path, tmp_path: Path, name: str, text: str, message: str
) -> None:
    file = tmp_path / name
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=message):
        open_dataset(photos, label_names=file)


def test_a_name_for_two_labels_is_said(photos: Path, tmp_path: Path) -> None:
    text = MAPPING + "n09999999 Crane, machine\n"
    with pytest.warns(UserWarning, match="1 name.* for several labels.*'fish'"):
        open_dataset(
            photos, label_names=written(tmp_path / "a.txt", "n01440764 fish\nn01443537 Fish")
        )
    with warnings.catch_warnings():  # the other crane is not in the data
        warnings.simplefilter("error")
        open_dataset(photos, label_names=written(tmp_path / "b.txt", text))


def test_codes_are_not_taken_for_class_names(photos: Path, tmp_path: Path) -> None:
    records = open_dataset(photos).records
    with pytest.raises(DataError, match=r"codes of WordNet \(n01440764\).*--label-names"):
        label_rows(records, None)
    with pytest.raises(DataError, match="--label-names"):
        classes_of(None, None, labels=lambda: [str(one.label) for one in records])
    names, rows = label_rows(records, ["n01440764", "n01443537", "n09999999"])  # as the user says
    assert len(names) == 3 and rows.tolist() == [0, 1, 2]
    put(photos / "dog" / "d.png")
    assert label_rows(open_dataset(photos).records, None)[0][0] == "dog"
    assert read_names(written(tmp_path / "m.txt", MAPPING))["n02012849"] == "crane"


def test_parts_of_a_data_set_are_not_classes() -> None:
    with pytest.raises(DataError, match=r"'train' and 'val' are parts .* ends in /train"):
        refuse_codes(["val", "train", "train"])
    refuse_codes(["train", "bus", None])


def test_numbers_for_labels_are_said() -> None:
    with pytest.warns(UserWarning, match=r"are numbers \(0, 1, 10, ...\).*--label-names"):
        refuse_codes(["0", "1", "10"])
    refuse_codes(["7", "seven"])
