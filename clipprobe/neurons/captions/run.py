"""The run folder of captions: one run, one tower, one claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.captions.lists import caption_list, read_captions
from clipprobe.neurons.captions.ranking import by_site, check_pool, text_prompts, vision_captions
from clipprobe.neurons.captions.report import page_of, summarise
from clipprobe.neurons.captions.result import ALIGNMENT, TEXT_ALONE, CaptionRanking, UnitCaptions
from clipprobe.neurons.captions.settings import CaptionTest
from clipprobe.neurons.instruments.store import InMemory
from clipprobe.runs import Run, RunView, jsonio
from clipprobe.runs.tables import columns_of
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out
from clipprobe.tracing.units import points_of

if TYPE_CHECKING:
    from clipprobe.models import Clip

KIND = "captions"
TABLE = "captions.parquet"
UNITS = "units.json"
MOST_IMAGES = 64


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
    return columns_of(
        [row for one in units for row in one.rows()], {"unit": "int32", "rank": "int16"}
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
