"""One image, one budget: the least visible text that flips the model's answer.

The search is black-box: it sees answers and logits of images, nothing of the model. What it finds
is the best of many tries, and is reported so: with the number of queries, with success at every
smaller budget, and beside the same search with nonsense words, which says how much of it is
reading. The image that was found is written, read back, and asked about once more.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from attacks.typographic.inputs import classes_of
from attacks.typographic.rendering.cases import Case
from attacks.typographic.rendering.render import Encoder, digest
from attacks.typographic.rendering.settings import prototype
from attacks.typographic.rendering.unwritten import left_out, require_some
from attacks.typographic.search.job import Job, allowed_words
from attacks.typographic.search.result import SearchResult
from attacks.typographic.search.settings import AttackSearch
from attacks.typographic.search.space import SearchSpace, unwritten_by
from attacks.typographic.task import Task
from attacks.typographic.withholding import asked_of
from attacks.typographic.words import Guard, parse_words
from clipprobe.data import ImageRecord, decode_image
from clipprobe.data.records import make_dataset
from clipprobe.errors import DataError, UnreadableImageError
from clipprobe.memory import fitting_batch
from clipprobe.people import refuse_person_groups
from clipprobe.settings import takes
from clipprobe.stimuli import PILLOW
from clipprobe.stimuli.text import font_info
from clipprobe.study import Plan, Study, Workload, carry_out
from clipprobe.zeroshot.classes import Classes, label_index
from clipprobe.zeroshot.prompts import check_templates


@takes(AttackSearch)
def search_attack(clip: Encoder, settings: AttackSearch) -> SearchResult:
    """Search the least visible text that flips the answer for one image.

    Each arm, the words and nonsense in their place, may show ``queries`` images to the model; a
    handful of queries before and after are not counted.

    Raises:
        DataError: the label or target is not a class, the answer is flipped without any text, or no
            word may be written.
        ConfigError, GlyphError, UnreadableImageError, RunFolderError: see the message.
    """
    return carry_out(SEARCH, settings, clip).value


def question_of(settings: AttackSearch) -> tuple[Classes, int, int | None]:
    """The classes, the number of the true one and of the wanted one.

    Raises:
        DataError: the label or target is not among them, or both mean the same.
    """
    known = classes_of(settings.classes, settings.synonyms)
    own = label_index(known, settings.label, _named(settings.image))
    target = settings.target
    target_index = None if target is None else known.index(target)
    if target is not None and target_index is None:
        raise DataError(
            f"The target {target!r} is not among the {len(known.names)} classes: add it to the "
            "class list, or give one of them."
        )
    if target_index is not None and known.group[target_index] == known.group[own]:
        raise DataError(
            f"The target {target!r} means the label {settings.label!r}: give another class."
        )
    return known, own, target_index


def prepare_search(settings: AttackSearch, clip: Encoder) -> Plan[SearchResult]:
    """Refuse what cannot be searched. Its words may depend on the clean answer, which comes later.

    The one image is decoded here: its pixels are what the run is about.
    """
    known, own, target = question_of(settings)
    knobs, fixed = _fonts_by_content(settings)
    task = _task(settings, clip, known, own)
    listed, guard = task.words.listed, task.words.guard
    refuse_person_groups(asked_of(known, task.templates, listed), "audit search")
    fitting_batch(clip, settings.batch_size, settings.queries)
    candidates = listed if target is None or listed else (known.names[target],)
    # Without words or a target the model names them; any word tells whether the rest can be tried.
    words = allowed_words(candidates, known, own, guard) if candidates else ("word",)
    why = unwritten_by(words, knobs, fixed)
    require_some(words, why, 1)
    words = tuple(word for word in words if word not in why)
    space = SearchSpace(
        words=words,
        places=settings.places,
        sizes=tuple(settings.sizes),
        opacities=tuple(settings.opacities),
        colors=tuple(settings.colors),
        knobs=knobs,
        fixed=fixed,
    )
    task.renderer.check()
    [case] = task.cases
    base = task.renderer.base(case)
    config = {
        **task.question(),
        **PILLOW,
        "image": case.record.id,
        "pixels": digest(base),
        "label": known.names[own],
        "target": None if target is None else known.names[target],
        "space": {**space.to_json(), "words": list(listed) or None},
        "max_area": settings.max_area,
        "queries": settings.queries,
        "forbidden": list(settings.forbidden),
        "draw_at": settings.draw_at,
    }
    job = Job(
        task=task,
        base=base,
        target=target,
        space=space,
        ranked=not candidates,
        settings=settings,
        notes=left_out(why),
    )
    return Plan(
        config=config,
        execute=job.execute,
        seed=settings.seed,
        provenance=clip.provenance(),
        workload=lambda: Workload(
            images=1 + 2 * settings.queries,
            texts=len(known.names) * len(task.templates),
            at_most=True,
            reason="a search may end before its queries are spent",
        ),
    )


def _fonts_by_content(settings: AttackSearch) -> tuple[dict[str, tuple[Any, ...]], dict[str, Any]]:
    """The other knobs, tried and fixed; a font file by its content, for its path is not the same
    everywhere."""
    knobs = {name: tuple(values) for name, values in settings.knobs.items()}
    fixed = dict(settings.fixed)
    if "font" in knobs:
        knobs["font"] = tuple(font_info(str(font)).name for font in knobs["font"])
    if "font" in fixed:
        fixed["font"] = font_info(str(fixed["font"])).name
    return knobs, fixed


def _task(settings: AttackSearch, clip: Encoder, classes: Classes, label: int) -> Task:
    """The one image, and the words: those given, or the wrong classes that the model ranks."""
    buffer = io.BytesIO()
    _opened(settings.image).save(buffer, "PNG")
    name, source = _named(settings.image), settings.words
    record = ImageRecord(name, buffer.getvalue(), classes.names[label])
    words: Any = source if isinstance(source, Path) or source is None else list(source)
    guard = Guard(forbidden=tuple(settings.forbidden), allowed=tuple(settings.allowed))
    return Task(
        clip=clip,
        dataset=make_dataset(name, [record], None),
        classes=classes,
        templates=check_templates(settings.templates),
        cases=[Case(record=record, label=label, cluster=name)],
        words=parse_words("runner-up" if words is None else words, guard=guard),
        attack=prototype({}, settings.seed),
        draw_at=settings.draw_at,
        seed=settings.seed,
        batch_size=settings.batch_size,
    )


def _named(image: str | Path | Image.Image) -> str:
    return "image" if isinstance(image, Image.Image) else Path(image).name


def _opened(image: str | Path | Image.Image) -> Image.Image:
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    try:
        return decode_image(Path(image))
    except UnreadableImageError as error:
        raise UnreadableImageError(
            f"The image {image} could not be read ({error}): give another file."
        ) from None


SEARCH = Study(
    kind="typographic-search",
    settings=AttackSearch,
    prepare=prepare_search,
    load=lambda view: SearchResult.from_json(view.summary, view.path),
)
