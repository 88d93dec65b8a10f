"""The tables of a result, from arrays over units and concepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clipprobe.neurons.multimodality.controls import WordControls
from clipprobe.neurons.multimodality.scoring.evidence import UnitTests
from clipprobe.neurons.multimodality.scoring.measure import Scores
from clipprobe.neurons.multimodality.scoring.nulls import JointNull
from clipprobe.neurons.multimodality.scoring.scores import Floats
from clipprobe.statistics import Estimate, benjamini_hochberg

if TYPE_CHECKING:
    from clipprobe.neurons.multimodality.activations import Tile


def site_columns(tiles: Sequence[Tile], sites: Sequence[str]) -> dict[str, Any]:
    """Hook point and index of every unit, ``(u,)`` each."""
    pieces = [piece for tile in tiles for piece in tile]
    names = np.concatenate(
        [np.full(stop - start, sites.index(name)) for name, start, stop in pieces]
    )
    units = np.concatenate([np.arange(start, stop) for _, start, stop in pieces])
    return {
        "site": pd.Categorical.from_codes(names, list(sites)),
        "unit": units.astype(np.int32),
    }


def pair_table(
    scores: Scores,
    site: Mapping[str, Any],
    concepts: Sequence[str],
    modalities: Sequence[str],
    corrected: Mapping[str, Floats],
) -> Any:
    """One row per unit and concept, units outermost."""
    n_concepts, n_units = scores.score.shape
    columns: dict[str, Any] = {
        "site": site["site"].repeat(n_concepts),
        "unit": np.repeat(site["unit"], n_concepts),
        "concept": pd.Categorical.from_codes(np.tile(np.arange(n_concepts), n_units), concepts),
    }
    for measure, values in (
        ("auroc", scores.aurocs),
        ("dprime", scores.dprime),
        ("purity", scores.purity),
    ):
        for name, part in zip(modalities, values, strict=True):
            columns[f"{measure}_{name}"] = _flat(part).astype(np.float32)
    for name in ("score", "balance", "selection_score"):
        columns[name] = _flat(getattr(scores, name)).astype(np.float32)
    for name, values in corrected.items():
        columns[name] = _flat(values)
    return pd.DataFrame(columns)


def unit_table(
    scores: Scores,
    site: Mapping[str, Any],
    concepts: Sequence[str],
    modalities: Sequence[str],
    corrected: Mapping[str, Floats],
    ends: Floats,
    n_positive: NDArray[np.int64],
    floor: Floats | None,
    tests: UnitTests,
) -> Any:
    """One row per unit for its selected concept, best first; ``ends`` are ``(2, m, u)``.

    The order is by the smaller of the two halves' scores, so that a unit must be good on both;
    the confirmed score of the first few is therefore a little flattering.
    """
    selected = scores.selected
    each = np.arange(len(selected))
    columns: dict[str, Any] = {
        "site": site["site"],
        "unit": site["unit"],
        "concept": pd.Categorical.from_codes(selected, concepts),
        "score": scores.at("score", selected),
        "low": ends[0].min(axis=0),
        "high": ends[1].min(axis=0),
        "selection_score": scores.at("selection_score", selected),
        "balance": scores.at("balance", selected),
    }
    for number, name in enumerate(modalities):
        columns[f"n_{name}"] = n_positive[number, selected].astype(np.int32)
        columns[f"auroc_{name}"] = scores.at("aurocs", selected)[number]
        columns[f"low_{name}"] = ends[0, number]
        columns[f"high_{name}"] = ends[1, number]
        columns[f"dprime_{name}"] = scores.at("dprime", selected)[number]
        columns[f"purity_{name}"] = scores.at("purity", selected)[number]
    for name, values in corrected.items():
        columns[name] = values[selected, each]
    columns["concept_exact"] = pd.Categorical.from_codes(tests.concept, concepts)
    columns |= {"p_each": tests.p_each, "q_each": tests.q_each}
    columns |= {"p_exact": tests.p_exact, "q_exact": tests.q_exact}
    for (a, b), rho in zip(tests.pairs, tests.rho, strict=True):
        columns[f"rho_{modalities[a]}_{modalities[b]}"] = rho
    columns |= {"p_profile": tests.p_profile, "q_profile": tests.q_profile}
    columns["floor"] = (
        np.full(len(selected), np.nan) if floor is None else _reached(floor, columns["score"])
    )
    table = pd.DataFrame(columns)
    key = np.fmin(columns["score"], columns["selection_score"])
    order = np.lexsort((each, -np.nan_to_num(key, nan=-1.0)))
    return table.iloc[order].reset_index(drop=True)


def concept_rows(
    scores: Scores,
    site: Mapping[str, Any],
    concepts: Sequence[str],
    modalities: Sequence[str],
    counts: NDArray[np.int64],
    joint: JointNull,
) -> Any:
    """One row per concept: its best unit, and what the best unit reaches by chance."""
    filled = np.where(np.isnan(scores.score), -1, scores.score)
    best = filled.argmax(axis=1)
    score = filled.max(axis=1)
    columns: dict[str, Any] = {"concept": list(concepts)}
    for number, name in enumerate(modalities):
        columns[f"n_{name}"] = counts[number].astype(np.int32)
    columns |= {
        "site": site["site"][best].astype(str),
        "unit": site["unit"][best],
        "score": score,
        "null_median": np.full(len(concepts), np.median(joint.best_unit)),
        "null_95": np.full(len(concepts), np.quantile(joint.best_unit, 0.95)),
        "p_best": joint.best_unit_p(score),
    }
    columns["q_best"] = benjamini_hochberg(columns["p_best"])
    table = pd.DataFrame(columns)
    return table.sort_values(["score", "concept"], ascending=[False, True], ignore_index=True)


def top_rows(
    site: Mapping[str, Any],
    modalities: Sequence[str],
    strongest: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float32]]],
    ids: Mapping[str, Sequence[str]],
    concept_codes: Mapping[str, NDArray[np.int64]],
    concepts: Sequence[str],
) -> Any:
    """Each unit's strongest images: unit, modality and rank from the outside in."""
    parts = []
    n_units = len(site["unit"])
    for number, name in enumerate(modalities):
        rows, values = strongest[name]
        k = len(rows)
        flat = rows.T.ravel()
        parts.append(
            pd.DataFrame(
                {
                    "site": site["site"].repeat(k),
                    "unit": np.repeat(site["unit"], k),
                    "modality": pd.Categorical.from_codes(
                        np.full(n_units * k, number), list(modalities)
                    ),
                    "rank": np.tile(np.arange(k, dtype=np.int16), n_units),
                    "value": values.T.ravel(),
                    "id": np.array(ids[name], dtype=object)[flat],
                    "concept": pd.Categorical.from_codes(concept_codes[name][flat], list(concepts)),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    order = np.lexsort(
        (table["rank"], table["modality"].cat.codes, table["unit"], table["site"].cat.codes)
    )
    return table.iloc[order].reset_index(drop=True)


def control_rows(controls: Sequence[WordControls]) -> Any:
    """One row per unit and word control: an AUROC with its interval, or a jitter without one."""
    rows = []
    for one in controls:
        site, _, unit = one.unit.rpartition(":")
        head = {"site": site, "unit": int(unit), "concept": one.concept}
        for name, estimate in one.against.items():
            rows.append({**head, "control": name, **_parts(estimate)})
        for name, value in one.jitter.items():
            parts = {"value": value, "low": np.nan, "high": np.nan, "n": one.n_word}
            reason = "a spread has no interval here"
            if np.isnan(value):
                reason = "the unit does not vary over wrong words"
            rows.append({**head, "control": f"jitter of {name}", **parts, "reason": reason})
    columns = ["site", "unit", "concept", "control", "value", "low", "high", "n", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    kinds = {"unit": np.int32, "n": np.int64, "value": float, "low": float, "high": float}
    return table.astype(kinds)


def _parts(estimate: Estimate) -> dict[str, Any]:
    return {name: getattr(estimate, name) for name in ("value", "low", "high", "n", "reason")}


def _flat(values: Floats) -> Floats:
    flat: Floats = values.T.ravel()
    return flat


def _reached(floor: Floats, score: Floats) -> Floats:
    """Share of the random network's units that score at least as much; NaN stays NaN."""
    known = np.sort(floor[~np.isnan(floor)])
    if not len(known):
        return np.full(len(score), np.nan)
    reached = len(known) - np.searchsorted(known, score - 1e-9)
    return np.where(np.isnan(score), np.nan, reached / len(known))
