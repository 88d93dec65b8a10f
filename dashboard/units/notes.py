"""Stars, lists and notes of units: shown, changed, and handed out as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from clipprobe.errors import DataError
from clipprobe.identity import Identity
from clipprobe.neurons import Atlas
from clipprobe.neurons.notes import (
    MOST_TEXT,
    PLACE,
    UnitNote,
    UnitNotes,
    change_note,
    read_notes,
)
from clipprobe.runs import jsonio
from dashboard.components import ANY, choose_or_any, download, errors_shown, plain
from dashboard.settings import runs_folder


def note_file() -> Path:
    """Where notes are kept: beside the runs."""
    return runs_folder() / PLACE


def notes_of(atlas: Atlas) -> Mapping[str, UnitNote]:
    """The noted units of an atlas's model; a file that cannot be read is one sentence."""
    return _notes().of(model_of(atlas))


def saved_of(atlas: Atlas) -> dict[str, list[str]]:
    """Name of a list -> the units of the atlas's model that are on it."""
    return _notes().saved(model_of(atlas))


def model_of(atlas: Atlas) -> Identity:
    """The model that notes about units of an atlas are of."""
    return Identity.stored(atlas.config["model"])


def _notes() -> UnitNotes:
    with errors_shown():
        return read_notes(note_file())
    return UnitNotes()


def show_note(atlas: Atlas, unit: str, about: str) -> None:
    """What is noted about a unit, with the means to change it.

    Args:
        about: What the unit is; it stands in the same line.
    """
    note, model = notes_of(atlas).get(unit, UnitNote()), model_of(atlas)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(plain(about), width="content")
        starred = st.button(
            "Starred" if note.star else "Star",
            key="star",
            icon=":material/star:" if note.star else ":material/star_border:",
            type="primary" if note.star else "secondary",
        )
        label = "Note and lists" + (f" · {len(note.lists)}" if note.lists else "")
        with st.popover(label, icon=":material/edit_note:"):
            show_form(note, model, unit)
        if note.lists:
            st.caption(plain("On " + ", ".join(note.lists)), width="content")
    if note.text:
        st.info(plain(note.text), icon=":material/edit_note:")
    if starred:
        with errors_shown():
            change_note(note_file(), model, unit, star=not note.star)
            st.rerun()


def show_form(note: UnitNote, model: Identity, unit: str) -> None:
    """The text and the lists, kept when the button is pressed."""
    writing, picking, seen = f"note of {unit}", f"lists of {unit}", f"note seen {unit}"
    kept: UnitNote | None = st.session_state.get(seen)
    untouched = kept is None or st.session_state.get(writing) == kept.text
    if writing not in st.session_state or (untouched and note != kept):
        st.session_state[writing], st.session_state[picking] = note.text, list(note.lists)
        st.session_state[seen] = kept = note
    assert kept is not None  # set where there was none
    names = {name for one in _notes().models.values() for n in one.values() for name in n.lists}
    with st.form(f"form of {unit}", border=False):
        text = st.text_area("Note", key=writing, max_chars=MOST_TEXT, height=140)
        lists = st.multiselect(
            "Lists", sorted(names | set(st.session_state[picking])), key=picking,
            accept_new_options=True, placeholder="type a name",
        )  # fmt: skip
        st.caption(plain(f"Kept in {note_file()}, for every atlas of these weights."))
        if not st.form_submit_button("Keep it", type="primary"):
            return
    with errors_shown():
        change_note(
            note_file(), model, unit, text=text or "", seen=kept.text,
            add=[name for name in lists if name not in kept.lists],
            remove=[name for name in kept.lists if name not in lists],
        )  # fmt: skip
        st.session_state.pop(seen)  # the next run takes what is in the file
        st.rerun()


def choose_saved(saved: Mapping[str, list[str]]) -> str:
    """A list of units to look at; empty for all units."""
    about = "Starred units, those with a note, and your lists."
    name = choose_or_any("Saved", saved, "saved", bind="query-params", help=about)
    return "" if name == ANY else name


def show_export() -> None:
    """All notes as files."""
    try:
        notes = read_notes(note_file())
    except DataError:
        return  # said above
    n_units = sum(map(len, notes.models.values()))
    if not n_units:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Notes of {n_units:,} unit{'s' if n_units > 1 else ''}:", width="content")
        for name, text, mime in (
            ("units.json", jsonio.dumps(notes.to_json()), "application/json"),
            ("units.csv", notes.to_csv(), "text/csv"),
        ):
            download(name, text, f"clipprobe-{name}", mime, key=f"export {name}")
