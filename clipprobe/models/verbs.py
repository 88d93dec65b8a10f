"""``clipprobe models``, ``clipprobe hooks`` and ``clipprobe similarity``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from clipprobe.cli.common import load_model, progress, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import DataError, UnknownModelError
from clipprobe.lines import one_line
from clipprobe.models.settings import Hooks, Models, Similarity
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.hooks import HookPoint

_TEXT_WIDTH = 100  # of a text above the table


def models(settings: Models) -> None:
    """Print what can be loaded."""
    data = loadable()
    result(data, as_json=settings.as_json, text=lambda: models_text(data))


def loadable() -> dict[str, Any]:
    """The bundled model and the supported architectures."""
    from clipprobe.models.bundled import BUNDLED_NAME, bundled_folder
    from clipprobe.models.families import HF_FAMILIES

    try:
        folder = str(bundled_folder())
    except UnknownModelError:
        folder = None
    return {
        "bundled": {"name": BUNDLED_NAME, "folder": folder},
        "hugging_face": [
            {"model_type": kind, "models": family.examples} for kind, family in HF_FAMILIES.items()
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
    clip = load_model(settings.model, device=settings.device, revision=settings.revision)
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
    say(f"{len(points)} hook points of {clip.id}; a unit is written NAME:INDEX.")


def hooks_text(points: list[HookPoint]) -> str:
    """One line per hook point."""
    width = max(len(point.name) for point in points)
    return "\n".join(
        f"{point.name:<{width}}  {' '.join(point.axes):<18}  {point.n_units} {point.unit}"
        + ("" if point.n_units == 1 else "s")
        for point in points
    )


def similarity(settings: Similarity, model: Model, terminal: Terminal) -> None:
    """Print the cosine of every image with every text."""
    images, texts = list(settings.images), list(settings.texts)
    folders = [path for path in images if path.is_dir()]
    if folders:
        raise DataError(
            f"{folders[0]} is a folder, and this command compares single images: "
            f"give files, for example {folders[0]}/*."
        )
    if settings.out is not None:
        from clipprobe.report.matrix import check_matrix_name
        from clipprobe.runs.files import check_file

        check_matrix_name(settings.out)
        check_file(settings.out)
    clip = load_model(model.model, device=model.device, revision=model.revision)
    from clipprobe.memory import fitting_batch

    fitting_batch(clip, settings.batch_size, len(images))
    with progress("encoding images", len(images)) as advance:
        encoded = clip.encode_images(images, batch_size=settings.batch_size, progress=advance)
    cosines = clip.similarity(encoded, texts)
    data = {
        "model": clip.provenance()["model"],
        "images": [str(path) for path in images],
        "texts": texts,
        "cosine": cosines.tolist(),
    }
    if settings.out is not None:
        from clipprobe.report.matrix import write_matrix

        write_matrix(settings.out, cosines, images, texts)
        say(f"The matrix is {settings.out}.")
    result(data, as_json=terminal.as_json, text=lambda: similarity_text(data))


def similarity_text(data: dict[str, Any]) -> str:
    """A row per image, a column per text, the texts written above."""
    images = [one_line(name) for name in data["images"]]
    width = max(len(name) for name in images)
    heads = [f"[{i}]" for i in range(len(data["texts"]))]
    return "\n".join(
        [
            *(f"[{i}] {_shortened(one_line(text))}" for i, text in enumerate(data["texts"])),
            " " * width + "".join(f"{head:>9}" for head in heads),
            *(
                f"{name:<{width}}" + "".join(f"{value:>9.4f}" for value in row)
                for name, row in zip(images, data["cosine"], strict=True)
            ),
        ]
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _TEXT_WIDTH else text[: _TEXT_WIDTH - 1].rstrip() + "…"


MODELS = Verb(models, (Models,))
HOOKS = Verb(hooks, (Hooks, Terminal))
SIMILARITY = Verb(similarity, (Similarity, Model, Terminal))
