"""Why a word is read on one image: every head without which the margin changes, and neurons."""

from __future__ import annotations

import streamlit as st

from dashboard.components import errors_shown, plain
from dashboard.elements import Grid, grid
from dashboard.lab import computed
from dashboard.lab.computed import Attacked

HEADS = "heads"


def show_why(one: Attacked) -> None:
    """What removing each head does to the margin, and the neurons of a block."""
    contest = one.contest
    word, label = (plain(contest.classes.names[i]) for i in (contest.target, contest.label))
    st.subheader("Why: every head, removed one at a time", anchor=False)
    with st.spinner("Removing every head…"):
        heads = computed.head_grid(one)
    change, before = heads.change, heads.before
    names = computed.head_names(one)
    chosen = st.session_state.get(HEADS, [])
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


def signed(value: float) -> str:
    """A number with its sign, as a reader writes it."""
    return f"{value:+.2f}".replace("-", "−")


def _toggle(head: str) -> None:
    heads = list(st.session_state.get(HEADS, []))
    st.session_state[HEADS] = (
        [one for one in heads if one != head] if head in heads else [*heads, head]
    )
