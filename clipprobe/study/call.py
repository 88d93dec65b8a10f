"""``call.json``: what rebuilds the call of a run.

Beside the configuration, which holds names and hashes, a call holds where things were: paths,
whether a text was one, and which model. It therefore differs between machines, stands outside the
files of the manifest, and a run can be shared without it. Settings that do not change the result
(``HOW``) are left out. Of what is about single people (``PRIVATE``) names of columns are kept and
nothing else. What no file can hold, such as images in memory, is named, and has to be given again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.errors import RunFolderError
from clipprobe.origin import Origin, absolute
from clipprobe.registry import Registry
from clipprobe.runs.view import CALL
from clipprobe.settings import HOW, PRIVATE, Setting, settings_of

if TYPE_CHECKING:
    from clipprobe.runs import RunView
    from clipprobe.study.plan import Study

FORMAT = "clipprobe-call"
_PATH, _OPEN, _ITEMS = "$path", "$open", "$items"

OPENERS: Registry[Any] = Registry(
    "opener",
    {
        "atlas": "clipprobe.neurons.atlas.store:read",
        "attack-set": "attacks.typographic.datasets:load_attacks",
        "bundled-probes": "clipprobe.neurons.multimodality.bundled:open_bundled",
        "edited-model": "clipprobe.edits.edit:open_edited",
        "captions": "clipprobe.neurons.captions.lists:read_captions",
        "images": "clipprobe.data:open_dataset",
        "model": "clipprobe.models:load",
        "probes": "clipprobe.neurons.multimodality.probes:as_probes",
        "study": "clipprobe.study.suite.entry:reopened",
        "texts": "clipprobe.data.texts:read_texts",
        "words": "clipprobe.neurons.words.lists:read_words",
    },
)
"""What opens the things again that a call cannot hold."""


class _Unkept(Exception):
    """A value that no file can hold."""


def call_of(study: Study[Any, Any], settings: Any, clip: Any) -> dict[str, Any]:
    """The content of ``call.json``."""
    stored, again = kept_settings(settings)
    call: dict[str, Any] = {"format": FORMAT, "kind": study.kind, "settings": stored}
    if study.known_as != study.kind:
        call["study"] = study.name
    call["give_again"] = again
    try:
        call["model"] = _encoded(clip, None)
    except _Unkept:
        call["model"] = None
        call["give_again"].append("model")
    return call


def kept_settings(settings: Any) -> tuple[dict[str, Any], list[str]]:
    """The settings that a file can hold, and the names of those that have to be given again."""
    stored: dict[str, Any] = {}
    again: list[str] = []
    for one in settings_of(type(settings)):
        value = getattr(settings, one.name)
        if one.mark is HOW or one.where == "terminal":
            continue
        if one.mark is PRIVATE and not _is_names(value):
            again.append(one.name)
            continue
        try:
            stored[one.name] = _encoded(value, one)
        except _Unkept:
            again.append(one.name)
    return stored, again


def read_call(view: RunView) -> dict[str, Any]:
    """The call of a run.

    Raises:
        RunFolderError: the run has none, or it cannot be used.
    """
    if not view.has(CALL):
        raise RunFolderError(
            f"The run {view.path} has no {CALL}: it was shared without it, or an earlier clipprobe "
            "made it; give the verb and its settings again."
        )
    call = view.read_json(CALL)
    if (
        not isinstance(call, Mapping)
        or call.get("format") != FORMAT
        or not isinstance(call.get("settings"), Mapping)
    ):
        raise RunFolderError(f"The {CALL} of the run {view.path} is not one of a clipprobe run.")
    return dict(call)


def settings_from(call: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a call kept, opened again."""
    return {name: _decoded(value) for name, value in call["settings"].items()}


def model_from(call: Mapping[str, Any]) -> Any:
    """The model that a call names, loaded again; None where the study needed none."""
    return _decoded(call.get("model"))


def model_origin(call: Mapping[str, Any]) -> Origin | None:
    """What opens the model that a call names; None where the study needed none."""
    model = call.get("model")
    if not isinstance(model, Mapping) or not isinstance(model.get("arguments"), Mapping):
        return None
    return Origin(opener=str(model.get(_OPEN)), arguments=dict(model["arguments"]))


def _is_names(value: Any) -> bool:
    texts = [value] if value is None or isinstance(value, str) else value
    return isinstance(texts, list | tuple) and all(isinstance(t, str | None) for t in texts)


def _encoded(value: Any, one: Setting | None) -> Any:
    if isinstance(value, Path):
        return {_PATH: absolute(value)}
    if isinstance(value, str) and one is not None and (one.type is Path or one.place):
        return absolute(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    origin = getattr(value, "origin", None)
    if isinstance(origin, Origin):
        return {_OPEN: origin.opener, "arguments": dict(origin.arguments)}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        encoded = {key: _encoded(item, one) for key, item in value.items()}
        # JSON is written with sorted keys, and the order may decide the result.
        in_order = list(encoded) == sorted(encoded)
        return encoded if in_order else {_ITEMS: [list(item) for item in encoded.items()]}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_encoded(item, one) for item in value]
    raise _Unkept


def _decoded(value: Any) -> Any:
    if isinstance(value, Mapping) and _PATH in value:
        return Path(value[_PATH])
    if isinstance(value, Mapping) and _OPEN in value:
        return OPENERS[value[_OPEN]](**value["arguments"])
    if isinstance(value, Mapping):
        items = value[_ITEMS] if _ITEMS in value else value.items()
        return {key: _decoded(item) for key, item in items}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value
