"""The command lines that a sheet shows: of itself, of its atlas, and of what can still be asked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.neurons.atlas.unit import Unit
    from clipprobe.neurons.instruments.instrument import Instrument

Arguments = Iterable[tuple[str, object]]
Typed = Callable[[Path], object]
"""How a place is written on a command line."""


def command_line(verb: str, arguments: Arguments) -> str:
    """The command line that gives flags to a verb; the flag "" is an argument."""
    words = ["clipprobe", *verb.split()]
    for flag, value in arguments:
        words += [f"--{flag}", str(value)] if flag else [str(value)]
    return shlex.join(words)


def as_is(place: Path) -> Path:
    """A place as it is typed from here: relative where it lies below the current folder."""
    try:
        return place.resolve().relative_to(Path.cwd()) if place.is_absolute() else place
    except (OSError, ValueError):
        return place


def ask(instrument: Instrument, atlas: Atlas, unit: str, typed: Typed = as_is) -> str:
    """What asks an instrument about a unit of this atlas, with its model and pooling."""
    site = unit.rpartition(":")[0]
    filled = {
        "unit": unit,
        "site": site,
        "beside": "runs" if atlas.path is None else str(typed(atlas.path.parent)),
        "pool": atlas.pool,
        "slug": unit.replace(":", "-"),
        "n_units": atlas.site(site).n_units,
    }
    flags: list[tuple[str, object]] = [
        (flag, value.format(**filled)) for flag, value in instrument.flags.items()
    ]
    if atlas.tower == "text":
        flags.append(("pool", atlas.pool))  # no instrument says it for texts
    flags += _edits(atlas) if atlas.config["model"]["id"] == _bundled() else _model(atlas)
    return command_line(instrument.verb, flags)


def show(
    atlas: Atlas,
    unit: Unit,
    runs: Sequence[str | Path],
    out: str | Path | None,
    typed: Typed = as_is,
) -> str:
    """What makes the sheet again."""
    flags: list[tuple[str, object]] = [("", unit.address), ("atlas", _place(atlas, typed))]
    flags += [("with", run) for run in runs]
    flags.append(("out", out or "sheet.html"))
    # The model draws the maps, and only its place may have changed.
    own = [] if atlas.config["model"]["id"] == _bundled() else _model(atlas)
    return command_line("neurons show", [*flags, *own])


def search_line(atlas: Atlas, line: str, sites: Sequence[str], limit: int) -> str:
    """What finds the units that a line of text asks for."""
    flags: list[tuple[str, object]] = [("atlas", atlas.path or "runs/atlas"), ("find", line)]
    flags += [("sites", site) for site in sites]
    return command_line("neurons search", [*flags, ("limit", limit)])


def scan(atlas: Atlas, typed: Typed = as_is) -> str:
    """What makes the atlas again."""
    config, keep = atlas.config, atlas.config["keep"]
    return command_line(
        "neurons scan",
        [
            ("images" if atlas.tower == "vision" else "texts", source(atlas, typed)),
            *_model(atlas),
            *(("sites", site) for site in atlas.sites),
            ("pool", atlas.pool),
            ("top-k", keep["top_k"]),
            ("per-bin", keep["per_bin"]),
            ("threshold", f"{keep['threshold']:g}"),
            ("seed", keep["seed"]),
            ("batch-size", config["batch_size"]),
            ("out", _place(atlas, typed)),
        ],
    )


def _place(atlas: Atlas, typed: Typed) -> object:
    return "runs/atlas" if atlas.path is None else typed(atlas.path)


def source(atlas: Atlas, typed: Typed = as_is) -> object:
    """Where the images or texts are, as the call of the atlas says; else the name of the data."""
    name: str = atlas.config["data"]["name"]
    settings = _call(atlas).get("settings", {})
    one = settings.get("images") or settings.get("texts")
    if not isinstance(one, dict):
        return name
    place = one.get("$path") or one.get("arguments", {}).get("spec")
    return typed(Path(place)) if isinstance(place, str) else name


def _model(atlas: Atlas) -> list[tuple[str, object]]:
    model: Mapping[str, object] = atlas.config["model"]
    revision = [("revision", model["revision"])] if model["revision"] else []
    return [("model", model["id"]), *revision, *_edits(atlas)]


def _edits(atlas: Atlas) -> list[tuple[str, object]]:
    """The files of the edits that the atlas was made under, directions among them."""
    if not atlas.config["model"].get("edits"):
        return []
    model = _call(atlas).get("model") or {}
    places = list(model.get("arguments", {}).get("edits", []))
    # Of an edit that was never saved nobody knows the place.
    return [("edit", place) for place in places or ["EDIT.safetensors"]]


def _call(atlas: Atlas) -> dict[str, Any]:
    """The call that made an atlas; empty where nobody knows it."""
    from clipprobe.runs import load_run
    from clipprobe.runs.view import CALL

    if atlas.path is None or not (run := load_run(atlas.path)).has(CALL):
        return {}
    call: dict[str, Any] = run.read_json(CALL)
    return call


def _bundled() -> str:
    from clipprobe.models.checkpoints.bundled import BUNDLED_NAME

    return BUNDLED_NAME
