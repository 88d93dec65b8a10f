"""``explain_gap``: from pictures with annotated groups to the units that carry one gap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.columns import make_column
from attacks.bias.inputs.people import documented
from attacks.bias.inputs.pictures import Pictures
from attacks.bias.probes.occupations import default_occupations
from attacks.bias.prompts import check_templates, check_words, ensemble, fill
from attacks.bias.why.contributions import KINDS
from attacks.bias.why.study import BAND, Study
from attacks.bias.why.task import gap_task
from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip
    from clipprobe.runs import RunView

KIND = "bias-gap"


def explain_gap(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    column: str,
    word: str,
    group: str,
    *,
    out: str | Path,
    words: Sequence[str] | None = None,
    templates: Sequence[str] = ("a photo of a {}",),
    clusters: str | None = None,
    labels: str | Path | None = None,
    card: str | Path | None = None,
    kinds: Sequence[str] = ("neuron", "head"),
    n_random: int = 100,
    n_boot: int = 2000,
    limit: int | None = 1000,
    batch_size: int = 32,
    workers: int = 2,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> RunView:
    """Rank units by what they add to a gap, take them out, and compare with random sets.

    Args:
        column: Group column of the data set.
        word: Whose scores differ between groups; one of ``words`` (default: occupations).
        group: A value of the column; the gap is this group less all others.
        clusters: Column of what is pictured several times.
        labels: A table of groups by id, where they do not stand beside the pictures.
        card: A data-set card: the name of a shipped one, or a YAML file.
        kinds: ``neuron``, ``head``; those that a model lacks are left out, with the reason.
        n_random: Random sets at the size that the ranking half chooses; fewer at the others.
        limit: Use at most so many pictures: each set runs all of them again.
        progress: Called with the number of pictures that went through the model.
    Returns:
        The run: ``units.csv``, ``removal.csv``, ``summary.json``, ``report.html``, ``report.md``.
    Raises:
        DataError: a word, group or column that is not there, or too few pictures of a group.
        ConfigError: an unknown kind, or fewer than 20 random sets.
    """
    from attacks.bias.why.report import write_gap_run
    from clipprobe.runs import Run, load_run

    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"Units are of the kind {' or '.join(KINDS)}, not {kind!r}.")
    if n_random < BAND:
        raise ConfigError(f"The control needs at least {BAND} random sets, not {n_random}.")
    chosen = check_words(default_occupations() if words is None else words)
    sentences = check_templates(templates)
    data = documented(
        clip, images, [column], labels=labels, card=card, clusters=clusters, limit=limit
    )
    [column] = data.columns
    fitting_batch(clip, batch_size, len(data.dataset))
    config = {
        "model": clip.provenance()["model"], "dataset": data.described, "column": column,
        "card": data.card and data.card.to_json(),
        "word": word, "group": group, "words": list(chosen), "templates": list(sentences),
        "clusters": clusters, "kinds": list(kinds), "n_random": n_random, "n_boot": n_boot,
        "batch_size": batch_size, "seed": seed,
    }  # fmt: skip
    pictures = Pictures.read(
        data.dataset, [column], clusters, workers=workers, preprocess=clip.preprocess
    )
    texts = ensemble(
        clip.encode_texts([fill(t, w) for w in chosen for t in sentences]), len(chosen)
    )
    groups = make_column(column, pictures.columns[column])
    task = gap_task(texts, chosen, word, groups, group, clusters=pictures.clusters, seed=seed)
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        if run.complete:
            return load_run(run.path)
        shown = [pictures.images[i] for i in task.rows]
        study = Study(clip, shown, task, run, n_random, n_boot, seed, batch_size, progress)
        ranked, removals, absent = study.all(kinds)
        write_gap_run(
            run, task, study.before, ranked, removals, absent=absent, heading=groups.heading,
            words=chosen, templates=sentences, n_boot=n_boot, seed=seed, pictures=pictures,
            provenance=clip.provenance(), data=data,
        )  # fmt: skip
        return load_run(run.path)
