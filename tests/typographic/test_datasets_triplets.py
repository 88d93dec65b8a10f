"""Loaders of triplets (SCAM, RTA-100-Triplet) in Parquet and zip, on tiny generated copies."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typographic.attack_files import parquet, png, reasons, triplet_rows

from attacks.typographic.datasets import (
    detect_layout,
    find_layout,
    load_attacks,
)
from clipprobe.data import decode_image
from clipprobe.data.archives import ZipMember
from clipprobe.errors import DataError, UnreadableImageError


def as_zip(path: Path, rows: list[dict[str, Any]], extra: Mapping[str, bytes] = {}) -> Path:
    lines = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in rows:
            cells = {k: v for k, v in row.items() if k != "image"}
            cells.setdefault("file_name", f"{row['id']}.png")
            lines.append(json.dumps(cells))
            archive.writestr(f"images/train/{row['id']}.png", row["image"]["bytes"])
        archive.writestr("images/train/metadata.jsonl", "\n".join(lines))
        for name, data in extra.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("make", [parquet, as_zip], ids=["parquet", "zip"])
def test_triplets_are_paired_by_id(tmp_path: Path, make: Callable[..., Path]) -> None:
    path = make(tmp_path / ("scam.zip" if make is as_zip else "train.parquet"), triplet_rows())
    found = load_attacks("scam", path)
    assert found.counts() == {"attack": 3, "clean": 3, "synth": 3}
    shown = {"SCAM": "red", "NoSCAM": "green", "SynthSCAM": "blue"}
    for p in found.pictures:
        kind, _, suffix = p.id.partition("/")
        assert p.pair == suffix
        i = int(suffix[-1])
        assert (p.label, p.word or p.aim) == (f"thing {i}", f"word {i}")
        assert (p.word == "") == (kind == "NoSCAM")
        color = Image.new("RGB", (1, 1), shown[kind]).getpixel((0, 0))
        assert decode_image(p.source).getpixel((0, 0)) == color
    assert found.layout.noncommercial
    assert "CC-BY-NC-4.0" in found.notices()[0] and "commercial" in found.notices()[0]
    assert "3,486 images as published (1,162 triplets" in found.notices()[1]
    assert detect_layout(path) == find_layout("scam")


def test_the_same_triplets_in_any_row_order(tmp_path: Path) -> None:
    rows = triplet_rows()
    a = load_attacks("scam", parquet(tmp_path / "a" / "t.parquet", rows))
    b = load_attacks("scam", parquet(tmp_path / "b" / "t.parquet", rows[::-1], group=4))
    assert a.dataset.fingerprint == b.dataset.fingerprint
    folder = load_attacks("scam", parquet(tmp_path / "c" / "data" / "t.parquet", rows).parents[1])
    assert folder.dataset.fingerprint == a.dataset.fingerprint


def test_incomplete_triplets_are_left_out_with_a_reason(tmp_path: Path) -> None:
    rows = triplet_rows(n=5)
    rows = [r for r in rows if r["id"] != "NoSCAM_img_0000"]
    for row in rows:
        if row["id"] == "SynthSCAM_img_0001":
            row["attack_word"] = "another"
        if row["id"].endswith("0002"):
            row["attack_word"] = "Thing-2"
    rows.append({**rows[0], "type": "Other"})
    rows.append(dict(next(r for r in rows if r["id"] == "SCAM_img_0003")))
    found = load_attacks("scam", parquet(tmp_path / "t.parquet", rows))
    assert {p.pair for p in found.pictures} == {"img_0003", "img_0004"}
    why = reasons(found)
    assert why["SCAM/img_0000"] == "its twin of type NoSCAM is missing"
    assert why["SynthSCAM/img_0000"] == why["SCAM/img_0000"]
    assert why["SCAM/img_0001"] == "its triplet disagrees on attack_word"
    assert "its own label" in why["NoSCAM/img_0002"]
    assert why["SCAM/SCAM_img_0003"] == "its id is there twice; the first was used"
    assert any("'Other' is none of" in reason for reason in why.values())


def test_triplets_of_rta(tmp_path: Path) -> None:
    kinds = ("RTA", "NoRTA")
    path = parquet(tmp_path / "t.parquet", triplet_rows(kinds))
    found = load_attacks("auto", path)
    assert found.layout.name == "rta-100-triplet"
    assert found.counts() == {"attack": 3, "clean": 3}
    assert any("No image of type SynthRTA" in text for text in found.warnings)


def test_a_hostile_zip(tmp_path: Path) -> None:
    rows = triplet_rows(n=2)
    rows[0]["file_name"] = "../../etc/passwd"
    path = as_zip(tmp_path / "s.zip", rows, {"../outside.png": png(), "/root.png": png()})
    found = load_attacks("scam", path)
    why = reasons(found)
    assert "leads out of the data set" in why["SCAM/SCAM_img_0000"]
    assert why["../outside.png"] == why["/root.png"] == "its name leads out of the archive"
    assert {p.pair for p in found.pictures} == {"img_0001"}
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["s.zip"]  # nothing was unpacked


def test_a_member_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = as_zip(tmp_path / "s.zip", triplet_rows(n=2), {"images/train/big.png": bytes(3 << 20)})
    from clipprobe.data import archives

    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 1 << 20)
    with pytest.raises(UnreadableImageError, match="unpacks to more than 1 MiB"):
        ZipMember(path, "images/train/big.png").read()
    with pytest.raises(UnreadableImageError, match="no such member"):
        ZipMember(path, "absent.png").read()
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    (tmp_path / "broken.zip").write_bytes(bytes(data))
    with pytest.raises(UnreadableImageError, match="damaged"):
        ZipMember(tmp_path / "broken.zip", "images/train/SCAM_img_0000.png").read()


def test_broken_tables_are_named(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "attack_word"} for row in triplet_rows()]
    with pytest.raises(DataError, match=r"no column 'attack_word' \(it has: type, id"):
        load_attacks("scam", parquet(tmp_path / "t.parquet", rows))
    (tmp_path / "x.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="could not be read as Parquet"):
        load_attacks("scam", tmp_path / "x.parquet")
    (tmp_path / "x.zip").write_bytes(b"nothing")
    with pytest.raises(DataError, match="could not be read as zip"):
        load_attacks("scam", tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("a.png", png())
    with pytest.raises(DataError, match=r"has no metadata\.jsonl"):
        load_attacks("scam", tmp_path / "y.zip")
