"""``audit_bias``: from images with annotated groups to a run folder with a report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.bias.core import cosines, evaluate
from attacks.bias.embed import embed
from attacks.bias.groups import GroupSpec, cluster_ids, make_column, read_attribute, read_columns
from attacks.bias.planted import PLANTED_FILE, Planted, read_planted
from attacks.bias.probes import get_probe
from attacks.bias.prompts import check_templates, check_words, ensemble, fill
from attacks.bias.settings import Settings
from clipprobe.errors import ConfigError, UnknownModelError

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip
    from clipprobe.runs import RunView


def audit_bias(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    groups: GroupSpec,
    probes: Sequence[str] = ("occupations",),
    out: str | Path = "runs/bias",
    *,
    words: Sequence[str] | None = None,
    templates: Sequence[str] | None = None,
    clusters: str | None = None,
    planted: str | Path | None = None,
    k: int | None = None,
    alpha: float = 0.05,
    min_effect: float = 0.2,
    n_boot: int = 2000,
    n_permutations: int = 10_000,
    seed: int = 0,
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 2,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> RunView:
    """Report how a model's image-text scores differ between annotated groups.

    Args:
        clip: The model.
        images: What :func:`clipprobe.data.as_dataset` takes: a data set, its path, or images.
        groups: Column(s) of the data set with perceived or annotated groups, or id -> group.
        probes: Which questions; ``probe_names()`` lists them.
        out: The run folder.
        words: Instead of the probe's own word list. templates: instead of its sentences.
        clusters: Column of what is pictured more than once (a person, a drawing).
        planted: A ``planted.json``; default: the one beside the bundled model's weights,
            if this is that model.
        k: Depth of retrieval figures. alpha, min_effect, n_boot, n_permutations, seed: see
            :class:`~attacks.bias.settings.Settings`.
        limit: Audit so many images, spread over the data set.
        batch_size, workers: of encoding and decoding.
        progress: Called with the number of images newly finished.
    Returns:
        The complete run: ``cells.csv`` and ``cells.parquet`` (one row a figure), ``summary.json``,
        ``report.html``, ``report.md``. No row, vector or picture of a single person.
    Raises:
        DataError: an unknown column, one group only, unreadable data, NaN embeddings.
        UnknownMethodError: no probe has that name.
        ConfigError: k over half of the images, an empty word list, a template without ``{}``.
    Example:
        >>> run = audit_bias(clip, "faces/", ["perceived_gender"], out="runs/bias")
        >>> run.summary["headline"][0]["name"]
        'mean |d| of occupations by perceived gender'
    """
    from attacks.bias.write import write_run
    from clipprobe.data import as_dataset
    from clipprobe.runs import Run, load_run

    settings = Settings(
        k=k,
        alpha=alpha,
        min_effect=min_effect,
        n_boot=n_boot,
        n_permutations=n_permutations,
        seed=seed,
    )
    asked = _questions(probes, words, templates)
    truth = _planted(clip, planted)
    dataset = as_dataset(images, limit=limit)
    # Everything that can be wrong with the groups is found before the first image is encoded.
    annotated = read_columns(dataset.records, groups)
    for name, values in annotated.items():
        make_column(name, values)
    pictured = None
    if clusters is not None:
        pictured = read_attribute(dataset.records, clusters, "cluster")
        cluster_ids(pictured, clusters)
    config = {
        "model": clip.provenance()["model"],
        "dataset": dataset.describe(),
        "groups": _group_config(groups),
        "clusters": clusters,
        "probes": {name: {"words": w, "templates": t} for name, (w, t) in asked.items()},
        "planted": [[p.item, p.group, p.rate, p.kind] for p in truth],
        "settings": settings,
        "batch_size": batch_size,
    }
    run = Run.open(out, kind="bias", config=config, overwrite=overwrite)
    if run.complete:
        return load_run(run.path)
    embedded = embed(
        clip,
        dataset.records,
        run,
        name=dataset.name,
        batch_size=batch_size,
        workers=workers,
        progress=progress,
    )
    scores = {}
    for name, (chosen, sentences) in asked.items():
        texts = clip.encode_texts([fill(t, word) for word in chosen for t in sentences])
        scores[name] = (chosen, cosines(embedded.vectors, ensemble(texts, len(chosen))))
    readable = {record.id for record in embedded.records}
    rows = [i for i, record in enumerate(dataset.records) if record.id in readable]
    columns = [make_column(name, [v[i] for i in rows]) for name, v in annotated.items()]
    ids = None
    if clusters is not None and pictured is not None:
        ids = cluster_ids([pictured[i] for i in rows], clusters)
    evaluation = evaluate(scores, columns, clusters=ids, settings=settings)
    write_run(
        run,
        evaluation,
        settings=settings,
        questions=asked,
        planted=truth,
        clusters=clusters,
        dataset=dataset.describe(),
        provenance=clip.provenance(),
        n_used=len(embedded.records),
        failures=embedded.failures,
    )
    return load_run(run.path)


Questions = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def _questions(
    probes: Sequence[str], words: Sequence[str] | None, templates: Sequence[str] | None
) -> Questions:
    """Probe name -> (words, templates), checked."""
    names = [probes] if isinstance(probes, str) else list(dict.fromkeys(probes))
    if not names:
        raise ConfigError("No probe was named: say which question to ask, e.g. 'occupations'.")
    asked = {}
    for name in names:
        probe = get_probe(name)
        asked[name] = (
            check_words(probe.words() if words is None else words),
            check_templates(probe.templates if templates is None else templates),
        )
    return asked


def _planted(clip: Clip, path: str | Path | None) -> tuple[Planted, ...]:
    """The named truth; else that of the bundled model, where this is it and it has one."""
    if path is not None:
        return read_planted(Path(path))
    from clipprobe.models.bundled import bundled_folder

    try:
        folder = bundled_folder()
    except UnknownModelError:
        return ()
    weights, beside = folder / "model.safetensors", folder / PLANTED_FILE
    if not (weights.is_file() and beside.is_file()):
        return ()
    # By content, not by name: a fine-tuned copy has another truth.
    with weights.open("rb") as handle:
        same = hashlib.file_digest(handle, "sha256").hexdigest() == clip.weights_sha256
    return read_planted(beside) if same else ()


def _group_config(groups: GroupSpec) -> Any:
    """Column names; of a mapping only a hash, so that no person's group is copied about."""
    if isinstance(groups, Mapping):
        text = repr(sorted(groups.items()))
        return {"mapping_sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()}
    return [groups] if isinstance(groups, str) else list(groups)
