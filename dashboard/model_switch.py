"""Which model this session runs, and how another one is loaded; no two sessions share the choice.

The choice is ``model`` in the address. A folder or a model of the runs opens from an address at
once; a hub id may be downloaded, so an address alone does not load it: the page asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from clipprobe.errors import ClipprobeError
from clipprobe.models.checkpoints.bundled import BUNDLED_NAME
from clipprobe.study.call import model_origin, read_call
from dashboard.components import plain
from dashboard.runs import find_runs
from dashboard.settings import model_spec, runs_folder
from dashboard.state import CHOSEN_MODEL, chosen_edits, chosen_spec, load_model

PARAMETER, ADDRESS_SEEN = "model", "model in the address"
BUNDLED = f"{BUNDLED_NAME}, bundled"


def show_switch() -> None:
    """The session's model, and the widgets that load another one."""
    label = Path(chosen_spec() or BUNDLED_NAME).name
    with st.popover(f"Model: {plain(label)}", icon=":material/model_training:"):
        choices = {_name(spec): spec for spec in (None, model_spec(), chosen_spec())}
        for spec, n in models_of_runs(runs_folder()).items():
            if spec not in choices.values():
                choices[f"{spec}, of {n} run{'s' if n > 1 else ''}"] = spec
        names = list(choices)
        picked = st.selectbox("Known models", names, names.index(_name(chosen_spec())))
        typed = st.text_input(
            "Or a checkpoint folder, or a Hugging Face id",
            key="typed model",
            placeholder="openai/clip-vit-base-patch32",
            help="An id that is not in the cache is downloaded. Pickled weights are never opened.",
        )
        wanted = typed.strip() or choices[picked]
        if st.button("Load it", key="load model", type="primary") and load_here(wanted):
            st.session_state[CHOSEN_MODEL] = wanted
            _write_address()
            st.rerun()


def follow_address() -> bool:
    """Take the model that the address names, where a link or Back brought a new one.

    Returns:
        Whether the page can be shown: False where the address names a model that cannot be loaded,
        or one that the user has not agreed to load.
    """
    address = st.query_params.get(PARAMETER)
    if address is None or address == st.session_state.get(ADDRESS_SEEN):
        _write_address()
        return True
    wanted = None if address == BUNDLED_NAME else address
    at_once = wanted in (None, model_spec(), *models_of_runs(runs_folder())) or _is_folder(address)
    if not at_once:
        st.warning(
            f"The address names the model {plain(address)}. It is not a folder here, so it may be "
            "downloaded."
        )
        if not st.button("Load it", key="agree"):
            return _keep_own()
    if not load_here(wanted):
        return _keep_own()
    st.session_state[CHOSEN_MODEL], st.session_state[ADDRESS_SEEN] = wanted, address
    st.rerun()
    return False


def load_here(spec: str | None) -> bool:
    """Load a model and say how it goes, or why it cannot be."""
    name, trouble = plain(_name(spec)), ""
    with st.status(f"Loading {name}: finding it, then reading its weights…") as status:
        try:
            clip = load_model(spec, chosen_edits() if spec == chosen_spec() else ())
        except ClipprobeError as error:
            trouble = plain(error)
            status.update(label=f"{name} was not loaded", state="error")
        else:
            status.update(label=f"{name} is loaded: {plain(clip.id)}", state="complete")
    if trouble:  # not in the status, which is folded
        st.error(trouble, icon=":material/error:")
    return not trouble


@st.cache_data(ttl=30, show_spinner=False, max_entries=8)
def models_of_runs(folder: Path) -> Mapping[str, int]:
    """The models that the runs in a folder name, and how many runs each has."""
    counts: dict[str, int] = {}
    for item in find_runs(folder):
        try:
            origin = item.run and model_origin(read_call(item.run))
        except ClipprobeError:
            continue
        spec = origin.arguments.get("model") if origin and origin.opener == "model" else None
        if isinstance(spec, str) and spec:
            counts[spec] = counts.get(spec, 0) + 1
    return counts


def _keep_own() -> bool:
    """Offer the session's own model where the address' one is not taken."""
    if st.button(f"Go on with {plain(_name(chosen_spec()))}", key="keep model"):
        st.session_state[ADDRESS_SEEN] = None
        st.query_params.pop(PARAMETER, None)
        st.rerun()
    return False


def _write_address() -> None:
    """The choice in the address; nothing where it is that of the start."""
    spec = chosen_spec()
    if spec == model_spec():
        st.query_params.pop(PARAMETER, None)
        st.session_state[ADDRESS_SEEN] = None
    else:
        st.session_state[ADDRESS_SEEN] = name = spec or BUNDLED_NAME
        if st.query_params.get(PARAMETER) != name:  # each write sends all parameters as they were
            st.query_params[PARAMETER] = name


def _name(spec: str | None) -> str:
    return BUNDLED if spec is None else spec


def _is_folder(text: str) -> bool:
    try:
        return Path(text).expanduser().is_dir()
    except (OSError, ValueError):  # a name that no file system takes
        return False
