"""The run folder of captions: one run, one tower, one claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.neurons.captions.lists import caption_list
from clipprobe.neurons.captions.ranking import N_RANDOM, by_site, text_prompts, vision_captions
from clipprobe.neurons.captions.result import ALIGNMENT, CLAIM_TEXTS, TEXT_ALONE, UnitCaptions
from clipprobe.runs import Run, jsonio, load_run
from clipprobe.statistics import Estimate

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.words.lists import WordList
    from clipprobe.report import Block, Page

KIND = "captions"
TABLE = "captions.parquet"
UNITS = "units.json"
_N_UNITS = 60
_N_CAPTIONS = 4


def captions_run(
    clip: Clip,
    units: Sequence[str],
    captions: WordList | Sequence[str] | None = None,
    *,
    out: str | Path,
    pool: str = "eos",
    images: Sequence[Any] | None = None,
    subtract_mean: bool = True,
    top: int = 10,
    n_random: int = N_RANDOM,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[UnitCaptions]:
    """:func:`vision_captions` or :func:`text_prompts`, whichever the units are for, kept on disk.

    Args:
        units: Addresses, hook points or globs, all of one tower.
        out: Run folder.
        pool: Of text units only.
        images, n_random, seed: Of vision units only.

    Raises:
        ConfigError: units of both towers.
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    tower = tower_of(clip, units)
    listed = caption_list(captions)
    provenance = clip.provenance()
    vision = tower == "vision"
    wanted = by_site(clip, units, tower)
    config: dict[str, Any] = {
        "model": provenance["model"],
        "device": clip.device.type,
        "captions": {
            "name": listed.name,
            "n": len(listed.words),
            "fingerprint": listed.fingerprint,
            "filtered": listed.filtered,
            "n_blocked": listed.n_blocked,
        },
        "claim": ALIGNMENT if vision else TEXT_ALONE,
        "units": {point.name: indices for point, indices in wanted},
        "pool": None if vision else pool,
        "subtract_mean": subtract_mean,
        "top": top,
        "n_random": n_random if vision else 0,
        "images": _fingerprint(images) if vision else None,
        "seed": seed,
    }
    config = jsonio.plain(config)
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        if run.complete:
            return load_captions(run.path)
        if vision:
            found = vision_captions(
                clip,
                units,
                listed,
                images=images,
                subtract_mean=subtract_mean,
                top=top,
                n_random=n_random,
                seed=seed,
                progress=progress,
            )
        else:
            found = text_prompts(
                clip,
                units,
                listed,
                pool=pool,
                subtract_mean=subtract_mean,
                top=top,
                progress=progress,
            )
        _write(run, found, config, provenance, listed)
        return found


def load_captions(path: str | Path) -> list[UnitCaptions]:
    """Read what :func:`captions_run` wrote.

    Raises:
        RunFolderError: the folder holds no complete run, or one of another kind.
    """
    run = load_run(path)
    if run.kind != KIND:
        raise RunFolderError(
            f"The run {path} is of the kind {run.kind!r} and holds no captions: make one with "
            "`clipprobe neurons captions`."
        )
    return [UnitCaptions.from_json(data) for data in run.read_json(UNITS)]


def tower_of(clip: Clip, units: Sequence[str]) -> str:
    """The tower that all the units are of.

    Raises:
        ConfigError: they are of both: the two rankings answer different questions.
    """
    from clipprobe.hooks.sites import resolve, split_unit

    towers = {point.tower for name in units for point in resolve(clip, split_unit(name)[0])}
    if len(towers) != 1:
        raise ConfigError(
            f"Units of {len(towers)} towers were asked for at once: name at least one unit, all of "
            "the vision tower (cross-tower alignment) or all of the text tower (top prompts)."
        )
    return towers.pop()


def _write(
    run: Run,
    found: Sequence[UnitCaptions],
    config: dict[str, Any],
    provenance: dict[str, Any],
    listed: WordList,
) -> None:
    from clipprobe.report import write_html, write_markdown

    rows = [row for unit in found for row in unit.rows()]
    types = {"unit": np.int32, "rank": np.int16, "score": np.float64, "raw": np.float64}
    names = list(rows[0])
    run.write_table(
        TABLE,
        {
            name: np.array([row[name] for row in rows], types[name])
            if name in types
            else [row[name] for row in rows]
            for name in names
        },
    )
    run.write_json(UNITS, [unit.to_json() for unit in found])
    run.write_json("summary.json", summarise(found, config))
    page = page_of(found, config, provenance)
    write_html(page, run.file("report.html"))
    write_markdown(page, run.file("report.md"))
    run.finish(
        provenance=provenance,
        counts={"used": len(listed.words), "skipped": listed.n_blocked, "failed": 0},
        seed=config["seed"],
        dataset={
            "name": listed.name,
            "fingerprint": listed.fingerprint,
            "records": len(listed.words),
        },
    )


def summarise(found: Sequence[UnitCaptions], config: dict[str, Any]) -> dict[str, Any]:
    """``summary.json``."""
    aligned = config["claim"] == ALIGNMENT
    tops = np.array([unit.top[0].z for unit in found])
    known = tops[~np.isnan(tops)]
    chances = [unit.chance for unit in found if not math.isnan(unit.chance)]
    chance = float(np.mean(chances)) if chances else math.nan
    what = "highest z"
    estimate = Estimate(
        value=float(np.median(known)) if len(known) else math.nan,
        low=math.nan,
        high=math.nan,
        n=len(known),
        method="median over units",
        reason="a census of the units that were named, so there is no sampling to give an interval",
    )
    meaning = (
        f"median over units of the {what} of a caption, in standard deviations over captions; a "
        f"unit without meaning has {chance:.2f}"
    )
    return {
        "kind": KIND,
        "headline": [{"name": what, "estimate": estimate, "meaning": meaning}],
        "claim": config["claim"],
        "measure": found[0].measure,
        "n_units": len(found),
        "n_captions": found[0].n_captions,
        "n_blocked": config["captions"]["n_blocked"],
        "chance": chance,
        "chance_reason": "" if chances else "no chance level was computed",
        "n_significant": sum(unit.q <= 0.05 for unit in found) if aligned else None,
    }


def page_of(
    found: Sequence[UnitCaptions], config: dict[str, Any], provenance: dict[str, Any]
) -> Page:
    """The report."""
    from clipprobe.report import Numbers, Page, Paragraph, Section, Table

    summary = summarise(found, config)
    first = found[0]
    aligned = first.claim == ALIGNMENT
    order = sorted(
        range(len(found)), key=lambda i: -np.nan_to_num(found[i].top[0].z, nan=-math.inf)
    )[:_N_UNITS]
    rows = [
        [
            unit.name,
            "; ".join(one.caption for one in unit.top[:_N_CAPTIONS]),
            unit.top[0].score,
            unit.top[0].z,
            unit.chance,
            unit.p if aligned else None,
            unit.q if aligned else None,
            unit.mean,
            unit.agreement if aligned else None,
            unit.reason,
        ]
        for unit in (found[i] for i in order)
    ]
    columns = ["unit", "captions", "score", "z", "chance", "p", "q", "mean", "agreement", "note"]
    caption = (
        f"The {len(rows)} units whose first caption stands out most. Score: {first.measure}. "
        + (
            "Chance: the highest z for a random mixture of the captions, on average, and p against "
            f"{first.n_random} of them; q is Benjamini-Hochberg's over {len(found)} units. Mean: "
            "cosine of the direction with the mean caption, which was "
            f"{'' if first.mean_subtracted else 'not '}subtracted. Agreement: smallest cosine "
            "between the direction at one reference image and their mean."
            if aligned
            else "Chance: the highest z of a bell-shaped unit."
        )
    )
    numbers: list[tuple[str, Any, str]] = [
        ("captions", first.n_captions, f"{summary['n_blocked']} left out by the filter"),
        ("units", len(found), "that were named"),
        (summary["headline"][0]["name"], summary["headline"][0]["estimate"], "median over units"),
        ("by chance", summary["chance"], "see the table's caption"),
    ]
    blocks: list[Block] = [Paragraph(f"This result {CLAIM_TEXTS[first.claim]}."), Numbers(numbers)]
    if aligned:
        blocks.insert(1, Paragraph(f"Directions are linearised at {first.linearised_at}."))
    return Page(
        title="Captions of units" if aligned else "Prompts of text units",
        subtitle=f"{len(found)} units of {config['model']['id']}",
        sections=[
            Section("What was asked", blocks),
            Section("Units", [Table(columns, rows, caption)]),
        ],
        provenance={
            **{key: value for key, value in config.items() if key != "units"},
            "versions": provenance["versions"],
        },
    )


def _fingerprint(images: Sequence[Any] | None) -> str | None:
    if images is None:
        return None
    import hashlib

    from clipprobe.data.images import as_pil

    digest = hashlib.sha256()
    for image in images:
        picture = as_pil(image).convert("RGB")
        digest.update(str(picture.size).encode() + picture.tobytes())
    return digest.hexdigest()
