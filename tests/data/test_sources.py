"""A folder becomes records, whatever lies in it."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.imagefiles import failures, ids, png, put

from clipprobe.data import Failure, decode_image, open_dataset
from clipprobe.data.records import require_readable
from clipprobe.errors import DataError, NoReadableImagesError


def test_a_folder_is_read_with_its_sub_folders(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "deep/er/c.png", ".hidden.png", ".git/x.png", "Thumbs.db"):
        put(tmp_path / name)
    put(tmp_path / "notes.txt", b"not an image")
    dataset = open_dataset(tmp_path)
    assert ids(dataset) == ["a.png", "b.png", "deep/er/c.png", "notes.txt"]
    assert {record.label for record in dataset} == {None}
    assert failures(dataset) == [Failure("notes.txt", "not an image in a known format")]
    assert dataset.name == tmp_path.name


def test_the_folder_of_an_image_is_its_label_when_all_have_one(tmp_path: Path) -> None:
    put(tmp_path / "cat" / "1.png")
    put(tmp_path / "dog" / "old" / "1.png")
    put(tmp_path / "README", b"about the images")
    assert {r.id: r.label for r in open_dataset(tmp_path)} == {
        "README": None,
        "cat/1.png": "cat",
        "dog/old/1.png": "dog",
    }
    put(tmp_path / "loose.png")
    assert {r.label for r in open_dataset(tmp_path)} == {None}


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a" / "1.png")
    put(tmp_path / "elsewhere" / "2.png")
    (tmp_path / "images" / "a" / "up").symlink_to(tmp_path / "images")
    (tmp_path / "images" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images" / "a" / "3.png").symlink_to(tmp_path / "elsewhere" / "2.png")
    (tmp_path / "images" / "broken.png").symlink_to("nowhere.png")
    dataset = open_dataset(tmp_path / "images")
    assert ids(dataset) == ["a/1.png", "a/3.png", "broken.png", "more/2.png"]
    assert failures(dataset) == [Failure("broken.png", "no such file")]


def test_strange_names_keep_their_ids(tmp_path: Path) -> None:
    names = [
        "new\nline.png",
        "<script>alert(1)</script>.png".replace("/", "_"),
        "=cmd.png",
        "ü.png",
    ]
    for name in names:
        put(tmp_path / name)
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(png())
    dataset = open_dataset(tmp_path)
    assert set(ids(dataset)) == {*names, "caf\\xe9.png"}
    assert failures(dataset) == []
    dataset.fingerprint.encode()


def test_ids_do_not_depend_on_how_a_file_system_writes_accents(tmp_path: Path) -> None:
    put(tmp_path / "mac" / "e\u0301.png")
    put(tmp_path / "linux" / "\u00e9.png")
    mac, linux = open_dataset(tmp_path / "mac"), open_dataset(tmp_path / "linux")
    assert ids(mac) == ids(linux) == ["\u00e9.png"]
    assert mac.fingerprint == linux.fingerprint
    put(tmp_path / "mac" / "\u00e9.png")  # both: then the names as they are tell them apart
    assert len(set(ids(open_dataset(tmp_path / "mac")))) == 2


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NoReadableImagesError, match="holds no file"):
        open_dataset(tmp_path)
    put(tmp_path / ".hidden.png")
    with pytest.raises(NoReadableImagesError, match="holds no file"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match="There are no images at"):
        open_dataset(tmp_path / "absent")
    with pytest.raises(DataError, match="could not be reached"):
        open_dataset(tmp_path / ("x" * 300))
    for path in ("./absent", "../absent", "absent", "", "a\0b"):  # a path, never a name on the hub
        with pytest.raises(DataError, match="There are no images at"):
            open_dataset(path)
    with pytest.raises(DataError, match=r"notes\.txt is not a data set"):
        open_dataset(put(tmp_path / "notes.txt"))
    with pytest.raises(DataError, match="limit 0"):
        open_dataset(tmp_path, limit=0)


def test_one_image_file_is_a_data_set_of_one(tmp_path: Path) -> None:
    assert ids(open_dataset(put(tmp_path / "a.png"))) == ["a.png"]


def test_a_limit_is_spread_and_stable(tmp_path: Path) -> None:
    for i in range(40):
        put(tmp_path / f"{'ab'[i // 20]}/{i:02}.png")
    few = open_dataset(tmp_path, limit=10)
    assert len(few) == 10 and ids(few) == sorted(ids(few))
    assert {record.label for record in few} == {"a", "b"}
    assert set(ids(open_dataset(tmp_path, limit=5))) < set(ids(few))
    assert len(open_dataset(tmp_path, limit=99)) == 40


def test_the_fingerprint_sees_every_change(tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    put(tmp_path / "a.png", png(1))
    put(tmp_path / "b.png", png(2))
    table.write_text("file_name,label,light\na.png,cat,day\nb.png,dog,day\n")
    first = open_dataset(tmp_path).fingerprint
    assert open_dataset(tmp_path).fingerprint == first
    table.write_text("light,label,file_name\nday,dog,b.png\nday,cat,a.png\n")  # only the order
    assert open_dataset(tmp_path).fingerprint == first
    seen = {first}
    for text in ("a.png,cat,day\nb.png,dog,night\n", "a.png,cat,day\nb.png,cow,day\n"):
        table.write_text("file_name,label,light\n" + text)
        seen.add(open_dataset(tmp_path).fingerprint)
    put(tmp_path / "b.png", png(3))
    seen.add(open_dataset(tmp_path).fingerprint)
    (tmp_path / "b.png").unlink()
    seen.add(open_dataset(tmp_path).fingerprint)
    assert len(seen) == 5
    assert open_dataset(tmp_path).describe()["records"] == 2


def test_a_zip_is_read_in_place_as_its_folder(tmp_path: Path) -> None:
    for name in ("photos/cat/1.png", "photos/dog/2.png", "photos/dog/notes.txt", "__MACOSX/x.png"):
        put(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in sorted(p for p in tmp_path.rglob("*.*") if p.suffix != ".zip"):
            archive.write(path, path.relative_to(tmp_path).as_posix())
    folder, zipped = open_dataset(tmp_path / "photos"), open_dataset(tmp_path / "p.zip")
    assert [(r.id, r.label) for r in zipped] == [(r.id, r.label) for r in folder]
    assert zipped.fingerprint == folder.fingerprint
    assert sorted(p.name for p in tmp_path.iterdir()) == ["__MACOSX", "p.zip", "photos"]


@pytest.mark.parametrize("around", ["", "photos/"])
def test_a_zip_with_a_metadata_table_is_its_folder(tmp_path: Path, around: str) -> None:
    put(tmp_path / "photos" / "1.png")
    put(tmp_path / "photos" / "sub" / "2.png")
    table = "file_name,label,who\n1.png,cat,ann\nsub/2.png,dog,\n"
    (tmp_path / "photos" / "metadata.csv").write_text(table)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for path in sorted((tmp_path / "photos").rglob("*.*")):
            name = path.relative_to(tmp_path / "photos").as_posix()
            archive.write(path, f"{around}{name}")
    folder, zipped = open_dataset(tmp_path / "photos"), open_dataset(tmp_path / "p.zip")
    assert [(r.id, r.label) for r in zipped] == [("1.png", "cat"), ("sub/2.png", "dog")]
    assert zipped.records[0].attributes == {"who": "ann"}
    assert zipped.fingerprint == folder.fingerprint
    with zipfile.ZipFile(tmp_path / "p.zip", "a") as archive:
        archive.writestr(f"{around}metadata.tsv", "file_name\n1.png\n")
    with pytest.raises(DataError, match=r"has .*metadata\.csv and .*metadata\.tsv: keep one"):
        open_dataset(tmp_path / "p.zip")


def test_a_folder_of_parquet_files_is_told_to_be_one(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [b"x"]}), tmp_path / "train-0.parquet")
    (tmp_path / "README.md").write_text("a data set")
    with pytest.raises(DataError, match=r"holds Parquet files .* such as .*train-0\.parquet"):
        open_dataset(tmp_path)


def test_images_that_a_table_does_not_lie_beside_are_looked_for_elsewhere() -> None:
    gone = [Failure("1.png", "no such file"), Failure("2.png", "no such file")]
    with pytest.raises(NoReadableImagesError, match="relative to its folder, or to that of --im"):
        require_readable(0, gone, "labels.csv")
    with pytest.raises(NoReadableImagesError, match=r"None of the 0 files.*such as JPEG"):
        require_readable(0, [], "labels.csv")
    with pytest.raises(NoReadableImagesError, match="such as JPEG"):
        require_readable(0, [*gone, Failure("3.png", "damaged")], "labels.csv")


def test_one_folder_in_a_zip_stays_its_label(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("cats/1.png", png())
        archive.writestr("cats/2.png", png())
    assert [(r.id, r.label) for r in open_dataset(tmp_path / "p.zip")] == [
        ("cats/1.png", "cats"),
        ("cats/2.png", "cats"),
    ]


def test_a_zip_that_leads_out_or_unpacks_to_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", png())
        archive.writestr("../out.png", png())
        archive.writestr("a/bomb.png", bytes(2 << 20))
    monkeypatch.setattr("clipprobe.data.archives.MAX_MEMBER_BYTES", 1 << 20)
    reasons = {one.id: one.reason for one in failures(open_dataset(tmp_path / "p.zip"))}
    assert reasons == {
        "../out.png": "its name leads out of the archive",
        "a/bomb.png": "unpacks to more than 1 MiB",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["p.zip"]
    (tmp_path / "q.zip").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="could not be read as zip"):
        open_dataset(tmp_path / "q.zip")


def test_images_in_a_parquet_file_with_numbers_for_classes(tmp_path: Path) -> None:
    names = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": names}})}
    table = pa.table(
        {
            "image": [{"bytes": png(i), "path": None} for i in range(3)],
            "label": [1, 0, -1],
            "place": ["sea", None, "sky"],
        }
    ).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    dataset = open_dataset(tmp_path / "t.parquet")
    assert [(r.label, dict(r.attributes)) for r in dataset] == [
        ("dog", {"place": "sea"}),
        ("cat", {}),
        (None, {"place": "sky"}),
    ]
    assert [decode_image(r).getpixel((0, 0)) for r in dataset] == [(i,) * 3 for i in range(3)]
    wrong = table.set_column(1, "label", [[5, 0, 1]])
    pq.write_table(wrong, tmp_path / "w.parquet")
    with pytest.raises(DataError, match=r"Row 1 of .* has the class 5 in 'label'.* 0 to 1"):
        open_dataset(tmp_path / "w.parquet")
