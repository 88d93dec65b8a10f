"""`Clip`: any CLIP-like checkpoint behind one face.

Two encoders map images and texts to unit vectors of one space. Normalisation, batching, order and
numeric type are decided here and in ``forward.py`` and nowhere else; what differs between
architectures is in ``families/``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.data.images import as_pil, batches, check_batch_size, check_images
from clipprobe.errors import DataError
from clipprobe.models.checkpoints.source import Source
from clipprobe.models.finite import refuse_meaningless
from clipprobe.models.forward import image_vectors, refuse_training, text_vectors
from clipprobe.models.loaded import Loaded
from clipprobe.models.texts import check_texts, length_batches
from clipprobe.models.vectors import Embeddings, as_numpy

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.hooks import HookPoint

__all__ = ["Clip", "Source"]

# On a CPU a text batch of about a thousand tokens is fastest, at any width: with more, the
# activations of a layer leave the cache (benchmarks/text_batching.py). Accelerators want more.
_CPU_TEXT_TOKENS = 1024


class Clip(Loaded):
    """A loaded model. Build one with :func:`clipprobe.load`.

    Attributes:
        id, revision: What was loaded.
        family: Name of the architecture family.
        module: The wrapped model, in evaluation mode, its parameters without gradients.
        image_size: Side of the model's input in pixels.
        grid: Patch rows and columns (of the last layer's map for ResNets).
        d_embed: Width of the joint space.
        scale, bias: ``logit = scale * cosine + bias``.
        preprocess: Images to tensors.
        anatomy: Where the parts of the towers are.
        origin: What loads it again; None where :func:`clipprobe.load` did not make it.
        passes: What its towers share between studies, while a suite runs; else None.
    """

    def image_embeddings(self, pixels: Tensor) -> Tensor:
        """Unit image vectors, differentiable with respect to the pixels.

        Args:
            pixels: Preprocessed, ``(b, 3, H, W)``.
        Returns:
            ``(b, d_embed)`` float32.
        """
        return image_vectors(self, pixels)

    def text_embeddings(self, tokens: Tensor) -> Tensor:
        """Unit text vectors, differentiable with respect to the model's activations.

        Args:
            tokens: Ids of texts of equal length, ``(b, t)``, as :meth:`tokenize` makes them.
        Returns:
            ``(b, d_embed)`` float32.
        """
        return text_vectors(self, tokens)

    def class_vectors(self, names: Sequence[str], vectors: Embeddings) -> Embeddings:
        """Vectors of classes as an edit's rules leave them; the same where there are none.

        Args:
            names: Of the classes, ``k``.
            vectors: Made of texts about them, ``(k, d_embed)``.
        """
        for rule in self.network.classes:
            vectors = rule(names, vectors)
        return vectors

    @property
    def _max_text_tokens(self) -> int | None:
        return _CPU_TEXT_TOKENS if self.device.type == "cpu" else None

    def tokenize(self, texts: Iterable[str]) -> list[list[int]]:
        """Token ids with special tokens, not padded (SigLIP: padded to its context).

        Texts longer than the model's context are cut, with one warning that counts them.
        """
        checked = check_texts(texts)
        ids = self.tokens(checked)
        for text, row in zip(checked, ids, strict=True):
            if max(row) >= self.adapter.n_tokens:
                raise DataError(
                    f"The text {text!r} holds the token {max(row)}, which this model does not "
                    f"know (it has {self.adapter.n_tokens}): leave special tokens out of texts."
                )
        return ids

    def encode_images(
        self,
        images: Iterable[object],
        *,
        batch_size: int = 32,
        progress: Callable[[int], None] | None = None,
    ) -> Embeddings:
        """Unit vectors of images, in input order.

        Args:
            images: Paths, Pillow images, uint8 arrays ``(h, w, 3)`` or ImageRecords; any iterable,
                read one batch at a time.
            progress: Called after each batch with the number of images in it.
        Returns:
            ``(n, d_embed)`` float32.
        Raises:
            UnreadableImageError: one of the files cannot be decoded.
            BrokenModelError: a vector is zero or not finite.
            ConfigError: the model is in training mode.
        """
        check_batch_size(batch_size)
        refuse_training(self, self.network)
        images = check_images(images)
        total = len(images) if isinstance(images, Sequence) else None
        parts: list[Embeddings] = []
        done = 0
        with torch.no_grad():
            for batch in batches(images, batch_size):
                pils = [as_pil(image) for image in batch]
                encoded = np.zeros((len(pils), self.d_embed), np.float32)
                for group in self.preprocess.groups(pils):
                    pixels = self.preprocess([pils[i] for i in group])
                    with context.rows([done + i for i in group], total):
                        encoded[group] = as_numpy(self.image_embeddings(pixels))
                again = partial(self._embed_image, pils)
                refuse_meaningless(self, "vision", encoded, again)
                parts.append(encoded)
                done += len(batch)
                if progress is not None:
                    progress(len(batch))
        return np.concatenate(parts) if parts else np.zeros((0, self.d_embed), np.float32)

    def encode_texts(self, texts: Iterable[str], *, batch_size: int = 256) -> Embeddings:
        """Unit vectors of texts, in input order.

        Texts are encoded in groups of equal token length, so nothing is padded, and a text that
        occurs several times is encoded once (unless a capture or intervention is active, which
        sees every row).

        Args:
            batch_size: Most texts in one forward pass; on a CPU fewer, where that is faster.

        Returns:
            ``(m, d_embed)`` float32.
        Raises:
            BrokenModelError: a vector is zero or not finite.
            ConfigError: the model is in training mode.
        """
        check_batch_size(batch_size)
        refuse_training(self, self.network)
        checked = check_texts(texts)
        distinct = checked if context.active() else list(dict.fromkeys(checked))
        tokens = self.tokenize(distinct)
        encoded = np.zeros((len(distinct), self.d_embed), np.float32)
        with torch.no_grad():
            for rows in length_batches(tokens, batch_size, self._max_text_tokens):
                ids = torch.tensor([tokens[row] for row in rows])
                with context.rows(rows, len(distinct)):
                    encoded[rows] = as_numpy(self.text_embeddings(ids))
                again = partial(self._embed_row, ids)
                refuse_meaningless(self, "text", encoded[rows], again)
        if len(distinct) == len(checked):
            return encoded
        place = {text: row for row, text in enumerate(distinct)}
        return encoded[[place[text] for text in checked]]

    def _embed_image(self, images: Sequence[Image.Image], row: int) -> Tensor:
        return self.image_embeddings(self.preprocess([images[row]]))

    def _embed_row(self, tokens: Tensor, row: int) -> Tensor:
        return self.text_embeddings(tokens[row : row + 1])

    def similarity(self, images: Any, texts: Any) -> Embeddings:
        """Cosine of every image with every text, ``(n, m)``.

        Args:
            images: As for :meth:`encode_images`, or already encoded, ``(n, d_embed)`` floats.
            texts: Texts, or already encoded, ``(m, d_embed)`` floats.
        """
        first = self._encoded(images, self.encode_images)
        right = self._encoded(texts, self.encode_texts)
        cosines: Embeddings = first @ right.T
        return cosines

    def logits(self, images: Any, texts: Any) -> Embeddings:
        """``scale * cosine + bias`` of every image with every text, ``(n, m)``."""
        logits: Embeddings = self.similarity(images, texts) * np.float32(self.scale)
        return logits + np.float32(self.bias)

    def _encoded(self, items: Any, encode: Callable[[Any], Embeddings]) -> Embeddings:
        if not (isinstance(items, np.ndarray) and items.ndim == 2):
            return encode(items)
        if items.shape[1] != self.d_embed or not np.issubdtype(items.dtype, np.floating):
            raise DataError(
                f"An array of encoded items must be floating, of shape (n, {self.d_embed}), this "
                f"one is {items.dtype} of shape {items.shape}: encode with the same model."
            )
        return items.astype(np.float32, copy=False)

    def hook_points(self) -> list[HookPoint]:
        """Every hook point of this model: name, axes, number of units."""
        from clipprobe.hooks.sites import hook_points

        return hook_points(self)
