"""The same study again, from what a run says of its call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError
from clipprobe.runs import RunView, load_run
from clipprobe.study.call import model_from, read_call, settings_from
from clipprobe.study.driver import carry_out
from clipprobe.study.table import STUDIES


def rerun(run: str | Path, out: str | Path, *, clip: Any = None, **given: Any) -> RunView:
    """Make a run again in another folder, from its ``call.json``: the same bytes.

    Args:
        run: A complete run.
        out: The new run folder.
        clip: The model; by default the one that the call names is loaded.
        given: Settings that the call could not keep (images in memory, groups of single people),
            or that say how the work is done (``workers``).
    Raises:
        RunFolderError: there is no such run, or it has no call.
        ConfigError: a setting has to be given again, or the same call does not lead to the same
            configuration (another model, other images).
    """
    view = load_run(run)
    call = read_call(view)
    study = STUDIES[call.get("study", view.kind)]
    absent = [name for name in call.get("give_again", ()) if name != "model" and name not in given]
    if clip is None and "model" in call.get("give_again", ()):
        absent.append("clip")
    if absent:
        raise ConfigError(
            f"The run {view.path} was made from what no file holds ({', '.join(absent)}): give it "
            "again, as in clipprobe.study.rerun(run, out, " + f"{absent[0]}=…)."
        )
    settings: Any = study.settings
    record = settings(**{**settings_from(call), **given, "out": Path(out)})
    model = model_from(call) if clip is None else clip
    return carry_out(study, record, model, expected=view.manifest["config"]).run
