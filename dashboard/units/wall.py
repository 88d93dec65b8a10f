"""Units side by side: what drives each most, what it is called, how far it stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import streamlit as st

from clipprobe.hooks.names import parse_name, parse_unit
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.showing import peak_text
from clipprobe.neurons.atlas.statistics.plane import nearest_units
from clipprobe.neurons.labels.naming import UnitName
from clipprobe.neurons.notes import UnitNote
from clipprobe.neurons.sheet.query import Match
from dashboard import atlas_state
from dashboard.address import UNIT, Address
from dashboard.atlas_state import BY_ATLAS
from dashboard.components import plain
from dashboard.elements import Tile, gallery, points
from dashboard.units.images import sources
from dashboard.units.search import Found, block_of, highest_peak, plane

N_IMAGES = 3
TILE_PX = 190


def show_wall(
    atlas: Atlas,
    run: str,
    matches: Sequence[Match],
    names: Mapping[str, UnitName],
    notes: Mapping[str, UnitNote] = MappingProxyType({}),
) -> None:
    """A tile for each unit; a click opens its page."""
    tiles = [
        unit_tile(atlas, run, one, names.get(one.address), notes.get(one.address))
        for one in matches
    ]
    numbers = {int(name) for tile in tiles for name in tile.images}
    gallery(tiles, sources(atlas, sorted(numbers)), key="wall", side_px=TILE_PX, columns=4)


def unit_tile(
    atlas: Atlas, run: str, match: Match, name: UnitName | None, note: UnitNote | None = None
) -> Tile:
    """One unit: its strongest images, its name, its peak beside what chance gives."""
    place = parse_unit(match.address)
    table = atlas_state.unit_table(atlas, place.hook)
    top = atlas.strongest(match.address, N_IMAGES)
    peak, highest = float(table.peak[place.index]), highest_peak(atlas)
    known = not np.isnan(peak)
    facts = [*match.why, *called(name), labelled(table.label[place.index],
                                                 float(table.purity[place.index]))]  # fmt: skip
    facts = [*filter(None, facts), f"peak {peak_text(peak if known else None)}"]
    texts = [one.id for one in top] if atlas.tower == "text" else []
    hint = [match.address, *facts, f"chance: below {table.peak_floor:.1f} σ"]
    if note is not None:
        hint += filter(None, (", ".join(note.lists), note.text))
    return Tile(
        images=() if texts else tuple(str(one.image) for one in top),
        title=("★ " if note is not None and note.star else "") + short(match.address),
        note=" · ".join(texts[:1] + facts),
        hint="\n".join([*hint, *texts]),
        alt=f"One of the strongest images of {match.address}",
        value=peak / highest if known else 0.0,
        chance=table.peak_floor / highest,
        href=Address(page=UNIT, run=run, unit=match.address).link,
    )


def called(name: UnitName | None) -> list[str]:
    """The label of a unit with its score, if a run gives one."""
    if name is None or name.label is None:
        return []
    return [f"“{name.label}”, AUROC {name.auroc.value:.2f}"]


def labelled(label: str, purity: float) -> str:
    """The label that most of the strongest images bear."""
    return f"{label} {purity:.0%}".replace("%", " %") if label else ""


def short(address: str) -> str:
    """An address that fits a tile."""
    place = parse_unit(address)
    hook = parse_name(place.hook)
    block = hook.tower if hook.block is None else f"block {hook.block}"
    return f"{block} · {hook.site}:{place.index}"


def show_plane(atlas: Atlas, run: str, found: Found) -> None:
    """All units as points, the found ones in colour."""
    layout = plane(atlas)
    blocks = list(dict.fromkeys(block_of(name) for name in layout.sites))
    groups = np.concatenate(
        [np.full(n, blocks.index(block_of(name))) for name, n in layout.sites.items()]
    )
    names = [f"block {name}" if name.isdigit() else name for name in blocks]
    points(
        layout.sites,
        layout.places,
        groups,
        names,
        found.mask,
        Address(page=UNIT, run=run),
        alt=f"{len(groups):,} units as points, {int(found.mask.sum()):,} of them found; near each "
        "other are those with the same strongest images",
        key="plane",
    )
    st.caption(
        plain(
            "Near each other: units whose strongest images are the same (principal components of "
            f"which of {layout.n_images:,} images drive them). The two axes hold "
            f"{layout.share:.1%} of the variance, and {layout.shuffled:.1%} with images shuffled: "
            "distances are a hint, not a measure. Click a point to open its unit."
        )
    )


def show_neighbours(atlas: Atlas, run: str, address: str, names: Mapping[str, UnitName]) -> None:
    """The nearest units as tiles, beside the cosine that chance reaches."""
    st.subheader("Units with the same strongest images", anchor=False)
    found = neighbours(atlas, address)
    if not found.units:
        st.info("No other unit has one of its strongest images.")
        return
    matches = [Match(address=unit, why=(f"cosine {value:.2f}",)) for unit, value in found.units]
    show_wall(atlas, run, matches, names)
    st.caption(
        plain(
            f"Cosine of profiles: how far each image lies above a unit's mean, for its strongest "
            f"images. With this unit's images drawn by chance the nearest of {found.n_units:,} "
            f"units stays below {found.floor:.2f} (95 % of {found.n_draws} draws). Opposed units "
            "are not seen this way: clipprobe neurons similar correlates all activations."
        )
    )


neighbours = st.cache_resource(
    show_spinner="Comparing profiles…", max_entries=256, hash_funcs=BY_ATLAS
)(nearest_units)
