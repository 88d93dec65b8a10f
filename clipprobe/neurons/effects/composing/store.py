"""The run folder of a sparse composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.data import Dataset, Failure
from clipprobe.errors import ConfigError
from clipprobe.neurons.effects.composing.composition import Composition, compose
from clipprobe.neurons.effects.composing.page import page_of
from clipprobe.neurons.effects.composing.probes import (
    LabelledTexts,
    emotion_texts,
    joint_sites,
    read_texts,
    text_values,
)
from clipprobe.neurons.effects.settings import Composing
from clipprobe.neurons.pooled import check_fits, pooled_activations
from clipprobe.runs import Run, RunView
from clipprobe.runs.jsonio import JsonRecord
from clipprobe.runs.manifest import sha256_of_json
from clipprobe.runs.tables import columns_of
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out

if TYPE_CHECKING:
    from clipprobe.models import Clip

KIND = "composition"
EVERYTHING = "compositions.json"
TABLE = "compositions.parquet"
_FILES = (".json", ".csv", ".parquet")
_TEXT_ROWS = "texts, read through the units' own outputs (direct path)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compositions(JsonRecord):
    """The units that make each class.

    ``rows``: what was told apart, in words. ``compositions``: one for each class. ``seed``: of
    splits and control. ``provenance``: of the model.
    """

    rows: str
    compositions: tuple[Composition, ...]
    seed: int
    provenance: Mapping[str, Any]


@takes(Composing)
def composition_run(clip: Clip, settings: Composing) -> Compositions:
    """Compose the classes of labelled images or texts from units; as a run folder with ``out``.

    Raises:
        ConfigError: not one of images, texts and emotions was given, or ``out`` names a file.
        DataError: too few rows of a class; see :func:`compose`.
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    return carry_out(COMPOSITION, settings, clip).value


def source_of(settings: Composing) -> Dataset | LabelledTexts:
    """The images or texts whose classes are composed.

    Raises:
        ConfigError: there is not one of images, texts and emotions, or ``out`` is the name of a
            file.
    """
    if sum((settings.images is not None, settings.texts is not None, settings.emotions)) != 1:
        raise ConfigError("Give one of --images, --texts and --emotions: what is to be composed.")
    if settings.out is not None and (out := Path(settings.out)).suffix.lower() in _FILES:
        raise ConfigError(
            f"{out} names a file, and compositions are kept as a run folder: give --out "
            f"{out.with_suffix('')}, which will hold everything in {EVERYTHING} and a row per "
            f"class and unit in {TABLE}."
        )
    if settings.images is not None:
        return settings.dataset()
    return emotion_texts() if settings.texts is None else read_texts(settings.texts)


def prepare_composition(settings: Composing, clip: Clip) -> Plan[Compositions]:
    """Find the rows and the units, and refuse what cannot be composed."""
    source, provenance = source_of(settings), clip.provenance()
    config: dict[str, Any] = {
        "model": provenance["model"],
        "device": clip.device.type,
        **settings.values_of("target", "max_units", "seed"),
    }
    if isinstance(source, Dataset):
        points = check_fits(clip, source, settings.sites, settings.pool, settings.batch_size)
        described = source.describe()
        config |= {
            "data": described,
            "sites": [point.name for point in points],
            **settings.values_of("pool", "batch_size"),
        }
    else:
        described = None
        listed = [source.texts, source.labels, source.groups]
        config |= {
            "texts": {"n": len(source.texts), "sha256": sha256_of_json(listed)},
            "sites": joint_sites(clip, settings.sites),
        }
    return Plan(
        config=config,
        execute=lambda run: _execute(run, settings, clip, source),
        seed=settings.seed,
        provenance=provenance,
        dataset=described,
        workload=lambda: (
            Workload(images=len(source), texts=0)
            if isinstance(source, Dataset)
            else Workload(images=0, texts=len(set(source.texts)))
        ),
    )


def _execute(
    run: Run, settings: Composing, clip: Clip, source: Dataset | LabelledTexts
) -> Outcome[Compositions]:
    failures: Sequence[Failure] = ()
    groups: Sequence[str] | None = None
    if isinstance(source, Dataset):
        reading = settings.values_of("pool", "batch_size", "workers", "progress")
        acts = pooled_activations(clip, source, settings.sites, **reading)
        values, columns = acts.stacked()
        names = [f"{site}:{index}" for site, index in columns]
        labelled = [i for i, record in enumerate(acts.records) if record.label is not None]
        labels = [str(acts.records[i].label) for i in labelled]
        x: Any = values[labelled]
        rows, failures = f"images, pooled by {settings.pool}", acts.failures
    else:
        x, names = text_values(clip, source.texts, settings.sites)
        labels, groups, rows = list(source.labels), source.groups, _TEXT_ROWS
    compositions = compose(
        x, names, labels, targets=settings.target or None, groups=groups,
        max_units=settings.max_units, seed=settings.seed,
    )  # fmt: skip
    value = Compositions(
        rows=rows,
        compositions=tuple(compositions),
        seed=settings.seed,
        provenance=clip.provenance(),
    )
    return Outcome(
        value=value,
        files=[(EVERYTHING, value.to_json()), (TABLE, _table(compositions))],
        summary=lambda: summarise(value),
        page=lambda run: page_of(value.rows, compositions, value.provenance),
        used=len(labels),
        failed=len(failures),
        failures=failures,
    )


def summarise(value: Compositions) -> dict[str, Any]:
    """``summary.json``."""
    headline = [
        {
            "name": f"AUROC, {one.target}",
            "estimate": one.auroc,
            "meaning": f"held-out rows told from the others by {one.n_units} of {one.n_there:,} "
            "units"
            + (f"; {one.shuffled.value:.2f} with shuffled labels" if one.shuffled.defined else ""),
        }
        for one in value.compositions
    ]
    classes = [
        {"target": one.target, "n_units": one.n_units, "accuracy": one.accuracy,
         "majority": one.majority, "auroc": one.auroc, "shuffled": one.shuffled}
        for one in value.compositions
    ]  # fmt: skip
    return {"kind": KIND, "headline": headline, "rows": value.rows, "classes": classes}


def _table(compositions: Sequence[Composition]) -> dict[str, Any]:
    """A row for each class and unit with a weight."""
    rows = [
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
        for one in compositions
        for unit, weight in one.units
    ]
    numbers = ("weight", "accuracy", "majority", "auroc", "shuffled")
    texts = dict.fromkeys(("target", "unit"), "string")
    return columns_of(rows, {**texts, **dict.fromkeys(numbers, "float64"), "n": "int64"})


def load_composition(run: RunView) -> Compositions:
    """What a run kept."""
    data = run.read_json(EVERYTHING)
    for one in data["compositions"]:
        one["units"] = [(unit["unit"], unit["weight"]) for unit in one["units"]]
    return Compositions.from_json(data)


COMPOSITION = Study(
    kind=KIND, settings=Composing, prepare=prepare_composition, load=load_composition
)
