"""Pairs of inputs for patching: a clean one, and another whose activations replace its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.errors import ConfigError
from clipprobe.hooks import capture
from clipprobe.tracing.inputs import InputBatch, Inputs, encode_other, names_of

if TYPE_CHECKING:
    from clipprobe.models import Clip

Acts = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBatch:
    """Pairs that go through a tower together.

    ``rows``: their numbers in the whole list. ``clean``, ``other``: pixels or token ids, of one
    shape.
    """

    rows: list[int]
    clean: Tensor
    other: Tensor


class Pairs:
    """Pairs of images with texts as targets, or pairs of texts with images as targets.

    Args:
        tower: ``vision`` or ``text``: of the hook points that are patched.
    Raises:
        ConfigError: the two lists differ in length; two texts of a pair differ in tokens, or two
            images in the size that the model sees, so that their positions do not correspond.
        DataError: there is no pair or no target.
    """

    def __init__(
        self,
        clip: Clip,
        tower: str,
        clean: Sequence[Any],
        other: Sequence[Any],
        targets: Sequence[Any],
        batch_size: int = 32,
    ) -> None:
        clean, other = _listed(clean), _listed(other)
        targets = _listed(targets)
        if len(clean) != len(other):
            raise ConfigError(
                f"{len(clean)} clean and {len(other)} other inputs were given: give them in pairs."
            )
        self.clip = clip
        self.tower = tower
        self.inputs = Inputs(clip, tower, clean, batch_size)
        self.others = Inputs(clip, tower, other, batch_size)
        self.batch_size = batch_size
        self.names = names_of(targets)
        self.targets = encode_other(clip, tower, targets, batch_size).double()
        self.scale = float(clip.scale)

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self) -> Iterator[PairBatch]:
        """Every pair once."""
        second = {row: value for batch in self.others.batches() for row, value in _rows(batch)}
        for batch in self.inputs.batches():
            for row, value in _rows(batch):
                if second[row].shape != value.shape:
                    raise ConfigError(
                        f"The two inputs of pair {row} differ in size ({tuple(value.shape)} and "
                        f"{tuple(second[row].shape)} in the model), so their positions do not "
                        "correspond: give texts of as many tokens, or images of one shape."
                    )
            other = torch.stack([second[row] for row in batch.rows])
            yield PairBatch(rows=batch.rows, clean=batch.values, other=other)

    def run(self, values: Tensor) -> Tensor:
        """Logits ``(b, m)`` with the targets, float64 on the CPU; hooks see the rows in order."""
        clip = self.clip
        encode = clip.image_embeddings if self.tower == "vision" else clip.text_embeddings
        with torch.no_grad(), context.rows(range(len(values)), len(values)):
            cosines = encode(values).double() @ self.targets.T
        return (cosines * self.scale).cpu()

    def activations(self, values: Tensor, names: Sequence[str]) -> tuple[Acts, Tensor]:
        """Activations of hook points with all their axes, and the logits."""
        with capture(self.clip, list(dict.fromkeys(names)), pool="none") as acts:
            logits = self.run(values)
        return {name: acts[name] for name in acts}, logits


def _listed(items: Any) -> list[Any]:
    return [items] if isinstance(items, str) or not isinstance(items, Sequence) else list(items)


def _rows(batch: InputBatch) -> Iterator[tuple[int, Tensor]]:
    return zip(batch.rows, batch.values, strict=True)
