"""``clipprobe models`` and ``clipprobe hooks``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from clipprobe.cli.common import load_model, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import UnknownModelError
from clipprobe.lines import count_words
from clipprobe.models.settings import Hooks, Models
from clipprobe.settings.shared import Terminal

if TYPE_CHECKING:
    from clipprobe.hooks import HookPoint


def models(settings: Models) -> None:
    """Print what can be loaded."""
    data = loadable()
    result(data, as_json=settings.as_json, text=lambda: models_text(data))


def loadable() -> dict[str, Any]:
    """The bundled model and the supported architectures."""
    from clipprobe.models.checkpoints.bundled import BUNDLED_NAME, bundled_folder
    from clipprobe.models.families import HF_FAMILIES

    try:
        folder = str(bundled_folder())
    except UnknownModelError:
        folder = None
    return {
        "bundled": {"name": BUNDLED_NAME, "folder": folder},
        "hugging_face": [
            {"model_type": kind, "models": HF_FAMILIES[kind].examples} for kind in HF_FAMILIES
        ],
        "open_clip": {
            "installed": find_spec("open_clip") is not None,
            "models": "ResNets and ViTs of open_clip with safetensors weights, e.g. "
            "open_clip:RN50x4/openai",
        },
    }


def models_text(data: dict[str, Any]) -> str:
    """:func:`loadable` for people."""
    bundled, extra = data["bundled"], data["open_clip"]
    kinds = data["hugging_face"]
    width = max(len(kind["model_type"]) for kind in kinds)
    lines = [
        f"Without --model: {bundled['name']} "
        + (f"({bundled['folder']})" if bundled["folder"] else "(not in this installation)"),
        "A folder or a Hugging Face id whose config.json has one of these model types:",
        *(f"  {kind['model_type']:<{width}}  {kind['models']}" for kind in kinds),
        extra["models"] + ("" if extra["installed"] else " (pip install 'clipprobe[openclip]')"),
    ]
    return "\n".join(lines)


def hooks(settings: Hooks, terminal: Terminal) -> None:
    """Print the hook points of a model."""
    clip = load_model(settings)
    points = clip.hook_points()
    if settings.sites:
        from clipprobe.hooks import resolve

        points = resolve(clip, list(settings.sites))
    data = {
        "model": clip.provenance()["model"],
        "hook_points": [
            {"name": p.name, "axes": list(p.axes), "unit": p.unit, "n_units": p.n_units}
            for p in points
        ],
    }
    result(data, as_json=terminal.as_json, text=lambda: hooks_text(points))
    say(f"{count_words(len(points), 'hook point')} of {clip.id}; a unit is written NAME:INDEX.")


def hooks_text(points: list[HookPoint]) -> str:
    """One line per hook point."""
    width = max(len(point.name) for point in points)
    return "\n".join(
        f"{point.name:<{width}}  {' '.join(point.axes):<18}  {point.n_units} {point.unit}"
        + ("" if point.n_units == 1 else "s")
        for point in points
    )


MODELS = Verb(models, (Models,))
HOOKS = Verb(hooks, (Hooks, Terminal))
