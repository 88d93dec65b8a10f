"""``audit_written``: from pictures with annotated groups and words to a run with a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import PIL

from attacks.bias.audit import group_config, planted_truth
from attacks.bias.groups.columns import (
    CROSS,
    GroupSpec,
    cluster_ids,
    make_column,
    read_attribute,
    read_columns,
)
from attacks.bias.groups.notes import data_notes
from attacks.bias.groups.suppression import protect
from attacks.bias.inputs.cards import read_card
from attacks.bias.inputs.gather import Inputs, gather
from attacks.bias.measures.cells import correct
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.inference import Settings
from attacks.bias.probes.section7.label_sets import DENIGRATION
from attacks.bias.written.encode import DRAWN, answer_all, check_drawing
from attacks.bias.written.measures import written_cells
from attacks.bias.written.question import read_question
from attacks.bias.written.shifts import PROBE
from attacks.bias.written.write import write_run
from attacks.typographic.rendering.render import DrawAt, Renderer
from attacks.typographic.rendering.settings import checked_draw_at, prototype, whole
from clipprobe.memory import fitting_batch

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip
    from clipprobe.runs import RunView

KIND = "bias-written"


def audit_written(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    groups: GroupSpec,
    words: str | Sequence[str],
    *,
    labels: str | Path | Sequence[str] = DENIGRATION.labels,
    templates: Sequence[str] = ("a photo of a {}",),
    watch: Sequence[str] = (),
    out: str | Path = "runs/written",
    group_table: str | Path | None = None,
    card: str | Path | None = None,
    clusters: str | None = None,
    draw_at: DrawAt = "model",
    alpha: float = 0.05,
    n_boot: int = 2000,
    n_permutations: int = 10_000,
    seed: int = 0,
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 2,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
    **knobs: Any,
) -> RunView:
    """Measure whether a written word moves one group's label rates more than another's.

    Every picture is answered clean and, for each word, with the word, a blank label and a nonsense
    word in the same place. A group's *reading shift* is the rate of a label with the word less that
    with the nonsense word; groups are compared in it, and in the same of the label's margin. The
    same arguments give the same bytes, whatever the number of workers; an interrupted audit goes
    on where it stopped.

    Args:
        clip: A loaded model.
        images: What :func:`clipprobe.data.as_dataset` takes: a data set, its path, or images.
        groups: Column(s) with perceived or annotated groups, ``"a x b"`` for an intersection, or
            id -> group.
        words: What is written; each word on every picture.
        labels: The labels to choose from, or a file with one a line; default: the 21 of the CLIP
            paper's denigration probe. Followed are the label that a word names and, where the list
            has several labels of crimes or of something non-human, all of these together.
        templates: Sentences with ``{}`` for a label; several are averaged.
        watch: Labels to follow as well, whatever is written.
        out: The run folder.
        group_table: A table of groups by id, where they do not stand beside the images.
        card: A data-set card: the name of a shipped one, or a YAML file.
        clusters: Column of what is pictured more than once (a person, a drawing).
        draw_at: ``model`` writes on the picture as the model sees it; ``image`` at its own size.
        alpha, n_boot, n_permutations, seed: see :class:`~attacks.bias.measures.inference.Settings`.
        limit: Use so many images, spread over the data set.
        batch_size, workers: of encoding, and of decoding and drawing.
        progress: Called with the number of images newly finished.
        **knobs: Fields of :class:`~attacks.typographic.TypographicAttack` but ``word``, ``seed``;
            and ``preset``.
    Returns:
        The complete run: ``cells.csv`` (one row a figure), ``summary.json``, ``report.html``,
        ``report.md``. No row, answer or picture of a single person.
    Raises:
        DataError: an unknown column, one group only, unreadable data.
        ConfigError: a word that names no label where none is watched, a label that is not in the
            list, a word without a nonsense twin, an unknown or impossible knob.
        NoReadableImagesError: not one picture could be read.
    Example:
        >>> run = audit_written(clip, "faces/", "perceived_gender", ["criminal"], out="runs/w")
        >>> run.summary["outcomes"][0]["label"]
        'criminal'
    """
    from clipprobe.runs import Run, load_run

    settings = Settings(
        alpha=alpha,
        min_effect=0.0,
        n_boot=n_boot,
        n_permutations=n_permutations,
        seed=whole(seed, "seed"),
    )
    whole(batch_size, "batch_size", least=1)
    whole(workers, "workers")
    question = read_question(words, labels, templates, watch)
    renderer = Renderer(
        clip=clip,
        classes=question.classes,
        attack=prototype(knobs, seed),
        known=question.known,
        seed=seed,
        draw_at=checked_draw_at(draw_at),
        kinds=DRAWN,
    )
    check_drawing(renderer, question)
    gathered = gather(Inputs(images=images, labels=group_table), limit=limit)
    chosen = card if card is not None else gathered.card
    documented = None if chosen is None else read_card(chosen)
    records = gathered.dataset.records
    # Each picture clean, and for each word with the word, a blank label and a nonsense word.
    fitting_batch(clip, batch_size, len(records) * (1 + 3 * len(question.words)))
    wanted = _named(groups, gathered.aliases)
    # Everything that can be wrong with the groups is found before the first image is encoded.
    annotated = read_columns(records, wanted)
    for name, values in annotated.items():
        make_column(name, values)
    pictured = None if clusters is None else read_attribute(records, clusters, "cluster")
    if clusters is not None and pictured is not None:
        cluster_ids(pictured, clusters)
    organism = bool(planted_truth(clip, None))
    attack = {name: v for name, v in renderer.attack.to_json().items() if name != "word"}
    attack["draw_at"] = draw_at
    described = gathered.describe()
    provenance = clip.provenance()
    config = {
        "model": provenance["model"],
        "dataset": described,
        "groups": group_config(wanted),
        "clusters": clusters,
        "words": question.words,
        "labels": question.label_set.labels,
        "templates": question.label_set.templates,
        "watch": list(watch),
        "attack": attack,
        "card": None if documented is None else documented.to_json(),
        "settings": settings,
        "batch_size": batch_size,
        "pillow": PIL.__version__,  # the pixels of the text are those of this Pillow
    }
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        if run.complete:
            return load_run(run.path)
        answers = answer_all(
            clip,
            records,
            run,
            question,
            renderer,
            name=gathered.dataset.name,
            batch_size=batch_size,
            workers=workers,
            progress=progress,
        )
        used = {record.id for record in answers.records}
        rows = [i for i, record in enumerate(records) if record.id in used]
        columns = protect(
            [make_column(name, [v[i] for i in rows]) for name, v in annotated.items()]
        )
        ids = None
        if clusters is not None and pictured is not None:
            ids = cluster_ids([pictured[i] for i in rows], clusters)
        cells, family_size = correct(
            written_cells(answers, question, columns, ids, settings),
            alpha=alpha,
            min_effect=0.0,
        )
        evaluation = Evaluation(
            cells=tuple(cells),
            family_size=family_size,
            columns=tuple(columns),
            items={PROBE: tuple(outcome.item for outcome in question.outcomes)},
        )
        write_run(
            run,
            evaluation,
            question,
            answers,
            attack=attack,
            settings=settings,
            clusters=clusters,
            organism=organism,
            card=documented,
            notes=[
                *gathered.notes,
                *data_notes(records, annotated, columns, clusters),
            ],
            dataset=described,
            provenance=provenance,
            unmatched=gathered.unmatched,
            n_unmatched=gathered.skipped,
        )
        return load_run(run.path)


def _named(groups: GroupSpec, aliases: Mapping[str, str]) -> GroupSpec:
    """The columns by the names that they have after a known format was read."""
    if isinstance(groups, Mapping):
        return groups
    names = [groups] if isinstance(groups, str) else list(groups)
    return [CROSS.join(aliases.get(part, part) for part in name.split(CROSS)) for name in names]
