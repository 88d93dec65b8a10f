"""The rendered-word probe: which written words make each unit of the vision tower fire.

    probe = clipprobe.word_probe(clip, out="runs/words")
    probe.unit("vision.blocks.3.mlp.post:17").top

After "Multimodal Neurons in Artificial Neural Networks" (Goh et al. 2021, Distill): every word of a
list is drawn as an image in several sizes and places; a unit's answer is the mean over sizes (and
fonts), then the maximum over places. Its mean over all words is then removed, because most of what
a unit answers to is that there is black text on white: in the article the cosine of two words'
image embeddings falls from 0.98 to 0.52 when that mean is subtracted.

Known limits: fonts, sizes and places are a choice, not a sample of the written words that the model
met; a word that wins may win by its letters; see ``docs/neuron-words.md``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.errors import ConfigError, DataError
from clipprobe.hooks.units import Site, default_sites, find_sites
from clipprobe.memory import fitting_batch
from clipprobe.neurons.words.grid import WordGrid, scrambled
from clipprobe.neurons.words.lists import WordList, bundled_words, word_list
from clipprobe.neurons.words.result import SiteWords, WordProbe
from clipprobe.neurons.words.store import (
    KIND,
    WORDS,
    Values,
    arrays_of,
    chunk_file,
    gather,
    gather_reasons,
    read,
    values_file,
    word_table,
    write_units,
)
from clipprobe.neurons.words.sweep import chunks, run_chunk
from clipprobe.runs import Run, jsonio
from clipprobe.runs.model import without_interventions
from clipprobe.runs.provenance import versions

if TYPE_CHECKING:
    from clipprobe.models import Clip

#: Values and standard errors of one hook point, which must be in memory together.
MAX_SITE_BYTES = 2 * 1024**3
N_SCRAMBLED = 200


def word_probe(
    clip: Clip,
    words: WordList | Sequence[str] | None = None,
    *,
    sites: Sequence[str] | str | None = None,
    pool: str = "max",
    grid: WordGrid | None = None,
    top: int = 20,
    out: str | Path | None = None,
    n_scrambled: int = N_SCRAMBLED,
    batch_size: int = 32,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> WordProbe:
    """Show every word to the vision tower and keep what each unit answered.

    Args:
        words: A list made by :func:`word_list`, plain words (slurs and sexual words are then left
            out), or None for the bundled 10,000.
        sites: Hook points or globs of the vision tower; None for the neurons of every block, of a
            ResNet the last block's channels before the ReLU.
        pool: How the tokens (or places of a map) of one image become one number per unit: ``max``,
            ``mean``, ``cls``; ``none`` for hook points without tokens.
        grid: Fonts, sizes and places; :class:`WordGrid` has the defaults.
        top: Words in the table at either end of each unit.
        out: Run folder; None keeps the result in memory.
        n_scrambled: Letter strings that are no words, as a control; 0 for none.
        seed: Of the letter strings.
        overwrite: Replace a different run in ``out``.
        progress: Called with the number of texts finished since the last call.

    Returns:
        The probe. With ``out``, its values are read from disk one hook point at a time.

    Raises:
        UnknownHookPointError, UnsupportedHookError: see ``neurons.sites.find_sites``.
        ConfigError: a setting that cannot be used, or words times units do not fit in memory.
        DataError: not one word could be drawn.
        RunFolderError: ``out`` holds another run or cannot be written.
    """
    if top < 1 or n_scrambled < 0 or batch_size < 1:
        raise ConfigError(
            f"top={top}, n_scrambled={n_scrambled}, batch_size={batch_size}: top and batch_size "
            "must be at least 1, n_scrambled 0 or more."
        )
    grid = WordGrid() if grid is None else grid
    listed = _listed(words)
    patterns = default_sites(clip) if sites is None else sites
    found = find_sites(clip, [patterns] if isinstance(patterns, str) else list(patterns), pool)
    _check_size(found, len(listed.words), in_memory=out is None)
    control = scrambled(listed.words, n_scrambled, seed)
    largest = max(map(len, chunks([*listed.words, *control, ""], grid)))
    batch_size = fitting_batch(clip, batch_size, largest * grid.n_renderings)
    provenance = clip.provenance()
    config = jsonio.plain(
        {
            "model": provenance["model"],
            "device": clip.device.type,
            "words": {
                "name": listed.name,
                "n": len(listed.words),
                "fingerprint": listed.fingerprint,
                "filtered": listed.filtered,
                "n_blocked": listed.n_blocked,
            },
            "sites": [site.to_json() for site in found],
            "n_blocks": len(clip.anatomy.vision.blocks),
            "pool": pool,
            "grid": grid.to_json(),
            "image_size": clip.image_size,
            "n_scrambled": n_scrambled,
            "top": top,
            "batch_size": batch_size,
            "seed": seed,
        }
    )
    if out is not None:
        with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
            if not run.complete:
                _fill(clip, run, listed, control, found, grid, pool, batch_size, progress)
                _finish(run, listed, control, found, config, provenance, top)
            return read(run.path)
    scratch = without_interventions(provenance)
    plain = {**config, "model": scratch["model"]}
    with (
        tempfile.TemporaryDirectory(prefix="clipprobe-words-") as folder,
        Run.open(Path(folder) / "run", kind=KIND, config=plain) as run,
    ):
        _fill(clip, run, listed, control, found, grid, pool, batch_size, progress)
        _finish(run, listed, control, found, plain, scratch, top)
        probe = read(run.path)
        return WordProbe(
            sites=probe.sites,
            words=probe.words,
            left_out=probe.left_out,
            n_shrunk=probe.n_shrunk,
            n_scrambled=probe.n_scrambled,
            values=dict(probe.values),
            config=config,
            versions=probe.versions,
        )


def _listed(words: WordList | Sequence[str] | None) -> WordList:
    if words is None:
        return bundled_words()
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


def _fill(
    clip: Clip,
    run: Run,
    listed: WordList,
    control: Sequence[str],
    sites: Sequence[Site],
    grid: WordGrid,
    pool: str,
    batch_size: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Every chunk that is not there yet; the blank ground and the control strings come last."""
    named = [(site.name, site.n_units) for site in sites]
    for number, texts in enumerate(chunks([*listed.words, *control, ""], grid)):
        if not run.has(chunk_file(number)):
            chunk = run_chunk(clip, named, texts, grid, pool, batch_size)
            run.write_arrays(chunk_file(number), chunk.arrays())
        if progress is not None:
            progress(len(texts))


def _finish(
    run: Run,
    listed: WordList,
    control: Sequence[str],
    sites: Sequence[Site],
    config: dict[str, Any],
    provenance: dict[str, Any],
    top: int,
) -> None:
    """Put the chunks together, hook point by hook point, and complete the run."""
    from clipprobe.neurons.words.report import page_of, summarise
    from clipprobe.report import write_html, write_markdown

    n_words = len(listed.words)
    n_chunks = len(chunks([*listed.words, *control, ""], WordGrid(**config["grid"])))
    reasons = gather_reasons(run, n_chunks)
    drawn = np.array([not reason for reason in reasons])
    used = np.flatnonzero(drawn[:n_words])
    if not len(used):
        run.abandon()
        raise DataError(
            f"None of the {n_words} words of {listed.name} could be drawn (the first: "
            f"{reasons[0]}): choose other fonts, sizes or words."
        )
    strings = n_words + np.flatnonzero(drawn[n_words : n_words + len(control)])
    for site in sites:
        values = gather(run, n_chunks, f"{site.name}/value")
        held = _site_words(
            values[used],
            gather(run, n_chunks, f"{site.name}/error")[used],
            values[strings],
            values[n_words + len(control)],
        )
        run.write_arrays(values_file(site.name), arrays_of(held))
    by_name = {site.name: site for site in sites}
    probe = WordProbe(
        sites=by_name,
        words=tuple(listed.words[i] for i in used),
        left_out=tuple((listed.words[i], reasons[i]) for i in np.flatnonzero(~drawn[:n_words])),
        n_shrunk=gather(run, n_chunks, "n_shrunk")[used],
        n_scrambled=len(strings),
        values=Values(run, by_name),
        config=config,
        versions={**versions(), **provenance["versions"]},
    )
    run.write_table(WORDS, word_table(probe))
    highest = write_units(probe, run, top)
    summary = summarise(probe, highest)
    run.write_json("summary.json", summary)
    page = page_of(probe, summary, run.read_table("topwords.parquet"))
    write_html(page, run.file("report.html"))
    write_markdown(page, run.file("report.md"))
    run.finish(
        provenance={"model": provenance["model"], "versions": probe.versions},
        counts={"used": len(used), "skipped": listed.n_blocked, "failed": len(probe.left_out)},
        failures=[{"id": word, "reason": reason} for word, reason in probe.left_out],
        seed=config["seed"],
        dataset={"name": listed.name, "fingerprint": listed.fingerprint, "records": n_words},
    )


def _site_words(value: Any, error: Any, strings: Any, blank: Any) -> SiteWords:
    exact = value.astype(np.float64)
    none = np.full(value.shape[1], np.nan)
    return SiteWords(
        value=value,
        standard_error=error,
        mean=exact.mean(axis=0),
        std=exact.std(axis=0),
        blank=blank.astype(np.float64),
        scrambled_mean=strings.astype(np.float64).mean(axis=0) if len(strings) else none,
        scrambled_high=strings.astype(np.float64).max(axis=0) if len(strings) else none,
    )
