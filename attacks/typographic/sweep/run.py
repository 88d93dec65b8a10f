"""Running a sweep: the clean pictures once, then every cell with the same words.

Each cell is a stage of the run with parts of its own, so a killed sweep goes on in the cell where
it stopped. Clean pictures, and pictures that two cells draw alike, are encoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL

from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.attack.knobs import KNOBS
from attacks.typographic.engine import Engine
from attacks.typographic.rendering.cases import Case, read_cases
from attacks.typographic.rendering.encodings import Encodings, Tally
from attacks.typographic.rendering.render import Bases, DrawAt, Encoder, Renderer
from attacks.typographic.rendering.settings import checked_draw_at, prototype, whole
from attacks.typographic.scoring.rows import class_vectors
from attacks.typographic.sweep.grid import Factors, Grid, build
from attacks.typographic.sweep.measures import CONTROL
from attacks.typographic.sweep.report import write_report
from attacks.typographic.sweep.summary import summarise
from attacks.typographic.withholding import asked_of, withheld
from attacks.typographic.words import Words, parse_words, possible_words, read_list
from attacks.typographic.words.scores import WordScores, word_texts
from clipprobe.data import Dataset, Failure, as_dataset, require_readable
from clipprobe.errors import ConfigError, DataError
from clipprobe.memory import fitting_batch
from clipprobe.runs import Run, RunView, load_run
from clipprobe.statistics import Estimate
from clipprobe.zeroshot import TEMPLATES
from clipprobe.zeroshot.classes import Classes, key
from clipprobe.zeroshot.prompts import check_templates

KIND = "typographic-sweep"
RESULTS = "results.parquet"
CELLS = "cells.csv"
#: Grids that need more are refused unless asked for: 5 minutes of a small model on two cores, and
#: most of a day of a large one.
MAX_ENCODINGS = 50_000
#: Decoded pictures kept from cell to cell, in bytes.
BASES_BYTES = 256 << 20


def sweep(
    clip: Encoder,
    images: Any,
    classes: Sequence[str] | str | Path,
    *,
    factors: Factors,
    out: str | Path,
    design: str = "one-factor",
    controls: Sequence[str] = (CONTROL,),
    level: float = 0.5,
    words: str | Path | Sequence[str] | Words | Mapping[str, Any] = "random",
    words_per_image: int = 1,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    name_pattern: str | None = None,
    templates: Sequence[str] = TEMPLATES,
    draw_at: DrawAt = "model",
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 2,
    limit: int | None = None,
    max_encodings: int = MAX_ENCODINGS,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **knobs: Any,
) -> RunView:
    """Write the same words on the same pictures in every cell of a grid.

    Args:
        clip, images, classes, words, words_per_image, synonyms, name_pattern, templates, draw_at,
            seed, batch_size, workers, limit, overwrite: See
            :func:`attacks.typographic.audit_typographic`.
        factors: Levels by setting of :class:`TypographicAttack`, such as ``{"size": [0.1, 0.2]}``;
            None as levels, or a list of settings, takes the default levels.
        out: The run folder: ``results.parquet`` (one row for each picture, word, cell and
            condition; the clean ones have no cell; absent where classes or words name groups of
            people), ``cells.csv``, ``summary.json``, ``report.html`` and ``report.md``.
        design: ``one-factor`` varies one setting at a time around the base; ``factorial`` takes
            every combination.
        controls: Controls at every cell: the nonsense word always, and any of ``blank``,
            ``scrambled`` and ``true``.
        level: Targeted success that a text must be shown to exceed to count as working.
        max_encodings: Refuse a grid that could need more pictures encoded.
        progress: Called after each batch with the number of pictures that this call has encoded,
            and of all that it has to encode; the second can shrink, never grow.
        **knobs: The base: settings of what is not varied.
    Returns:
        The finished run.
    Raises:
        ConfigError: a factor or level cannot be used, or the grid is too large.
        NoReadableImagesError, DataError, GlyphError, RunFolderError: see the message.
    Example:
        >>> run = sweep(clip, "photos", "classes.txt", factors={"size": [0.1, 0.2]}, out="runs/s")
        >>> [point["targeted_success"]["value"] for point in run.summary["curves"]["size"]]
        [0.12, 0.71]
    """
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 <= level < 1:
        raise ConfigError(f"level={level!r} is no share: give a number from 0 to below 1.")
    kinds = _kinds(controls)
    grid = build(factors, design, prototype(knobs, seed))
    chosen = parse_words(words)
    if chosen.strategy in ("brute-force", "neuron", "head"):
        raise ConfigError(
            f"The word strategy {chosen.strategy!r} chooses words for one way of writing, and a "
            "sweep has many: find words with an audit first, then give them as a list."
        )
    dataset = as_dataset(images, limit=limit)
    if isinstance(classes, str):
        classes = Path(classes)
    names = read_list(classes, "class") if isinstance(classes, Path) else list(classes)
    known = Classes(names, synonyms)
    cases, skipped = read_cases(dataset, known, name_pattern=name_pattern)
    if cases[0].word is not None:
        raise ConfigError(
            "A sweep writes its words itself, and these pictures carry theirs: give a name pattern "
            "with {label} alone."
        )
    possible = possible_words(chosen, known)
    taken = {key(word) for word in possible}
    renderer = Renderer(
        clip=clip,
        classes=known,
        attack=grid.base,
        known=lambda word: key(word) in taken or known.known(word),
        seed=whole(seed, "seed"),
        draw_at=checked_draw_at(draw_at),
        kinds=kinds,
        bases=Bases(BASES_BYTES),
    )
    templates = check_templates(templates)
    hold = withheld(asked_of(known, templates, possible), len(cases))
    per_image = whole(words_per_image, "words_per_image", least=1)
    batch = whole(batch_size, "batch_size", least=1)
    _check_size(len(cases), per_image * len(kinds), len(grid.cells), max_encodings)
    fitting_batch(clip, batch, len(cases) * (1 + per_image * len(kinds) * len(grid.cells)))
    _check_words(grid, possible)
    renderer.check()
    config = {
        "model": clip.provenance()["model"],
        "dataset": dataset.describe(),
        "classes": known.names,
        "synonyms": known.synonyms,
        "templates": list(templates),
        "name_pattern": name_pattern,
        "batch_size": batch,
        "seed": seed,
        "pillow": PIL.__version__,
        "words": chosen.to_json(),
        "words_per_image": per_image,
        "attack": {k: v for k, v in grid.base.to_json().items() if k != "word"},
        "draw_at": draw_at,
        "design": grid.design,
        "factors": grid.factors,
        "controls": [kind for kind in kinds if kind != "attack"],
        "level": float(level),
    }
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        if not run.complete:
            _execute(
                run, clip, dataset, known, grid, chosen, renderer, cases, skipped,
                templates=templates, hold=hold, per_image=per_image, batch=batch,
                level=float(level), seed=seed, workers=whole(workers, "workers"),
                progress=progress or (lambda done, total: None),
            )  # fmt: skip
        return load_run(run.path)


def _execute(
    run: Run,
    clip: Encoder,
    dataset: Dataset,
    classes: Classes,
    grid: Grid,
    words: Words,
    renderer: Renderer,
    cases: Sequence[Case],
    skipped: Sequence[Failure],
    *,
    templates: Sequence[str],
    hold: str | None,
    per_image: int,
    batch: int,
    level: float,
    seed: int,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    import pyarrow as pa

    classifier = class_vectors(clip, classes, templates)
    engine = Engine(
        clip=clip,
        classes=classes,
        classifier=classifier,
        renderer=renderer,
        words=words,
        words_per_image=per_image,
        seed=seed,
        batch_size=batch,
        workers=workers,
        word_scores=WordScores(texts=word_texts(clip, words, classes, classifier, templates)),
    )
    tally = Tally(tell=progress)
    encodings = Encodings(clip, batch, tally)
    in_cells = engine.planned_written * len(grid.cells) * len(cases)
    tally.total = engine.unscored(run, cases, "clean-") + in_cells
    clean, failed, left = engine.run(
        run, cases, encodings=encodings, stage="clean-", scorer=engine.score_clean
    )
    left_out = [*skipped, *left]
    chosen: dict[str, list[str]] = {}
    for image, word in zip(clean["image"].to_pylist(), clean["word"].to_pylist(), strict=True):
        chosen.setdefault(image, []).append(word)
    kept = [case for case in cases if case.record.id in chosen]
    if not kept:
        run.abandon()
        require_readable(0 if failed and not left_out else 1, failed, dataset.name)
        raise DataError(
            f"No image of {dataset.name!r} could be attacked ({left_out[0].id!r}: "
            f"{left_out[0].reason}): change the words or the images."
        )
    stages = {cell.number: f"cell{cell.number:04d}-" for cell in grid.cells}
    open_cases = sum(engine.unscored(run, kept, stage) for stage in stages.values())
    tally.spared(in_cells - engine.planned_written * open_cases)
    tables, without = [_numbered(clean, None)], []
    for cell in grid.cells:
        writer = replace(engine, renderer=replace(renderer, attack=cell.attack))
        table, lost, unfit = writer.run(
            run, kept, encodings=encodings, stage=stages[cell.number],
            scorer=writer.score_written(chosen),
        )  # fmt: skip
        tables.append(_numbered(table, cell.number))
        without.append(len(lost) + len(unfit))
        reason = next((failure.reason for failure in [*unfit, *lost]), "")
    if all(not table.num_rows for table in tables[1:]):
        run.abandon()
        raise DataError(f"In no cell could a word be written on any picture ({reason}).")
    everything = pa.concat_tables(tables)
    summary = summarise(everything, grid, classes, level=level, left_out=without, seed=seed)
    if hold is None:
        run.write_table(RESULTS, everything)
    else:
        summary["warnings"].insert(0, hold)
    summary["n"].update(failed=len(failed), skipped=len(left_out))
    run.write_json("summary.json", summary)
    run.write_table(CELLS, [cell_row(item) for item in summary["cells"]])
    provenance = clip.provenance()
    write_report(run, grid, renderer, kept, chosen, provenance)
    run.finish(
        provenance=provenance,
        counts={"used": len(kept), "skipped": len(left_out), "failed": len(failed)},
        failures=[item.to_json() for item in [*failed, *left_out]],
        seed=seed,
        dataset=dataset.describe(),
    )


def cell_row(cell: Mapping[str, Any]) -> dict[str, Any]:
    """A cell of the summary as a row of ``cells.csv``: levels, then each estimate's parts."""
    from attacks.typographic.sweep.grid import level_name

    row: dict[str, Any] = {"cell": cell["cell"]}
    row.update({name: level_name(value) for name, value in cell["levels"].items()})
    row.update({name: cell[name] for name in ("left_out", "size_px", "ink")})
    for name, estimate in cell.items():
        if isinstance(estimate, Estimate):
            row[name] = estimate.value
            row.update({f"{name}_{end}": getattr(estimate, end) for end in ("low", "high", "n")})
    return row


def _numbered(table: Any, number: int | None) -> Any:
    import pyarrow as pa

    return table.add_column(0, "cell", pa.array([number] * table.num_rows, pa.int32()))


def _kinds(controls: Sequence[str]) -> tuple[str, ...]:
    known = [name for name in CONDITIONS if name != "attack"]
    if isinstance(controls, str):
        controls = [controls]
    for name in controls:
        if name not in known:
            raise ConfigError(f"The control {name!r} is unknown: use any of {', '.join(known)}.")
    return tuple(name for name in CONDITIONS if name in ("attack", CONTROL, *controls))


def _check_size(n_cases: int, per_cell: int, n_cells: int, most: int) -> None:
    """Raises ConfigError where the grid could need more encodings than allowed."""
    whole(most, "max_encodings", least=1)
    needed = n_cases * (1 + per_cell * n_cells)
    if needed > most:
        raise ConfigError(
            f"The grid has {n_cells:,} cells, so {n_cases:,} pictures could need {needed:,} "
            f"encodings, more than max_encodings={most:,}: use fewer levels, design='one-factor' "
            f"or a limit on the pictures, or allow {needed:,}."
        )


def _check_words(grid: Grid, words: Sequence[str]) -> None:
    """Refuse, before anything is written, a word that one of the cells cannot write at all."""
    tried: set[tuple[Any, ...]] = set()
    for cell in grid.cells:
        # Glyphs depend on font, case and script, not on numbers, places or colours.
        names = [name for name in KNOBS if name != "position"]
        values = [getattr(cell.attack, name) for name in names]
        key_of = tuple(value for value in values if isinstance(value, (str, bool)))
        if key_of not in tried:
            tried.add(key_of)
            for word in words:
                cell.attack.with_word(word)
