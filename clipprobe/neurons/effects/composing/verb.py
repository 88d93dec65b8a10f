"""``clipprobe neurons compose``: which few units make a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.cli.common import load_model, progress, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.settings import HOW, Flag, Texts
from clipprobe.settings.shared import (
    Images,
    Inference,
    Model,
    Pool,
    Random,
    Sites,
    Terminal,
)

if TYPE_CHECKING:
    from clipprobe.neurons.effects.composing.composition import Composition
    from clipprobe.settings.shared import ImagesLike
else:
    ImagesLike = Any

_N_SHOWN = 8
_SUFFIXES = (".json", ".csv", ".parquet")


@dataclass(frozen=True)
class ComposeVerb(Inference, Random, Pool, Sites, Images):
    """Which few units make a class, an emotion or a place: sparse logistic regression."""

    panel: ClassVar[str] = "Composition"
    images: ImagesLike | None = None
    """Labelled images, whose classes are composed: a folder, a metadata table, a WebDataset .tar,
    or a Hugging Face dataset."""
    texts: Path | None = None
    """Instead of images: a CSV with text, label and maybe group."""
    emotions: bool = False
    """Instead of images: the bundled words of ten feelings."""
    target: Annotated[Texts, Flag(default="all")] = ()
    """A class; repeat for more."""
    max_units: Annotated[int | None, Ge(1), Flag(default="no limit")] = None
    """Use no more units than this."""
    out: Annotated[Path | None, HOW] = None
    """Write the compositions here too: everything (.json), or a row per class and unit (.csv,
    .parquet)."""


def compose(settings: ComposeVerb, model: Model, terminal: Terminal) -> None:
    """Print the units that make each class, and how well they tell it."""
    images, texts = settings.images, settings.texts
    if sum((images is not None, texts is not None, settings.emotions)) != 1:
        raise ConfigError("Give one of --images, --texts and --emotions: what is to be composed.")
    if settings.out is not None:
        check_name(settings.out)
    from clipprobe.neurons.effects.composing.probes import emotion_texts, read_texts, text_values

    # What can be wrong is read before the model.
    source: Any = None
    if images is not None:
        from clipprobe.data import as_dataset

        dataset = as_dataset(images, limit=settings.limit)
    else:
        source = emotion_texts() if texts is None else read_texts(texts)
    clip = load_model(model)
    from clipprobe.neurons.effects import compose as fit

    groups: Any = None
    if images is not None:
        from clipprobe.neurons.pooled import pooled_activations

        with progress("images", len(dataset)) as advance:
            acts = pooled_activations(
                clip, dataset, settings.sites, pool=settings.pool, batch_size=settings.batch_size,
                workers=settings.workers, progress=advance,
            )  # fmt: skip
        values, columns = acts.stacked()
        names = [f"{site}:{index}" for site, index in columns]
        labelled = [i for i, record in enumerate(acts.records) if record.label is not None]
        labels = [str(acts.records[i].label) for i in labelled]
        x: Any = values[labelled]
        rows = f"images, pooled by {settings.pool}"
    else:
        x, names = text_values(clip, source.texts, settings.sites)
        labels, groups = list(source.labels), source.groups
        rows = "texts, read through the units' own outputs (direct path)"
    with progress("classes") as advance:
        found = fit(
            x, names, labels, targets=settings.target or None, groups=groups,
            max_units=settings.max_units, seed=settings.seed, progress=advance,
        )  # fmt: skip
    data = {
        "rows": rows,
        "compositions": [one.to_json() for one in found],
        "seed": settings.seed,
        "provenance": clip.provenance(),
    }
    if settings.out is not None:
        write_compositions(settings.out, data, found)
        say(f"The compositions are {settings.out}.")
    result(data, as_json=terminal.as_json, text=lambda: composed_text(rows, found))


def check_name(path: Path) -> None:
    """Refuse, before anything slow, a file that cannot be written.

    Raises:
        ConfigError: the end of its name does not say how. RunFolderError: its folder is not there.
    """
    from clipprobe.runs.files import check_file

    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(
            f"The end of {path.name!r} does not say how to write compositions: use "
            f"{', '.join(_SUFFIXES)}."
        )
    check_file(path)


def write_compositions(path: Path, data: dict[str, Any], found: Sequence[Composition]) -> None:
    """Everything as JSON, or one row per class and unit as a table."""
    from clipprobe.runs import jsonio
    from clipprobe.runs.files import file_errors, write_atomically, write_text
    from clipprobe.runs.tables import write_csv, write_parquet

    if path.suffix.lower() == ".json":
        write_text(path, jsonio.dumps(data))
        return
    table = {
        name: [row[name] for row in _rows(found)]
        for name in ("target", "unit", "weight", "accuracy", "majority", "auroc", "shuffled", "n")
    }
    writer = write_csv if path.suffix.lower() == ".csv" else write_parquet
    with file_errors(path):
        write_atomically(path, lambda temporary: writer(temporary, table))


def _rows(found: Sequence[Composition]) -> list[dict[str, Any]]:
    return [
        {
            "target": one.target,
            "unit": unit,
            "weight": weight,
            "accuracy": one.accuracy.value,
            "majority": one.majority,
            "auroc": one.auroc.value,
            "shuffled": one.shuffled.value,
            "n": one.accuracy.n,
        }
        for one in found
        for unit, weight in one.units
    ]


def composed_text(rows: str, found: Sequence[Composition]) -> str:
    """Each class for people: how well it is told, then its strongest units."""
    lines = [f"Rows are {rows}."]
    for one in found:
        lines.append(
            f"{one.target}: {one.n_units} of {one.n_there} units; held-out accuracy "
            f"{one.accuracy.value:.3f} [{one.accuracy.low:.3f}, {one.accuracy.high:.3f}] "
            f"n={one.accuracy.n} (majority {one.majority:.3f}), AUROC {one.auroc.value:.3f} "
            f"[{one.auroc.low:.3f}, {one.auroc.high:.3f}], shuffled {one.shuffled.value:.3f}"
        )
        lines += [f"  {weight:+.3f}  {unit}" for unit, weight in one.units[:_N_SHOWN]]
    return "\n".join(lines)


COMPOSE = Verb(compose, (ComposeVerb, Model, Terminal))
