"""What the other instruments found about a unit, read from their runs.

An atlas says what a unit responds to. Words, captions, multimodality, labels, effects and similar
units are runs of their own (see :mod:`clipprobe.neurons.instruments`). Sheets, searches and the
dashboard show a run where it is complete, made by an instrument, and of the same model as the
atlas: what was found on other weights is about other units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from clipprobe.errors import RunFolderError
from clipprobe.identity import Identity
from clipprobe.neurons.instruments.instrument import Instrument
from clipprobe.neurons.instruments.registry import INSTRUMENTS, beside_atlas
from clipprobe.neurons.instruments.rows import UnitRows, Verdict
from clipprobe.runs import RunView, load_run
from clipprobe.runs.view import MANIFEST, list_runs

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.atlas import Atlas

_DEPTH = 4
"""How far below the folder of runs they are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Runs of instruments about the model of one atlas.

    Attributes:
        runs: Name of the instrument -> its runs, in order of path.
    """

    runs: Mapping[str, tuple[RunView, ...]]

    def about(self, instrument: str, address: str) -> list[tuple[RunView, list[UnitRows]]]:
        """What each run of an instrument says about a unit; those that say nothing are left out."""
        one = INSTRUMENTS[instrument]
        views = ((run, one.view_of(run, address)) for run in self.runs.get(instrument, ()))
        return [(run, rows) for run, rows in views if rows]

    def verdicts(self, address: str) -> list[tuple[Instrument, RunView, Verdict]]:
        """What each run says about a unit in a sentence, in the order of a sheet."""
        return [
            (one, run, verdict)
            for one in beside_atlas()
            for run in self.runs.get(one.name, ())
            if (verdict := one.verdict_of(run, address)) is not None
        ]


def gather(
    atlas: Atlas,
    own: Sequence[str | Path] = (),
    *,
    among: Iterable[RunView] = (),
    near: bool = True,
) -> Evidence:
    """The runs given, and all below the folder of runs, of instruments and on the same weights.

    The folder of runs is the one that holds the atlas, or the run that the atlas is part of, as
    that of a demo is.

    Args:
        own: Runs that have to fit.
        near: Whether runs are looked for below the folder of runs.
        among: More runs; those that do not fit are left out, as they are of those below.
    Raises:
        RunFolderError: a run that was given is incomplete, of no instrument, or about other
            weights.
    """
    runs = [load_run(path) for path in own]
    for run in runs:
        reason = _unfit(atlas, run)
        if reason:
            raise RunFolderError(f"The run {run.path} cannot be shown with this atlas: {reason}.")
    known = {run.path.resolve() for run in runs}
    for run in chain(_near(atlas) if near else (), among):
        if run.path.resolve() not in known and not _unfit(atlas, run):
            known.add(run.path.resolve())
            runs.append(run)
    return Evidence(
        runs={
            one.name: tuple(run for run in runs if run.kind == one.kind) for one in beside_atlas()
        }
    )


def runs_root(atlas: Atlas) -> Path | None:
    """The folder of runs that holds the atlas: the one around it, and around the runs that it is
    part of, as that of a demo. None for an atlas that is in memory only."""
    if atlas.path is None:
        return None
    folder = atlas.path.resolve().parent
    while (folder / MANIFEST).is_file():
        folder = folder.parent
    return folder


def _near(atlas: Atlas) -> Iterator[RunView]:
    """The complete runs below the folder that holds the atlas, in order of path."""
    root = runs_root(atlas)
    if root is None:
        return
    # Of somebody's whole home, or a whole disk, only what lies beside the atlas.
    depth = 1 if root == Path.home() or root == root.parent else _DEPTH
    for run in list_runs(root, depth=depth):
        if _unfit(atlas, run):
            continue
        try:
            yield load_run(run.path)
        except RunFolderError:
            continue


def _unfit(atlas: Atlas, run: RunView) -> str:
    kinds = [one.kind for one in beside_atlas()]
    if run.kind not in kinds:
        return f"it is of the kind {run.kind!r}, and what fits are runs of {', '.join(kinds)}"
    model = run.manifest.get("model") or {}
    if Identity.stored(model) != Identity.stored(atlas.config["model"]):
        return (
            f"it is about {model.get('id')!r} and the atlas about "
            f"{atlas.config['model']['id']!r}, with other weights or edits"
        )
    return ""
