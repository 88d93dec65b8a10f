"""Run inputs through a tower once and hand out what its units did, a block of inputs at a time.

    for block in clipprobe.activations(clip, "photos/", ["vision.blocks.*.mlp.post"]):
        block.values["vision.blocks.3.mlp.post"]          # (b, d_mlp) float32

Nothing is kept: memory does not grow with the number of inputs. Images are decoded in threads
beside the model; texts run in groups of equal length, without padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Batch, Dataset, Failure, ImageRecord, as_dataset, stream_batches
from clipprobe.data.images import as_pil, batches, check_batch_size, check_images
from clipprobe.errors import DataError
from clipprobe.models.texts import check_texts

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from clipprobe.models.clip import Clip

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """What some inputs did, ``b`` of them.

    Attributes:
        rows: ``(b,)`` int64, their places in the order of the inputs.
        values: Hook point -> ``(b, n_units)`` float32, pooled.
        embeddings: ``(b, d_embed)`` float32 unit vectors of the same pass.
        failures: Images of a data set that could not be read, since the block before.
    """

    rows: NDArray[np.int64]
    values: Mapping[str, Floats]
    embeddings: Floats
    failures: Sequence[Failure] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One batch: hook point, in the order given -> values ``(b, n_units)`` and, for maxima,
    tokens; and embeddings."""

    values: Mapping[str, Floats]
    tokens: Mapping[str, NDArray[np.int32]]
    embeddings: Floats


class Reader:
    """Runs inputs that are tensors through one tower, and reads the pooled values of its units.

    Args:
        sites: Names of hook points of one tower.
        pool: How tokens become one number, for all of them or for each by name.
        fill: Fill a smaller batch up to this many inputs with copies of its last, because matrix
            products of another height may round differently; 0 leaves it as it is.
        tokens: Whether the token of each maximum is wanted.
        reuse: Read every second pass of one size into the same memory. Small arrays that outlive a
            pass would scatter over the heap between the large ones that it frees.
    """

    def __init__(
        self,
        clip: Clip,
        sites: Sequence[str],
        pool: str | Mapping[str, str],
        *,
        fill: int = 0,
        tokens: bool = False,
        reuse: bool = False,
    ) -> None:
        self.clip = clip
        self.sites = list(sites)
        pools = {name: pool if isinstance(pool, str) else pool[name] for name in self.sites}
        self._sites_of = {
            one: [name for name in self.sites if pools[name] == one] for one in pools.values()
        }
        self._embed = embedder(clip, self.sites[0].partition(".")[0])
        self._fill, self._tokens, self._reuse = fill, tokens, reuse
        self._memory: list[dict[tuple[str, str], NDArray[Any]]] = [{}, {}]

    def __call__(self, items: Sequence[Tensor]) -> Reading:
        """Read one batch; items of one shape share a pass."""
        groups = same_shape(items)
        if len(groups) == 1:
            self._memory.reverse()
            return self._pass(list(items), self._fill, self._memory[0] if self._reuse else {})
        parts = [self._pass([items[row] for row in rows], 0, {}) for rows in groups]
        order = np.argsort(np.concatenate(groups))

        def joined(arrays: Iterable[NDArray[Any]]) -> NDArray[Any]:
            return np.concatenate(list(arrays))[order]

        return Reading(
            {name: joined(part.values[name] for part in parts) for name in parts[0].values},
            {name: joined(part.tokens[name] for part in parts) for name in parts[0].tokens},
            joined(part.embeddings for part in parts),
        )

    def _pass(
        self, items: list[Tensor], fill: int, memory: dict[tuple[str, str], NDArray[Any]]
    ) -> Reading:
        import torch

        from clipprobe.hooks import capture

        n = len(items)
        batch = torch.stack(items)
        if n < fill:
            batch = torch.cat([batch, batch[-1:].expand(fill - n, *batch.shape[1:])])
        parts: dict[str, dict[str, NDArray[Any]]] = {"values": {}, "tokens": {}}

        def keep(kind: str, name: str, values: Tensor, dtype: Any) -> None:
            value = memory.get((kind, name))
            if value is None or value.shape != tuple(values.shape):
                value = memory[kind, name] = np.empty(tuple(values.shape), dtype)
            torch.from_numpy(value).copy_(values)
            parts[kind][name] = value[:n]

        def sink(name: str, values: Tensor, rows: Any, tokens: Tensor | None) -> None:
            keep("values", name, values, np.float32)
            if tokens is not None:
                keep("tokens", name, tokens, np.int32)

        with torch.no_grad(), ExitStack() as readings:
            for pool, sites in self._sites_of.items():
                one = capture(self.clip, sites, pool=pool, sink=sink, argmax=self._tokens)
                readings.enter_context(one)
            embeddings = self._embed(batch)[:n].cpu().numpy()
        values = {name: parts["values"][name] for name in self.sites}  # not as they fired
        return Reading(values, parts["tokens"], embeddings)


def activations(
    clip: Clip,
    inputs: Dataset | str | Path | Iterable[Any],
    sites: str | Sequence[str] | None = None,
    pool: str = "max",
    *,
    batch_size: int = 32,
    workers: int = 2,
) -> Iterator[Block]:
    """Run images or texts through their tower once, and yield what the units did, block by block.

    Args:
        inputs: For hook points of the vision tower a data set, a folder or table (in order of id;
            what cannot be read is counted), or images as :meth:`Clip.encode_images` takes them; for
            hook points of the text tower texts.
        sites: Hook points or globs of one tower; None for the neurons of every vision block.
        pool: How the tokens or places of an input become one number for each unit: ``max``,
            ``mean``, ``cls``; of texts ``eos`` too; ``none`` for hook points with one value.
        batch_size: Inputs in one forward pass.
        workers: Threads that decode the images of a data set.
    Returns:
        Blocks of at most ``batch_size`` inputs: images in their order, texts the shortest first
        (``rows`` says which). The last may hold failures alone.
    Raises:
        UnknownHookPointError: a name matches nothing; the nearest are in the message.
        UnsupportedHookError: hook points of both towers, one without one number per unit and token
            (a head), or a pooling that has no meaning there.
        UnreadableImageError: an image that is not of a data set cannot be decoded.
        DataError, ConfigError: something that is not a text or an image; a batch size below 1.
    Example:
        >>> blocks = clipprobe.activations(clip, texts, "text.blocks.2.mlp.post", "eos")
        >>> next(blocks).values["text.blocks.2.mlp.post"].shape
        (32, 2048)
    """
    from clipprobe.hooks.sites import resolve
    from clipprobe.hooks.units import default_sites, find_sites

    patterns = [sites] if isinstance(sites, str) else list(sites or default_sites(clip))
    tower = resolve(clip, patterns)[0].tower
    names = [site.name for site in find_sites(clip, patterns, pool, tower)]
    check_batch_size(batch_size)
    reader = Reader(clip, names, pool)
    if tower == "text":
        if isinstance(inputs, Dataset | str | Path):
            raise DataError(f"{names[0]} is of the text tower: give a list of texts.")
        return _text_blocks(reader, check_texts(cast("Iterable[str]", inputs)), batch_size)
    if isinstance(inputs, Dataset | str | Path):
        dataset = as_dataset(inputs)
        return _blocks(reader, image_batches(clip, dataset.records, batch_size, workers), dataset)
    return _image_blocks(reader, check_images(inputs), batch_size)


def image_batches(
    clip: Clip, records: Iterable[ImageRecord], batch_size: int, workers: int
) -> Iterator[Batch[Tensor]]:
    """Records decoded and preprocessed; where none could be read, one batch of failures alone."""
    prepare = partial(_pixels, clip)
    return stream_batches(records, prepare, batch_size=batch_size, workers=workers, allow_none=True)


def text_batches(tokens: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[int]]:
    """Rows of texts in batches of one length, the shortest first, in order within a length."""
    order = sorted(range(len(tokens)), key=lambda row: (len(tokens[row]), row))
    for _, same in groupby(order, key=lambda row: len(tokens[row])):
        group = list(same)
        for start in range(0, len(group), batch_size):
            yield group[start : start + batch_size]


def same_shape(items: Sequence[Tensor]) -> list[list[int]]:
    """Rows that can share a pass; all of them unless the model keeps each image's shape."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, item in enumerate(items):
        groups.setdefault(tuple(item.shape), []).append(row)
    return list(groups.values())


def embedder(clip: Clip, tower: str) -> Callable[[Tensor], Tensor]:
    """What runs a batch through a tower."""
    return clip.image_embeddings if tower == "vision" else clip.text_embeddings


def _pixels(clip: Clip, image: Image.Image) -> Tensor:
    return clip.preprocess([image])[0]


def _blocks(reader: Reader, parts: Iterator[Batch[Tensor]], dataset: Dataset) -> Iterator[Block]:
    place = {record.id: row for row, record in enumerate(dataset.records)}
    for part in parts:
        rows = np.array([place[record.id] for record in part.records], np.int64)
        yield _block(reader, part.items, rows, part.failures)


def _image_blocks(reader: Reader, images: Iterable[Any], batch_size: int) -> Iterator[Block]:
    done = 0
    for batch in batches(images, batch_size):
        items = [_pixels(reader.clip, as_pil(image)) for image in batch]
        yield _block(reader, items, done + np.arange(len(items)))
        done += len(items)


def _text_blocks(reader: Reader, texts: Sequence[str], batch_size: int) -> Iterator[Block]:
    import torch

    tokens = reader.clip.tokenize(texts)
    for rows in text_batches(tokens, batch_size):
        items = [torch.tensor(tokens[row]) for row in rows]
        yield _block(reader, items, np.array(rows, np.int64))


def _block(
    reader: Reader,
    items: Sequence[Tensor],
    rows: NDArray[np.int64],
    failures: Sequence[Failure] = (),
) -> Block:
    nothing = Reading({}, {}, np.zeros((0, reader.clip.d_embed), np.float32))
    reading = reader(items) if items else nothing
    return Block(rows=rows, values=reading.values, embeddings=reading.embeddings, failures=failures)
