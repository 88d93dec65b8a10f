"""`Clip`: any CLIP-like checkpoint behind one face.

Two encoders map images and texts to unit vectors of one space. Normalisation, batching, order and
numeric type are decided here and nowhere else; what differs between architectures is in
``families/``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from clipprobe.anatomy import listening as context
from clipprobe.anatomy.mode import training_part
from clipprobe.data.images import as_pil, batches, check_images
from clipprobe.errors import ConfigError, DataError
from clipprobe.identity import Identity
from clipprobe.models.checkpoints.source import Source, versions
from clipprobe.models.families.base import Family
from clipprobe.models.finite import refuse_meaningless
from clipprobe.models.identity import Weights, foreign_code
from clipprobe.models.network import Network
from clipprobe.models.preprocess import Preprocess
from clipprobe.models.texts import Tokens, check_texts, length_batches
from clipprobe.origin import Origin

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.anatomy.parts import Anatomy
    from clipprobe.hooks import HookPoint
    from clipprobe.models.passes import Passes, Rows

__all__ = ["Clip", "Source"]

Embeddings = npt.NDArray[np.float32]
# On a CPU a text batch of about a thousand tokens is fastest, at any width: with more, the
# activations of a layer leave the cache (benchmarks/text_batching.py). Accelerators want more.
_CPU_TEXT_TOKENS = 1024


class Clip:
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

    passes: Passes | None = None

    def __init__(
        self, family: Family, *, preprocess: Preprocess, tokens: Tokens, source: Source
    ) -> None:
        self.source = source
        self.id, self.revision = source.id, source.revision
        self.family = family.name
        family.module.eval().requires_grad_(False)
        self.image_size = family.image_size
        self.preprocess = preprocess
        self._network = Network(
            adapter=family,
            anatomy=family.anatomy(),
            tokens=tokens,
            weights=Weights(family.module, source.weights_sha256),
        )
        # Of a block, because scale and bias stay in float32 whatever the model runs in.
        parameter = next(self.anatomy.text.blocks[0].module.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        self.grid = self.anatomy.vision.grid or family.nominal_grid
        self.d_embed = family.d_embed

    def __repr__(self) -> str:
        n = len(self.network.edits)
        edits = f", edits={n}" if n else ""
        size = f"{self.image_size} px, d={self.d_embed}"
        return f"Clip({self.id!r}, family={self.family!r}, {size}{edits})"

    @property
    def network(self) -> Network:
        """What runs: the model's own, or the one that this context has put on it."""
        own: Network = context.overlaid(self) or self._network
        return own

    def running(self, network: Network) -> Self:
        """The same model on another network, for good."""
        other = copy.copy(self)
        other._network = network
        return other

    @property
    def adapter(self) -> Family:
        """What runs the modules."""
        return self.network.adapter

    @property
    def module(self) -> nn.Module:
        """The wrapped model, in evaluation mode, its parameters without gradients."""
        return self.network.module

    @property
    def anatomy(self) -> Anatomy:
        """Where the parts of the towers are."""
        return self.network.anatomy

    @property
    def tokens(self) -> Tokens:
        """Texts to token ids."""
        return self.network.tokens

    @property
    def scale(self) -> float:
        """``logit = scale * cosine + bias``."""
        return self.network.adapter.scale

    @property
    def bias(self) -> float:
        """See :attr:`scale`."""
        return self.network.adapter.bias

    @property
    def origin(self) -> Origin | None:
        """What loads it again; None where it cannot be said."""
        return self.network.origin

    @origin.setter
    def origin(self, origin: Origin) -> None:
        self._network = self._network.changed(origin=origin)

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights in memory, which is that of the files while they are unchanged."""
        network = self.network
        return network.weights.sha256(network.module)

    @property
    def identity(self) -> Identity:
        """Which model this is now: its weights in memory and its edits."""
        edits = self.network.edits
        return Identity(self.weights_sha256, tuple(note.sha256 for note in edits))

    def image_embeddings(self, pixels: Tensor) -> Tensor:
        """Unit image vectors, differentiable with respect to the pixels.

        Args:
            pixels: Preprocessed, ``(b, 3, H, W)``.
        Returns:
            ``(b, d_embed)`` float32.
        """
        network = self.network
        self._refuse_training(network, unless_trainable=True)
        first, *others = network.views(pixels.to(device=self.device, dtype=self.dtype))
        vectors = self._image_pass(network, first)
        if not others:
            return vectors
        with context.changes_only():  # who reads activations sees one pass per image
            vectors = vectors + sum(self._image_pass(network, view) for view in others)
        return unit(vectors)

    def _image_pass(self, network: Network, pixels: Tensor) -> Tensor:
        def encode(rows: Rows) -> Tensor:
            return network.adapter.vision_pooled(pixels if rows is None else pixels[rows])

        with network.hooked(self, "vision"):
            pooled = self._emit("vision.pooled", self._pooled("vision", network, pixels, encode))
            projected = self._emit("vision.projected", network.adapter.vision_projected(pooled))
        return unit(projected)

    def text_embeddings(self, tokens: Tensor) -> Tensor:
        """Unit text vectors, differentiable with respect to the model's activations.

        Args:
            tokens: Ids of texts of equal length, ``(b, t)``, as :meth:`tokenize` makes them.
        Returns:
            ``(b, d_embed)`` float32.
        """
        network, tokens = self.network, tokens.to(self.device)
        self._refuse_training(network, unless_trainable=True)
        adapter = network.adapter

        def encode(rows: Rows) -> Tensor:
            return adapter.text_pooled(tokens if rows is None else tokens[rows])

        with (
            context.positions(adapter.pool_positions(tokens), adapter.real_tokens(tokens)),
            network.hooked(self, "text"),
        ):
            pooled = self._emit("text.pooled", self._pooled("text", network, tokens, encode))
            projected = self._emit("text.projected", adapter.text_projected(pooled))
        return unit(projected)

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

    def _pooled(
        self, tower: str, network: Network, inputs: Tensor, encode: Callable[[Rows], Tensor]
    ) -> Tensor:
        if self.passes is None or not self.passes.are_of(network):
            return encode(None)
        return self.passes.pooled(tower, inputs, encode)

    def _refuse_training(self, network: Network, *, unless_trainable: bool = False) -> None:
        """Refuse training mode, in which dropout makes vectors random.

        Args:
            unless_trainable: Go on where a parameter asks for gradients: somebody trains.
        """
        part = training_part(network.module)
        if part is None:
            return
        if unless_trainable and any(one.requires_grad for one in network.module.parameters()):
            return
        raise ConfigError(
            f"{self.id} is in training mode ({part}), in which dropout can make every vector "
            "random: call clip.module.eval() first."
        )

    def _emit(self, name: str, value: Tensor) -> Tensor:
        return context.emit(name, value, self.module)

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
        self._refuse_training(self.network)
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
        self._refuse_training(self.network)
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

    def provenance(self) -> dict[str, Any]:
        """What determines this model's numbers, for the manifest of every result.

        ``model`` has more keys where they are needed: ``edits``, the parts of the edits that it
        runs under; ``edited_from``, the hash of the files, once the weights in memory are others;
        and ``interventions``, in words, while this thread has some open or somebody's hooks hang on
        the module. No run is stored with the latter.
        """
        model: dict[str, Any] = {
            "id": self.id,
            "revision": self.revision,
            "weights_sha256": self.weights_sha256,
            "family": self.family,
            "dtype": str(self.dtype).removeprefix("torch."),
            "attention": self.adapter.attention or self.source.attention,
            "preprocessing": self.preprocess.fingerprint,
            **self.network.facts(),
        }
        if model["weights_sha256"] != self.source.weights_sha256:
            model["edited_from"] = self.source.weights_sha256
        if edits := [*context.edits(self.module), *foreign_code(self.module)]:
            model["interventions"] = edits
        return {"model": model, "versions": versions()}


def unit(vectors: Tensor) -> Tensor:
    """Float32 rows of length 1."""
    vectors = vectors.float()
    lengths: Tensor = vectors.norm(dim=-1, keepdim=True)
    return vectors / lengths


def as_numpy(tensor: Tensor) -> Embeddings:
    """A detached float32 copy on the host."""
    array: Embeddings = tensor.detach().cpu().numpy()
    return array


def check_batch_size(batch_size: int) -> None:
    """Raises ConfigError unless it is a positive integer."""
    if batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, {batch_size} was given.")
