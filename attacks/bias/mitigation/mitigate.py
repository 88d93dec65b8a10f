"""``mitigate_bias``: fit mitigations on one half of the pictures, score them on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.columns import GroupColumn, make_column
from attacks.bias.groups.suppression import protect
from attacks.bias.inputs.people import documented
from attacks.bias.inputs.pictures import Pictures
from attacks.bias.mitigation.transforms import LAMBDA
from attacks.bias.mitigation.utility import Utility
from attacks.bias.mitigation.work import Work
from attacks.bias.probes.occupations import default_occupations
from attacks.bias.prompts import check_templates, check_words, fill
from clipprobe.errors import ConfigError
from clipprobe.memory import fitting_batch

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip
    from clipprobe.runs import RunView

KIND = "bias-mitigation"
METHODS = ("projection", "clip-clip", "ablation")


def mitigate_bias(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    column: str,
    *,
    out: str | Path,
    others: Sequence[str] = (),
    methods: Sequence[str] = METHODS,
    words: Sequence[str] | None = None,
    templates: Sequence[str] = ("a photo of a {}",),
    group_prompts: Mapping[str, str] | None = None,
    clusters: str | None = None,
    labels: str | Path | None = None,
    card: str | Path | None = None,
    utility: Dataset | str | Path | None = None,
    classes: Sequence[str] | None = None,
    n_units: int | None = None,
    lam: float = LAMBDA,
    n_boot: int = 2000,
    limit: int | None = 2000,
    batch_size: int = 32,
    workers: int = 2,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> RunView:
    """Measure what mitigations remove, what they cost, and what else they change.

    Args:
        column: The group column whose association shall go.
        others: Further group columns: the side effects on other attributes.
        methods: Of :data:`METHODS`.
        words: Whose association is measured; default: occupations.
        group_prompts: For each group a phrase that names it (``{"woman": "a woman"}``); default:
            the group's name in the first template.
        clusters: Column of what is pictured several times.
        labels: A table of groups by id, where they do not stand beside the pictures.
        card: A data-set card: the name of a shipped one, or a YAML file.
        utility: Labelled pictures for the cost in zero-shot accuracy.
        classes: Their class names; default: the labels that occur.
        n_units: Neurons that the ablation takes out; default: chosen on the fitting half.
        lam: Weight of the pairs in the projection.
        limit: Use at most so many pictures with groups.
        progress: Called with the number of pictures that went through the model.
    Returns:
        The run: ``changes.csv``, ``summary.json``, ``report.html``, ``report.md``.
    Raises:
        ConfigError: an unknown method, or a prompt for a group that is not there.
        DataError: a column that is not there, or no labelled utility picture.
    """
    from attacks.bias.mitigation.report import write_mitigation
    from clipprobe.data import as_dataset
    from clipprobe.runs import Run, load_run

    asked = list(dict.fromkeys(methods))
    if not asked or not set(asked) <= set(METHODS):
        raise ConfigError(f"Mitigations are {', '.join(METHODS)}; {asked!r} was asked for.")
    chosen = check_words(default_occupations() if words is None else words)
    sentences = check_templates(templates)
    data = documented(
        clip, images, [column, *others], labels=labels, card=card, clusters=clusters, limit=limit
    )
    fitting_batch(clip, batch_size, len(data.dataset))
    labelled = None if utility is None else as_dataset(utility)
    config = {
        "model": clip.provenance()["model"], "dataset": data.described, "column": data.columns[0],
        "others": list(data.columns[1:]), "card": data.card and data.card.to_json(),
        "methods": asked, "words": list(chosen),
        "templates": list(sentences), "group_prompts": dict(group_prompts or {}),
        "clusters": clusters, "utility": labelled.describe() if labelled else None,
        "classes": list(classes or ()), "n_units": n_units, "lambda": lam, "n_boot": n_boot,
        "batch_size": batch_size, "seed": seed,
    }  # fmt: skip
    pictures = Pictures.read(
        data.dataset, data.columns, clusters, workers=workers, preprocess=clip.preprocess
    )
    columns = protect([make_column(name, pictures.columns[name]) for name in data.columns])
    prompts = _prompts(columns[0], sentences, group_prompts)
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        if run.complete:
            return load_run(run.path)
        work = Work(
            clip=clip, pictures=pictures, columns=columns, words=chosen, templates=sentences,
            prompts=prompts, n_units=n_units, lam=lam, n_boot=n_boot, batch_size=batch_size,
            seed=seed, utility=Utility.read(clip, labelled, classes, sentences, workers),
            advance=progress or (lambda n: None),
        )  # fmt: skip
        found, absent = work.run(asked)
        write_mitigation(
            run, found, absent=absent, columns=columns, words=chosen, templates=sentences,
            prompts=prompts, n_pictures=len(pictures.images), n_scored=int((~work.fit).sum()),
            failures=pictures.failures, provenance=clip.provenance(), data=data, seed=seed,
        )  # fmt: skip
        return load_run(run.path)


def _prompts(
    column: GroupColumn, templates: Sequence[str], given: Mapping[str, str] | None
) -> dict[str, str]:
    """Group -> the phrase that names it."""
    found = {level: fill(templates[0], level) for level in column.levels}
    for level, phrase in (given or {}).items():
        if level not in found:
            raise ConfigError(
                f"A prompt was given for {level!r}, but the groups of {column.name!r} are "
                f"{', '.join(column.levels)}."
            )
        found[level] = phrase
    return found
