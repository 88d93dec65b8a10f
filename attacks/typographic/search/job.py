"""Carrying a search out: the clean answer, the words it leaves, both arms, and the check."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.controls import nonsense_word, with_controls
from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import Floats
from attacks.typographic.rendering.unwritten import left_out
from attacks.typographic.search.oracle import Answer, Goal, Oracle
from attacks.typographic.search.report import build_page, summary_of, trace_rows
from attacks.typographic.search.result import SearchResult, arm_of
from attacks.typographic.search.settings import AttackSearch
from attacks.typographic.search.space import SearchSpace, unwritten_by
from attacks.typographic.search.strategy import best, run_search
from attacks.typographic.task import Task
from attacks.typographic.words import Guard, overlaps
from clipprobe.data import decode_image
from clipprobe.errors import DataError
from clipprobe.runs import Run
from clipprobe.study import Outcome
from clipprobe.zeroshot.classes import Classes, key
from clipprobe.zeroshot.classifier import class_vectors

#: Words that an untargeted search tries: the wrong classes that the model ranks highest.
RUNNERS_UP = 8
BEST = "best.png"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One search, checked and resolved."""

    task: Task
    """With the one image."""
    base: Image.Image
    """What is drawn on."""
    target: int | None
    """Number of the class that the answer shall become; None for any wrong one."""
    space: SearchSpace
    """What is tried; its words stand for others where the model ``ranked`` them."""
    ranked: bool
    settings: AttackSearch
    notes: Sequence[str] = ()
    """What a reader must know of words that were left out."""

    @property
    def case(self) -> Case:
        """The image and its true class."""
        return self.task.cases[0]

    def execute(self, run: Run) -> Outcome[SearchResult]:
        """Ask about the image as it is, search with words and with nonsense, check what won."""
        settings, names, clip = self.settings, self.task.classes.names, self.task.clip
        image, label = self.case.record.id, self.case.label
        classifier = class_vectors(clip, names, self.task.templates)
        goal = Goal(classes=self.task.classes, label=label, target=self.target)
        encoded = clip.encode_images([self.base], batch_size=settings.batch_size)
        clean = clip.logits(encoded, classifier)[0]
        answer, flipped, margin = goal.judge(clean)
        if flipped:
            raise DataError(
                f"The model answers {names[answer]!r} for {image} without any text, which is "
                f"{'the target' if self.target is not None else 'already wrong'}: there is nothing "
                "to flip. Give another image, label or target."
            )
        space, notes = self._spaced(clean)
        arms = self._searched(run, space, classifier, goal)
        least = best(arms["words"])
        verified: bool | None = None
        controls: dict[str, dict[str, Any]] = {}
        files: list[tuple[str, Any]] = [("trace.parquet", trace_rows(arms))]
        if least is not None:
            verified, controls, png = _verify(run, arms["words"], least, settings.seed)
            files.append((BEST, png))
        result = SearchResult(
            image=image,
            label=names[label],
            target=None if self.target is None else names[self.target],
            clean_answer=names[answer],
            clean_margin=margin,
            candidates=space.words,
            budget=settings.queries,
            max_area=settings.max_area,
            words=arm_of(arms["words"]),
            nonsense=arm_of(arms["nonsense"]) if "nonsense" in arms else None,
            verified=verified,
            controls=controls,
            notes=(*self.notes, *notes),
            path=run.path,
        )
        return Outcome(
            value=result,
            files=files,
            summary=lambda: summary_of(result),
            page=lambda run: build_page(run, result, self.base, clip.provenance()),
            used=1,
        )

    def _spaced(self, clean: Floats) -> tuple[SearchSpace, list[str]]:
        """What is tried, with the words that the clean answer leaves; and what was left out."""
        if not self.ranked:
            return self.space, []
        classes, guard = self.task.classes, self.task.words.guard
        order = np.argsort(-classes.grouped(clean[None])[0], kind="stable")
        counts = np.bincount(classes.group)
        listed = [classes.names[i] for i in order if counts[classes.group[i]] == 1]
        allowed = allowed_words(listed, classes, self.case.label, guard)
        why = unwritten_by(allowed, self.space.knobs, self.space.fixed)
        words = tuple(word for word in allowed if word not in why)[:RUNNERS_UP]
        if not words:  # the same classes would fail again
            raise DataError(str(next(iter(why.values()))))
        return dataclasses.replace(self.space, words=words), left_out(why)

    def _searched(
        self, run: Run, space: SearchSpace, classifier: Floats, goal: Goal
    ) -> dict[str, Oracle]:
        """Both arms, their budgets spent."""
        settings = self.settings
        nonsense = _nonsense(space, self.task.classes, settings.seed)
        done, tell = [0], settings.progress or (lambda done, total: None)

        def advance(n: int) -> None:
            done[0] += n
            tell(done[0], settings.queries * (2 if nonsense else 1))

        def oracle(arm: str, written: Mapping[str, str], within: SearchSpace) -> Oracle:
            return Oracle(
                clip=self.task.clip, base=self.base, classifier=classifier, goal=goal, space=within,
                budget=settings.queries, max_area=settings.max_area,
                batch_size=settings.batch_size, run=run, arm=arm, written=written, advance=advance,
            )  # fmt: skip

        arms = {"words": oracle("words", {}, space)}
        if nonsense:
            within = dataclasses.replace(space, words=tuple(nonsense))
            arms["nonsense"] = oracle("nonsense", nonsense, within)
        for arm in arms.values():
            run_search(arm, seed=settings.seed)
            if not arm.answers:
                raise DataError(
                    f"No text of {len(space.words)} word(s) fits on {self.case.record.id} "
                    f"within {settings.max_area:.1%} of its pixels: allow a larger area, smaller "
                    "sizes, or shorter words."
                )
        tell(done[0], done[0])  # a small space is exhausted before the budget
        return arms


def allowed_words(listed: Sequence[str], known: Classes, own: int, guard: Guard) -> tuple[str, ...]:
    """What of a list may be written: never the truth, nothing forbidden.

    Raises:
        DataError: nothing is left.
    """
    words = [
        word
        for word in listed
        if not overlaps(known, word, known.names[own]) and not guard.forbids(word)
    ]
    if not words:
        raise DataError(
            f"None of the {len(listed)} word(s) may be written on an image of "
            f"{known.names[own]!r}: each means the label or is forbidden. Give other words."
        )
    return tuple(words)


def _nonsense(space: SearchSpace, known: Classes, seed: int) -> dict[str, str]:
    """A nonsense word for each word that has one, none twice."""
    used = {key(word) for word in space.words}
    words: dict[str, str] = {}
    for word in space.words:
        nonsense = nonsense_word(
            word, known=lambda text: known.known(text) or key(text) in used, key=(seed, "search")
        )
        if nonsense is not None:
            used.add(key(nonsense))
            words[word] = nonsense
    return words


def _verify(
    run: Run, oracle: Oracle, least: Answer, seed: int
) -> tuple[bool, dict[str, dict[str, Any]], bytes]:
    """Draw the attack anew from its settings, read the file back, ask alone; then its controls."""
    settings = oracle.space.attack(least.point).to_json()
    settings["position"] = tuple(settings["position"][0])
    attack = TypographicAttack(**settings)
    buffer = io.BytesIO()
    attack(oracle.base).image.save(buffer, "PNG")
    written = run.write_bytes(f"parts/{BEST}", buffer.getvalue())
    classes = oracle.goal.classes

    def ask(image: Image.Image) -> tuple[int, bool, float]:
        vectors = oracle.clip.encode_images([image], batch_size=oracle.batch_size)
        return oracle.goal.judge(oracle.clip.logits(vectors, oracle.classifier)[0])

    _, verified, _ = ask(decode_image(written))
    controls = {}
    # The attack fits as it is; a longer control word is shrunk rather than left out.
    for kind, image in with_controls(
        dataclasses.replace(attack, fit="shrink"),
        oracle.base,
        true_word=classes.names[oracle.goal.label],
        known=classes.known,
        key=(seed, "search controls"),
    ):
        answer, flip, margin = ask(image.image)
        controls[kind] = {
            "text": image.spec["text"], "answer": classes.names[answer], "flip": flip,
            "margin": margin,
        }  # fmt: skip
    return verified, controls, buffer.getvalue()
