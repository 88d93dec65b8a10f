"""Names for labels that are codes, as ImageNet's folders ``n01440764`` are.

ImageNet brings them along: a line of ``LOC_synset_mapping.txt`` or ``synset_words.txt`` is a code
and the words for it.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from clipprobe.data.records import Dataset, LeftOut
from clipprobe.data.suffixes import TABLE_SUFFIXES
from clipprobe.data.text_table import read_text_table, refuse_twice
from clipprobe.errors import DataError

WORDNET = re.compile(r"n\d{8}")
PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
NAMES = ("name", "class_name", "label")
NO_NAME = "an image whose label has no name in the file of names"


def with_names(dataset: Dataset, file: str | Path) -> Dataset:
    """The images with the names of their labels; those without one are left out and named.

    Args:
        file: See :func:`read_names`.
    Raises:
        DataError: the file cannot be used, or names no label of the data set.
    """
    names = read_names(file)
    named = tuple(
        replace(record, label=names[record.label])
        for record in dataset.records
        if record.label in names
    )
    nameless = tuple(record.id for record in dataset.records if record.label not in names)
    _warn_of_shared(names[label] for label in sorted({str(one.label) for one in dataset.records}
                                                     & names.keys()))  # fmt: skip
    if not named:
        labels = sorted({str(record.label) for record in dataset.records if record.label})
        have = f"the images have {labels[0]!r}" if labels else "no image has a label"
        raise DataError(
            f"The file {file} names labels such as {next(iter(names))!r}, and {have}: give the "
            "names of the labels of these images."
        )
    left_out = (LeftOut(reason=NO_NAME, ids=nameless),) if nameless else ()
    return replace(dataset, records=named, left_out=(*dataset.left_out, *left_out))


def read_names(file: str | Path) -> dict[str, str]:
    """Label -> name.

    Args:
        file: A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` table whose first column holds the
            labels and whose column ``name`` (``class_name``, ``label`` or the second) the names; or
            a text file, a line per label: the label, white space, its name. Of several words for
            one thing, with commas between, the first counts.
    Raises:
        DataError: the file cannot be read, a line has no name, or a label stands there twice.
    """
    path = Path(file)
    pairs = _of_table(path) if path.suffix.lower() in TABLE_SUFFIXES else _of_lines(path)
    refuse_twice([label for label, _ in pairs], f"The file {path}")
    return dict(pairs)


def _warn_of_shared(names: Iterable[str]) -> None:
    """Say which names stand for several labels of the data."""
    counts = Counter(name.casefold() for name in names)
    if shared := sorted(name for name, n in counts.items() if n > 1):
        more = ", ..." if len(shared) > 3 else ""
        warnings.warn(
            f"{len(shared)} name(s) stand for several labels, which become one class: "
            f"{', '.join(map(repr, shared[:3]))}{more}. A table with a name for each tells them "
            "apart.",
            stacklevel=2,
        )


def _of_lines(path: Path) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The names in {path} cannot be read ({getattr(error, 'strerror', None) or error}): "
            "give a text file in UTF-8, a label and its name per line."
        ) from None
    pairs = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label, _, rest = line.strip().partition("\t" if "\t" in line.strip() else " ")
        pairs.append((label, _first(rest, path, number)))
    if not pairs:
        raise DataError(f"The file {path} is empty: write a label and its name per line.")
    return pairs


def _of_table(path: Path) -> list[tuple[str, str]]:
    table = read_text_table(path)
    labels, *others = table.columns
    if WORDNET.fullmatch(labels):
        raise DataError(
            f"The first line of {path} is {labels!r}: write a line with the names of the columns "
            "above it."
        )
    name = next((one for one in NAMES if one in others), others[0] if others else None)
    if name is None:
        raise DataError(f"The table {path} has one column: give one for labels and one for names.")
    rows = zip(table.columns[labels], table.columns[name], strict=True)
    return [
        ((label or "").strip(), _first(text or "", path, number))
        for number, (label, text) in enumerate(rows, start=1)
    ]


def _first(words: str, path: Path, number: int) -> str:
    name = words.split(",")[0].strip()
    if not name:
        raise DataError(f"Row {number} of {path} has no name: write a label and its name.")
    return name


def refuse_codes(labels: Iterable[str | None]) -> None:
    """Raises:
    DataError: all labels are WordNet's codes, which no model has a word for; or they are the
        folders of a data set's parts. Numbers, which may be what the images show, are a warning.
    """
    codes = sorted({label for label in labels if label})
    if codes and all(map(WORDNET.fullmatch, codes)):
        raise DataError(
            f"The labels are codes of WordNet ({codes[0]}), which say nothing to a model: give "
            "their names with --label-names, for example ImageNet's LOC_synset_mapping.txt."
        )
    if len(codes) > 1 and PARTS.issuperset(code.lower() for code in codes):
        raise DataError(
            f"The labels {' and '.join(map(repr, codes))} are parts of a data set, not classes: "
            f"give the folder of one part, which ends in /{codes[0]}."
        )
    if len(codes) > 1 and all(code.isdecimal() for code in codes):
        warnings.warn(
            f"The labels are numbers ({', '.join(codes[:3])}, ...), and the model is asked for "
            "them as they are: unless the images show numbers, name them with --label-names.",
            stacklevel=2,
        )
