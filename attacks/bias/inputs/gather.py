"""Labels joined to images, or to what stands instead of images; in the order of the ids."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.bias.inputs.arrays import Embeddings, read_embeddings
from attacks.bias.inputs.cards import DRAWN_PEOPLE
from attacks.bias.inputs.labels import Labels, fairface_padding, labels_of_images, read_labels
from attacks.bias.inputs.predictions import Predictions, read_predictions
from clipprobe.data import Failure, ImageRecord, as_dataset
from clipprobe.data.choice import Choice
from clipprobe.data.join import EXAMPLES, join
from clipprobe.data.labelling import names_below
from clipprobe.data.records import make_dataset
from clipprobe.data.text_table import Column
from clipprobe.errors import ConfigError, DataError

if TYPE_CHECKING:
    from clipprobe.data import Dataset

_DRAWN_PEOPLE = frozenset({"perceived_gender", "skin_tone", "drawing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the user gave; one of ``images``, ``embeddings`` and ``predictions``.

    ``labels``: a table of groups; without it they stand beside the images or the predictions.
    ``label_format``, ``id_column``, ``prediction_column``, ``score_kind``: how to read them.
    ``image_root``: the folder that ids are relative to, where it is not that of the images.
    """

    images: Any = None
    labels: str | Path | None = None
    embeddings: str | Path | None = None
    predictions: str | Path | None = None
    label_format: str = "auto"
    id_column: str | None = None
    image_root: str | Path | None = None
    prediction_column: str | None = None
    score_kind: str = "cosine"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImages:
    """The images that take part, with their labels and what is known of both.

    ``dataset``: records with every label as an attribute, by id. ``embeddings``, ``predictions``:
    one row per record, in their order, where they stand instead of the images.
    ``aliases``: names of columns that were renamed.
    ``card``: name of the shipped card, where the data set was recognised.
    ``notes``: what a reader must know, without any id. ``unmatched``: examples of ids without
    partner; ``skipped``: how many there are.
    ``description``: name and fingerprint of the records, and what was read, for the manifest.
    """

    dataset: Dataset
    embeddings: Embeddings | None = None
    predictions: Predictions | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    card: str | None = None
    notes: tuple[str, ...] = ()
    unmatched: tuple[Failure, ...] = ()
    skipped: int = 0
    description: Mapping[str, Any]


def gather(inputs: Inputs, choice: Choice | None = None) -> LabelledImages:
    """Read and join what the user gave.

    Args:
        choice: How many images are kept; its table of labels is not read here.
    Raises:
        ConfigError: none or several of images, embeddings and predictions; no labels for
            embeddings. DataError: a file cannot be used, or ids do not match at all.
    """
    ways = [n for n in ("images", "embeddings", "predictions") if getattr(inputs, n) is not None]
    if len(ways) != 1:
        got = " and ".join(ways) or "none"
        raise ConfigError(
            f"An audit starts from images, embeddings or predictions, one of them, but got {got}."
        )
    _refuse_unused(inputs)
    choice = choice or Choice()
    embeddings = predictions = None
    records: Sequence[ImageRecord]
    sources: dict[str, Any] = {}
    if inputs.images is not None:
        dataset = as_dataset(inputs.images, image_root=inputs.image_root)
        name, records = dataset.name, dataset.records
        place = next((str(r.source) for r in records if isinstance(r.source, Path)), "")
        labels = (
            labels_of_images(records, name, format=inputs.label_format)
            if inputs.labels is None
            else _read_labels(inputs, inputs.labels)
        )
        if labels is None:
            rendered = all(map(_is_rendered, records))
            dataset = choice.of(dataset)
            return LabelledImages(
                dataset=dataset,
                card=DRAWN_PEOPLE if rendered else None,
                description=_describe(dataset, {}, with_images=True),
            )
        place = f"{inputs.images} {name} {place}"
    elif inputs.embeddings is not None:
        if inputs.labels is None:
            raise ConfigError(
                "Embeddings need a table of labels (--labels) that says each image's annotated "
                "group."
            )
        embeddings, place = read_embeddings(inputs.embeddings), str(inputs.embeddings)
        name, records = embeddings.name, _bare(embeddings.ids)
        labels = _read_labels(inputs, inputs.labels)
        sources["embeddings"] = {"name": name, "sha256": embeddings.sha256}
    else:
        labels, predictions = _from_predictions(inputs)
        name, records, place = predictions.name, _bare(predictions.ids), str(inputs.predictions)
        column = predictions.column
        kind = f"labels in column {column!r}" if column else predictions.kind
        sources["predictions"] = {"name": name, "sha256": predictions.sha256, "kind": kind}
    if inputs.labels is not None:
        sources["labels"] = {"name": labels.name, "sha256": labels.sha256}
    if labels.card == "fairface":
        sources["padding"] = fairface_padding(place)
    joined, missing = _join(records, labels, ways[0], inputs.image_root)
    dataset = choice.of(make_dataset(name, joined, None))
    rows = {record.id: row for row, record in enumerate(records)}
    order = [rows[record.id] for record in dataset]
    return LabelledImages(
        dataset=dataset,
        embeddings=embeddings and embeddings.rows(order),
        predictions=predictions and predictions.rows(order),
        aliases=labels.aliases,
        card=labels.card,
        notes=tuple(f"{len(ids):,} left out: {reason}." for reason, ids in missing.items()),
        unmatched=tuple(
            Failure(one, reason) for reason, ids in missing.items() for one in ids[:EXAMPLES]
        ),
        skipped=sum(map(len, missing.values())),
        description=_describe(
            dataset,
            sources | {"label_format": labels.format},
            with_images=inputs.images is not None,
        ),
    )


def _describe(dataset: Dataset, sources: Mapping[str, Any], *, with_images: bool) -> dict[str, Any]:
    """Name and fingerprint of the records, and what was read.

    Not how many there are: less the images that a report counts, it would be the size of what is
    hidden. Without images the fingerprint is that of the files read and of the ids.
    """
    if with_images:
        described = {name: v for name, v in dataset.describe().items() if name != "records"}
        return described | dict(sources)
    text = repr([sorted(map(repr, sources.items())), [record.id for record in dataset]])
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    return {"name": dataset.name, "fingerprint": digest} | dict(sources)


def _refuse_unused(inputs: Inputs) -> None:
    """Raises:
    ConfigError: a way to read a table was given, and no such table.
    """
    for name, used in (
        ("prediction_column", inputs.predictions is not None),
        ("score_kind", inputs.predictions is not None),
        ("id_column", inputs.labels is not None or inputs.predictions is not None),
    ):
        if not used and getattr(inputs, name) != Inputs.__dataclass_fields__[name].default:
            table = "labels or predictions" if name == "id_column" else "predictions"
            raise ConfigError(
                f"{name!r} says how to read a table of {table}, and none was given: give it, or "
                "leave this out."
            )


def _is_rendered(record: ImageRecord) -> bool:
    """Whether an image is one of ``clipprobe.stimuli.people_set``, by its columns and drawing."""
    own = record.attributes
    # Plain people have no occupation, and an empty cell is not an attribute.
    return (
        own.keys() >= _DRAWN_PEOPLE
        and [own["perceived_gender"], own["skin_tone"]] == own["drawing"].split("/")[1:3]
    )


def _from_predictions(inputs: Inputs) -> tuple[Labels, Predictions]:
    """A table of predictions, and the labels beside them or in a table of their own."""
    assert inputs.predictions is not None
    own = inputs.labels is None
    labels = _read_labels(inputs, inputs.labels or inputs.predictions)
    predictions = read_predictions(
        inputs.predictions,
        id_column=inputs.id_column if own else None,
        prediction_column=inputs.prediction_column,
        score_kind=inputs.score_kind,
        ignore=_group_like(labels) if own else (),
    )
    # What the model said is not a label of the images, though it may stand in the same table.
    names = {predictions.column, *(predictions.scores or ())}
    columns = {name: values for name, values in labels.columns.items() if name not in names}
    return replace(labels, columns=columns), predictions


def _read_labels(inputs: Inputs, table: str | Path) -> Labels:
    return read_labels(table, format=inputs.label_format, id_column=inputs.id_column)


def _group_like(labels: Labels) -> Collection[str]:
    """Columns of a shared table that are groups or codes, never scores."""
    known = {*labels.aliases, "age", "gender", "race", "sex", "label", "service_test"}
    return {n for n in (*labels.columns, *labels.aliases) if n in known or n.endswith("_id")}


def _bare(ids: Iterable[str]) -> list[ImageRecord]:
    return [ImageRecord(id=one, source=b"") for one in ids]


def _join(
    records: Sequence[ImageRecord], labels: Labels, what: str, root: str | Path | None
) -> tuple[list[ImageRecord], dict[str, Sequence[str]]]:
    """Records with the labels as attributes; and reason -> the ids that take no part."""
    match = join(
        names_below(records, root),
        labels.ids,
        names=(what, "labels"),
        by_stem=labels.by_stem and what == "images",
    )
    if labels.malformed and len(labels.malformed) == len(labels.ids):
        raise DataError(f"No file name of {labels.name} has the form of UTKFace's.")
    missing = {
        f"one of the {what}, without a row in the labels": match.left_only,
        f"a row of the labels, without one of the {what}": match.right_only,
        "a file name from which no label could be read": labels.malformed,
    }
    joined = [
        _labelled(records[i], labels.columns, j)
        for i, j in zip(match.left, match.right, strict=True)
    ]
    return joined, {reason: ids for reason, ids in missing.items() if ids}


def _labelled(record: ImageRecord, columns: Mapping[str, Column], row: int) -> ImageRecord:
    own = {name: value for name, values in columns.items() if (value := values[row]) is not None}
    return replace(record, attributes={**record.attributes, **own})
