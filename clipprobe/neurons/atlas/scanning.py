"""Stream images or texts once through the model and keep what each unit did: the atlas.

Memory does not grow with the number of inputs (beyond their names). Images are decoded in worker
threads beside the model; texts run in groups of equal length, without padding. A scan that was
killed goes on from its last checkpoint, and a shard (every n-th input) can be scanned elsewhere and
merged: both end in the same bytes as one pass.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from clipprobe.data import Dataset, require_readable
from clipprobe.data.texts import read_texts, text_dataset
from clipprobe.errors import ConfigError, DataError
from clipprobe.hooks.units import Site, default_pool, find_sites
from clipprobe.memory import check_fits, fitting_batch
from clipprobe.neurons.atlas.atlas import Atlas
from clipprobe.neurons.atlas.images import ImageTable
from clipprobe.neurons.atlas.loops.images import CHECKPOINT, ScanState, Stream
from clipprobe.neurons.atlas.settings import AtlasScan, ImageScan, TextScan
from clipprobe.neurons.atlas.statistics.accumulator import Settings, UnitStatistics
from clipprobe.neurons.atlas.statistics.samples import N_BINS
from clipprobe.neurons.atlas.store import KIND, outcome_of, read_run
from clipprobe.neurons.atlas.thumbnails import MOST_IMAGES, firing_numbers, make_thumbnails
from clipprobe.runs import Run, jsonio
from clipprobe.runs.manifest import versions
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out

if TYPE_CHECKING:
    from clipprobe.models import Clip

AnyScan = ImageScan | TextScan | AtlasScan
_UNIT_BYTES, _PLACE_BYTES = 5_000, 200
"""What a unit takes, and each place for an image of it (both ends, and its rows when written)."""


@takes(ImageScan)
def scan(clip: Clip, settings: ImageScan) -> Atlas:
    """Scan images and keep statistics, top images and samples over the range of every unit.

    The same images and settings give the same bytes, whatever the number of workers or shards; an
    interrupted scan goes on from its last checkpoint. With ``out=None`` the atlas is kept in memory
    only.

    Raises:
        UnknownHookPointError, UnsupportedHookError: see :func:`clipprobe.hooks.units.find_sites`.
        NoReadableImagesError: not one image could be read.
        RunFolderError: ``out`` holds another run or cannot be written.
        ConfigError: a setting that cannot be used, or that needs more memory than the budget.
    """
    return carry_out(ATLAS, settings, clip).value


@takes(TextScan)
def scan_texts(clip: Clip, settings: TextScan) -> Atlas:
    """Scan texts (captions, prompts, words) and keep the same of every unit of the text tower.

    In the atlas a text stands where an image does: its id is the text itself, and equal texts
    count once. Settings as for :func:`scan`.

    Raises:
        DataError: no text, or something that is not one.
        UnknownHookPointError, UnsupportedHookError, RunFolderError, ConfigError: as for
            :func:`scan`.
    """
    return carry_out(ATLAS, settings, clip).value


def inputs_of(settings: AnyScan) -> tuple[str, Dataset]:
    """The tower that is scanned, and the images or texts of it.

    Raises:
        ConfigError: there are neither images nor texts, or both.
    """
    images = None if isinstance(settings, TextScan) else settings.images
    texts = None if isinstance(settings, ImageScan) else settings.texts
    if (images is None) == (texts is None):
        raise ConfigError(
            "A scan needs either images or texts: give --images DIR for the vision tower or "
            "--texts FILE for the text tower."
        )
    if images is not None:
        return "vision", cast("ImageScan", settings).dataset()
    if isinstance(texts, Path):
        return "text", read_texts(texts, limit=settings.limit)
    return "text", text_dataset(cast("Any", texts), limit=settings.limit)


def prepare_scan(settings: AnyScan, clip: Clip) -> Plan[Atlas]:
    """Find the inputs and the units, refuse what cannot be scanned, and plan the scan."""
    tower, dataset = inputs_of(settings)
    first, step = settings.shard
    if not 0 <= first < step:
        raise ConfigError(f"There is no shard {first} of {step}: number them from 0.")
    pool = settings.pool or ("max" if tower == "vision" else default_pool(clip, tower))
    sites = find_sites(clip, settings.sites, pool, tower)
    # Of the whole data set, not of the shard: the shards must give the bytes of one pass.
    batch_size = fitting_batch(clip, settings.batch_size, len(dataset), tower=tower)
    keep = _fitting(settings, len(dataset), sum(site.n_units for site in sites))
    numbers = range(first, len(dataset), step)
    if not numbers:
        raise DataError(
            f"Shard {first}/{step} of {dataset.name!r} holds nothing, the data set has "
            f"{len(dataset)} {'images' if tower == 'vision' else 'texts'}: use fewer shards."
        )
    provenance = clip.provenance()
    # The shortest edge of an image is resized, then the centre cropped.
    view = {"size": clip.preprocess.size, "resize_to": clip.preprocess.resize_to}
    config: dict[str, Any] = {
        "model": provenance["model"],
        "device": clip.device.type,
        "data": dataset.describe(),
        "sites": [site.to_json() for site in sites],
        "tower": tower,
        "view": view if tower == "vision" else None,
        "n_blocks": len(clip.anatomy.tower(tower).blocks),
        "pool": pool,
        "keep": asdict(keep),
        "thumbnails": _with_thumbnails(settings, tower, len(dataset)),
        "batch_size": batch_size,
        "shard": None if step == 1 else {"of": step, "parts": [first]},
    }
    job = _Scan(
        clip=clip,
        dataset=dataset,
        numbers=numbers,
        sites={site.name: site for site in sites},
        keep=keep,
        config=jsonio.plain(config),
        versions={**versions(), **provenance["versions"]},
        settings=settings,
    )
    return Plan(
        config=job.config,
        execute=job.execute,
        seed=keep.seed,
        provenance={"model": job.config["model"], "versions": job.versions},
        dataset=job.config["data"],
        workload=lambda: (
            Workload(images=len(numbers), texts=0)
            if tower == "vision"
            else Workload(images=0, texts=len(numbers))
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Scan:
    """A scan that is checked and resolved."""

    clip: Clip
    dataset: Dataset
    numbers: range
    sites: dict[str, Site]
    keep: Settings
    config: dict[str, Any]
    versions: dict[str, str]
    settings: AnyScan

    def execute(self, run: Run) -> Outcome[Atlas]:
        """Scan what is not scanned yet."""
        pool, seed, settings = self.config["pool"], self.keep.seed, self.settings
        workers = 0 if isinstance(settings, TextScan) else settings.workers
        state = ScanState(
            {
                name: UnitStatistics.empty(name, site.n_units, self.keep)
                for name, site in self.sites.items()
            }
        )
        if run.has(CHECKPOINT):
            state = ScanState.read(run, list(self.sites), self.keep)
        records = [self.dataset.records[i] for i in self.numbers]
        if self.config["tower"] == "text":
            from clipprobe.neurons.atlas.loops.texts import TextStream

            texts = TextStream(self.clip, pool, state, records, self.numbers, seed)
            records, stream = texts.with_pieces(records), cast(Stream, texts)
        else:
            stream = Stream(self.clip, pool, state, records, self.numbers, seed)
        store = None if settings.out is None else run  # nobody goes on with one in memory
        seconds, progress = settings.checkpoint_seconds, settings.progress
        stream.run(self.config["batch_size"], workers, store, seconds, progress)
        require_readable(state.done - len(state.failures), state.failures, self.dataset.name)
        thumbnails: dict[int, bytes] = {}
        if self.config["thumbnails"]:
            of_number = dict(zip(self.numbers, records, strict=True))
            numbers = firing_numbers(state.statistics.values()).tolist()
            thumbnails = make_thumbnails(
                self.clip, {number: of_number[number] for number in numbers}, workers
            )
        return outcome_of(
            Atlas(
                sites=self.sites,
                statistics=state.statistics,
                images=ImageTable.of(records, self.numbers, state.failures),
                config=self.config,
                versions=self.versions,
                thumbnails=thumbnails,
            ),
            run,
            settings.sheets,
        )


def _with_thumbnails(settings: AnyScan, tower: str, n: int) -> bool:
    """Of the whole data set, so that all shards answer alike."""
    asks = not isinstance(settings, TextScan) and settings.thumbnails
    return asks and tower == "vision" and n <= MOST_IMAGES


def _fitting(settings: AnyScan, n: int, n_units: int) -> Settings:
    """What is kept, no more than there are inputs.

    Raises:
        ConfigError: the places would not fit into memory; names the number that does.
    """
    keep = Settings(
        top_k=min(settings.top_k, n),
        per_bin=min(settings.per_bin, n),
        threshold=float(settings.threshold),
        seed=settings.seed,
    )
    fixed, bins = float(_UNIT_BYTES * n_units), _PLACE_BYTES * n_units * N_BINS
    check_fits("top_k", keep.top_k, _PLACE_BYTES * n_units, fixed=fixed)
    fixed += keep.top_k * _PLACE_BYTES * n_units
    check_fits("per_bin", keep.per_bin, bins, fixed=fixed)
    return keep


ATLAS: Study[Any, Atlas] = Study(
    kind=KIND, settings=AtlasScan, prepare=prepare_scan, load=lambda view: Atlas.of(read_run(view))
)
