"""Small files as attack data sets hold them, and what a loader made of them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from attacks.typographic.datasets.attack_set import AttackSet


def png(color: str = "red", size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, options.pop("format", "PNG"), **options)
    return buffer.getvalue()


def fill(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png())
    return folder


def facts(found: AttackSet) -> list[tuple[str, str, str]]:
    return [(p.id, p.label, p.word) for p in found.pictures]


def reasons(found: AttackSet) -> dict[str, str]:
    return {item.id: item.reason for item in found.skipped}


SCAM = ("SCAM", "NoSCAM", "SynthSCAM")


def triplet_rows(kinds: tuple[str, ...] = SCAM, n: int = 3) -> list[dict[str, Any]]:
    """Rows in an order in which pairing by row would be wrong."""
    rows = []
    for place, kind in enumerate(kinds):
        for i in [(j + place) % n for j in range(n)]:
            rows.append(
                {
                    "type": kind,
                    "id": f"{kind}_img_{i:04d}",
                    "object_label": f"thing {i}",
                    "attack_word": f"word {i}",
                    "image": {"bytes": png(("red", "green", "blue")[place]), "path": None},
                }
            )
    return rows


def parquet(path: Path, rows: list[dict[str, Any]], group: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path
