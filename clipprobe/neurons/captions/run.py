"""The run folder of captions: one run, one tower, one claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.neurons.captions.lead import lead_of
from clipprobe.neurons.captions.lists import caption_list, read_captions
from clipprobe.neurons.captions.ranking import (
    by_site,
    check_pool,
    text_prompts,
    vision_captions,
)
from clipprobe.neurons.captions.result import (
    ALIGNMENT,
    CLAIM_TEXTS,
    TEXT_ALONE,
    CaptionRanking,
    UnitCaptions,
)
from clipprobe.neurons.captions.settings import CaptionTest
from clipprobe.neurons.instruments.store import InMemory
from clipprobe.runs import Run, RunView, jsonio
from clipprobe.runs.tables import typed
from clipprobe.settings import takes
from clipprobe.statistics import census
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.tracing.units import points_of

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.report import Block, Page

KIND = "captions"
TABLE = "captions.parquet"
UNITS = "units.json"
MOST_IMAGES = 64
_N_UNITS = 60
_N_CAPTIONS = 4


@takes(CaptionTest)
def captions_run(clip: Clip, settings: CaptionTest) -> CaptionRanking:
    """:func:`vision_captions` or :func:`text_prompts`, whichever the units are for, kept on disk.

    Units are addresses, hook points or globs, all of one tower. Images, random directions and the
    seed are of vision units only, the pooling of text units only.

    Raises:
        ConfigError: units of both towers.
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    return carry_out(CAPTIONS, settings, clip).value


def prepare_captions(settings: CaptionTest, clip: Clip) -> Plan[CaptionRanking]:
    """Resolve units, captions and images, and refuse what cannot be ranked.

    The few images to linearise at are decoded here: their pixels are the identity of the run.
    """
    tower = tower_of(clip, settings.units)
    captions: Any = settings.captions
    listed = caption_list(read_captions(captions) if isinstance(captions, str | Path) else captions)
    provenance = clip.provenance()
    vision = tower == "vision"
    by_point = by_site(clip, settings.units, tower)
    if not vision:
        check_pool(by_point, settings.pool)
    images = _images(settings.images) if vision else None
    config: dict[str, Any] = {
        "model": provenance["model"],
        "device": clip.device.type,
        "captions": listed.to_json(),
        "claim": ALIGNMENT if vision else TEXT_ALONE,
        "units": {point.name: indices for point, indices in by_point},
        "pool": None if vision else settings.pool,
        **settings.values_of("subtract_mean", "top"),
        "n_random": settings.n_random if vision else 0,
        "images": _fingerprint(images) if vision else None,
        "seed": settings.seed,
    }
    config = jsonio.plain(config)

    def execute(run: Run) -> Outcome[CaptionRanking]:
        shared = settings.values_of("subtract_mean", "top", "progress")
        if vision:
            shared |= settings.values_of("n_random", "seed")
            rankings = vision_captions(clip, settings.units, listed, images=images, **shared)
        else:
            rankings = text_prompts(clip, settings.units, listed, pool=settings.pool, **shared)
        files: dict[str, Callable[[], Any]] = {
            TABLE: lambda: _table(rankings),
            UNITS: lambda: [one.to_json() for one in rankings],
        }
        store = InMemory(files, lambda: summarise(rankings, config))
        return Outcome(
            value=CaptionRanking(rankings, store),
            files=((name, content()) for name, content in files.items()),
            summary=lambda: summarise(rankings, config),
            page=lambda run: page_of(rankings, config, provenance),
            used=len(listed.words),
            skipped=listed.n_blocked,
        )

    return Plan(
        config=config,
        execute=execute,
        seed=settings.seed,
        provenance=provenance,
        dataset=listed.describe(),
        workload=lambda: Workload(
            images=None if vision else 0,
            texts=len(listed.words) * (1 if vision else len(by_point)),
            reason="a direction takes a few images, and gradients where it is not exact"
            if vision
            else "",
        ),
    )


def read_run(run: RunView) -> CaptionRanking:
    """Read the captions of units from their run."""
    return CaptionRanking((UnitCaptions.from_json(data) for data in run.read_json(UNITS)), run)


load_captions = CaptionRanking.load


def tower_of(clip: Clip, units: Sequence[str]) -> str:
    """The tower that all the units are of.

    Raises:
        ConfigError: they are of both: the two rankings answer different questions.
    """
    return points_of(clip, units)[0]


def _table(units: Sequence[UnitCaptions]) -> dict[str, Any]:
    return typed([row for one in units for row in one.rows()], {"unit": "int32", "rank": "int16"})


def summarise(units: Sequence[UnitCaptions], config: dict[str, Any]) -> dict[str, Any]:
    """``summary.json``."""
    aligned = config["claim"] == ALIGNMENT
    tops = np.array([unit.top[0].z for unit in units])
    known = tops[~np.isnan(tops)]
    chances = [unit.chance for unit in units if not math.isnan(unit.chance)]
    chance = float(np.mean(chances)) if chances else math.nan
    what = "highest z"
    estimate = census(
        float(np.median(known)) if len(known) else math.nan,
        len(known),
        "median over units",
        "a census of the units that were named, so there is no sampling to give an interval",
    )
    meaning = (
        f"median over units of the {what} of a caption, in standard deviations over captions; a "
        f"unit without meaning has {chance:.2f}"
    )
    return {
        "kind": KIND,
        "headline": [{"name": what, "estimate": estimate, "meaning": meaning}],
        "claim": config["claim"],
        "measure": units[0].measure,
        "n_units": len(units),
        "n_captions": units[0].n_captions,
        "n_blocked": config["captions"]["n_blocked"],
        "chance": chance,
        "chance_reason": "" if chances else "no chance level was computed",
        "n_significant": sum(unit.q <= 0.05 for unit in units) if aligned else None,
    }


def page_of(
    units: Sequence[UnitCaptions], config: dict[str, Any], provenance: dict[str, Any]
) -> Page:
    """The report."""
    from clipprobe.report import Numbers, Page, Paragraph, Section, Table

    summary = summarise(units, config)
    first = units[0]
    aligned = first.claim == ALIGNMENT
    shown = sorted(units, key=lambda unit: -np.nan_to_num(unit.top[0].z, nan=-math.inf))
    shown = shown[:_N_UNITS]
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
        for unit in shown
    ]
    columns = ["unit", "captions", "score", "z", "chance", "p", "q", "mean", "agreement", "note"]
    caption = (
        f"The {len(rows)} units whose first caption stands out most. Score: {first.measure}. "
        + (
            "Chance: the highest z for a random mixture of the captions, on average, and p against "
            f"{first.n_random} of them; q is Benjamini-Hochberg's over {len(units)} units. Mean: "
            "cosine of the direction with the mean caption, which was "
            f"{'' if first.mean_subtracted else 'not '}subtracted. Agreement: smallest cosine "
            "between the direction at one reference image and their mean."
            if aligned
            else "Chance: the highest z of a bell-shaped unit."
        )
    )
    numbers: list[tuple[str, Any, str]] = [
        ("captions", first.n_captions, f"{summary['n_blocked']} left out by the filter"),
        ("units", len(units), "that were named"),
        (summary["headline"][0]["name"], summary["headline"][0]["estimate"], "median over units"),
        ("by chance", summary["chance"], "see the table's caption"),
    ]
    blocks: list[Block] = [Paragraph(f"This result {CLAIM_TEXTS[first.claim]}."), Numbers(numbers)]
    if aligned:
        blocks.insert(1, Paragraph(f"Directions are linearised at {first.linearised_at}."))
    return Page(
        title="Captions of units" if aligned else "Prompts of text units",
        subtitle=f"{len(units)} units of {config['model']['id']}",
        sections=[
            Section("What was asked", blocks),
            Section("Units", [Table(columns, rows, caption)]),
        ],
        provenance={
            **{key: value for key, value in config.items() if key != "units"},
            "versions": provenance["versions"],
        },
        lead=lead_of(shown, summary),
    )


def _images(images: Any) -> list[Any] | None:
    """The decoded images; of a data set a few are meant, so all stay in memory at once."""
    if images is None:
        return None
    from clipprobe.data import Dataset, as_dataset
    from clipprobe.data.images import as_pil

    if isinstance(images, str | Path):
        images = as_dataset(images, limit=MOST_IMAGES)
    return [as_pil(one) for one in (images.records if isinstance(images, Dataset) else images)]


def _fingerprint(images: Sequence[Any] | None) -> str | None:
    if images is None:
        return None
    import hashlib

    digest = hashlib.sha256()
    for one in images:
        image = one.convert("RGB")
        digest.update(str(image.size).encode() + image.tobytes())
    return digest.hexdigest()


CAPTIONS = Study(kind=KIND, settings=CaptionTest, prepare=prepare_captions, load=read_run)
