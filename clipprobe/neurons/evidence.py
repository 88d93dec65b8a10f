"""What the other instruments found about a unit: tables of their runs, read by unit.

An atlas says what a unit answers to. Words, captions, multimodality, labels and effects are runs of
their own. Sheets and searches read them without knowing them, by this contract:

* The run is complete, and its manifest has a ``kind`` that an :class:`Instrument` names.
* Its manifest names the model, with the same ``weights_sha256`` as the atlas: what was found on
  other weights is about other units.
* Every Parquet table in it with a text column ``unit`` that holds addresses
  (``vision.blocks.3.mlp.post:17``) is shown; tables with ``site`` and a whole number ``unit``, as
  the atlas has them, too. All other columns are shown in their order. ``rank`` orders the rows;
  ``<x>_low`` and ``<x>_high`` beside ``<x>`` are shown as its interval.
* ``summary.json`` may say ``{"tables": {"words.parquet": "one sentence"}}``: the caption.
* ``config`` may say ``pool``: where it differs from the atlas's, the sheet warns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.errors import RunFolderError

if TYPE_CHECKING:
    from clipprobe.neurons.atlas import Atlas
    from clipprobe.runs import RunView

MAX_ROWS = 20
"""Rows of one table on a sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One way of asking about a unit.

    Attributes:
        name: Key and anchor.
        kinds: ``kind`` of the runs that it makes.
        title: Heading on a sheet.
        question: What it answers, and what it does not say.
        command: What makes such a run; ``{atlas}`` and ``{unit}`` are filled in.
        towers: Of which towers it knows units.
    """

    name: str
    kinds: tuple[str, ...]
    title: str
    question: str
    command: str
    towers: tuple[str, ...] = ("vision",)


INSTRUMENTS = (
    Instrument(
        name="words",
        kinds=("words",),
        title="Words",
        question="Which written words, shown as pictures, make it fire? Spelling and meaning are "
        "not told apart.",
        command="clipprobe neurons words --out runs/words",
    ),
    Instrument(
        name="captions",
        kinds=("captions",),
        title="Captions",
        question="Which captions lie along its effect on the joint space? This is alignment across "
        "the towers; it does not say that the unit sees these things.",
        command="clipprobe neurons captions --out runs/captions",
        towers=("vision", "text"),
    ),
    Instrument(
        name="multimodal",
        kinds=("multimodal", "multimodality"),
        title="One concept in several modalities",
        question="Does it tell a concept from others as picture, as drawing and as word, each "
        "against distractors of the same modality?",
        command="clipprobe neurons multimodal --out runs/multimodal",
    ),
    Instrument(
        name="labels",
        kinds=("labels", "label"),
        title="Label",
        question="What should it be called, and how well does that name predict it on held-out "
        "images?",
        command="clipprobe neurons label --out runs/labels",
        towers=("vision", "text"),
    ),
    Instrument(
        name="effects",
        kinds=("effects", "effect"),
        title="Effects",
        question="What does it do to the model's answers, directly and when it is taken out?",
        command="clipprobe neurons effects --out runs/effects",
        towers=("vision", "text"),
    ),
    Instrument(
        name="similar",
        kinds=("similar",),
        title="Similar and opposed units",
        question="Which units answer to the same images, and which to the opposite?",
        command="clipprobe neurons similar {unit} --out runs/similar",
        towers=("vision", "text"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRows:
    """The rows of one table that are about one unit.

    Attributes:
        run: The run that holds it.
        table: Its file name.
        caption: What it shows.
        columns: Names, without the unit.
        rows: In order of ``rank`` where there is one.
    """

    run: RunView
    table: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Runs of instruments about the model of one atlas.

    Attributes:
        runs: Name of the instrument -> its runs, in order of path.
    """

    runs: Mapping[str, tuple[RunView, ...]]

    def about(self, instrument: str, address: str) -> list[UnitRows]:
        """What the runs of an instrument say about a unit."""
        found = []
        for run in self.runs.get(instrument, ()):
            captions = run.summary.get("tables", {})
            for name in tables_of(run):
                table = rows_of(run.read_table(name), address)
                if table is not None and table.num_rows:
                    columns, rows = _plain(table)
                    said = captions.get(name, f"{name} of {run.path.name}")
                    found.append(
                        UnitRows(run=run, table=name, caption=said, columns=columns, rows=rows)
                    )
        return found


def gather(atlas: Atlas, given: Sequence[str | Path] = ()) -> Evidence:
    """The runs given, and all that lie beside the atlas, of instruments and on the same weights.

    Raises:
        RunFolderError: a run that was given is incomplete, of no instrument, or about other
            weights. Runs beside the atlas that do not fit are left out.
    """
    from clipprobe.runs import load_run

    runs = [load_run(path) for path in given]
    for run in runs:
        reason = _unfit(atlas, run)
        if reason:
            raise RunFolderError(f"The run {run.path} cannot be shown with this atlas: {reason}.")
    seen = {run.path.resolve() for run in runs}
    if atlas.path is not None:
        for folder in sorted(path for path in atlas.path.resolve().parent.iterdir()):
            if folder.resolve() in seen or not (folder / "manifest.json").is_file():
                continue
            try:
                beside = load_run(folder)
            except RunFolderError:
                continue
            if not _unfit(atlas, beside):
                runs.append(beside)
    return Evidence(
        runs={one.name: tuple(run for run in runs if run.kind in one.kinds) for one in INSTRUMENTS}
    )


def _unfit(atlas: Atlas, run: RunView) -> str:
    if not any(run.kind in one.kinds for one in INSTRUMENTS):
        kinds = ", ".join(one.kinds[0] for one in INSTRUMENTS)
        return f"it is of the kind {run.kind!r}, and what fits are runs of {kinds}"
    model = run.manifest.get("model") or {}
    if model.get("weights_sha256") != atlas.config["model"]["weights_sha256"]:
        return (
            f"it is about {model.get('id')!r} and the atlas about "
            f"{atlas.config['model']['id']!r}, with other weights"
        )
    return ""


def tables_of(run: RunView) -> list[str]:
    """Names of the Parquet tables of a run that say something about units."""
    import pyarrow.parquet as pq

    names = sorted(name for name in run.manifest["files"] if name.endswith(".parquet"))
    return [name for name in names if "unit" in pq.read_schema(run.file(name)).names]


def rows_of(table: Any, address: str) -> Any:
    """The rows of a pyarrow table about one unit; None where it names units in another way."""
    import pyarrow as pa
    import pyarrow.compute as pc

    hook, _, index = address.rpartition(":")
    kind = table.schema.field("unit").type
    if pa.types.is_integer(kind):
        if "site" not in table.column_names:
            return None
        site = table.column("site").cast(pa.string())
        mask = pc.and_(pc.equal(site, hook), pc.equal(table.column("unit"), int(index)))
        return table.filter(mask).drop_columns(["site", "unit"])
    return table.filter(pc.equal(table.column("unit").cast(pa.string()), address)).drop_columns(
        ["unit"]
    )


def _plain(table: Any) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """Columns and rows as Python values, intervals folded into the value that they belong to."""
    if "rank" in table.column_names:
        table = table.sort_by("rank")
    data = table.to_pydict()
    names = [
        name
        for name in table.column_names
        if not (name.endswith(("_low", "_high")) and name.rsplit("_", 1)[0] in data)
    ]
    columns = []
    for name in names:
        values = data[name]
        if f"{name}_low" in data and f"{name}_high" in data:
            ends = zip(values, data[f"{name}_low"], data[f"{name}_high"], strict=True)
            values = [_with_interval(*one) for one in ends]
        columns.append([_cell(value) for value in values])
    return tuple(names), tuple(zip(*columns, strict=True)) if columns else ()


def _with_interval(value: Any, low: Any, high: Any) -> Any:
    from clipprobe.report.numbers import format_number

    if not isinstance(value, float):
        return value
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"


def _cell(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
