"""What undoes the reading of a word on one image: heads and units turned down, stored edits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import streamlit as st

from attacks.typographic.reading.repair import MOST_HEADS, Repair, Verdict, repairing_edit
from clipprobe.edits import Edit, load_edit
from clipprobe.models import Clip
from dashboard.components import errors_shown, plain
from dashboard.lab import computed
from dashboard.lab.computed import Attacked
from dashboard.lab.saving import edit_folder, show_saving
from dashboard.lab.why import HEADS, signed

UNITS, FACTOR, EDITS = "units", "factor", "edits"
TITLES = {"clean": "clean image", "attack": "attacked image"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is turned down, and which stored edits are on."""

    units: tuple[str, ...]
    factor: float
    edits: tuple[Path, ...]

    @property
    def said(self) -> tuple[tuple[str, ...], float, list[str]]:
        """The same as a snippet takes it."""
        return self.units, self.factor, [str(place) for place in self.edits]


def show_repair(
    one: Attacked, vectors_of: Callable[[Clip], npt.NDArray[np.float32]]
) -> Plan | None:
    """Turn heads and units down, switch edits on, and ask again.

    Args:
        vectors_of: Class vectors under an edited model.
    Returns:
        What is done; None where nothing is.
    """
    st.subheader("Repair: turn them down and ask again", anchor=False)
    with errors_shown():
        plan = choose_plan(one)
        if not plan.units and not plan.edits:
            st.info("Choose heads, units or a stored edit, or let the fewest heads be found.")
            return None
        stored = [load_edit(place) for place in plan.edits]
        edited = edited_question(one, stored, vectors_of) if stored else None
        with st.spinner("Asking again…"):
            found = computed.repaired(one, plan.units, plan.factor, edited)
        show_answers(found)
        show_saving(one.clip, repairing_edit(plan.units, plan.factor, stored))
        return plan
    return None


def edited_question(
    one: Attacked, edits: Sequence[Edit], vectors_of: Callable[[Clip], npt.NDArray[np.float32]]
) -> Attacked:
    """The same question to the model under some edits, in order."""
    model = one.clip
    for edit in edits:
        model = edit.of(model)
    return replace(one, clip=model, contest=replace(one.contest, vectors=vectors_of(model)))


def choose_plan(one: Attacked) -> Plan:
    """Widgets for what is turned down."""
    flat = [name for row in computed.head_names(one) for name in row]
    left, right = st.columns([3, 2])
    heads = left.multiselect(
        "Heads, as block:head", flat, key=HEADS, bind="query-params", placeholder="none"
    )
    right.button(
        f"Find the fewest heads (at most {MOST_HEADS})",
        key="fewest",
        on_click=_take_fewest,
        args=(one,),
        help="Greedy: each step removes the head that helps the right answer most on the attacked "
        "image and leaves the clean answer right.",
    )
    units = left.text_input(
        "Other units, with commas", key=UNITS, bind="query-params",
        placeholder="vision.blocks.3.mlp.post:17",
    )  # fmt: skip
    factor = right.slider(
        "Their strength", 0.0, 1.0, 0.0, 0.05, key=FACTOR, bind="query-params",
        help="0 removes them, 1 leaves them as they are.",
    )  # fmt: skip
    stored = computed.stored_edits(edit_folder())
    edits: list[str] = []
    if stored:
        edits = left.multiselect(
            "Stored edits, in order", list(stored), key=EDITS, bind="query-params",
            placeholder="none", help=f"From {plain(edit_folder())}.",
        )  # fmt: skip
    own = (*(f"vision.blocks.{one}.attn.z:{two}" for one, two in (h.split(":") for h in heads)),
           *(part.strip() for part in (units or "").split(",") if part.strip()))  # fmt: skip
    return Plan(
        units=tuple(dict.fromkeys(own)), factor=factor, edits=tuple(stored[one] for one in edits)
    )


def show_answers(found: Repair) -> None:
    """The answers with and without, beside random units of as many."""
    back = found.after["attack"].right
    text = (
        f"Attacked image: {_said(found.before['attack'])} → {_said(found.after['attack'])}. "
        f"Clean image: {_said(found.before['clean'])} → {_said(found.after['clean'])}."
    )
    cost = found.before["clean"].right and not found.after["clean"].right
    if back and not cost:
        st.success(f"The right answer is back. {text}", icon=":material/healing:")
    elif back:
        st.warning(f"The right answer is back, at the cost of the clean one. {text}")
    else:
        st.warning(f"The right answer is not back. {text}")
    rows: dict[str, list[str]] = {"": [], "as it is": [], "repaired": []}
    n = len(found.random)
    kind = f"{n} random set{'s' if n != 1 else ''} of as many"
    if n:
        rows[kind] = []
    for name, title in TITLES.items():
        rows[""].append(title)
        rows["as it is"].append(_cell(found.before[name]))
        rows["repaired"].append(_cell(found.after[name]))
        span = found.random_margins(name)
        if span is not None:
            rows[kind].append(
                f"{found.random_right(name)} of {n} right; margin {signed(span[0])} to "
                f"{signed(span[1])}"
            )
    st.table(rows, hide_index=True)
    note = (
        "Random sets hold other units of the same hook points; the range is over the sets. "
        if n
        else "No random sets stand beside it: no unit is turned down, or there are no others. "
    )
    st.caption(
        f"{note}The heads were chosen on this very image, so expect less on others: the audit "
        "below measures the edit on images of yours."
    )


def _take_fewest(one: Attacked) -> None:
    st.session_state[HEADS] = [computed.short_name(address) for address in computed.fewest(one)]


def _said(verdict: Verdict) -> str:
    return f"“{plain(verdict.answer)}”"


def _cell(verdict: Verdict) -> str:
    return plain(f"{verdict.answer}, p {verdict.probability:.3f}; margin {signed(verdict.margin)}")
