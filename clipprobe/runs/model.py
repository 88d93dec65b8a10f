"""What a run says about its model must be what made it, from its first file to its last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.runs import jsonio
from clipprobe.runs.differences import differing


class Unfinished(Protocol):
    """The part of an unfinished :class:`clipprobe.runs.Run` that is asked here."""

    @property
    def path(self) -> Path: ...

    @property
    def config(self) -> Mapping[str, Any]: ...

    def abandon(self) -> None: ...


def refuse_interventions(out: Path, config: Mapping[str, Any]) -> None:
    """Raise where the model of a run is changed by more than its weights.

    Args:
        out: The run folder, for the message.
        config: Of the run; ``model`` is that of ``Clip.provenance()``, which lists what is open.
    Raises:
        ConfigError: names the interventions and hooks.
    """
    edits = _interventions(config)
    if edits:
        more = f" and {len(edits) - 3} more" * (len(edits) > 3)
        raise ConfigError(
            f"No run can be written to {out} while the model is changed by {'; '.join(edits[:3])}"
            f"{more}, because the run could be taken for one of the unchanged model: leave the "
            "intervene block (or remove the hook) first, or leave out the output folder."
        )


def _interventions(config: Any) -> list[str]:
    """What changes any of the models that a configuration names, in order."""
    names: list[str] = []
    for name, value in config.items() if isinstance(config, Mapping) else ():
        names += list(value) if name == "interventions" else _interventions(value)
    return names


def without_interventions(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration for a scratch run, which nobody can take for another one."""
    return {
        name: without_interventions(value) if isinstance(value, Mapping) else value
        for name, value in config.items()
        if name != "interventions"
    }


def check_same_model(run: Unfinished, model: Mapping[str, Any] | None) -> None:
    """Raise where a run is to be finished with another model than it was opened with.

    The run is removed: its parts may be of either, and a resumed run would take them.

    Args:
        run: Unfinished.
        model: What made the results; None where the run has no model.
    Raises:
        RunFolderError: names what differs.
    """
    opened = run.config.get("model")
    changed = differing(opened, jsonio.plain(model)) if opened and model else []
    if changed:
        run.abandon()
        raise RunFolderError(
            f"The model that was to be recorded in {run.path} is not the one that the run was "
            f"opened with ({', '.join(name for name, _, _ in changed)}), so the run was removed: "
            "make it again and leave the model as it is meanwhile."
        )
