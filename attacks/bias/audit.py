"""``audit_bias``: from annotated groups and a model's answers to a run folder with a report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.bias.asking import (
    ask_again,
    ask_all,
    check_thresholds,
    find_evidence,
    find_parts,
    find_questions,
)
from attacks.bias.groups.columns import (
    CROSS,
    GroupSpec,
    cluster_ids,
    make_column,
    read_attribute,
    read_columns,
)
from attacks.bias.groups.notes import data_notes
from attacks.bias.groups.strata import check_controls, strata_ids
from attacks.bias.groups.suppression import protect
from attacks.bias.groups.truth import read_truth
from attacks.bias.inputs.cards import Card, read_card
from attacks.bias.inputs.gather import Gathered, Inputs, gather
from attacks.bias.measures.inference import Settings
from attacks.bias.probe import Asked, Sample
from attacks.bias.prompts import check_templates, check_words
from attacks.bias.report.illustrations import check_pictures, draw_pictures
from attacks.bias.report.limits import LIMITS, ORGANISM
from attacks.bias.report.planted import PLANTED_FILE, Planted, read_planted
from clipprobe.errors import ConfigError, DataError, UnknownModelError
from clipprobe.memory import fitting_batch

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.models import Clip
    from clipprobe.runs import RunView


def audit_bias(
    clip: Clip | None,
    images: Dataset | str | Path | Iterable[Any] | None = None,
    groups: GroupSpec | None = None,
    probes: Sequence[str] = ("occupations",),
    out: str | Path = "runs/bias",
    *,
    against: Clip | None = None,
    labels: str | Path | None = None,
    embeddings: str | Path | None = None,
    predictions: str | Path | None = None,
    card: str | Path | None = None,
    label_format: str = "auto",
    id_column: str | None = None,
    prediction_column: str | None = None,
    score_kind: str = "cosine",
    scale: float | None = None,
    words: Sequence[str] | None = None,
    templates: Sequence[str] | None = None,
    thresholds: Sequence[float] | None = None,
    clusters: str | None = None,
    controls: Sequence[str] | str = (),
    planted: str | Path | None = None,
    k: int | None = None,
    alpha: float = 0.05,
    min_effect: float = 0.2,
    n_boot: int = 2000,
    n_permutations: int = 10_000,
    seed: int = 0,
    limit: int | None = None,
    include_images: bool = False,
    batch_size: int = 32,
    workers: int = 2,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> RunView:
    """Report how a model's image-text scores differ between annotated groups.

    Args:
        clip: The model; None where ``predictions`` say all that it said.
        images: What :func:`clipprobe.data.as_dataset` takes: a data set, its path, or images.
            Instead of them ``embeddings`` or ``predictions``; the numbers are the same.
        groups: Column(s) with perceived or annotated groups, ``"a x b"`` for an intersection, or
            id -> group. Default: perceived race, gender, age and race x gender, where a known
            format has them.
        probes: Which questions; ``probe_names()`` lists them.
        out: The run folder.
        against: A second model, asked the same about the same images. Then the run holds the
            paired differences, ``against`` less ``clip``, instead of a report; see
            :mod:`attacks.bias.report.against`.
        labels: A table of groups by id: FairFace, UTKFace, VisoGender or any other.
        embeddings: ``.npz`` or ``.safetensors`` of image vectors by id, of this very model.
        predictions: A table of predicted labels or of scores by id.
        card: A data-set card: the name of a shipped one, or a YAML file. Without one the report
            is stamped UNDOCUMENTED DATA.
        label_format, id_column, prediction_column: how to read the tables, where the default is
            wrong. score_kind: ``cosine``, ``logit`` or ``probability``.
        scale: The model's logit scale, for probabilities from a table of cosines.
        words: Instead of the probe's own word list. templates: instead of its sentences.
        thresholds: Of probabilities, between 0 and 1; default 0.005 and 0.04.
        clusters: Column of what is pictured more than once (a person, a drawing).
        controls: Column(s) within whose values group labels are permuted, so that what they explain
            (age, padding, source) is not counted as evidence about the groups.
        planted: A ``planted.json``; default: the one beside the bundled model's weights,
            if this is that model.
        k: Depth of retrieval figures. alpha, min_effect, n_boot, n_permutations, seed: see
            :class:`~attacks.bias.measures.inference.Settings`.
        limit: Audit so many images, spread over the data set.
        include_images: Put a few pictures into the report, drawn from the data set without regard
            to groups. By default no report holds a picture.
        batch_size, workers: of encoding and decoding.
        progress: Called with the number of images newly finished.
    Returns:
        The complete run: ``cells.csv`` and ``cells.parquet`` (one row a figure), ``summary.json``,
        ``report.html``, ``report.md``. No row, vector or picture of a single person, and nothing
        from which one can be followed. With ``against`` a run of the kind ``bias-comparison``.
    Raises:
        DataError: an unknown column, one group only, unreadable data, ids that do not match, NaN
            embeddings, or a table that answers none of the probes.
        UnknownMethodError: no probe has that name.
        ConfigError: k below 10 or over half of the images, ``against`` with a table of answers,
            an empty word list, a template without ``{}``, several roads at once, or a choice that
            nothing asked uses.
    Example:
        >>> run = audit_bias(clip, "faces/", ["perceived_gender"], out="runs/bias")
        >>> run.summary["headline"][0]["name"]
        'mean |d| of occupations by perceived gender'
    """
    from attacks.bias.report.against import write_against
    from attacks.bias.report.differences import KIND as COMPARISON
    from attacks.bias.report.write import write_run
    from clipprobe.runs import Run, load_run

    settings = Settings(
        k=k,
        alpha=alpha,
        min_effect=min_effect,
        n_boot=n_boot,
        n_permutations=n_permutations,
        seed=seed,
    )
    limits = check_thresholds(thresholds)
    asked = find_questions(probes, words, templates, thresholds=limits, k=k)
    chosen = Asked(
        words=None if words is None else check_words(words),
        templates=None if templates is None else check_templates(templates),
        thresholds=limits,
    )
    truth = planted_truth(clip, planted)
    if clip is None and predictions is None:
        raise ConfigError("Without a model only a table of predictions can be audited.")
    if against is not None and (images is None or include_images):
        raise ConfigError(
            "Two models are compared on images that both can see, in a run of figures only: give "
            "images, no embeddings or predictions, and leave pictures out of the report."
        )
    gathered = gather(
        Inputs(
            images=images,
            labels=labels,
            embeddings=embeddings,
            predictions=predictions,
            label_format=label_format,
            id_column=id_column,
            prediction_column=prediction_column,
            score_kind=score_kind,
        ),
        limit=limit,
    )
    _same_model(clip, gathered)
    if clip is not None:
        fitting_batch(clip, batch_size, len(gathered.dataset))
    documented = _card(card, gathered)
    if include_images:
        check_pictures(gathered, documented)
    records = gathered.dataset.records
    wanted = _group_names(groups, gathered)
    # Everything that can be wrong with the groups is found before the first image is encoded.
    annotated = read_columns(records, wanted)
    for name, values in annotated.items():
        make_column(name, values)
    pictured = None
    if clusters is not None:
        pictured = read_attribute(records, clusters, "cluster")
        cluster_ids(pictured, clusters)
    held = [controls] if isinstance(controls, str) else list(controls)
    held = [gathered.aliases.get(name, name) for name in held]
    controlled = {name: read_attribute(records, name, "control") for name in held}
    check_controls(controlled, annotated)
    provenance = _provenance(clip, gathered)
    described = gathered.describe()
    config = {
        "model": provenance["model"],
        "dataset": described,
        "groups": group_config(wanted),
        "clusters": clusters,
        "controls": held,
        "probes": {name: {"words": w, "templates": t} for name, (w, t) in asked.items()},
        "chosen": chosen,
        "scale": scale,
        "card": None if documented is None else documented.to_json(),
        "planted": [[p.item, p.group, p.rate, p.kind] for p in truth],
        "settings": settings,
        "include_images": include_images,
        "batch_size": batch_size,
    }
    if against is not None:
        config["against"] = against.provenance()["model"]
    kind = "bias" if against is None else COMPARISON
    with Run.open(out, kind=kind, config=config, overwrite=overwrite) as run:
        if run.complete:
            return load_run(run.path)
        used, failures, evidence = find_evidence(
            clip, gathered, run, scale, batch_size, workers, progress
        )
        readable = {record.id for record in used}
        rows = [i for i, record in enumerate(records) if record.id in readable]
        annotations, notes = read_truth([records[i] for i in rows])
        columns = protect(
            [make_column(name, [v[i] for i in rows]) for name, v in annotated.items()],
            find_parts(asked, annotations),
        )
        ids = None
        if clusters is not None and pictured is not None:
            ids = cluster_ids([pictured[i] for i in rows], clusters)
        told = [*gathered.notes, *data_notes(records, annotated, columns, clusters), *notes]
        sample = Sample(
            columns=tuple(columns),
            truth=annotations,
            clusters=ids,
            settings=settings,
            strata=strata_ids([[v[i] for i in rows] for v in controlled.values()]),
            paired=against is not None,
        )
        try:
            evaluation, missing = ask_all(asked, chosen, evidence, sample)
        except DataError:
            # A table that answers nothing must not bar the next try with another.
            if predictions is not None:
                run.abandon()
            raise
        lost = [failure.to_json() for failure in (*failures, *gathered.unmatched)]
        if against is not None:
            other = ask_again(against, gathered, used, run, scale, batch_size, workers, progress)
            write_against(
                run, (evaluation, ask_all(asked, chosen, other, sample)[0]),
                (provenance, against.provenance()),
                counts={"skipped": gathered.skipped, "failed": len(failures)},
                failures=lost, dataset=described, seed=seed,
                notes=[*told, *missing], limits=[*LIMITS, *([ORGANISM] if truth else [])],
            )  # fmt: skip
            return load_run(run.path)
        write_run(
            run,
            evaluation,
            settings=settings,
            questions={name: q for name, q in asked.items() if name in evaluation.items},
            planted=truth,
            clusters=clusters,
            controls=held,
            sample=sample,
            dataset=described,
            provenance=provenance,
            failures=lost,
            card=documented,
            notes=[*told, *missing],
            n_failed=len(failures),
            n_skipped=gathered.skipped,
            pictures=draw_pictures(used, seed) if include_images else (),
        )
        return load_run(run.path)


def _group_names(groups: GroupSpec | None, gathered: Gathered) -> GroupSpec:
    """The columns asked for, by the names that they have after a known format was read."""
    if isinstance(groups, Mapping):
        return groups
    if not groups:
        have = {key for record in gathered.dataset for key in record.attributes}
        found = [n for n in ("perceived_race", "perceived_gender", "perceived_age") if n in have]
        if not gathered.aliases or not found:
            there = ", ".join(sorted(have)) or "none (give --labels, or a metadata.csv)"
            raise ConfigError(
                "audit bias needs --groups, because the data are of no format whose groups are "
                f"known; name columns of them. There are: {there}."
            )
        crossed = [f"perceived_race{CROSS}perceived_gender"] if len(found) == 3 else []
        return [*found, *crossed]
    names = [groups] if isinstance(groups, str) else list(groups)
    return [
        CROSS.join(gathered.aliases.get(part, part) for part in name.split(CROSS)) for name in names
    ]


def _card(card: str | Path | None, gathered: Gathered) -> Card | None:
    """The card that was named, or that of the data set that was recognised."""
    chosen = card if card is not None else gathered.card
    return None if chosen is None else read_card(chosen)


def _same_model(clip: Clip | None, gathered: Gathered) -> None:
    """Refuse embeddings that another model made, where the file says so."""
    found = gathered.embeddings
    if clip is None or found is None or not found.weights_sha256:
        return
    if found.weights_sha256 != clip.weights_sha256:
        raise DataError(
            f"The embeddings file {found.name} was made by a model with the weights "
            f"{found.weights_sha256[:12]}…, but the model given has {clip.weights_sha256[:12]}…: "
            "texts and images must be embedded by one model."
        )


def _provenance(clip: Clip | None, gathered: Gathered) -> dict[str, Any]:
    if clip is not None and gathered.predictions is None:
        return clip.provenance()
    assert gathered.predictions is not None
    return {"model": {"id": f"predictions in {gathered.predictions.name}"}}


def planted_truth(clip: Clip | None, path: str | Path | None) -> tuple[Planted, ...]:
    """The named truth; else that of the bundled model, where this is it and it has one."""
    if path is not None:
        return read_planted(Path(path))
    if clip is None:
        return ()
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


def group_config(groups: GroupSpec) -> Any:
    """Column names; of a mapping only a hash, so that no person's group is copied about."""
    if isinstance(groups, Mapping):
        text = repr(sorted(groups.items()))
        return {"mapping_sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()}
    return [groups] if isinstance(groups, str) else list(groups)
