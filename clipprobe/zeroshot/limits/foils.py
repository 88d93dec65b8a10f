"""Tables of true and false captions, as people and benchmarks store them.

* a CSV table with the columns ``image``, ``caption`` and ``foil``, or ``image_0``, ``image_1``,
  ``caption_0`` and ``caption_1`` for two images whose captions swap;
* SugarCrepe (arXiv:2306.14610): JSON files of ``filename``, ``caption`` and ``negative_caption``,
  or the folder of them, each file a wording of its own;
* Winoground (arXiv:2204.03162): ``examples.jsonl`` with two images and two captions each, or its
  folder; both images of an example are held out together;
* NegBench (arXiv:2501.09425): a CSV table with ``image_path``, ``caption_0`` to ``caption_3`` and
  ``correct_answer``; ``correct_answer_template`` is the wording.

Images are looked for beside the table, and in a folder ``images`` or ``val2017`` there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipprobe.errors import DataError
from clipprobe.runs.tables import read_csv

COLUMNS = ("image", "caption", "foil")
SWAPPED = ("image_0", "image_1", "caption_0", "caption_1")
_FOLDERS = ("", "images", "val2017", "data/images")
_WORDING = "caption or foil"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One image and what is said of it."""

    image: str
    """As the table names it."""
    options: tuple[str, ...]
    """Captions, the true one first."""
    group: str
    """What is held out together: the image, or an example of two images."""
    wording: str = _WORDING


def read_rows(path: Path) -> tuple[list[Row], Path]:
    """Every row of a table in any of the layouts, and the folder that its images are relative to.

    Raises:
        DataError: it cannot be read, or is in none of the layouts.
    """
    if path.is_dir():
        return _folder_rows(path), path
    if not path.is_file():
        raise DataError(
            f"{path} is not a file: give a CSV table with {', '.join(COLUMNS)}, or the folder of "
            "SugarCrepe or Winoground."
        )
    readers = {".json": _sugar_crepe, ".jsonl": _winoground}
    return list(readers.get(path.suffix.lower(), _csv)(path)), path.parent


def _folder_rows(folder: Path) -> list[Row]:
    for place in (folder / "examples.jsonl", folder / "data" / "examples.jsonl"):
        if place.is_file():
            return list(_winoground(place))
    files = sorted(folder.glob("*.json"))
    if files:
        return [row for file in files for row in _sugar_crepe(file)]
    tables = sorted(folder.glob("*.csv"))
    if len(tables) == 1:
        return list(_csv(tables[0]))
    raise DataError(
        f"{folder} holds no examples.jsonl and no JSON files of captions, and {len(tables)} CSV "
        "tables: give one table by its name."
    )


def _csv(path: Path) -> Iterator[Row]:
    table = read_csv(path)
    if "image_path" in table.column_names and "correct_answer" in table.column_names:
        yield from _neg_bench(path, table)
        return
    if set(SWAPPED) <= set(table.column_names):
        for number, row in enumerate(table.to_pylist(), start=1):
            yield from _example({"id": number, **row})
        return
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(
            f"{path.name} has no column {', '.join(missing)}: name them {', '.join(COLUMNS)}."
        )
    columns = (table[name].to_pylist() for name in COLUMNS)
    for image, caption, foil in zip(*columns, strict=True):
        yield Row(image=str(image), options=(str(caption), str(foil)), group=str(image))


def _neg_bench(path: Path, table: Any) -> Iterator[Row]:
    names = [name for name in table.column_names if name.startswith("caption_")]
    for number, row in enumerate(table.to_pylist(), start=2):
        captions = [str(row[name]) for name in names]
        try:
            true = captions.pop(int(float(row["correct_answer"])))
        except (ValueError, IndexError):
            raise DataError(
                f"Row {number} of {path.name} has the correct_answer {row['correct_answer']!r}, "
                f"and there are {len(names)} captions: count them from 0."
            ) from None
        image = str(row["image_path"])
        wording = str(row.get("correct_answer_template") or _WORDING)
        yield Row(image=image, options=(true, *captions), group=image, wording=wording)


def _sugar_crepe(path: Path) -> Iterator[Row]:
    for number, one in enumerate(_records(path), start=1):
        keys = ("filename", "caption", "negative_caption")
        image, caption, foil = (str(_value(path, number, one, key)) for key in keys)
        yield Row(image=image, options=(caption, foil), group=image, wording=path.stem)


def _winoground(path: Path) -> Iterator[Row]:
    for number, one in enumerate(_records(path), start=1):
        fields = {key: _value(path, number, one, key) for key in SWAPPED}
        yield from _example({"id": one.get("id", number), **fields})


def _example(record: Mapping[str, Any]) -> Iterator[Row]:
    """Two images, each with its own caption and the other's."""
    captions = [str(record[f"caption_{k}"]) for k in (0, 1)]
    for k in (0, 1):
        yield Row(
            image=str(record[f"image_{k}"]),
            options=(captions[k], captions[1 - k]),
            group=f"example {record['id']}",
            wording="caption of the other image",
        )


def _records(path: Path) -> list[Any]:
    """The entries of a JSON file, which is a list or numbers them, or the lines of a JSONL file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        records = json.loads(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}): mend the file.") from error
    return list(records.values()) if isinstance(records, dict) else list(records)


def _value(path: Path, number: int, record: Any, key: str) -> Any:
    if not isinstance(record, dict) or key not in record:
        raise DataError(
            f"Entry {number} of {path.name} has no {key!r}: SugarCrepe has filename, caption and "
            "negative_caption, Winoground image_0, image_1, caption_0 and caption_1."
        )
    return record[key]


def image_path(folder: Path, name: str) -> Path:
    """Where the image of a table is; beside the table where it is nowhere."""
    names = (name, f"{name}.png", Path(name).name)
    places = (folder / inner / one for one in names for inner in _FOLDERS)
    return next((place for place in places if place.is_file()), folder / name)
