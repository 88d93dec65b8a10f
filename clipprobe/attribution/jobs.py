"""Pairs in jobs of few distinct images of one shape, made one at a time: memory stays bounded.

A job lives until the next one is asked for, so what a set of images takes is what its largest job
takes, however many images there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clipprobe.attribution.job import Job
from clipprobe.errors import ConfigError
from clipprobe.memory import check_fits, fitting_batch, input_bytes

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.target import Targets
    from clipprobe.models import Clip

ENCODINGS = 32
"""Images in one forward pass without gradients, where memory allows it."""
_WHOLE = 6
"""What a pair takes in all, in forward passes that keep everything for a backward pass: the
shared pass, its gradients, and the values, leaves and gradients of AttnLRP's twin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """How large the parts of an explanation may be."""

    images: int
    """Distinct images in a job."""
    pairs: int
    """Pairs in a job."""
    encodings: int = ENCODINGS
    """Images in one forward pass without gradients."""
    gradients: int = ENCODINGS
    """Images in one forward and backward pass of a method that has its own."""


def parts_of(clip: Clip, batch_size: int, n: int, memory_gb: float | None = None) -> Parts:
    """Parts of at most ``batch_size`` images that stay within a budget.

    Args:
        n: Images in all.
        memory_gb: Gigabytes that may be taken beyond the model. None: parts are as large as
            ``batch_size`` says, and refused where half of what is free does not hold them.
    Raises:
        ConfigError: the budget does not hold a single pair, or is not a positive number.
    """
    if memory_gb is None:
        size = fitting_batch(clip, batch_size, n, grad=True)
        return Parts(images=size, pairs=max(n, 1) * 10**6)
    if not memory_gb > 0:
        raise ConfigError(f"memory_gb={memory_gb} is not a positive number of gigabytes.")
    limit = memory_gb * 1e9
    n_bytes = input_bytes(clip, grad=True)
    plain = input_bytes(clip)
    check_fits("batch_size", 1, _WHOLE * n_bytes, limit=(limit, "memory_gb"))
    pairs = int(limit // (_WHOLE * n_bytes))
    # What a job keeps and one more pass beside it.
    return Parts(
        images=max(1, min(batch_size, n, pairs)),
        pairs=pairs,
        encodings=max(1, min(ENCODINGS, int(limit / 4 // plain))),
        gradients=max(1, min(ENCODINGS, int(limit / 4 // n_bytes))),
    )


def jobs_of(
    clip: Clip, images: Sequence[object], targets: Targets, parts: Parts
) -> Iterator[tuple[list[int], Job]]:
    """Pairs, by number, with the job that explains them; an image that repeats is run once."""
    distinct: dict[object, int] = {}
    image_of = [distinct.setdefault(_key(image), len(distinct)) for image in images]
    pairs_of: dict[int, list[int]] = defaultdict(list)
    for pair, number in enumerate(image_of):
        pairs_of[number].append(pair)
    waiting: dict[tuple[int, ...], list[tuple[Tensor, list[int]]]] = defaultdict(list)
    for pairs in pairs_of.values():
        pixels = clip.preprocess([images[pairs[0]]])
        for start in range(0, len(pairs), parts.pairs):
            some = pairs[start : start + parts.pairs]
            group = waiting[tuple(pixels.shape)]
            if len(group) == parts.images or _n(group) + len(some) > parts.pairs:
                yield _job(clip, group, targets, parts)
                group.clear()
            group.append((pixels, some))
    for group in waiting.values():
        if group:
            yield _job(clip, group, targets, parts)


def _n(group: list[tuple[Tensor, list[int]]]) -> int:
    return sum(len(pairs) for _, pairs in group)


def _job(
    clip: Clip, group: list[tuple[Tensor, list[int]]], targets: Targets, parts: Parts
) -> tuple[list[int], Job]:
    import torch

    # In the order of the pairs, as if all had been given together.
    order = sorted((pair, row) for row, (_, pairs) in enumerate(group) for pair in pairs)
    pairs = [pair for pair, _ in order]
    part = replace(
        targets,
        directions=targets.directions[pairs],
        names=tuple(targets.names[pair] for pair in pairs),
    )
    job = Job(
        clip,
        torch.cat([pixels for pixels, _ in group]),
        part,
        [row for _, row in order],
        batch_size=parts.encodings,
        gradients=parts.gradients,
    )
    return pairs, job


def _key(image: object) -> object:
    """Equal for what is the same image: a path by its name, anything else by identity."""
    return image if isinstance(image, str) else id(image)
