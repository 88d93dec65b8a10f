"""Weights plus a stored difference: fine-tuning, merging, interpolation."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch

from clipprobe.edits.part import Arrays, floats
from clipprobe.errors import ConfigError
from clipprobe.models.network import Network

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, init=False, eq=False)
class WeightDifference:
    """Add ``share`` times a difference to some parameters; the edited model has its own weights.

    Args:
        differences: Name of a parameter of ``clip.module`` -> its difference, of its shape.
        share: What the difference is multiplied by: between 0 and 1 it interpolates.
    """

    kind: ClassVar[str] = "weights"
    differences: Mapping[str, npt.NDArray[Any]]
    share: float

    def __init__(self, differences: Mapping[str, Any], share: float = 1.0) -> None:
        if not differences:
            raise ConfigError("No difference of weights was given.")
        checked = {
            name: floats(one, f"The difference of {name}") for name, one in differences.items()
        }
        object.__setattr__(self, "differences", checked)
        object.__setattr__(self, "share", float(share))

    @classmethod
    def between(cls, base: Clip, tuned: Clip, share: float = 1.0) -> Self:
        """What takes ``base`` to ``tuned``: all parameters that differ.

        Raises:
            ConfigError: the models have other parameters, or equal ones.
        """
        first, second = (dict(clip.module.named_parameters()) for clip in (base, tuned))
        if {n: p.shape for n, p in first.items()} != {n: p.shape for n, p in second.items()}:
            raise ConfigError(f"{base.id} and {tuned.id} do not have the same parameters.")
        pairs = {name: (p.detach().float(), first[name].detach().float().to(p.device))
                 for name, p in second.items()}  # fmt: skip
        gaps = {name: a - b for name, (a, b) in pairs.items() if not torch.equal(a, b)}
        return cls(gaps, share)

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The share, and each difference by its parameter's name."""
        return {"share": self.share}, dict(self.differences)

    @classmethod
    def read(cls, fields: Mapping[str, Any], arrays: Arrays) -> Self:
        """From what :meth:`stored` gave."""
        return cls(arrays, float(fields["share"]))

    def onto(self, clip: Clip, network: Network) -> Network:
        """A copy of the modules, with the difference added."""
        known = dict(network.module.named_parameters())
        for name, gap in self.differences.items():
            if name not in known or tuple(known[name].shape) != gap.shape:
                has = f"of shape {tuple(known[name].shape)}" if name in known else "not there"
                raise ConfigError(
                    f"The edit changes {name} by an array of shape {gap.shape}, and in {clip.id} "
                    f"it is {has}: the edit was made for another model."
                )
        published = network.weights.sha256(network.module)
        module = copy.deepcopy(network.module)
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if name in self.differences:
                    added = torch.from_numpy(np.asarray(self.differences[name] * self.share))
                    parameter.add_(added.to(parameter))
        return network.over(module, published)

    def __str__(self) -> str:
        times = "" if self.share == 1 else f"{self.share:g} times "
        return f"{times}a difference of {len(self.differences)} parameters"
