"""A repair as a file, and the command that audits the model under it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import streamlit as st

from clipprobe.edits import Edit
from clipprobe.errors import ConfigError
from clipprobe.models import Clip
from dashboard import state
from dashboard.components import download, plain
from dashboard.lab import computed
from dashboard.settings import runs_folder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def show_saving(clip: Clip, edit: Edit) -> None:
    """The edit as a file, and the command that audits the model under it."""
    with st.expander("Save the edit and audit it", icon=":material/save:"):
        name = st.text_input("Name", "repair", key="edit name", max_chars=64).strip()
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"The edit cannot be called {name!r}: use letters, digits, dots, - and _."
            )
        fitted = edit.named(name).fitted_to(clip)
        file = edit_folder() / f"{name}{computed.SUFFIX}"
        left, right = st.columns(2)
        if left.button(f"Save it to {plain(file)}", key="save edit"):
            file.parent.mkdir(parents=True, exist_ok=True)
            fitted.save(file)
            st.session_state["edit saved"] = str(file)
        with right:
            data, kind = fitted.to_bytes(), "application/octet-stream"
            download("Download it", data, file.name, kind, key="download edit")
        if st.session_state.get("edit saved") == str(file) and file.exists():
            st.caption(f"Saved: {plain(file)}")
        st.code(audit_command(file), language="bash", wrap_lines=True)
        st.caption(plain(f"{edit}"))


def audit_command(file: Path) -> str:
    """The command that audits the model under the edit."""
    parts = ["clipprobe", "audit", "typographic", *state.chosen_source().flags]
    parts += ["--edit", str(file), "--images", "IMAGES", "--classes", "CLASSES.txt"]
    parts += ["--out", str(runs_folder() / f"typographic-{file.stem}")]
    return shlex.join(parts)


def edit_folder() -> Path:
    """Where edits are kept: beside the runs."""
    return runs_folder() / "edits"
