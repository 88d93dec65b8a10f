"""What runs through a tower, batch by batch: images or texts, each decoded or tokenised once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.data.images import as_pil, check_batch_size
from clipprobe.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.data import Dataset
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputBatch:
    """Inputs that go through a tower together.

    ``rows``: their numbers in the whole list.
    ``values``: pixels ``(b, 3, H, W)`` or token ids ``(b, t)``.
    """

    rows: list[int]
    values: Tensor


class Inputs:
    """Images or texts of one tower, as batches that are made anew on each pass.

    Args:
        tower: ``vision`` or ``text``.
        items: Images in any form, or texts.
    """

    def __init__(self, clip: Clip, tower: str, items: Sequence[Any], batch_size: int = 32) -> None:
        check_batch_size(batch_size)
        if not len(items):
            raise DataError("There is nothing to run: give at least one image and one text.")
        self.clip = clip
        self.tower = tower
        self.items = items
        self.batch_size = batch_size

    def __len__(self) -> int:
        return len(self.items)

    def batches(self) -> Iterator[InputBatch]:
        """Every input once; texts in groups of equal token length, so in another order."""
        if self.tower == "text":
            yield from self._texts()
            return
        for start in range(0, len(self.items), self.batch_size):
            images = list(self.items[start : start + self.batch_size])
            pictures = [as_pil(image) for image in images]
            for group in self.clip.preprocess.groups(pictures):
                pixels = self.clip.preprocess([pictures[i] for i in group])
                yield InputBatch(rows=[start + i for i in group], values=pixels)

    def _texts(self) -> Iterator[InputBatch]:
        import torch

        from clipprobe.models.texts import length_batches

        tokens = self.clip.tokenize(self.items)
        for rows in length_batches(tokens, self.batch_size, None):
            yield InputBatch(rows=list(rows), values=torch.tensor([tokens[row] for row in rows]))

    def run(self, batch: InputBatch, *, grad: bool = False) -> Tensor:
        """Unit vectors ``(b, d_embed)`` of a batch; hooks see which inputs it holds."""
        import torch

        from clipprobe.anatomy import listening as context

        encode = self.clip.image_embeddings if self.tower == "vision" else self.clip.text_embeddings
        with torch.set_grad_enabled(grad), context.rows(batch.rows, len(self)):
            return encode(batch.values)


def encode_other(clip: Clip, tower: str, items: Sequence[Any], batch_size: int = 32) -> Tensor:
    """Unit vectors of what the given tower is compared with: texts for ``vision``, and reverse."""
    import torch

    if not len(items):
        raise DataError("There is nothing to compare with: give at least one image and one text.")
    if tower == "vision":
        return torch.from_numpy(clip.encode_texts(list(items))).to(clip.device)
    return torch.from_numpy(clip.encode_images(items, batch_size=batch_size)).to(clip.device)


def readable(dataset: Dataset) -> tuple[list[Any], list[Any]]:
    """Records that decode, and the failures of those that do not.

    Effects run every image many times, so what cannot be read is found out before.
    """
    from clipprobe.data import require_readable, stream_batches

    readable_inputs: list[Any] = []
    failures: list[Any] = []
    for batch in stream_batches(dataset.records, lambda image: None, allow_none=True):
        readable_inputs += batch.records
        failures += batch.failures
    require_readable(len(readable_inputs), failures, dataset.name)
    return readable_inputs, failures


def names_of(items: Iterable[Any]) -> tuple[str, ...]:
    """How inputs are called in results: texts as they are, records by id, images by number."""
    return tuple(
        item if isinstance(item, str) else str(getattr(item, "id", f"image {number}"))
        for number, item in enumerate(items)
    )
