"""The lab's second half: why the word is read on this image, and what undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import streamlit as st

from attacks.typographic.reading.repair import MOST_HEADS, Contest, Repair, Verdict, repairing_edit
from dashboard.components import errors_shown, plain
from dashboard.elements import Grid, grid
from dashboard.lab import computed
from dashboard.lab.computed import Attacked
from dashboard.lab.saving import edit_folder, show_saving

if TYPE_CHECKING:
    from collections.abc import Callable

    from clipprobe.models import Clip

HEADS, UNITS, FACTOR, EDITS = "heads", "units", "factor", "edits"
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


def show_why(one: Attacked) -> None:
    """What removing each head does to the margin, and the neurons of a block."""
    word, label = (plain(one.contest.classes.names[i]) for i in _pair(one.contest))
    st.subheader("Why: every head, removed one at a time", anchor=False)
    with st.spinner("Removing every head…"):
        heads = computed.head_grid(one)
    change, before = heads.change, heads.before
    names = _names(heads.heads)
    chosen = _known(st.session_state.get(HEADS, []), names)
    cell = st.session_state.get("head cell")
    if cell is not None and (cell[0] >= len(names) or cell[1] >= len(names[0])):
        cell = None
    clicked = grid(
        Grid(
            values=change[1],
            rows=[f"block {i}" for i in range(len(names))],
            columns=[f"head {i}" for i in range(len(names[0]))],
            texts=[[signed(value) for value in row] for row in change[1]],
            hints=[
                [
                    f"{names[i][j]}: margin {signed(change[1, i, j])} on the attacked image, "
                    f"{signed(change[0, i, j])} on the clean one"
                    for j in range(len(names[0]))
                ]
                for i in range(len(names))
            ],
            marked=[
                (i, j) for i, row in enumerate(names) for j, x in enumerate(row) if x in chosen
            ],
            caption="Change of the margin on the attacked image without the head, logits.",
        ),
        key="head grid",
        chosen=cell,
    )
    st.caption(
        f"The margin is the logit of “{word}” minus that of “{label}”: {signed(before[1])} on the "
        f"attacked image, {signed(before[0])} on the clean one. Blue: without this head the word "
        "loses. n = 1 image, no interval; heads that stand out here need not do so on others "
        "(`clipprobe audit reading` confirms on held-out images)."
    )
    if clicked is not None and clicked != cell:
        st.session_state["head cell"] = cell = clicked
        st.rerun()
    if cell is not None:
        show_block(one, names, cell)


def show_block(one: Attacked, names: list[list[str]], cell: tuple[int, int]) -> None:
    """The head that was clicked, and the neurons of its block."""
    head = names[cell[0]][cell[1]]
    out = head in st.session_state.get(HEADS, [])
    left, right = st.columns([1, 3], vertical_alignment="center")
    left.button(
        f"Keep head {head}" if out else f"Take head {head} out",
        key="toggle head",
        on_click=_toggle,
        args=(head,),
    )
    right.caption(f"Neurons of block {cell[0]} that do most for the word on this image:")
    with errors_shown():
        with st.spinner("Ranking neurons…"):
            rows = computed.neurons(one, cell[0])
        st.dataframe(
            {
                "neuron": [row.address for row in rows],
                "contribution": [row.contribution for row in rows],
                "removed": [row.removed for row in rows],
            },
            hide_index=True,
            column_config={
                "contribution": st.column_config.NumberColumn(
                    "contribution, logits", format="%.3f",
                    help="Activation times derivative of the margin: the ranking.",
                ),
                "removed": st.column_config.NumberColumn(
                    "margin without it", format="%+.3f",
                    help="Measured: the change of the margin when the neuron is removed.",
                ),
            },
            alt=f"The {len(rows)} neurons of block {cell[0]} that do most for the word",
            key="block neurons",
        )  # fmt: skip


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
    names = _names(computed.head_grid(one).heads)
    with errors_shown():
        plan = choose_plan(one, names)
        if not plan.units and not plan.edits:
            st.info("Choose heads, units or a stored edit, or let the fewest heads be found.")
            return None
        stored = computed.open_edits(plan.edits)
        edit = repairing_edit(plan.units, plan.factor, stored)
        edited = None
        if stored:
            model = one.clip
            for part in stored:
                model = part.of(model)
            contest = one.contest
            edited = (model, Contest(classes=contest.classes, vectors=vectors_of(model),
                                     label=contest.label, target=contest.target))  # fmt: skip
        with st.spinner("Asking again…"):
            found = computed.repaired(one, plan.units, plan.factor, edited)
        show_answers(found)
        show_saving(one.clip, edit)
        return plan
    return None


def choose_plan(one: Attacked, names: list[list[str]]) -> Plan:
    """Widgets for what is turned down."""
    flat = [name for row in names for name in row]
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


def signed(value: float) -> str:
    """A number with its sign, as a reader writes it."""
    return f"{value:+.2f}".replace("-", "−")


def _toggle(head: str) -> None:
    heads = list(st.session_state.get(HEADS, []))
    st.session_state[HEADS] = (
        [one for one in heads if one != head] if head in heads else [*heads, head]
    )


def _take_fewest(one: Attacked) -> None:
    st.session_state[HEADS] = [_short(address) for address in computed.fewest(one)]


def _pair(contest: Contest) -> tuple[int, int]:
    return contest.target, contest.label


def _short(address: str) -> str:
    """``vision.blocks.3.attn.z:2`` as ``3:2``."""
    return f"{address.split('.')[2]}:{address.rpartition(':')[2]}"


def _names(heads: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[_short(address) for address in row] for row in heads]


def _known(chosen: Sequence[str], names: list[list[str]]) -> set[str]:
    return set(chosen) & {name for row in names for name in row}


def _said(verdict: Verdict) -> str:
    return f"“{plain(verdict.answer)}”"


def _cell(verdict: Verdict) -> str:
    return plain(f"{verdict.answer}, p {verdict.probability:.3f}; margin {signed(verdict.margin)}")
