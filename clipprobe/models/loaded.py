"""What a :class:`clipprobe.Clip` is made of: checkpoint, network that runs, identity."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

from torch import nn

from clipprobe.anatomy import listening as context
from clipprobe.identity import Identity
from clipprobe.models.checkpoints.source import Source, versions
from clipprobe.models.families.base import Family
from clipprobe.models.identity import Weights, foreign_code
from clipprobe.models.network import Network
from clipprobe.models.preprocess import Preprocess
from clipprobe.models.texts import Tokens
from clipprobe.origin import Origin

if TYPE_CHECKING:
    from clipprobe.anatomy.parts import Anatomy
    from clipprobe.models.passes import Passes


class Loaded:
    """A model with what it was loaded from; :class:`clipprobe.Clip` has the attributes in words."""

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
