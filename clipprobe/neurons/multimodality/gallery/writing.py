"""The units that best tell one concept in every modality, as a page of small sheets.

The units are chosen by a test on one set of drawn images; the scores on the sheets are measured
on a fresh set that took part in no choice, so being the best of thousands does not flatter them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.errors import RunFolderError
from clipprobe.hooks.units import find_sites
from clipprobe.neurons.multimodality.activations import pooled
from clipprobe.neurons.multimodality.bundled import bundled_probes
from clipprobe.neurons.multimodality.contents import CLAIM
from clipprobe.neurons.multimodality.gallery.sheet import N_IMAGES, Sheet, draw, encode
from clipprobe.neurons.multimodality.page import strongest_images
from clipprobe.neurons.multimodality.probes import Probes
from clipprobe.neurons.multimodality.result import Multimodality
from clipprobe.neurons.multimodality.run import multimodality
from clipprobe.neurons.multimodality.settings import LATE_CLS
from clipprobe.report.markdown import escape
from clipprobe.report.numbers import format_cell
from clipprobe.runs.files import disk_errors, write_atomically
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, auroc_estimate
from clipprobe.stimuli import Concept, concepts

if TYPE_CHECKING:
    from clipprobe.models import Clip

INDEX = "README.md"
_FRESH_SEED = 1_000_003
_FRESH, _DISTRACTORS = 16, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryEntry(AsJson):
    """One unit of a gallery.

    Attributes:
        file: Name of its sheet.
        unit, concept: The pair.
        score: Smallest AUROC over modalities on fresh images; n counts images of the concept.
        aurocs: Modality -> AUROC on fresh images.
        q, q_images, floor: As in ``Multimodality.units``.
    """

    file: str
    unit: str
    concept: str
    score: Estimate
    aurocs: Mapping[str, Estimate]
    q: float
    q_images: float
    floor: float


def write_gallery(
    clip: Clip,
    out: str | Path,
    *,
    top: int = 10,
    sites: Sequence[str] | str | None = None,
    pool: str = LATE_CLS,
    per_concept: int = 8,
    names: Sequence[Concept] | None = None,
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> list[GalleryEntry]:
    """Test the bundled stimuli, draw a sheet for each of the best units, and write their index.

    Sheets of an earlier gallery in ``out`` are replaced; other files are left alone.

    Args:
        out: Folder; made where it is absent.
        top: How many units; of several with one concept, only the best.
        per_concept: Images of each concept and modality that choose the units.
        names: Concepts; all bundled ones by default.
    Raises:
        RunFolderError: the folder cannot be written.
        As :func:`multimodality`.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"The gallery {folder} is a file: give a folder.")
    size = max(64, clip.image_size)
    names = tuple(concepts()) if names is None else tuple(names)
    probes = bundled_probes(per_concept=per_concept, seed=seed, concepts=names, size_px=size)
    result = multimodality(
        clip,
        probes,
        sites,
        pool=pool,
        controls=["random_weights"],
        min_images=2,
        seed=seed,
        batch_size=batch_size,
        progress=progress,
    )
    rows = _distinct(result, top)
    fresh = _fresh(clip, result, rows, names, size, seed, batch_size)
    entries = []
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("[0-9][0-9]-*.webp"):
            old.unlink()
        for number, (row, aurocs) in enumerate(zip(rows, fresh, strict=True), start=1):
            entry = _entry(number, row, aurocs)
            data = encode(draw(_sheet(clip, result, probes, row, entry)))
            write_atomically(folder / entry.file, partial(Path.write_bytes, data=data))
            entries.append(entry)
        page = _index(result, entries, per_concept).encode()
        write_atomically(folder / INDEX, partial(Path.write_bytes, data=page))
    return entries


def _distinct(result: Multimodality, top: int) -> list[dict[str, Any]]:
    """The best units, one for each concept."""
    rows: dict[str, dict[str, Any]] = {}
    for row in result.ranked():
        if row["score"] == row["score"]:
            rows.setdefault(str(row["concept"]), row)
        if len(rows) == top:
            break
    return list(rows.values())


def _fresh(
    clip: Clip,
    result: Multimodality,
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[Concept],
    size_px: int,
    seed: int,
    batch_size: int,
) -> list[dict[str, Estimate]]:
    """AUROCs of the chosen pairs on images that were drawn after choosing."""
    own = {str(row["concept"]) for row in rows}
    groups = (
        (_FRESH, [concept for concept in names if concept.name in own]),
        (_DISTRACTORS, [concept for concept in names if concept.name not in own]),
    )
    parts = [
        bundled_probes(per_concept=n, seed=seed + _FRESH_SEED, concepts=group, size_px=size_px)
        for n, group in groups
        if len(group) > 1
    ]
    units = sorted({(str(row["site"]), int(row["unit"])) for row in rows})
    tile = tuple((site, unit, unit + 1) for site, unit in units)
    pools = {site: result.pool_of(site) for site, _ in units}
    column = {f"{site}:{unit}": number for number, (site, unit) in enumerate(units)}
    level = 1 - 0.05 / len(result.modalities)
    aurocs: list[dict[str, Estimate]] = [{} for _ in rows]
    for modality in result.modalities:
        records = [record for probes in parts for record in probes.of(modality)]
        table = pooled(
            [clip], records, tile, pools, batch_size=batch_size, workers=1, progress=None
        )
        labels = np.array([record.label for record in table.records])
        for number, row in enumerate(rows):
            values = table.matrices[0][:, column[row["address"]]]
            aurocs[number][modality] = auroc_estimate(
                values, labels == str(row["concept"]), level=level
            )
    return aurocs


def _entry(number: int, row: Mapping[str, Any], aurocs: Mapping[str, Estimate]) -> GalleryEntry:
    concept = str(row["concept"])
    slug = "".join(char if char.isalnum() else "-" for char in concept.lower())
    weakest = min(aurocs.values(), key=lambda estimate: estimate.value)
    score = Estimate(
        value=weakest.value,
        low=min(one.low for one in aurocs.values()),
        high=min(one.high for one in aurocs.values()),
        n=_FRESH * len(aurocs),
        method="smallest AUROC on fresh images; DeLong over modalities together, 95 %",
        reason=weakest.reason,
    )
    return GalleryEntry(
        file=f"{number:02d}-{slug}.webp",
        unit=row["address"],
        concept=concept,
        score=score,
        aurocs=aurocs,
        q=float(row["q"]),
        q_images=float(row["q_images"]),
        floor=float(row["floor"]),
    )


def _sheet(
    clip: Clip,
    result: Multimodality,
    probes: Probes,
    row: Mapping[str, Any],
    entry: GalleryEntry,
) -> Sheet:
    pool = result.pool_of(str(row["site"]))
    site = find_sites(clip, [str(row["site"])], pool)[0]
    images = strongest_images(result, probes, row, N_IMAGES)
    first = next(iter(entry.aurocs.values()))
    return Sheet(
        unit=entry.unit,
        pooled=site.pooled(pool),
        concept=entry.concept,
        score=entry.score,
        aurocs=entry.aurocs,
        images={
            name: [(image, label == entry.concept) for image, _, label in part]
            for name, part in images.items()
        },
        how=f"AUROC against other concepts of the modality on {first.n} fresh images, {_FRESH} of "
        f"{entry.concept}. Marked: shows it.",
        floor=_floor_words(result),
    )


def _floor_words(result: Multimodality) -> str:
    assert result.floor is not None
    score = result.floor.score[np.isfinite(result.floor.score)]
    return (
        f"Same network at random weights, {len(score):,} units: 95 % score below "
        f"{np.quantile(score, 0.95):.2f}, the best {score.max():.2f}."
    )


def _index(result: Multimodality, entries: Sequence[GalleryEntry], per_concept: int) -> str:
    model = result.config["model"]
    lines = [
        "# Multimodal neurons",
        f"The {len(entries)} best units of {escape(model['id'])} "
        f"(weights `{model['weights_sha256'][:12]}`), by "
        "`clipprobe neurons gallery`. Each sheet shows a unit's strongest images of each modality, "
        "whatever they show; marked images show its concept.",
        CLAIM,
        f"{result.verdict} A sheet shows one unit; whether its concept is one in all modalities is "
        "for its word controls and fresh images to say.",
        f"Chosen among {len(result.units):,} units and {len(result.concepts)} concepts on "
        f"{per_concept} images of each concept and modality, one unit for each concept; scores "
        f"are from fresh images, pooled by {result.pooling}. {_floor_words(result)} "
        f"{result.n_significant} units are significant at q = {result.alpha:g} with whole concepts "
        f"permuted, {result.n_significant_images} with images permuted alone. See "
        "[multimodality](../neurons/multimodality.md) for what that means.",
        "| | unit | concept | score | "
        + " | ".join(result.modalities)
        + " | q | q, images only | random units as good |",
        "|---|---|---|---|" + "---|" * (len(result.modalities) + 3),
    ]
    table = []
    for number, entry in enumerate(entries, start=1):
        cells = [
            f"[{number}](#{number}-{entry.file[3:-5]})",
            f"`{entry.unit}`",
            escape(entry.concept),
            format_cell(entry.score),
            *(f"{one.value:.3f}" for one in entry.aurocs.values()),
            f"{entry.q:.2g}",
            f"{entry.q_images:.2g}",
            f"{entry.floor:.2%}",
        ]
        table.append("| " + " | ".join(cells) + " |")
    sheets = [
        f"## {number} {escape(entry.concept)}\n\n"
        f"![Strongest images of {entry.unit} in {', '.join(entry.aurocs)}: {escape(entry.concept)}"
        f"]({entry.file})"
        for number, entry in enumerate(entries, start=1)
    ]
    head = "\n\n".join(lines[:-2])
    return "\n\n".join([head, "\n".join([*lines[-2:], *table]), *sheets]) + "\n"
