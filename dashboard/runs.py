"""The runs in a folder: complete ones, and what is wrong with the others."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from clipprobe.errors import RunFolderError
from clipprobe.identity import called
from clipprobe.runs import RunView, load_run
from clipprobe.runs.view import CONFIG, FORMAT, MANIFEST, PARTS
from dashboard.components import plain, visible
from dashboard.settings import as_typed, runs_folder

MOST_PROBLEMS = 3
COMPLETE, UNFINISHED, DAMAGED = "complete", "not finished", "damaged"


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A folder that is, or was to become, a run.

    Attributes:
        name: Its path below the runs folder, as it stands in addresses.
        run: The run; None where it is unfinished or damaged.
        problem: Why there is no run; else empty.
        written: When its manifest was written, in nanoseconds; 0 without one.
    """

    name: str
    run: RunView | None
    problem: str
    written: int

    @property
    def state(self) -> str:
        """Whether there is a run, and if not, whether there was one."""
        if self.run is not None:
            return COMPLETE
        return DAMAGED if self.written else UNFINISHED


def find_runs(folder: Path) -> list[RunEntry]:
    """Every run in ``folder`` and below in order of name, incomplete and damaged ones included."""
    runs = []
    for path, stamp in _run_folders(folder):
        relative = path.relative_to(folder).as_posix()
        name = visible(f"{folder.name}/" if relative == "." else relative)
        run, problem = None, ""
        try:
            str(path).encode()
            run = _read(path, stamp)
        except RunFolderError as error:
            problem = str(error)
        except OSError as error:
            problem = f"The run {path} cannot be read ({error.strerror or type(error).__name__})."
        except UnicodeEncodeError:  # no such name can stand in an address or on a page
            problem = f"The name of the folder {path} is not UTF-8: rename it."
        runs.append(RunEntry(name, run, problem, stamp))
    return sorted(runs, key=lambda item: item.name)


def atlases(found: list[RunEntry]) -> list[RunEntry]:
    """The complete atlases among the runs; without one, says how to make one and what is broken."""
    runs = [item for item in found if item.run and item.run.kind == "atlas"]
    if not runs:
        st.info(
            f"There is no atlas in {plain(as_typed(runs_folder()))}. `clipprobe demo` makes one, "
            "and `clipprobe neurons scan --images DIR --out DIR` makes one of your images."
        )
        for item in [one for one in found if one.problem][:MOST_PROBLEMS]:
            st.warning(plain(item.problem))
    return runs


def choose_run(runs: list[RunEntry], *, label: str, key: str) -> RunView | None:
    """Let the user choose one of some complete runs; the choice is ``run`` in the page's address.

    The strip of the page puts it there. A view keeps its run while other views are open. A link
    wins over that, and where it names a run that is not here nothing is shown until the user has
    chosen one.

    Returns:
        The run; None where one has to be chosen first.
    """
    views = {item.name: item.run for item in runs if item.run is not None}
    names = list(views)
    address, memory = st.query_params.get("run"), f"{key} kept"  # a widget forgets in other views
    before = st.session_state.get(memory)
    linked = from_link(address, shown=before, seen=_seen(key))
    chosen = st.session_state.get(key) not in (None, before)  # in the list, just now
    if linked and not chosen:
        st.session_state[key] = st.session_state[memory] = address
    elif key not in st.session_state:
        st.session_state[key] = names[0] if before is None else before
    # Said again, because what a widget of this key on another page holds is not given to this one.
    kept = st.session_state[key]
    st.session_state[key] = kept if kept in views else None
    name = st.selectbox(
        label, names, index=None, key=key, placeholder="Choose a run", required=True
    )
    if name is None:
        missing = st.session_state.get(memory)
        gone = "" if missing in views else f"{_why_not(str(missing))} "
        st.warning(plain(f"{gone}Choose one of the {len(names)} in the list."))
        return None
    st.session_state[memory] = name
    return views[name]


def from_link(value: str | None, *, shown: str | None, seen: str) -> bool:
    """Whether a link, Back or Forward brought what the address says.

    The strip writes into the address what a page shows, once it is drawn. So the address lags
    behind what a user chooses, and neither what is shown nor what it said before was brought.

    Args:
        value: What the address says now.
        shown: What the page shows.
        seen: The place in the session of what the address said before.
    """
    before, st.session_state[seen] = st.session_state.get(seen), value
    if value is None or value == shown:
        return False
    context = get_script_run_ctx()
    return value != before or (context is not None and context.is_history_navigation)


def forget_address(key: str) -> None:
    """Take the next address for a link, whatever it said before: the page has links of its own."""
    st.session_state.pop(_seen(key), None)


def _seen(key: str) -> str:
    return f"{key} in the address"


def _why_not(name: str) -> str:
    """Why there is no run of a name to choose: what is wrong with it, if it is there."""
    problems = (item.problem for item in find_runs(runs_folder()) if item.name == name)
    return next(filter(None, problems), f"There is no run {name!r} to show here.")


def model_words(run: RunView) -> str:
    """Model, revision and the beginning of the weights' hash."""
    return words_of_model(run.manifest.get("model"))


def words_of_model(model: Mapping[str, Any] | None) -> str:
    """The same of what a run or a model says of itself."""
    if not model:
        return "no model"
    revision = f" @ {model['revision']}" if model.get("revision") else ""
    weights = str(model.get("weights_sha256") or "")
    return f"{called(model)}{revision}" + (f", weights {weights[:12]}" if weights else "")


def data_words(run: RunView) -> str:
    """Data set, and how many of its images were used."""
    dataset: dict[str, Any] = run.manifest.get("dataset") or {}
    counts = {name: n for name, n in run.manifest["counts"].items() if n}
    words = ", ".join(f"{n:,} {name}" for name, n in counts.items()) or "no images"
    name = dataset.get("name")
    mark = str(dataset.get("fingerprint") or "")[:12]
    return (f"{name}: " if name else "") + words + (f", fingerprint {mark}" if mark else "")


@st.cache_data(ttl=5, show_spinner=False, max_entries=8)
def _run_folders(folder: Path) -> list[tuple[Path, int]]:
    """Folders with a manifest or a config, with the time of the manifest (0 without one)."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != PARTS and not name.startswith(".")]
        if MANIFEST in names:
            found.append((Path(root), _changed(Path(root) / MANIFEST)))
        elif CONFIG in names and _is_ours(Path(root) / CONFIG):
            found.append((Path(root), 0))
    return found


def _changed(manifest: Path) -> int:
    """When a file was last written, in nanoseconds; 0 where it is gone by now."""
    try:
        return manifest.stat().st_mtime_ns
    except OSError:
        return 0


def _is_ours(config: Path) -> bool:
    """Whether a config is that of a run: model checkpoints have a file of this name too."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


@st.cache_resource(ttl=5, show_spinner=False, max_entries=4096)
def _read(path: Path, stamp: int) -> RunView:
    """A run whose files are what its manifest says; read again when that changes, and soon."""
    return load_run(path)
