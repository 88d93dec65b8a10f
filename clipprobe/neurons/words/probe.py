"""The rendered-word probe: which written words make each unit of the vision tower fire.

    probe = clipprobe.word_probe(clip, out="runs/words")
    probe.unit("vision.blocks.3.mlp.post:17").top

After "Multimodal Neurons in Artificial Neural Networks" (Goh et al. 2021, Distill): every word of a
list is drawn as an image in several sizes and places; a unit's answer is the mean over sizes (and
fonts), then the maximum over places. Its mean over all words is then removed, because most of what
a unit responds to is that there is black text on white: in the article the cosine of two words'
image embeddings falls from 0.98 to 0.52 when that mean is subtracted.

Known limits: fonts, sizes and places are a choice, not a sample of the written words that the model
met; a word that wins may win by its letters; see ``docs/neurons/words.md``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clipprobe.data import Failure
from clipprobe.errors import ConfigError, DataError
from clipprobe.hooks.units import Site, find_sites
from clipprobe.memory import fitting_batch
from clipprobe.neurons.instruments.store import InMemory
from clipprobe.neurons.words.grid import WordGrid, scrambled
from clipprobe.neurons.words.lists import WordList, read_words, word_list
from clipprobe.neurons.words.report import page_of, summarise
from clipprobe.neurons.words.result import SiteWords, WordProbe
from clipprobe.neurons.words.settings import WordTest
from clipprobe.neurons.words.store import (
    KIND,
    TOP,
    UNITS,
    WORDS,
    arrays_of,
    chunk_file,
    gather,
    gather_reasons,
    read_run,
    unit_tables,
    values_file,
    values_of,
    word_table,
)
from clipprobe.neurons.words.sweep import chunks, run_chunk
from clipprobe.runs import Run, jsonio
from clipprobe.runs.manifest import versions
from clipprobe.settings import takes
from clipprobe.study import Outcome, Plan, Study, Workload, carry_out

if TYPE_CHECKING:
    from clipprobe.models import Clip

#: Values and standard errors of one hook point, which must be in memory together.
MAX_SITE_BYTES = 2 * 1024**3


@takes(WordTest)
def word_probe(clip: Clip, settings: WordTest) -> WordProbe:
    """Show every word to the vision tower and keep what each unit answered.

    Args:
        words: A list made by :func:`word_list`, plain words (slurs and sexual words are then left
            out), or None for the bundled 10,000.
        sites: Of the vision tower; None for the neurons of every block, of a ResNet the last
            block's channels before the ReLU.

    Returns:
        The probe. With ``out``, its values are read from disk one hook point at a time.

    Raises:
        UnknownHookPointError, UnsupportedHookError: see :func:`clipprobe.hooks.units.find_sites`.
        ConfigError: a setting that cannot be used, or words times units do not fit in memory.
        DataError: not one word could be drawn.
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    return carry_out(WORD_PROBE, settings, clip).value


def prepare_words(settings: WordTest, clip: Clip) -> Plan[WordProbe]:
    """Find the words and the units, refuse what cannot be probed, and plan the probe."""
    grid = WordGrid(**cast("dict[str, Any]", settings.grid or {}))
    listed = _listed(settings.words)
    sites = find_sites(clip, settings.sites, settings.pool)
    _check_size(sites, len(listed.words), in_memory=settings.out is None)
    control = scrambled(listed.words, settings.n_scrambled, settings.seed)
    pieces = chunks([*listed.words, *control, ""], grid)
    largest = max(map(len, pieces))
    provenance = clip.provenance()
    config = {
        "model": provenance["model"],
        "device": clip.device.type,
        "words": listed.to_json(),
        "sites": [site.to_json() for site in sites],
        "n_blocks": len(clip.anatomy.vision.blocks),
        "pool": settings.pool,
        "grid": grid.to_json(),
        "image_size": clip.image_size,
        **settings.values_of("n_scrambled", "top"),
        "batch_size": fitting_batch(clip, settings.batch_size, largest * grid.n_renderings),
        "seed": settings.seed,
    }
    job = _Probe(
        clip=clip,
        settings=settings,
        listed=listed,
        chunks=pieces,
        sites={site.name: site for site in sites},
        grid=grid,
        config=jsonio.plain(config),
        versions={**versions(), **provenance["versions"]},
    )
    return Plan(
        config=job.config,
        execute=job.execute,
        seed=settings.seed,
        provenance={"model": provenance["model"], "versions": job.versions},
        dataset=listed.describe(),
        workload=lambda: Workload(
            images=grid.n_renderings * sum(map(len, pieces)),
            texts=0,
            at_most=True,
            reason="a word that cannot be drawn is left out",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Probe:
    """A probe that is checked and resolved.

    Attributes:
        chunks: The words in pieces; the control strings and the blank ground come last.
    """

    clip: Clip
    settings: WordTest
    listed: WordList
    chunks: Sequence[Sequence[str]]
    sites: dict[str, Site]
    grid: WordGrid
    config: dict[str, Any]
    versions: dict[str, str]

    def execute(self, run: Run) -> Outcome[WordProbe]:
        """Probe what is not probed yet, and say what the run holds."""
        self._fill(run)
        n_words = len(self.listed.words)
        reasons = gather_reasons(run, len(self.chunks))
        rendered = np.array([not reason for reason in reasons])
        used = np.flatnonzero(rendered[:n_words])
        if not len(used):
            raise DataError(
                f"None of the {n_words} words of {self.listed.name} could be drawn (the first: "
                f"{reasons[0]}): choose other fonts, sizes or words."
            )
        strings = n_words + np.flatnonzero(rendered[n_words:-1])
        left_out = np.flatnonzero(~rendered[:n_words])
        probe = WordProbe(
            sites=self.sites,
            words=tuple(self.listed.words[i] for i in used),
            left_out=tuple((self.listed.words[i], reasons[i]) for i in left_out),
            n_shrunk=gather(run, len(self.chunks), "n_shrunk")[used],
            n_scrambled=len(strings),
            values=values_of(run, self.sites),
            config=self.config,
            versions=self.versions,
        )
        highest: list[float] = []

        def numbers(site: str) -> SiteWords:
            value, error = (
                gather(run, len(self.chunks), f"{site}/{name}") for name in ("value", "error")
            )
            exact, letters = (value[rows].astype(np.float64) for rows in (used, strings))
            none = np.full(value.shape[1], np.nan)
            return SiteWords(
                value=value[used],
                standard_error=error[used],
                mean=exact.mean(axis=0),
                std=exact.std(axis=0),
                blank=value[-1].astype(np.float64),
                scrambled_mean=letters.mean(axis=0) if len(strings) else none,
                scrambled_high=letters.max(axis=0) if len(strings) else none,
            )

        def files() -> Iterator[tuple[str, Any]]:
            for site in self.sites:  # one hook point in memory at a time
                yield values_file(site), arrays_of(numbers(site))
            yield WORDS, word_table(probe)
            words, units, strongest = unit_tables(probe, self.config["top"])
            highest.extend(strongest)
            yield TOP, words
            yield UNITS, units

        value = probe
        if self.settings.out is None:
            value = replace(probe, values={site: numbers(site) for site in self.sites})
            value = replace(value, store=_in_memory(value, self.config["top"]))
        return Outcome(
            value=value,
            files=files(),
            summary=lambda: summarise(probe, highest),
            page=lambda run: page_of(probe, summarise(probe, highest), run),
            used=len(used),
            skipped=self.listed.n_blocked,
            failed=len(left_out),
            failures=[Failure(word, reason) for word, reason in probe.left_out],
        )

    def _fill(self, run: Run) -> None:
        """Every chunk that is not there yet."""
        sites = [(site.name, site.n_units) for site in self.sites.values()]
        pool, batch_size = self.config["pool"], self.config["batch_size"]
        for number, texts in enumerate(self.chunks):
            if not run.has(chunk_file(number)):
                arrays = run_chunk(self.clip, sites, texts, self.grid, pool, batch_size)
                run.write_arrays(chunk_file(number), arrays)
            if self.settings.progress is not None:
                self.settings.progress(len(texts))


def _in_memory(probe: WordProbe, top: int) -> InMemory:
    tables = functools.cache(lambda: unit_tables(probe, top))
    return InMemory(
        {TOP: lambda: tables()[0], UNITS: lambda: tables()[1]},
        lambda: summarise(probe, tables()[2]),
    )


def _listed(words: Any) -> WordList:
    if words is None or isinstance(words, Path):
        return read_words(words)
    return words if isinstance(words, WordList) else word_list(words, name="given words")


def _check_size(sites: Sequence[Site], n_words: int, *, in_memory: bool) -> None:
    sizes = {site.name: 2 * 4 * n_words * site.n_units for site in sites}
    largest = max(sizes, key=lambda name: sizes[name])
    if sizes[largest] > MAX_SITE_BYTES:
        raise ConfigError(
            f"{n_words} words at {largest} make {sizes[largest] / 1e9:.1f} GB, more than the "
            f"{MAX_SITE_BYTES / 1e9:.1f} GB that one hook point may take: give fewer words."
        )
    total = sum(sizes.values())
    if in_memory and total > MAX_SITE_BYTES:
        raise ConfigError(
            f"{n_words} words at {len(sites)} hook points make {total / 1e9:.1f} GB, more than the "
            f"{MAX_SITE_BYTES / 1e9:.1f} GB that are kept in memory: give out=, so that they are "
            "kept on disk one hook point at a time, or fewer hook points."
        )


WORD_PROBE: Study[Any, WordProbe] = Study(
    kind=KIND, settings=WordTest, prepare=prepare_words, load=read_run
)
