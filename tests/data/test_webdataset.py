"""WebDataset archives are read in place; a hostile one leads nowhere."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from data.imagefiles import archive, failures, ids, png, put

from clipprobe.data import Failure, decode_image, open_dataset
from clipprobe.errors import DataError, NoReadableImagesError

MEMBERS = {
    "a/01.jpg.png": png(7),
    "a/01.json": b'{"label": "cat", "light": "day", "boxes": [1]}',
    "a/01.txt": " a cat ü\n".encode(),
    "02.png": png(9),
    "02.cls": b"5\n",
    "02.json": b'{"label": "ignored"}',
    "03.json": b"{}",
    "__meta__": b"x",
}


def test_web_dataset_members_become_records(tmp_path: Path) -> None:
    dataset = open_dataset(archive(tmp_path / "x.tar", MEMBERS))
    second, first = dataset.records
    assert (first.id, first.label) == ("a/01.jpg.png", "cat")
    assert first.attributes == {"light": "day", "boxes": "[1]", "text": "a cat ü"}
    assert (second.id, second.label, dict(second.attributes)) == ("02.png", "5", {})
    assert decode_image(first).getpixel((0, 0)) == (7, 7, 7)
    assert decode_image(second).getpixel((0, 0)) == (9, 9, 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.tar"]


def test_a_folder_of_archives_is_one_data_set(tmp_path: Path) -> None:
    for shard in ("0", "1"):
        archive(tmp_path / f"{shard}.tar", {"a.png": png(int(shard))})
    dataset = open_dataset(tmp_path)
    assert ids(dataset) == ["0.tar/a.png", "1.tar/a.png"]
    assert decode_image(dataset.records[1]).getpixel((0, 0)) == (1, 1, 1)


def test_hostile_members_lead_nowhere(tmp_path: Path) -> None:
    put(tmp_path / "secret.png", png(200))
    path = tmp_path / "in" / "x.tar"
    archive(path, {"../../etc/passwd.png": png(1), "bad.json": b"[1]", "bad.png": png(2)})
    with tarfile.open(path, "a") as tar:
        for name, kind in (
            ("soft.png", tarfile.SYMTYPE),
            ("hard.png", tarfile.LNKTYPE),
            ("pipe.png", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "../secret.png"
            tar.addfile(info)
    dataset = open_dataset(path)
    special = "a link or a special file in the archive"
    assert failures(dataset) == [
        Failure("bad.json", "its json could not be read: not a JSON object"),
        Failure("hard.png", special),
        Failure("pipe.png", special),
        Failure("soft.png", special),
    ]
    assert "../../etc/passwd.png" in ids(dataset)  # a name, nothing more
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in", "secret.png", "x.tar"]


def test_a_truncated_archive_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = archive(tmp_path / "x.tar", {"a.png": png(1), "b.png": b"x" * 4000, "c.png": png(3)})
    whole.write_bytes(whole.read_bytes()[:3000])
    dataset = open_dataset(whole)
    got = failures(dataset)
    assert [failure.reason for failure in got] == [
        "the archive is damaged from here on",
        "the archive ends inside this member",
    ]
    assert "a.png" in ids(dataset)


def test_archives_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not an uncompressed tar"):
        open_dataset(put(tmp_path / "x.tar", b"no tar at all" * 100))
    with pytest.raises(DataError, match=r"compressed.*decompress it"):
        open_dataset(put(tmp_path / "x.tar.gz"))
    with tarfile.open(tmp_path / "y.tar", "w:gz") as tar:
        tar.add(put(tmp_path / "a.png"))
    with pytest.raises(DataError, match="not an uncompressed tar"):
        open_dataset(tmp_path / "y.tar")
    with pytest.raises(NoReadableImagesError):
        open_dataset(archive(tmp_path / "empty.tar", {}))
