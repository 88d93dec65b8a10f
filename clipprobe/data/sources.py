"""A folder, a table or an archive -> a :class:`~clipprobe.data.records.Dataset`."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from clipprobe.data.choice import Choice
from clipprobe.data.records import Dataset, ImageRecord, Source, Unreadable, make_dataset
from clipprobe.data.suffixes import IMAGE_SUFFIXES, TABLE_SUFFIXES
from clipprobe.errors import DataError
from clipprobe.origin import Origin, absolute

_SYSTEM_FILES = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX"})


def open_dataset(spec: str | Path, *, limit: int | None = None, **choice: Any) -> Dataset:
    """Open the images that ``spec`` names.

    What is recognised, in this order: a table (``.csv``, ``.tsv``, ``.jsonl``, ``.parquet`` with a
    ``file_name`` column, or a ``.parquet`` that holds the images); a WebDataset archive (``.tar``);
    a ``.zip`` of images, with or without a ``metadata`` table; a folder with such a table; a folder
    of ``.tar`` archives; a folder of images (where each image lies in a sub-folder, the first
    folder is its label); a Hugging Face data set as a folder or an id, with the extra ``datasets``.

    Every visible file of a folder becomes a record: one that is not an image fails when it is
    decoded and is counted there. Hidden files are left out. Links are followed, each folder once.

    Args:
        spec: The path or id.
        limit: Keep at most N records, spread over the data set, the same ones on every machine.
        choice: ``labels``, ``image_root``, ``sample`` and so on: a table of labels, and a sample;
            see :class:`~clipprobe.data.choice.Choice`.

    Raises:
        DataError: nothing is there, or it cannot be used as it is.
        NoReadableImagesError: it holds no file at all.
        MissingExtraError: a Hugging Face data set, and ``datasets`` is not installed.
    """
    selection = Choice(limit=limit, **choice)
    whole = _open(spec, selection)
    origin = Origin(opener="images", arguments={"spec": absolute(spec), **selection.arguments()})
    return replace(selection.of(whole), origin=origin)


def _open(spec: str | Path, choice: Choice) -> Dataset:
    path = Path(spec)
    try:
        # Path("") is the current folder, which nobody means by naming nothing.
        is_file, is_folder = path.is_file(), path.is_dir() and str(spec) != ""
    except OSError as error:  # a name that is too long, or a folder above it that is closed
        reason = error.strerror or type(error).__name__
        raise DataError(
            f"The images at {str(spec)!r} could not be reached ({reason}): give another place."
        ) from None
    if is_file:
        return _open_file(path, choice)
    if is_folder:
        return _open_folder(path)
    from clipprobe.data import hub

    if isinstance(spec, str) and hub.looks_like_id(spec):
        return hub.open_hub(spec)
    raise DataError(
        f"There are no images at {str(spec)!r}: give a folder, a metadata table, a .tar archive or "
        "a Hugging Face data set."
    )


def _open_file(path: Path, choice: Choice) -> Dataset:
    from clipprobe.data import archives, tables, webdataset

    parquet = path.suffix.lower() == ".parquet"
    if parquet and (records := archives.parquet_images(path)) is not None:
        return make_dataset(path.name, records, None)
    if path.suffix.lower() in TABLE_SUFFIXES:
        # The folder and the table inside it are the same data set.
        name = path.resolve().parent.name if path.stem == "metadata" else path.name
        id_column = None if choice.labels else choice.id_column
        records = tables.read_table(path, root=choice.image_root, id_column=id_column)
        return make_dataset(name, records, None)
    if path.suffix.lower() == ".zip":
        return make_dataset(path.name, list(_zipped(path)), None)
    if path.suffix.lower() == ".tar":
        return make_dataset(path.name, webdataset.read_archive(path), None)
    if path.name.lower().endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")):
        raise DataError(
            f"The archive {path} is compressed, so that its images cannot be read in place: "
            "decompress it to a .tar first."
        )
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return make_dataset(path.name, [ImageRecord(id=_text(path.name), source=path)], None)
    raise DataError(
        f"The file {path} is not a data set: give a folder, a .csv, .tsv, .jsonl or .parquet table "
        "with a file_name column, or a .tar or .zip archive."
    )


def _open_folder(path: Path) -> Dataset:
    from clipprobe.data import hub, tables, webdataset

    name = path.resolve().name
    candidates = [path / f"metadata{suffix}" for suffix in TABLE_SUFFIXES]
    candidates = [table for table in candidates if table.is_file()]
    if len(candidates) > 1:
        raise DataError(
            f"The folder {path} has {' and '.join(table.name for table in candidates)}: keep one, "
            "or give the table itself."
        )
    if candidates:
        return make_dataset(name, tables.read_table(candidates[0]), None)
    if hub.is_saved_dataset(path):
        return hub.open_saved(path)
    unreadable: dict[Path, str] = {}
    files = sorted(_files(path, unreadable))
    if files and all(file.suffix.lower() == ".tar" for file in files):
        records = [
            record
            for file in files
            for record in webdataset.read_archive(
                file, prefix=f"{_text(file.relative_to(path).as_posix())}/"
            )
        ]
        return make_dataset(name, records, None)
    suffixes = {file.suffix.lower() for file in files}
    if ".parquet" in suffixes and not suffixes & IMAGE_SUFFIXES:
        table = next(file for file in files if file.suffix.lower() == ".parquet")
        raise DataError(
            f"The folder {path} holds Parquet files and no images beside them: give the file that "
            f"holds the images, such as {table}."
        )
    records = list(_named((_text(file.relative_to(path).as_posix()), file) for file in files))
    for folder, reason in unreadable.items():
        record_id = f"{_text(folder.relative_to(path).as_posix())}/"
        records.append(ImageRecord(id=record_id, source=Unreadable(f"a folder: {reason}")))
    return make_dataset(name, records, None)


def _named(sources: Iterable[tuple[str, Source]]) -> Iterator[ImageRecord]:
    """Records of files by their names; where each image has a folder, the first is its label."""
    pairs = list(sources)
    composed = [unicodedata.normalize("NFC", name) for name, _ in pairs]
    twice = {name for name, count in Counter(composed).items() if count > 1}
    images = [name for name, _ in pairs if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
    labelled = bool(images) and all("/" in name for name in images)
    for (name, source), stable in zip(pairs, composed, strict=True):
        # File systems differ in how they store "é"; the id is composed wherever that is unique.
        record_id = name if stable in twice else stable
        label = record_id.split("/", 1)[0] if labelled and "/" in record_id else None
        yield ImageRecord(id=record_id, source=source, label=label)


def _zipped(archive: Path) -> Iterator[ImageRecord]:
    """The files of a zip archive as those of a folder; a folder around all of them is left away.

    A ``metadata`` table beside the images (``.csv``, ``.tsv``, ``.jsonl``) is read as in a folder.
    Nothing is unpacked to the disk. A name that leads out of the archive becomes a failure.
    """
    from clipprobe.data.archives import ZipMember, zip_names, zip_text
    from clipprobe.data.tables import TEXT_TABLES, table_in_archive

    names, outside = zip_names(archive)
    names = [name for name in names if all(map(_visible, PurePosixPath(name).parts))]
    tops = {name.split("/", 1)[0] if "/" in name else "" for name in names}
    around = f"{next(iter(tops))}/" if len(tops) == 1 and "" not in tops else ""
    tables = [name for suffix in TEXT_TABLES if (name := f"{around}metadata{suffix}") in names]
    if len(tables) > 1:
        raise DataError(f"The archive {archive} has {' and '.join(tables)}: keep one.")
    if tables:
        root, text = around, zip_text(archive, tables[0])
        yield from table_in_archive(
            archive / tables[0], text, lambda name: ZipMember(archive, f"{root}{name}")
        )
        return
    if around and all("/" not in name.removeprefix(around) for name in names):
        around = ""  # one folder of images: its name may be their label
    yield from _named(
        (_text(name.removeprefix(around)), ZipMember(archive, name)) for name in names
    )
    for name in outside:
        reason = "its name leads out of the archive"
        yield ImageRecord(id=_text(name), source=Unreadable(reason))


def _files(folder: Path, unreadable: dict[Path, str]) -> Iterator[Path]:
    """Visible files below ``folder``; linked folders are followed, each real folder once.

    Folders that cannot be listed are put into ``unreadable`` with the reason.
    """

    def note(error: OSError) -> None:
        unreadable[Path(error.filename)] = error.strerror or type(error).__name__

    visited: set[tuple[int, int]] = set()
    for root, folders, names in os.walk(folder, followlinks=True, onerror=note):
        status = Path(root).stat()
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if _visible(name))
        for name in names:
            if _visible(name):
                yield Path(root) / name


def _visible(name: str) -> bool:
    return not name.startswith(".") and name not in _SYSTEM_FILES


def _text(name: str) -> str:
    """A file name as valid Unicode: bytes that are not UTF-8 become ``\\xNN``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
