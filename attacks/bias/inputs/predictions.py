"""A table of what a model said: one predicted label an image, or one score for each label.

Predicted labels: an id column and one column such as ``prediction``. Scores: an id column and one
numeric column a label, named by the label or by its whole sentence (``a photo of a doctor``). In
both, other columns (groups) may stand in the same table.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clipprobe.data.text_table import TextTable, read_text_table
from clipprobe.errors import ConfigError, DataError

SCORE_KINDS = ("cosine", "logit", "probability")
_EXACT = ("prediction", "predicted", "predicted_label", "pred", "preds", "predictions", "argmax")
_ENDINGS = ("_pred", "_preds", "_prediction", "_predictions", "_predicted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Answers of a model without the model.

    ``ids``: unique. ``labels``: the predicted label of each image, or None.
    ``scores``: column name -> ``(n,)``, or None. ``kind``: what the scores are.
    ``column``: where the labels stand. ``name``, ``sha256``: of the file.
    """

    ids: tuple[str, ...]
    labels: tuple[str, ...] | None
    scores: Mapping[str, NDArray[np.float64]] | None
    kind: str
    column: str
    name: str
    sha256: str

    def rows(self, order: Sequence[int]) -> Predictions:
        """Some of the images, in another order."""
        rows, labels, scores = list(order), self.labels, self.scores
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            labels=None if labels is None else tuple(labels[i] for i in rows),
            scores=None if scores is None else {name: v[rows] for name, v in scores.items()},
        )


def read_predictions(
    path: str | Path,
    *,
    id_column: str | None = None,
    prediction_column: str | None = None,
    score_kind: str = "cosine",
    ignore: Collection[str] = (),
) -> Predictions:
    """Read a table of predictions.

    Args:
        path: A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file.
        prediction_column: The column of predicted labels; default: the one called ``prediction``
            or the like. Where there is none, every numeric column is a score.
        score_kind: What scores are: ``cosine``, ``logit`` (cosine times the model's scale) or
            ``probability`` (softmax over the columns given).
        ignore: Columns that are not scores though they are numeric (groups, ages).
    Raises:
        DataError: no prediction can be found, several columns could be it, a prediction is
            empty, or a score is not a number. ConfigError: another score kind.
    """
    if score_kind not in SCORE_KINDS:
        raise ConfigError(
            f"There is no score kind {score_kind!r}: choose of {', '.join(SCORE_KINDS)}."
        )
    table = read_text_table(path)
    id_name, ids = table.ids(id_column)
    column = _prediction_column(table, prediction_column)
    labels: tuple[str, ...] | None = None
    scores: dict[str, NDArray[np.float64]] | None = None
    if column:
        labels = _labels(table, column)
    else:
        skipped = {id_name, *ignore}
        scores = {
            name: numbers
            for name, values in table.columns.items()
            if name not in skipped and (numbers := _numbers(table, name, values)) is not None
        }
        if len(scores) < 2:
            raise DataError(
                f"The table {table.path} has no column of predicted labels and fewer than two of "
                f"scores (it has: {', '.join(table.columns)}): name the column of labels with "
                "--prediction-column, or give one numeric column a label."
            )
    return Predictions(
        ids=ids, labels=labels, scores=scores, kind=score_kind, column=column,
        name=table.path.name, sha256=table.sha256,
    )  # fmt: skip


def _prediction_column(table: TextTable, column: str | None) -> str:
    """The column of predicted labels, or "" where the table holds scores."""
    if column is not None:
        if column not in table.columns:
            raise DataError(
                f"The table {table.path} has no column {column!r} of predictions (it has: "
                f"{', '.join(table.columns)})."
            )
        return column
    names = list(table.columns)
    matches = [name for name in names if name.lower() in _EXACT]
    matches = matches or [name for name in names if name.lower().endswith(_ENDINGS)]
    if len(matches) > 1:
        raise DataError(
            f"The table {table.path} has several columns that could be the predictions "
            f"({', '.join(map(repr, matches))}): say which with --prediction-column."
        )
    return matches[0] if matches else ""


def _labels(table: TextTable, column: str) -> tuple[str, ...]:
    labels = []
    for number, value in enumerate(table.columns[column], start=1):
        if value is None or not value.strip():
            raise DataError(
                f"Row {number} of the table {table.path} has no prediction in {column!r}: fill it "
                "or remove the row."
            )
        labels.append(value.strip())
    return tuple(labels)


def _numbers(
    table: TextTable, name: str, values: Sequence[str | None]
) -> NDArray[np.float64] | None:
    """The column as numbers; None where it is text (fewer than half of its cells are numbers).

    Raises:
        DataError: it is a column of numbers, and some cell is empty, NaN, infinite or text.
    """
    parsed = [_number(value) for value in values]
    filled = sum(value is not None for value in values)
    if 2 * sum(one is not None for one in parsed) < filled or not filled:
        return None
    wrong = [i for i, one in enumerate(parsed, start=1) if one is None or not math.isfinite(one)]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(parsed)} rows of {table.path} have no finite number in the "
            f"score column {name!r} (the first is row {wrong[0]}): correct them, or remove the "
            "rows or the column."
        )
    return np.array(parsed, dtype=np.float64)


def _number(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None
