"""Hugging Face data sets, as a folder or an id, behind the extra ``datasets``.

Images stay encoded until a worker decodes them, with our own decoder: the numbers do not depend on
the library's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipprobe.data.decode import read_source
from clipprobe.data.records import Dataset, make_dataset
from clipprobe.data.tables import record_of
from clipprobe.errors import DataError, MissingExtraError, UnreadableImageError

_ID = re.compile(
    r"(?:hf:)?(?P<id>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<split>[\w.\[\]:%-]+))?"
)
_DEFAULT_SPLITS = ("test", "validation", "train")


@dataclass(frozen=True, slots=True)
class RowRef:
    """One row of a ``datasets.Dataset`` whose image column is not decoded."""

    rows: Any
    index: int
    column: str

    def read(self) -> bytes:
        """The encoded image of the row."""
        value = self.rows[self.index][self.column]
        if value is None:
            raise UnreadableImageError("the row has no image")
        if value.get("bytes"):
            data: bytes = value["bytes"]
            return data
        if not value.get("path"):
            raise UnreadableImageError("the row has no image")
        return read_source(Path(value["path"]))


def looks_like_id(spec: str) -> bool:
    """Whether ``spec`` can be ``owner/name`` or ``owner/name@split``, ``hf:`` in front or not."""
    return _ID.fullmatch(spec) is not None


def open_hub(spec: str) -> Dataset:
    """Open ``owner/name[@split]`` from the hub or the local cache.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        DataError: it cannot be fetched, or has no column of images.
    """
    match = _ID.fullmatch(spec)
    if match is None:
        raise DataError(f"{spec!r} is not a Hugging Face id: give owner/name or owner/name@split.")
    datasets = _library(f"No folder {spec!r} exists, and reading it as a Hugging Face data set")
    try:
        dataset = datasets.load_dataset(match["id"], split=match["split"])
    except Exception as error:  # the library raises its own, the hub client's and OSErrors
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"There is no folder {spec!r}, and as a Hugging Face data set it could not be loaded "
            f"({reason}): check the name, or give a local folder when there is no network."
        ) from None
    return _dataset(spec, dataset)


def is_saved_dataset(path: Path) -> bool:
    """Whether ``path`` was written by ``save_to_disk`` or holds the Parquet files of a data set."""
    if (path / "dataset_dict.json").is_file():
        return True
    return (path / "state.json").is_file() and (path / "dataset_info.json").is_file()


def open_saved(path: Path) -> Dataset:
    """Open a folder written by ``Dataset.save_to_disk``.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        DataError: it cannot be read, or has no column of images.
    """
    datasets = _library(f"The folder {path} is a saved Hugging Face data set, and reading it")
    try:
        dataset = datasets.load_from_disk(str(path))
    except Exception as error:  # see open_hub
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"The data set in {path} could not be loaded ({reason}).") from None
    return _dataset(path.resolve().name, dataset)


def _library(feature: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtraError(feature, "datasets") from None
    return datasets


def _dataset(name: str, loaded: Any) -> Dataset:
    split = "data"
    if isinstance(loaded, dict):  # a DatasetDict: one data set a split
        split = next((each for each in _DEFAULT_SPLITS if each in loaded), sorted(loaded)[0])
        loaded = loaded[split]
    columns = [key for key, kind in loaded.features.items() if type(kind).__name__ == "Image"]
    if not columns:
        raise DataError(
            f"The Hugging Face data set {name!r} has no column of images (it has: "
            f"{', '.join(loaded.features)}): give one that has."
        )
    column = "image" if "image" in columns else columns[0]
    images = loaded.cast_column(column, type(loaded.features[column])(decode=False))
    metadata = loaded.remove_columns(columns)
    names = {key: kind.names for key, kind in metadata.features.items() if hasattr(kind, "names")}
    width = len(str(max(len(loaded) - 1, 0)))
    records = []
    for index in range(len(loaded)):
        cells = dict(metadata[index]) if metadata.column_names else {}
        for key, value in cells.items():
            if key in names and isinstance(value, int) and 0 <= value < len(names[key]):
                cells[key] = names[key][value]
        source = RowRef(images, index, column)
        records.append(record_of(f"{split}/{index:0{width}d}", source, cells))
    return make_dataset(name, records, None)
