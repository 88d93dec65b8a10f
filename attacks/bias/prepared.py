"""A bias audit, checked and resolved before the first image is encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.asking import Questions, ask_again, find_evidence, find_parts, find_questions
from attacks.bias.evidence.answers import Evidence
from attacks.bias.groups.columns import read_attribute
from attacks.bias.groups.notes import data_notes
from attacks.bias.groups.strata import check_controls, strata_ids
from attacks.bias.groups.suppression import protect
from attacks.bias.groups.truth import read_truth
from attacks.bias.inputs.annotations import Annotations, read_annotations
from attacks.bias.inputs.gather import Gathered
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.retrieval import resolve_k
from attacks.bias.probe import Asked, Sample
from attacks.bias.prompts import check_templates, check_words
from attacks.bias.sections.illustrations import check_pictures
from attacks.bias.sections.planted import Planted, planted_truth
from clipprobe.errors import ConfigError, DataError
from clipprobe.identity import Identity
from clipprobe.memory import fitting_batch

if TYPE_CHECKING:
    from attacks.bias.settings import BiasAudit
    from clipprobe.data import Failure, ImageRecord
    from clipprobe.models import Clip
    from clipprobe.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The images that could be used, what the model says of them, and what a reader must know.

    ``records``: those images. ``failures``: the others. ``evidence``: the model's answers.
    ``sample``: their groups. ``notes``: about the data.
    """

    records: Sequence[ImageRecord]
    failures: Sequence[Failure]
    evidence: Evidence
    sample: Sample
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is asked of whom, and about which images.

    ``clip``: None where a table of predictions says all that it said. ``numbers``: how figures are
    made. ``questions``, ``chosen``: what is asked. ``planted``: the truth, empty where there is
    none. ``controls``: column -> the value of each image.
    """

    settings: BiasAudit
    clip: Clip | None
    numbers: Settings
    questions: Questions
    chosen: Asked
    planted: tuple[Planted, ...]
    people: Annotations
    controls: Mapping[str, Sequence[str | None]]

    @property
    def gathered(self) -> Gathered:
        """The images that take part, and what was read of them."""
        return self.people.gathered

    def provenance(self) -> dict[str, Any]:
        """What made the answers, for the manifest."""
        if self.clip is not None and self.gathered.predictions is None:
            return self.clip.provenance()
        assert self.gathered.predictions is not None
        return {"model": {"id": f"predictions in {self.gathered.predictions.name}"}}

    def config(self) -> dict[str, Any]:
        """Everything that changes the result; the batch size does, in the last bits."""
        settings, card = self.settings, self.people.card
        return {
            "model": self.provenance()["model"],
            "dataset": self.gathered.describe(),
            "groups": self.people.group_config(),
            "clusters": settings.clusters,
            "controls": list(self.controls),
            "probes": {
                name: {"words": w, "templates": t} for name, (w, t) in self.questions.items()
            },
            "chosen": self.chosen,
            "scale": settings.scale,
            "card": None if card is None else card.to_json(),
            "planted": [[p.item, p.group, p.rate, p.kind] for p in self.planted],
            "settings": self.numbers,
            "include_images": settings.include_images,
            "batch_size": settings.batch_size,
        }

    def sampled(self, run: Run, *, paired: bool) -> Sampled:
        """Ask the model about each image; parts that an earlier try left are read back.

        Args:
            paired: Whether another model is asked about the same images.
        Raises:
            DataError: not one image could be read.
        """
        settings, people = self.settings, self.people
        assert self.clip is not None or self.gathered.predictions is not None
        used, failures, evidence = find_evidence(
            self.clip, self.gathered, run, settings.scale, settings.batch_size, settings.workers,
            settings.progress,
        )  # fmt: skip
        rows = people.rows({record.id for record in used})
        truth, notes = read_truth([people.records[i] for i in rows])
        columns = protect(people.columns(rows), find_parts(self.questions, truth))
        about = data_notes(people.records, people.values, columns, people.clusters)
        return Sampled(
            records=used,
            failures=failures,
            evidence=evidence,
            sample=Sample(
                columns=tuple(columns),
                truth=truth,
                clusters=people.cluster_ids(rows),
                settings=self.numbers,
                strata=strata_ids([[v[i] for i in rows] for v in self.controls.values()]),
                paired=paired,
            ),
            notes=(*self.gathered.notes, *about, *notes),
        )

    def asked_again(self, other: Clip, records: Sequence[ImageRecord], run: Run) -> Evidence:
        """What a second model says about the images that this one could read."""
        settings = self.settings
        return ask_again(
            other, self.gathered, records, run, settings.scale, settings.batch_size,
            settings.workers, settings.progress,
        )  # fmt: skip


def prepare(settings: BiasAudit, clip: Clip | None) -> Prepared:
    """Refuse what cannot be asked or read, and resolve the rest."""
    numbers = Settings(
        k=settings.k,
        alpha=settings.alpha,
        min_effect=settings.min_effect,
        n_boot=settings.n_boot,
        n_permutations=settings.n_permutations,
        seed=settings.seed,
    )
    questions, chosen = asked_of(settings)
    truth = planted_truth(clip, settings.planted)
    if clip is None and settings.predictions is None:
        raise ConfigError("Without a model only a table of predictions can be audited.")
    people = read_annotations(
        settings,
        settings.labels,
        settings.groups,
        embeddings=settings.embeddings,
        predictions=settings.predictions,
        prediction_column=settings.prediction_column,
        score_kind=settings.score_kind,
    )
    gathered = people.gathered
    _same_model(clip, gathered)
    if clip is not None:
        fitting_batch(clip, settings.batch_size, len(gathered.dataset))
    if settings.include_images:
        check_pictures(gathered, people.card)
    named = settings.controls
    names = [named] if isinstance(named, str) else list(named)
    names = [gathered.aliases.get(name, name) for name in names]
    controls = {name: read_attribute(people.records, name, "control") for name in names}
    check_controls(controls, people.values)
    if settings.k is not None:
        resolve_k(settings.k, len(people.records))  # of fewer images it may yet be too many
    return Prepared(
        settings=settings,
        clip=clip,
        numbers=numbers,
        questions=questions,
        chosen=chosen,
        planted=truth,
        people=people,
        controls=controls,
    )


def asked_of(settings: BiasAudit) -> tuple[Questions, Asked]:
    """The questions, checked, and what was chosen for them; needs neither model nor images."""
    thresholds = tuple(sorted(set(settings.thresholds or ())))
    words, templates, probes = settings.words, settings.templates, settings.probes
    named = [probes] if isinstance(probes, str) else list(probes)
    questions = find_questions(named, words, templates, thresholds=thresholds, k=settings.k)
    chosen = Asked(
        words=None if words is None else check_words(words),
        templates=None if templates is None else check_templates(templates),
        thresholds=thresholds,
    )
    return questions, chosen


def _same_model(clip: Clip | None, gathered: Gathered) -> None:
    """Refuse embeddings that another model made, where the file says so."""
    found = gathered.embeddings
    if clip is None or found is None or not found.weights_sha256:
        return
    made_by, given = Identity.read(found.weights_sha256), Identity.of(clip)
    if made_by != given:
        raise DataError(
            f"The embeddings file {found.name} was made by a model with the weights "
            f"{made_by}, but the model given has {given}: "
            "texts and images must be embedded by one model."
        )
