"""Labels of units as a study: its settings resolved, its run folder, and how it is read back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clipprobe.data import Failure
from clipprobe.errors import ConfigError, DataError, RunFolderError
from clipprobe.neurons.instruments.store import InMemory
from clipprobe.neurons.labels.construct import with_renderings
from clipprobe.neurons.labels.judges import judged_by_tags
from clipprobe.neurons.labels.labelling import check_settings, judge_images, label_activations
from clipprobe.neurons.labels.page import page_of
from clipprobe.neurons.labels.result import SUMMARISED, Labels
from clipprobe.neurons.labels.settings import LabelTest
from clipprobe.neurons.labels.unit_label import UnitLabel
from clipprobe.neurons.labels.validation import halves
from clipprobe.neurons.pooled import check_fits, pooled_activations
from clipprobe.runs.tables import columns_of
from clipprobe.settings import takes
from clipprobe.stimuli import concepts
from clipprobe.stimuli.probe_sets import MODALITIES
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.zeroshot.prompts import check_classes, check_templates

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip
    from clipprobe.runs import RunView

KIND = "labels"
TABLE = "labels.parquet"
UNITS = "labels.json"
_SCORING = ("scorer", "top_k", "temperature", "terms", "alpha", "threshold", "seed")
_TEXTS = ("label", "candidate", "explanation", "site", "alternatives", "reason", "judge")


@takes(LabelTest)
def label_units(clip: Clip, settings: LabelTest) -> Labels:
    """Name every unit, or say that no name holds; in memory, or in the run folder ``out``.

    The judge is the model itself (circular, and marked so), another model, ``"labels"`` for the
    images' own labels, or ``"column:NAME"`` for tags between semicolons in a column. With tags as
    judge the concepts are by default the tags. The seed says which half of the images chooses.

    Returns:
        One row per unit, in order of hook point and index.
    Raises:
        UnknownHookPointError, UnsupportedHookError, NoReadableImagesError, DataError,
        UnknownMethodError, ConfigError, RunFolderError: what was given cannot be used; the message
        says why.
    """
    return carry_out(LABELS, settings, clip).value


def prepare_labels(settings: LabelTest, clip: Clip) -> Plan[Labels]:
    """Refuse what cannot be labelled or judged, and find images and hook points."""
    judge = settings.judge
    check_settings(settings, judge)
    check_templates(settings.templates)
    if settings.concepts is not None:
        check_classes(settings.concepts)
    dataset = settings.dataset()
    check_fits(clip, dataset, settings.sites, settings.pool, settings.batch_size)
    halves([record.id for record in dataset.records], settings.seed)
    if isinstance(judge, str):
        column = None if judge == "labels" else judge.removeprefix("column:")
        judged_by_tags(dataset.records, column, settings.concepts)
    config = {
        "model": clip.provenance()["model"],
        "data": dataset.describe(),
        "device": clip.device.type,
        "judge": judge if isinstance(judge, str | None) else judge.provenance()["model"],
        "sites": list(settings.sites) if settings.sites else None,
        **settings.values_of("concepts", "pool", "templates", "renderings", "twins", "batch_size"),
        **settings.values_of(*_SCORING),
    }
    return Plan(
        config=config,
        execute=lambda run: _execute(settings, clip, dataset),
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=dataset.describe(),
        workload=lambda: _passes(settings, clip, dataset),
    )


def _passes(settings: LabelTest, clip: Clip, dataset: Dataset) -> Workload:
    """The images by the model and its twins, and by another judge; then fresh renderings."""
    bundled, judge = [concept.name for concept in concepts()], settings.judge
    by_tags = isinstance(judge, str)
    named = set(settings.concepts or bundled)
    if by_tags and settings.concepts is None:
        named = {str(record.label) for record in dataset.records}
    n_models = 1 + settings.twins + (judge is not None and not by_tags and judge is not clip)
    # Tags of a column are not read here: any bundled concept may be one of them.
    may_be = bundled if by_tags and judge != "labels" else set(bundled) & named
    fresh = settings.renderings * len(MODALITIES) * len(may_be)
    return Workload(
        images=len(dataset) * n_models + fresh,
        texts=0 if by_tags else len(named) * len(settings.templates),
        at_most=bool(fresh),
        reason="labels that are found are rendered afresh" if fresh else "",
    )


def _execute(settings: LabelTest, clip: Clip, dataset: Dataset) -> Outcome[Labels]:
    from clipprobe.models import random_twin

    reading = settings.values_of("pool", "batch_size", "workers")
    provenance = clip.provenance()
    acts = pooled_activations(clip, dataset, settings.sites, progress=settings.progress, **reading)
    try:
        judgement = judge_images(clip, acts, settings)
        scoring = settings.values_of(*_SCORING)
        labels = label_activations(acts, judgement, provenance=provenance, **scoring)
        labels = replace(labels, rows=with_renderings(clip, acts, labels.rows, settings))
        for number in range(settings.twins):
            twin = random_twin(clip, seed=settings.seed + number)
            acts = pooled_activations(twin, dataset, settings.sites, **reading)
            other = label_activations(acts, judgement, **scoring)
            labels = replace(
                labels,
                twin_labelled=labels.twin_labelled + len(other.labelled()),
                twin_units=labels.twin_units + len(other.rows),
            )
    except ConfigError as error:  # of the images that could be read, so no other try helps
        raise DataError(str(error)) from None
    content = {"settings": labels.settings, "units": labels.rows}
    return Outcome(
        value=replace(labels, store=InMemory({TABLE: lambda: _table(labels)}, labels.summary)),
        files=[(TABLE, _table(labels)), (UNITS, content)],
        summary=labels.summary,
        page=lambda run: page_of(labels),
        used=labels.n_choose + labels.n_held_out,
        failed=len(labels.failures),
        failures=labels.failures,
    )


def _table(labels: Labels) -> dict[str, Any]:
    return columns_of(labels.table(), dict.fromkeys(_TEXTS, "string"))


def load_labels(run: RunView) -> Labels:
    """The labelling that a run kept."""
    if not run.has(UNITS):
        raise RunFolderError(
            f"The labelling {run.path} is of an earlier clipprobe, which kept tables only: read "
            "its labels.parquet, or make it again."
        )
    content, summary, manifest = run.read_json(UNITS), run.summary, run.manifest
    return Labels(
        rows=tuple(UnitLabel.from_json(one) for one in content["units"]),
        settings=content["settings"],
        twin_labelled=summary.get("twin", {}).get("n_labelled", 0),
        twin_units=summary.get("twin", {}).get("n_units", 0),
        data=manifest["config"]["data"],
        failures=tuple(Failure(one["id"], one["reason"]) for one in manifest["failures"]),
        provenance={"model": manifest["model"], "versions": manifest["versions"]},
        store=run,
        **{name: summary[name] for name in SUMMARISED},
    )


LABELS = Study(kind=KIND, settings=LabelTest, prepare=prepare_labels, load=load_labels)
