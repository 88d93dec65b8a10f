"""The data of an audit: rendered scenes, or the user's images with what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.attribution.faithfulness.cases import Case
from clipprobe.attribution.faithfulness.loaders import box_cases, coco_cases, segmentation_cases
from clipprobe.attribution.faithfulness.scenes import scene_cases
from clipprobe.data import Failure, ImageRecord
from clipprobe.data.choice import Choice
from clipprobe.data.images import as_pil
from clipprobe.data.records import make_dataset
from clipprobe.errors import ConfigError, DataError, UnreadableImageError
from clipprobe.people import refuse_person_groups
from clipprobe.stimuli import PILLOW

if TYPE_CHECKING:
    from clipprobe.attribution.faithfulness.settings import FaithfulnessAudit


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the cases come from."""

    config: dict[str, Any]
    """What decides the cases, as JSON."""
    cases: Callable[[], list[Case]]
    """Makes them; called once."""
    dataset: dict[str, Any] | None = None
    """``Dataset.describe()`` of the user's images; None for rendered scenes."""
    failures: list[Failure] = field(default_factory=list)
    """Images that could not be used."""


def source_of(settings: FaithfulnessAudit, size_px: int) -> Source:
    """What the settings say of the data.

    Args:
        size_px: Side of the model's input, which scenes are rendered in.
    Raises:
        ConfigError: two kinds of data at once, or one of which a part is absent.
        DataError: the data cannot be used.
    """
    kinds = ("boxes", "coco", "masks")
    named_kinds = [kind for kind in kinds if getattr(settings, kind) is not None]
    if len(named_kinds) > 1:
        raise ConfigError(
            f"--{' and --'.join(named_kinds)} were given: the audit takes one kind of data."
        )
    if not named_kinds:
        return _scenes(settings, size_px)
    images = None if settings.images is None else Path(str(settings.images))
    if images is None and named_kinds != ["boxes"]:
        raise ConfigError(
            f"--{named_kinds[0]} says nothing of where the images are: give --images."
        )
    if images is not None and not images.is_dir():
        raise DataError(f"{images} is not a folder: give the folder of the images.")
    failures: list[Failure] = []
    if settings.boxes is not None:
        cases = box_cases(settings.boxes, root=images, failures=failures)
    elif settings.coco is not None:
        cases = coco_cases(settings.coco, images or "", prompt=settings.template)
    else:
        if not settings.classes:
            raise ConfigError("--masks has numbers for classes: give their names in --classes.")
        cases = segmentation_cases(
            images or "", settings.masks or "", settings.classes, prompt=settings.template
        )
    choices = settings.choice()
    choice = Choice(**{one: choices[one] for one in ("limit", "sample", "seed")})
    return _of_user(cases, failures, Path(getattr(settings, named_kinds[0])).name, choice)


def _scenes(settings: FaithfulnessAudit, size_px: int) -> Source:
    for name in ("images", "classes", "limit", "sample"):
        if getattr(settings, name) is not None:
            raise ConfigError(
                f"--{name} belongs to images of your own, of which nothing is known yet: give "
                "--boxes, --coco or --masks too."
            )
    objects = list(dict.fromkeys(settings.objects))
    if not objects or not set(objects) <= {1, 2, 3, 4}:
        raise ConfigError(f"A scene has 1 to 4 things, and {objects} were given.")
    return Source(
        config={
            "scenes": objects,
            "targets": settings.targets,
            "size_px": size_px,
            **PILLOW,
        },
        cases=lambda: [
            case
            for n in objects
            for case in scene_cases(n, settings.targets, size_px=size_px, seed=settings.seed)
        ],
    )


def _of_user(cases: list[Case], failures: list[Failure], name: str, choice: Choice) -> Source:
    if not cases and not failures:
        raise DataError(f"{name} names nothing in any image: there is nothing to measure on.")
    refuse_person_groups({text for case in cases for text in case.names}, "faithfulness")
    records = {case.scene: ImageRecord(case.scene, Path(case.image)) for case in cases}
    listed = [*records.values()] or [ImageRecord(one.id, b"") for one in failures]
    dataset = choice.of(make_dataset(name, listed, None))
    ids = {record.id for record in dataset.records}
    cases = [case for case in cases if case.scene in ids]
    digest = hashlib.sha256()
    for case in cases:
        fields = [case.scene, case.text, case.own, list(case.names), case.masks.shape]
        digest.update(repr(fields).encode("utf-8", "backslashreplace"))
        digest.update(np.packbits(case.masks[case.own]).tobytes())
    described = dataset.describe()
    return Source(
        config={"images": described, "regions": digest.hexdigest()},
        cases=lambda: cases,
        dataset=described,
        failures=failures,
    )


def unusable(cases: Sequence[Case]) -> list[Failure]:
    """Images that cannot be read, or that are not of the size of their masks, and why."""
    failures = []
    for case in {case.scene: case for case in cases}.values():
        try:
            image = as_pil(case.image)
        except UnreadableImageError as error:
            failures.append(Failure(case.scene, str(error)))
            continue
        if (size := (image.height, image.width)) != case.masks.shape[1:]:
            high, wide = case.masks.shape[1:]
            failures.append(
                Failure(
                    case.scene, f"it has {size[1]} x {size[0]} pixels, its masks {wide} x {high}"
                )
            )
    return failures
