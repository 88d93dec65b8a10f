"""Which columns of a data set name a gender, a race or an age in words that a probe can ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attacks.bias.groups.vocabulary import read_value

if TYPE_CHECKING:
    from clipprobe.data import ImageRecord

_ORIGINS = ("perceived_", "annotated_", "self_reported_", "apparent_", "")


def read_truth(
    records: Sequence[ImageRecord],
) -> tuple[dict[str, tuple[str | None, ...]], tuple[str, ...]]:
    """Attribute -> the value of each image in the probes' words, and notes on what was not read.

    A column counts where it is called ``race``, ``perceived_race``, … and some value is known;
    values that are not (UTKFace's "Others") take no part in accuracy, and are named.
    """
    truth: dict[str, tuple[str | None, ...]] = {}
    notes = []
    for attribute in ("gender", "race", "age"):
        for name in (f"{prefix}{attribute}" for prefix in _ORIGINS):
            raw = [record.attributes.get(name) for record in records]
            values = tuple(read_value(attribute, value) for value in raw)
            if not any(values):
                continue
            truth[attribute] = values
            strange = sorted({r for r, v in zip(raw, values, strict=True) if r and v is None})
            if strange:
                notes.append(
                    f"Accuracy on {attribute} leaves out images annotated "
                    f"{', '.join(map(repr, strange))}, for which no label is asked."
                )
            break
    return truth, tuple(notes)
