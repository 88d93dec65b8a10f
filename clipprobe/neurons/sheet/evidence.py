"""What the other instruments found about a unit, read from their runs.

An atlas says what a unit answers to. Words, captions, multimodality, labels, effects and similar
units are runs of their own (see :mod:`clipprobe.neurons.sheet.instruments`). Sheets, searches and
the dashboard show a run where it is complete, made by an instrument, and of the same
``weights_sha256`` as the atlas: what was found on other weights is about other units. What of its
tables is shown, and how, is in :mod:`clipprobe.neurons.sheet.views`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.errors import RunFolderError
from clipprobe.identity import Identity
from clipprobe.neurons.sheet.instruments import INSTRUMENTS
from clipprobe.neurons.sheet.views import VIEWS, UnitRows

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.runs import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Runs of instruments about the model of one atlas.

    Attributes:
        runs: Name of the instrument -> its runs, in order of path.
    """

    runs: Mapping[str, tuple[RunView, ...]]

    def about(self, instrument: str, address: str) -> list[UnitRows]:
        """What the runs of an instrument say about a unit, table by table."""
        view = VIEWS[instrument]
        found = []
        for run in self.runs.get(instrument, ()):
            rows = {name: unit_rows(run, name, address) for name in view.tables if run.has(name)}
            if any(rows.values()):
                found += view.make(run, {name: rows.get(name, []) for name in view.tables})
        return found


def gather(
    atlas: Atlas, given: Sequence[str | Path] = (), *, among: Iterable[RunView] = ()
) -> Evidence:
    """The runs given, and all that lie near the atlas, of instruments and on the same weights.

    Near is beside the atlas, and beside the run that the atlas is part of, as that of a demo is.

    Args:
        given: Runs that have to fit.
        among: More runs; those that do not fit are left out, as are those near the atlas.
    Raises:
        RunFolderError: a run that was given is incomplete, of no instrument, or about other
            weights.
    """
    from clipprobe.runs import load_run

    runs = [load_run(path) for path in given]
    for run in runs:
        reason = _unfit(atlas, run)
        if reason:
            raise RunFolderError(f"The run {run.path} cannot be shown with this atlas: {reason}.")
    seen = {run.path.resolve() for run in runs}
    for run in chain(_near(atlas), among):
        if run.path.resolve() not in seen and not _unfit(atlas, run):
            seen.add(run.path.resolve())
            runs.append(run)
    return Evidence(
        runs={one.name: tuple(run for run in runs if run.kind == one.kind) for one in INSTRUMENTS}
    )


def _near(atlas: Atlas) -> Iterator[RunView]:
    """The complete runs beside the atlas, and beside each run around it."""
    from clipprobe.runs import load_run
    from clipprobe.runs.view import MANIFEST

    folder = None if atlas.path is None else atlas.path.resolve().parent
    while folder is not None:
        for path in sorted(folder.iterdir()):
            if (path / MANIFEST).is_file():
                try:
                    yield load_run(path)
                except RunFolderError:
                    continue
        folder = folder.parent if (folder / MANIFEST).is_file() else None


def _unfit(atlas: Atlas, run: RunView) -> str:
    if all(run.kind != one.kind for one in INSTRUMENTS):
        kinds = ", ".join(one.kind for one in INSTRUMENTS)
        return f"it is of the kind {run.kind!r}, and what fits are runs of {kinds}"
    model = run.manifest.get("model") or {}
    if Identity.stored(model) != Identity.stored(atlas.config["model"]):
        return (
            f"it is about {model.get('id')!r} and the atlas about "
            f"{atlas.config['model']['id']!r}, with other weights or edits"
        )
    return ""


def unit_rows(run: RunView, name: str, address: str) -> list[dict[str, Any]]:
    """The rows of a table with ``site`` and ``unit`` that are about one unit, in their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    hook, _, index = address.rpartition(":")
    table = run.read_table(name)
    mask = pc.and_(
        pc.equal(table.column("site").cast(pa.string()), hook),
        pc.equal(table.column("unit"), int(index)),
    )
    rows: list[dict[str, Any]] = table.filter(mask).to_pylist()
    return rows


def rows_with(
    run: RunView, name: str, column: str, wanted: str, **equal: str
) -> list[dict[str, Any]]:
    """The rows of a table whose text ``column`` is ``wanted`` in whatever case; with ``address``.

    Args:
        equal: Other text columns, and what they must be.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = run.read_table(name)
    texts = table.column(column).cast(pa.string())
    alike = [
        text
        for text in pc.unique(texts).to_pylist()
        if text is not None and text.casefold() == wanted.casefold()
    ]
    mask = pc.is_in(texts, value_set=pa.array(alike, pa.string()))
    for key, value in equal.items():
        mask = pc.and_(mask, pc.equal(table.column(key).cast(pa.string()), value))
    return addressed(run, table.filter(mask))


def addressed(run: RunView, table: Any) -> list[dict[str, Any]]:
    """Rows of a pyarrow table with the unit as ``address``, and the name of the ``run``."""
    return [
        {"address": f"{row.pop('site')}:{row.pop('unit')}", "run": run.path.name, **row}
        for row in table.to_pylist()
    ]
