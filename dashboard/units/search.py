"""What a line of text finds among the units of an atlas, kept between reruns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from clipprobe.hooks.names import parse_name, parse_unit
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.statistics.plane import unit_plane
from clipprobe.neurons.sheet.evidence import Evidence
from clipprobe.neurons.sheet.query import Match, find_by_query
from dashboard import atlas_state
from dashboard.atlas_state import BY_ATLAS
from dashboard.units.evidence import BY_EVIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The units that were found."""

    matches: Sequence[Match]
    """Best first."""
    mask: NDArray[np.bool_]
    """``(n_units,)`` over all units of the atlas in order of hook point."""


@st.cache_resource(show_spinner="Searching…", max_entries=8, ttl=600, hash_funcs=BY_EVIDENCE)
def found_units(atlas: Atlas, evidence: Evidence, line: str, sites: Sequence[str]) -> Found:
    """The units of some hook points that a line of text asks for."""
    matches = find_by_query(atlas, evidence, line, site=sites)
    return Found(matches=matches, mask=_mask(atlas, matches))


def _mask(atlas: Atlas, matches: Sequence[Match]) -> NDArray[np.bool_]:
    first, total = {}, 0
    for name, site in atlas.sites.items():
        first[name] = total
        total += site.n_units
    mask = np.zeros(total, bool)
    for one in matches:
        place = parse_unit(one.address)
        mask[first[place.hook] + place.index] = True
    return mask


plane = st.cache_resource(
    show_spinner="Laying out all units (once)…", max_entries=8, hash_funcs=BY_ATLAS
)(unit_plane)


@st.cache_resource(show_spinner=False, max_entries=8, hash_funcs=BY_ATLAS)
def highest_peak(atlas: Atlas) -> float:
    """The peak of the most selective unit; 1 where no unit has one."""
    peaks = [atlas_state.unit_table(atlas, name).peak for name in atlas.sites]
    highest = max((float(np.nanmax(one)) for one in peaks if not np.isnan(one).all()), default=1.0)
    return max(highest, 1e-9)


def among(atlas: Atlas, found: Found, units: Collection[str]) -> Found:
    """The units that were found and are among some."""
    wanted = set(units)
    matches = [one for one in found.matches if one.address in wanted]
    return Found(matches=matches, mask=_mask(atlas, matches))


def block_of(hook: str) -> str:
    """The block of a hook point, or its tower where it is in none."""
    name = parse_name(hook)
    return name.tower if name.block is None else str(name.block)


def site_of(hook: str) -> str:
    """A hook point's name without tower and block."""
    return parse_name(hook).site
