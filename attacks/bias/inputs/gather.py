"""Labels and one road's answers, put together: the images that take part, in order of their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.bias.inputs.arrays import Embeddings, read_embeddings
from attacks.bias.inputs.join import EXAMPLES, join
from attacks.bias.inputs.labels import Labels, fairface_padding, labels_of_images, read_labels
from attacks.bias.inputs.predictions import Predictions, read_predictions
from attacks.bias.inputs.tables import Column
from clipprobe.errors import ConfigError, DataError

if TYPE_CHECKING:
    from clipprobe.data import Dataset, Failure, ImageRecord

_DRAWN_PEOPLE = frozenset({"perceived_gender", "skin_tone", "drawing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the user gave; one of ``images``, ``embeddings`` and ``predictions``.

    ``labels``: a table of groups; without it they stand beside the images or the predictions.
    ``label_format``, ``id_column``, ``prediction_column``, ``score_kind``: how to read them.
    """

    images: Any = None
    labels: str | Path | None = None
    embeddings: str | Path | None = None
    predictions: str | Path | None = None
    label_format: str = "auto"
    id_column: str | None = None
    prediction_column: str | None = None
    score_kind: str = "cosine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The images that take part.

    ``dataset``: records with every label as an attribute, by id. ``rows``: place of each in
    ``embeddings`` or ``predictions``, by id. ``aliases``: names of columns that were renamed.
    ``card``: name of the shipped card, where the data set was recognised.
    ``notes``: what a reader must know, without any id. ``unmatched``: examples of ids without
    partner; ``skipped``: how many there are. ``sources``: what was read, for the manifest.
    """

    dataset: Dataset
    rows: Mapping[str, int] = field(default_factory=dict)
    embeddings: Embeddings | None = None
    predictions: Predictions | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    card: str | None = None
    notes: tuple[str, ...] = ()
    unmatched: tuple[Failure, ...] = ()
    skipped: int = 0
    sources: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Name and fingerprint of the records, and what was read.

        Not how many there are: less the images that a report counts, it would be the size of what
        is hidden. Without pictures the fingerprint is that of the files read and of the ids.
        """
        if self.embeddings is None and self.predictions is None:
            found = {n: v for n, v in self.dataset.describe().items() if n != "records"}
            return found | dict(self.sources)
        told = repr([sorted(map(repr, self.sources.items())), [r.id for r in self.dataset]])
        digest = hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
        return {"name": self.dataset.name, "fingerprint": digest} | dict(self.sources)


def gather(given: Inputs, *, limit: int | None = None) -> Gathered:
    """Read and join what the user gave.

    Args:
        limit: Keep so many images, drawn by the hash of their ids.
    Raises:
        ConfigError: none or several of images, embeddings and predictions; no labels for
            embeddings. DataError: a file cannot be used, or ids do not match at all.
    """
    roads = [n for n in ("images", "embeddings", "predictions") if getattr(given, n) is not None]
    if len(roads) != 1:
        found = " and ".join(roads) or "none"
        raise ConfigError(
            f"An audit starts from images, embeddings or predictions, one of them, but got {found}."
        )
    _refuse_unused(given)
    if roads[0] == "images":
        gathered = _from_images(given)
    elif roads[0] == "embeddings":
        gathered = _from_embeddings(given)
    else:
        gathered = _from_predictions(given)
    from clipprobe.data.records import make_dataset

    name, records = gathered.dataset.name, gathered.dataset.records
    return replace(gathered, dataset=make_dataset(name, records, limit))


def _refuse_unused(given: Inputs) -> None:
    """Raises:
    ConfigError: a way to read a table was given, and no such table.
    """
    for name, used in (
        ("prediction_column", given.predictions is not None),
        ("score_kind", given.predictions is not None),
        ("id_column", given.labels is not None or given.predictions is not None),
    ):
        if not used and getattr(given, name) != Inputs.__dataclass_fields__[name].default:
            table = "labels or predictions" if name == "id_column" else "predictions"
            raise ConfigError(
                f"{name!r} says how to read a table of {table}, and none was given: give it, or "
                "leave this out."
            )


def _from_images(given: Inputs) -> Gathered:
    from clipprobe.data import as_dataset

    dataset = as_dataset(given.images)
    if given.labels is not None:
        labels: Labels | None = _read_labels(given)
    else:
        labels = labels_of_images(dataset.records, dataset.name, format=given.label_format)
    if labels is None:
        drawn = all(_is_drawn(record) for record in dataset)
        return Gathered(dataset=dataset, card="clipprobe-people" if drawn else None)
    sources: dict[str, Any] = {}
    if labels.sha256:
        sources["labels"] = {"name": labels.name, "sha256": labels.sha256}
    if labels.card == "fairface":
        place = next((str(r.source) for r in dataset if isinstance(r.source, Path)), "")
        sources["padding"] = fairface_padding(f"{given.images} {dataset.name} {place}")
    return _joined(dataset.name, dataset.records, labels, sources, "images")


def _is_drawn(record: ImageRecord) -> bool:
    """Whether a picture is one of ``clipprobe.stimuli.people_set``, by its columns and drawing."""
    own = record.attributes
    # Plain people have no occupation, and an empty cell is no attribute.
    return (
        own.keys() >= _DRAWN_PEOPLE
        and [
            own["perceived_gender"],
            own["skin_tone"],
        ]
        == own["drawing"].split("/")[1:3]
    )


def _from_embeddings(given: Inputs) -> Gathered:
    assert given.embeddings is not None
    if given.labels is None:
        raise ConfigError(
            "Embeddings need a table of labels (--labels) that says each image's annotated group."
        )
    found = read_embeddings(given.embeddings)
    labels = _read_labels(given)
    sources: dict[str, Any] = {
        "embeddings": {"name": found.name, "sha256": found.sha256},
        "labels": {"name": labels.name, "sha256": labels.sha256},
    }
    if labels.card == "fairface":
        sources["padding"] = fairface_padding(str(given.embeddings))
    gathered = _joined(found.name, _bare(found.ids), labels, sources, "embeddings")
    rows = {one: place for place, one in enumerate(found.ids)}
    return replace(gathered, embeddings=found, rows=rows)


def _from_predictions(given: Inputs) -> Gathered:
    assert given.predictions is not None
    own = given.labels is None
    labels = _read_labels(replace(given, labels=given.predictions) if own else given)
    found = read_predictions(
        given.predictions,
        id_column=given.id_column if own else None,
        prediction_column=given.prediction_column,
        score_kind=given.score_kind,
        ignore=_group_like(labels) if own else (),
    )
    # What the model said is no label of the images, though it may stand in the same table.
    said = {found.column, *(found.scores or ())}
    labels = replace(labels, columns={n: v for n, v in labels.columns.items() if n not in said})
    sources: dict[str, Any] = {
        "predictions": {
            "name": found.name,
            "sha256": found.sha256,
            "kind": f"labels in column {found.column!r}" if found.column else found.kind,
        }
    }
    if not own:
        sources["labels"] = {"name": labels.name, "sha256": labels.sha256}
    if labels.card == "fairface":
        sources["padding"] = fairface_padding(str(given.predictions))
    gathered = _joined(found.name, _bare(found.ids), labels, sources, "predictions")
    rows = {one: place for place, one in enumerate(found.ids)}
    return replace(gathered, predictions=found, rows=rows)


def _read_labels(given: Inputs) -> Labels:
    assert given.labels is not None
    return read_labels(given.labels, format=given.label_format, id_column=given.id_column)


def _group_like(labels: Labels) -> Collection[str]:
    """Columns of a shared table that are groups or codes, never scores."""
    known = {*labels.aliases, "age", "gender", "race", "sex", "label", "service_test"}
    return {n for n in (*labels.columns, *labels.aliases) if n in known or n.endswith("_id")}


def _bare(ids: Iterable[str]) -> list[ImageRecord]:
    from clipprobe.data import ImageRecord

    return [ImageRecord(id=one, source=b"") for one in ids]


def _joined(
    name: str,
    records: Sequence[ImageRecord],
    labels: Labels,
    sources: Mapping[str, Any],
    what: str,
) -> Gathered:
    """Records with the labels as attributes; those without a row are counted."""
    from clipprobe.data import Dataset, Failure

    found = join(
        [record.id for record in records],
        labels.ids,
        names=(what, "labels"),
        by_stem=labels.by_stem and what == "images",
    )
    joined = tuple(
        _labelled(records[i], labels.columns, j)
        for i, j in zip(found.left, found.right, strict=True)
    )
    notes, unmatched = [], []
    for ids, reason in (
        (found.left_only, f"one of the {what}, without a row in the labels"),
        (found.right_only, f"a row of the labels, without one of the {what}"),
        (labels.malformed, "a file name from which no label could be read"),
    ):
        if ids:
            notes.append(f"{len(ids):,} left out: {reason}.")
            unmatched += [Failure(one, reason) for one in ids[:EXAMPLES]]
    if labels.malformed and len(labels.malformed) == len(labels.ids):
        raise DataError(f"No file name of {labels.name} has the form of UTKFace's.")
    return Gathered(
        dataset=Dataset(name=name, records=joined),
        aliases=labels.aliases,
        card=labels.card,
        notes=tuple(notes),
        unmatched=tuple(unmatched),
        skipped=len(found.left_only) + len(found.right_only) + len(labels.malformed),
        sources=dict(sources) | {"label_format": labels.format},
    )


def _labelled(record: ImageRecord, columns: Mapping[str, Column], row: int) -> ImageRecord:
    own = {name: value for name, values in columns.items() if (value := values[row]) is not None}
    return replace(record, attributes={**record.attributes, **own})
