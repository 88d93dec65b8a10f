"""A bias audit, checked and resolved before the first image is encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attacks.bias.asking import Questions, find_parts, find_questions
from attacks.bias.evidence.answers import (
    Evidence,
    FromChoices,
    FromEmbeddings,
    FromScores,
    LabelSet,
)
from attacks.bias.evidence.embed import embed
from attacks.bias.groups.vocabulary import read_truth
from attacks.bias.inputs.cards import DRAWN_PEOPLE, read_card
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.retrieval import resolve_k
from attacks.bias.people import People, read_people
from attacks.bias.probe import ProbeOptions, Sample
from attacks.bias.probes.registry import get_probe
from attacks.bias.probes.word_lists import check_words
from attacks.bias.sections.illustrations import check_images
from attacks.bias.sections.planted import Planted, planted_truth
from clipprobe.errors import ConfigError, DataError
from clipprobe.identity import Identity
from clipprobe.memory import fitting_batch
from clipprobe.study import Workload
from clipprobe.study.workload import nothing
from clipprobe.zeroshot.prompts import check_templates

if TYPE_CHECKING:
    from attacks.bias.settings import BiasAudit
    from clipprobe.models import Clip
    from clipprobe.runs import Run


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is asked of whom, and about which images.

    ``clip``: None where a table of predictions says all that it said. ``numbers``: how figures are
    made. ``questions``, ``options``: what is asked. ``planted``: the truth, empty where there is
    none. ``people``: the images and their groups.
    """

    settings: BiasAudit
    clip: Clip | None
    numbers: Settings
    questions: Questions
    options: ProbeOptions
    planted: tuple[Planted, ...]
    people: People

    @property
    def judged(self) -> bool:
        """Whether what was planted is looked for: a truth that was named, or images of the drawn
        people that the bundled model was taught on. In other images it need not be."""
        card = self.people.card
        return self.settings.planted is not None or card == read_card(DRAWN_PEOPLE)

    def provenance(self) -> dict[str, Any]:
        """What made the answers, for the manifest."""
        predictions = self.people.data.predictions
        if self.clip is not None and predictions is None:
            return self.clip.provenance()
        assert predictions is not None
        return {"model": {"id": f"predictions in {predictions.name}"}}

    def config(self) -> dict[str, Any]:
        """Everything that changes the result; the batch size does, in the last bits."""
        settings, people = self.settings, self.people
        return {
            "model": self.provenance()["model"],
            "dataset": people.description,
            "groups": people.group_config,
            "clusters": people.cluster_column,
            "controls": list(people.controls),
            "probes": {
                name: {"words": w, "templates": t} for name, (w, t) in self.questions.items()
            },
            "chosen": self.options,
            "scale": settings.scale,
            "card": people.documentation,
            "planted": [[p.item, p.group, p.rate, p.kind] for p in self.planted],
            "settings": self.numbers,
            "include_images": settings.include_images,
            "batch_size": settings.batch_size,
        }

    def passes(self) -> Workload:
        """Every image that is not embedded yet, and the sentences that the probes have."""
        people, own = self.people, [w for w, _ in self.questions.values() if not w]
        if people.data.predictions is not None:
            return nothing()
        texts = {
            sentence
            for name, (words, templates) in self.questions.items()
            for sentence in LabelSet(name=name, labels=words, templates=templates).prompts
        }
        return Workload(
            images=0 if people.data.embeddings is not None else len(people.records),
            texts=None if own else len(texts),
            reason="some probes write out labels of their own" if own else "",
        )

    def ask(self, run: Run) -> tuple[People, Evidence]:
        """The people whose images can be used, and what the model says about these.

        Raises:
            DataError: not one image could be read.
        """
        people, predictions = self.people, self.people.data.predictions
        if predictions is not None:
            if predictions.labels is not None:
                return people, FromChoices(predictions.labels)
            scale = self.settings.scale
            return people, FromScores(predictions.scores or {}, predictions.kind, scale)
        assert self.clip is not None
        embeddings = people.data.embeddings
        if embeddings is not None:
            return people, self._evidence(self.clip, embeddings.vectors)
        return self.encode(self.clip, people, run, "embeddings")

    def encode(self, clip: Clip, people: People, run: Run, part: str) -> tuple[People, Evidence]:
        """Encode each image; parts that an earlier try left are read back.

        Args:
            part: Name of the run's parts, other for another model.
        """
        name = people.data.dataset.name
        used, vectors, failures = embed(
            clip, people.records, run, self.settings, name=name, part=part
        )
        return people.readable(set(used), failures), self._evidence(clip, vectors)

    def _evidence(self, clip: Clip, vectors: Any) -> Evidence:
        own = self.settings.scale
        scale = own if own is not None else getattr(clip, "scale", None)
        return FromEmbeddings(vectors, clip.encode_texts, scale, clip)

    def ask_again(self, other: Clip, people: People, run: Run) -> Evidence:
        """What a second model says about the images that this one could read.

        Raises:
            DataError: it cannot read one of them.
        """
        second, evidence = self.encode(other, people, run, part="embeddings-against")
        if second.failures:
            raise DataError(
                f"{len(second.failures)} of the images that the first model could read cannot be "
                f"prepared for the second ({second.failures[0].id}: {second.failures[0].reason}): "
                "leave them out."
            )
        return evidence

    def sample(self, people: People, *, paired: bool) -> tuple[People, Sample]:
        """The people as the report shows them, and as probes ask about them.

        Args:
            paired: Whether another model is asked about the same images.
        """
        truth, unread = read_truth(people.records)
        if not any(get_probe(name).parts for name in self.questions):
            unread = ()  # nothing asked compares an answer with what is annotated
        people = people.protected(find_parts(self.questions, truth))
        sample = Sample(
            columns=people.columns,
            truth=truth,
            unread=unread,
            clusters=people.clusters,
            settings=self.numbers,
            strata=people.strata,
            paired=paired,
        )
        return people, sample


def prepare(settings: BiasAudit, clip: Clip | None) -> Prepared:
    """Refuse what cannot be asked or read, and resolve the rest."""
    questions, asked_probes = asked_of(settings)
    truth = planted_truth(clip, settings.planted)
    if clip is None and settings.predictions is None:
        raise ConfigError("Without a model only a table of predictions can be audited.")
    people = people_of(settings)
    _same_model(clip, people)
    if clip is not None:
        fitting_batch(clip, settings.batch_size, len(people.records))
    if settings.include_images:
        check_images(people)
    if settings.k is not None:
        resolve_k(settings.k, len(people.records))  # of fewer images it may yet be too many
    return Prepared(
        settings=settings,
        clip=clip,
        numbers=Settings.of(settings),
        questions=questions,
        options=asked_probes,
        planted=truth,
        people=people,
    )


def people_of(settings: BiasAudit) -> People:
    """The people, their groups and what is known of them; needs no model."""
    controls = settings.controls
    controls = [controls] if isinstance(controls, str) else list(controls)
    return read_people(settings, settings.groups, controls=controls)


def asked_of(settings: BiasAudit) -> tuple[Questions, ProbeOptions]:
    """The questions, checked, and what was chosen for them; needs neither model nor images."""
    thresholds = tuple(sorted(set(settings.thresholds or ())))
    words, templates, probes = settings.words, settings.templates, settings.probes
    questions = find_questions(probes, words, templates, thresholds=thresholds, k=settings.k)
    options = ProbeOptions(
        words=None if words is None else check_words(words),
        templates=None if templates is None else check_templates(templates, once=True),
        thresholds=thresholds,
    )
    return questions, options


def _same_model(clip: Clip | None, people: People) -> None:
    """Refuse embeddings that another model made, where the file says so."""
    embeddings = people.data.embeddings
    if clip is None or embeddings is None or not embeddings.weights_sha256:
        return
    made_by, identity = Identity.read(embeddings.weights_sha256), Identity.of(clip)
    if made_by != identity:
        raise DataError(
            f"The embeddings file {embeddings.name} was made by a model with the weights "
            f"{made_by}, but the model given has {identity}: "
            "texts and images must be embedded by one model."
        )
