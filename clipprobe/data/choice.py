"""Which of the images that a path names take part, and where their labels stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from clipprobe.data.label_names import with_names
from clipprobe.data.labelling import relabelled, with_labels, without_stray_files
from clipprobe.data.records import Dataset, ImageRecord, make_dataset
from clipprobe.data.sampling import sampled
from clipprobe.errors import ConfigError, DataError
from clipprobe.origin import absolute


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What :class:`clipprobe.settings.shared.Images` says beside the path of the images."""

    limit: int | None = None
    """Keep at most N, spread over the data set, the same ones on every machine."""
    labels: str | Path | None = None
    """A table of labels; see :func:`clipprobe.data.labelling.with_labels`."""
    label_column: str | None = None
    id_column: str | None = None
    image_root: str | Path | None = None
    """The folder that the names of a table are relative to."""
    label_names: str | Path | None = None
    """Names for labels that are codes; see :func:`clipprobe.data.label_names.read_names`."""
    sample: int | None = None
    """Keep N; see :func:`clipprobe.data.sampling.sampled`."""
    per_class: bool = False
    seed: int = 0
    """Of the sample."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise DataError(f"The limit {self.limit} leaves no image: give at least 1.")
        if self.per_class and self.sample is None:
            raise ConfigError("--per-class says how to sample: give --sample N too.")

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return any(getattr(self, one.name) for one in fields(self) if one.name != "seed")

    def of(self, dataset: Dataset) -> Dataset:
        """The images of a data set that take part, with their labels.

        Raises:
            DataError: the table of labels or their names cannot be used, or an image to sample
                has no label.
        """
        if self.labels is not None:
            dataset = with_labels(
                dataset,
                self.labels,
                label_column=self.label_column,
                id_column=self.id_column,
                root=self.image_root,
            )
        elif self.label_column is not None:
            dataset = relabelled(dataset, self.label_column)
        if self.label_names is not None:
            dataset = with_names(dataset, self.label_names)
        if self.per_class:
            dataset = without_stray_files(dataset)
        records: Sequence[ImageRecord] = dataset.records
        if self.sample is not None:
            records = sampled(records, self.sample, per_class=self.per_class, seed=self.seed)
        selection = make_dataset(dataset.name, records, self.limit)
        return replace(selection, left_out=dataset.left_out)

    def arguments(self) -> dict[str, Any]:
        """As JSON, for what opens the images again; places on this machine are absolute."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        nonempty = {name: value for name, value in values.items() if value}
        for name in ("labels", "image_root", "label_names"):
            if name in nonempty:
                nonempty[name] = absolute(nonempty[name])
        if self.sample is not None:
            nonempty["seed"] = self.seed
        else:
            nonempty.pop("seed", None)
        return {"limit": self.limit, **nonempty}
