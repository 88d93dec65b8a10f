"""Sweeps: what is refused before anything is written, and what makes the run what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attacks.typographic.attack.controls import CONDITIONS
from attacks.typographic.attack.knobs import KNOBS
from attacks.typographic.inputs import classes_of
from attacks.typographic.rendering.cases import labels_of
from attacks.typographic.rendering.render import Bases, Encoder
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.rendering.unwritten import Unwritten, left_out, require_some, unwritten
from attacks.typographic.sweep.grid import Grid, build
from attacks.typographic.sweep.job import Job
from attacks.typographic.sweep.settings import CONTROL, TypographicSweep
from attacks.typographic.task import Task
from attacks.typographic.words import Words, parse_words, vocabulary
from attacks.typographic.words.strategies import PREPARED
from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch
from clipprobe.runs import RunView
from clipprobe.settings import takes
from clipprobe.study import Plan, Study, Workload, carry_out
from clipprobe.thresholds import check_thresholds, hold
from clipprobe.zeroshot.prompts import check_templates

#: Figures of the headline that can have a threshold: better when higher, better when lower.
HIGHER = ("clean_accuracy", "worst_attacked_accuracy", "right_in_every_cell")
LOWER = ("highest_targeted_success",)
#: Decoded images kept from cell to cell, in bytes.
BASES_BYTES = 256 << 20


@takes(TypographicSweep)
def sweep(clip: Encoder, settings: TypographicSweep) -> RunView:
    """Write the same words on the same images in every cell of a grid.

    The settings of :class:`TypographicAttack` are the base: what is not varied.

    Returns:
        The finished run: ``results.parquet`` (one row for each image, word, cell and condition;
        the clean ones have no cell; absent where classes or words name groups of people),
        ``cells.csv``, ``summary.json``, ``report.html`` and ``report.md``.
    Raises:
        ThresholdCrossedError: a ``fail_under`` or ``fail_over`` was crossed; the run is complete.
        ConfigError: a factor or level cannot be used, or the grid is too large.
        NoReadableImagesError, DataError, GlyphError, RunFolderError: see the message.
    Example:
        >>> run = sweep(clip, "photos", "classes.txt", factors={"size": [0.1, 0.2]}, out="runs/s")
        >>> [point["targeted_success"]["value"] for point in run.summary["curves"]["size"]]
        [0.12, 0.71]
    """
    run = carry_out(SWEEP, settings, clip).run
    hold(settings, run.summary)
    return run


def grid_of(settings: TypographicSweep) -> tuple[Grid, Words]:
    """The cells, and where the words come from.

    Raises:
        ConfigError, DataError: a factor, a level, a threshold or the source of words cannot be
            used.
    """
    check_thresholds(settings.fail_under, HIGHER)
    check_thresholds(settings.fail_over, LOWER, over=True)
    grid = build(settings.factors, settings.design, prototype(settings.knobs(), settings.seed))
    words = parse_words(settings.words)
    if words.strategy in PREPARED:
        raise ConfigError(
            f"The word strategy {words.strategy!r} chooses words for one way of writing, and a "
            "sweep has many: find words with an audit first, then give them as a list."
        )
    return grid, words


def prepare_sweep(settings: TypographicSweep, clip: Encoder) -> Plan[None]:
    """Refuse a grid that cannot be run, and plan its cells."""
    grid, words = grid_of(settings)
    settings = settings.opened()
    kinds = tuple(k for k in CONDITIONS if k in ("attack", CONTROL, *settings.controls))
    task = Task.of(
        settings,
        clip,
        classes=classes_of(
            settings.classes,
            settings.synonyms,
            labels=lambda: labels_of(settings.dataset(), settings.name_pattern),
        ),
        templates=check_templates(settings.templates),
        words=words,
        attack=grid.base,
        kinds=kinds,
        bases=Bases(BASES_BYTES),
    )
    if task.natural:
        raise ConfigError(
            "A sweep writes its words itself, and these images carry theirs: give a name pattern "
            "with {label} alone."
        )
    hold = task.hold()
    n, per_image = len(task.cases), 1 + task.words_per_image * len(kinds) * len(grid.cells)
    if n * per_image > settings.max_encodings:
        raise ConfigError(
            f"The grid has {len(grid.cells):,} cells, so {n:,} images could need "
            f"{n * per_image:,} encodings, more than max_encodings={settings.max_encodings:,}: use "
            f"fewer levels, design='one-factor' or a limit on the images, or allow "
            f"{n * per_image:,}."
        )
    fitting_batch(clip, task.batch_size, n * per_image)
    why = _unwritten(grid, task)
    task = replace(task, words=replace(task.words, unfit=frozenset(why)))
    task.renderer.check()
    config = {
        **task.config(),
        "design": grid.design,
        "factors": grid.factors,
        "controls": [kind for kind in kinds if kind != "attack"],
        "level": settings.level,
    }
    job = Job(
        task=task,
        grid=grid,
        hold=hold,
        level=settings.level,
        notes=left_out(why),
        progress=settings.progress,
    )
    return Plan(
        config=config,
        execute=job.execute,
        seed=settings.seed,
        provenance=clip.provenance(),
        dataset=task.dataset.describe(),
        workload=lambda: Workload(
            images=n * per_image,
            texts=len({*task.classes.names, *task.possible}) * len(task.templates),
            at_most=True,
            reason="equal images are encoded once",
        ),
    )


def _unwritten(grid: Grid, task: Task) -> Unwritten:
    """The words that one of the cells cannot write at all, which all of them leave out.

    Raises:
        GlyphError: fewer than two classes, or no word of a list, are left.
    """
    keys: set[tuple[Any, ...]] = set()
    why: Unwritten = {}
    for cell in grid.cells:
        # Glyphs depend on font, case and script, not on numbers, places or colours.
        names = [name for name in KNOBS if name != "position"]
        values = [getattr(cell.attack, name) for name in names]
        key_of = tuple(value for value in values if isinstance(value, (str, bool)))
        if key_of not in keys:
            keys.add(key_of)
            why = {**unwritten(cell.attack, task.possible), **why}
    require_some(vocabulary(task.words, task.classes), why, 1 if task.words.listed else 2)
    return why


SWEEP = Study(
    kind="typographic-sweep",
    settings=TypographicSweep,
    prepare=prepare_sweep,
    headline="worst_attacked_accuracy",
    enforce=hold,
)
