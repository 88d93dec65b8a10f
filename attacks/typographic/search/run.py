"""One picture, one budget: the least visible text that flips the model's answer.

The search is black-box: it sees answers and logits of pictures, nothing of the model. What it finds
is the best of many tries, and is reported so: with the number of queries, with success at every
smaller budget, and beside the same search with nonsense words, which says how much of it is
reading. The picture that was found is written, read back, and asked about once more.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.controls import nonsense_word, with_controls
from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import DrawAt, Encoder, Floats, Renderer
from attacks.typographic.rendering.settings import checked_draw_at, whole
from attacks.typographic.scoring.rows import class_vectors
from attacks.typographic.search.oracle import Answer, Goal, Oracle
from attacks.typographic.search.result import SearchResult, arm_of
from attacks.typographic.search.space import SearchSpace
from attacks.typographic.search.strategy import best, run_search
from attacks.typographic.withholding import asked_of
from attacks.typographic.words import Guard, overlaps, parse_words, read_list
from clipprobe.data import ImageRecord, decode_image
from clipprobe.errors import ConfigError, DataError, UnreadableImageError
from clipprobe.memory import fitting_batch
from clipprobe.people import refuse_person_groups
from clipprobe.runs import Run, load_run
from clipprobe.zeroshot import TEMPLATES
from clipprobe.zeroshot.classes import Classes, key, label_index
from clipprobe.zeroshot.prompts import check_templates

KIND = "typographic-search"
#: Words that an untargeted search tries: the wrong classes that the model ranks highest.
RUNNERS_UP = 8
Progress = Callable[[int, int], None]


def search_attack(
    clip: Encoder,
    image: str | Path | Image.Image,
    label: str,
    classes: Sequence[str] | str | Path,
    *,
    out: str | Path,
    target: str | None = None,
    words: Sequence[str] | Path | None = None,
    max_area: float = 0.1,
    queries: int = 500,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    forbidden: Sequence[str] = (),
    allowed: Sequence[str] = (),
    templates: Sequence[str] = TEMPLATES,
    draw_at: DrawAt = "model",
    seed: int = 0,
    batch_size: int = 32,
    overwrite: bool = False,
    progress: Progress | None = None,
    **space: Any,
) -> SearchResult:
    """Search the least visible text that flips the answer for one picture.

    Args:
        image: A path or a Pillow image.
        label: What the picture shows; one of the classes.
        classes: The candidate classes, or the path of a file with one a line.
        out: The run folder.
        target: The class that the answer shall become; None for any wrong answer.
        words: What may be written; by default the target's name, or the eight wrong classes that
            the model ranks highest on the clean picture.
        max_area: Largest share of pixels that the ink may cover.
        queries: Pictures that each arm may show to the model. There are two: the words, and
            nonsense in their place; a handful of queries before and after are not counted.
        forbidden, allowed, templates, draw_at, synonyms: See :func:`audit_typographic`.
        progress: Called with the queries that are done, and of both arms.
        **space: Fields of :class:`SearchSpace` other than ``words``.
    Raises:
        DataError: the label or target is no class, the answer is flipped without any text, or no
            word may be written.
        ConfigError, GlyphError, UnreadableImageError, RunFolderError: see the message.
    """
    name, picture = _opened(image)
    known, own, wanted = _classes(classes, synonyms, name, label, target)
    guard = Guard(forbidden=tuple(forbidden), allowed=tuple(allowed))
    listed = None if words is None else _listed(words, guard)
    refuse_person_groups(asked_of(known, templates, listed or ()), "audit search")
    if isinstance(max_area, bool) or not 0 < max_area <= 1:
        raise ConfigError(f"max_area={max_area!r} is no share of pixels: give a number in (0, 1].")
    whole(queries, "queries", least=2)
    fitting_batch(clip, whole(batch_size, "batch_size", least=1), queries)
    whole(seed, "seed")
    base = _base(clip, known, name, picture, own, checked_draw_at(draw_at), seed)
    classifier = class_vectors(clip, known, check_templates(templates))
    goal = Goal(classes=known, label=own, target=wanted)
    clean = clip.logits(clip.encode_images([base], batch_size=batch_size), classifier)[0]
    answer, flipped, margin = goal.judge(clean)
    if flipped:
        raise DataError(
            f"The model answers {known.names[answer]!r} for {name} without any text, which is "
            f"{'the target' if target else 'already wrong'}: there is nothing to flip. Give "
            "another picture, label or target."
        )
    chosen = _words(listed, known, own, wanted, clean, guard)
    found_space = SearchSpace(words=chosen, **space)
    config = {
        "model": clip.provenance()["model"],
        "image": name,
        "pixels": _sha256(base),
        "label": known.names[own],
        "target": None if wanted is None else known.names[wanted],
        "classes": known.names,
        "synonyms": known.synonyms,
        "templates": list(templates),
        "space": found_space.to_json(),
        "max_area": max_area,
        "queries": queries,
        "forbidden": list(forbidden),
        "draw_at": draw_at,
        "batch_size": batch_size,
        "seed": seed,
        "pillow": PIL.__version__,
    }
    with Run.open(out, kind=KIND, config=config, overwrite=overwrite) as run:
        if run.complete:
            view = load_run(run.path)
            return SearchResult.from_json(view.summary, run.path)

        nonsense = _nonsense(found_space, known, seed)
        total, done = queries * (2 if nonsense else 1), [0]

        def advance(n: int) -> None:
            done[0] += n
            if progress is not None:
                progress(done[0], total)

        def oracle(arm: str, written: Mapping[str, str], within: SearchSpace) -> Oracle:
            return Oracle(
                clip=clip, base=base, classifier=classifier, goal=goal, space=within,
                budget=queries, max_area=max_area, batch_size=batch_size, run=run, arm=arm,
                written=written, advance=advance,
            )  # fmt: skip

        arms = {"words": oracle("words", {}, found_space)}
        if nonsense:
            within = dataclasses.replace(found_space, words=tuple(nonsense))
            arms["nonsense"] = oracle("nonsense", nonsense, within)
        for arm in arms.values():
            run_search(arm, seed=seed)
            if not arm.answers:
                run.abandon()
                raise DataError(
                    f"No text of {len(chosen)} word(s) fits on {name} within {max_area:.1%} of its "
                    "pixels: allow a larger area, smaller sizes, or shorter words."
                )
        least = best(arms["words"])
        verified: bool | None = None
        controls: dict[str, dict[str, Any]] = {}
        if least is not None:
            verified, controls = _verify(run, arms["words"], least, seed)
        result = SearchResult(
            image=name,
            label=known.names[own],
            target=None if wanted is None else known.names[wanted],
            clean_answer=known.names[answer],
            clean_margin=margin,
            budget=queries,
            max_area=max_area,
            words=arm_of(arms["words"]),
            nonsense=arm_of(arms["nonsense"]) if nonsense else None,
            verified=verified,
            controls=controls,
            path=run.path,
        )
        _finish(run, result, arms, base, clip.provenance(), seed)
        return result


def _classes(
    classes: Sequence[str] | str | Path,
    synonyms: Mapping[str, Sequence[str]] | None,
    name: str,
    label: str,
    target: str | None,
) -> tuple[Classes, int, int | None]:
    if isinstance(classes, str | Path):
        classes = read_list(Path(classes), "class")
    known = Classes(classes, synonyms)
    own = label_index(known, label, name)
    wanted = None if target is None else known.index(target)
    if target is not None and wanted is None:
        raise DataError(
            f"The target {target!r} is not among the {len(known.names)} classes: add it to the "
            "class list, or give one of them."
        )
    if wanted is not None and known.group[wanted] == known.group[own]:
        raise DataError(f"The target {target!r} means the label {label!r}: give another class.")
    return known, own, wanted


def _opened(image: str | Path | Image.Image) -> tuple[str, Image.Image]:
    if isinstance(image, Image.Image):
        return "image", image.convert("RGB")
    try:
        return Path(image).name, decode_image(Path(image))
    except UnreadableImageError as error:
        raise UnreadableImageError(
            f"The picture {image} could not be read ({error}): give another file."
        ) from None


def _base(
    clip: Encoder, known: Classes, name: str, picture: Image.Image, own: int, draw_at: DrawAt,
    seed: int,
) -> Image.Image:  # fmt: skip
    """The picture that is drawn on, by the audit's own renderer."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    record = ImageRecord(name, buffer.getvalue(), known.names[own])
    renderer = Renderer(
        clip=clip, classes=known, attack=TypographicAttack(word="word"), known=known.known,
        seed=seed, draw_at=draw_at,
    )  # fmt: skip
    renderer.check()
    return renderer.base(Case(record=record, label=own, cluster=name))


def _words(
    given: Sequence[str] | None,
    known: Classes,
    own: int,
    wanted: int | None,
    clean: Floats,
    guard: Guard,
) -> tuple[str, ...]:
    """What may be written: never the truth, nothing forbidden."""
    listed: Sequence[str]
    if given is not None:
        listed = given
    elif wanted is not None:
        listed = (known.names[wanted],)
    else:
        order = np.argsort(-known.grouped(clean[None])[0], kind="stable")
        counts = np.bincount(known.group, minlength=len(known.names))
        listed = [known.names[i] for i in order if counts[known.group[i]] == 1]
    found = [
        word
        for word in listed
        if not overlaps(known, word, known.names[own]) and not guard.forbids(word)
    ]
    if not found:
        raise DataError(
            f"None of the {len(listed)} word(s) may be written on a picture of "
            f"{known.names[own]!r}: each means the label or is forbidden. Give other words."
        )
    return tuple(found if given is not None else found[:RUNNERS_UP])


def _listed(words: Sequence[str] | Path, guard: Guard) -> Sequence[str]:
    return parse_words(words if isinstance(words, Path) else list(words), guard=guard).listed


def _nonsense(space: SearchSpace, known: Classes, seed: int) -> dict[str, str]:
    """A nonsense word for each word that has one, none twice."""
    taken = {key(word) for word in space.words}
    found: dict[str, str] = {}
    for word in space.words:
        made = nonsense_word(
            word, known=lambda text: known.known(text) or key(text) in taken, key=(seed, "search")
        )
        if made is not None:
            taken.add(key(made))
            found[word] = made
    return found


def _verify(
    run: Run, oracle: Oracle, least: Answer, seed: int
) -> tuple[bool, dict[str, dict[str, Any]]]:
    """Draw the attack anew from its settings, read the file back, ask alone; then its controls."""
    settings = oracle.space.attack(least.point).to_json()
    settings["position"] = tuple(settings["position"][0])
    attack = TypographicAttack(**settings)
    buffer = io.BytesIO()
    attack(oracle.base).image.save(buffer, "PNG")
    run.write_bytes("best.png", buffer.getvalue())
    classes = oracle.goal.classes

    def ask(picture: Image.Image) -> tuple[int, bool, float]:
        vectors = oracle.clip.encode_images([picture], batch_size=oracle.batch_size)
        return oracle.goal.judge(oracle.clip.logits(vectors, oracle.classifier)[0])

    _, verified, _ = ask(decode_image(run.file("best.png")))
    controls = {}
    # The attack fits as it is; a longer control word is shrunk rather than left out.
    for kind, drawn in with_controls(
        dataclasses.replace(attack, fit="shrink"),
        oracle.base,
        true_word=classes.names[oracle.goal.label],
        known=classes.known,
        key=(seed, "search controls"),
    ):
        answer, flip, margin = ask(drawn.image)
        controls[kind] = {
            "text": drawn.spec["text"], "answer": classes.names[answer], "flip": flip,
            "margin": margin,
        }  # fmt: skip
    return verified, controls


def _finish(
    run: Run,
    result: SearchResult,
    arms: Mapping[str, Oracle],
    base: Image.Image,
    provenance: dict[str, Any],
    seed: int,
) -> None:
    """Write trace, summary, report and manifest."""
    from attacks.typographic.search.report import summary_of, trace_rows, write_report

    run.write_table("trace.parquet", trace_rows(arms))
    run.write_json("summary.json", summary_of(result))
    write_report(run, result, base, provenance)
    run.finish(provenance=provenance, counts={"used": 1, "skipped": 0, "failed": 0}, seed=seed)


def _sha256(image: Image.Image) -> str:
    from attacks.typographic.rendering.render import digest

    return digest(image)
