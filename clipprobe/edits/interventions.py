"""Interventions that can be stored: ablation, steering, scaling, means and patches at addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from clipprobe.edits.part import Arrays, floats
from clipprobe.errors import ConfigError
from clipprobe.hooks.changes import At, How, Mean, Patch, Scale, Steer, Zero, check_how, describe
from clipprobe.hooks.intervene import Changes, Intervention
from clipprobe.models.families.rewired import Rewired
from clipprobe.models.network import Network, Standing, TowerName

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, init=False, eq=False)
class Interventions:
    """What :func:`clipprobe.intervene` does, for good: address -> change, in order.

    Args:
        changes: As for :func:`clipprobe.intervene`, without functions. An address that names an
            attention head (``vision.blocks.5.attn.z:2``) with ``Scale(factor)`` scales what the
            head writes; ``Zero()`` removes it.
    Raises:
        ConfigError: a change is a function, or not one at all.
    """

    kind: ClassVar[str] = "interventions"
    changes: tuple[tuple[At, How], ...]

    def __init__(self, changes: Changes) -> None:
        if not changes:
            raise ConfigError("No intervention was given: name an address and what to do there.")
        checked = []
        for address, how in changes.items():
            at = address if isinstance(address, At) else At(address)
            checked.append((at, _detached(at, how)))
        object.__setattr__(self, "changes", tuple(checked))

    @classmethod
    def of_heads(cls, heads: Sequence[str], factor: float = 0.0) -> Self:
        """Scale attention heads, or remove them: ``of_heads(["vision.blocks.3:0"])``.

        Args:
            heads: Block and head, ``vision.blocks.3:0``.
            factor: What their output is multiplied by.
        """
        changes: dict[At, How] = {}
        for head in heads:
            block, _, number = head.rpartition(":")
            if not block or not number.isdigit():
                raise ConfigError(f"{head!r} does not name a head: write for example "
                                  "vision.blocks.3:0.")  # fmt: skip
            how: How = Zero() if factor == 0 else Scale(factor)
            changes[At(f"{block}.attn.z:{number}")] = how
        return cls(changes)

    @property
    def as_mapping(self) -> dict[At, How]:
        """For :func:`clipprobe.intervene`."""
        return dict(self.changes)

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Each change as JSON; its values, if any, under its number."""
        rows, arrays = [], {}
        for number, (at, how) in enumerate(self.changes):
            where = {"address": at.address, "tokens": at.tokens, "units": at.units}
            fields, values = _fields(how)
            rows.append({key: value for key, value in where.items() if value is not None} | fields)
            if values is not None:
                arrays[f"{number}"] = values
        return {"changes": rows}, arrays

    @classmethod
    def read(cls, fields: Mapping[str, Any], arrays: Arrays) -> Self:
        """From what :meth:`stored` gave."""
        changes: dict[At, How] = {}
        for number, row in enumerate(fields["changes"]):
            at = At(row["address"], row.get("tokens"), units=row.get("units"))
            changes[at] = _how(row, arrays.get(f"{number}"))
        return cls(changes)

    def onto(self, clip: Clip, network: Network) -> Network:
        """Hooks at each tower that is named."""
        towers: dict[TowerName, dict[At, How]] = {}
        for at, how in self.changes:
            points = Intervention(clip, {at: how}).points.values()  # refuses what is not there
            for name in sorted({point.tower for point in points}):
                tower: TowerName = "vision" if name == "vision" else "text"
                towers.setdefault(tower, {})[_in_tower(at, tower)] = how
        standing = tuple(
            Standing(name, lambda one, changes=changes: Intervention(one, changes))  # type: ignore[misc]
            for name, changes in towers.items()
        )
        if "text" in towers:
            network = network.changed(adapter=Rewired.of(network.adapter, whole=True))
        return network.changed(standing=(*network.standing, *standing))

    def __str__(self) -> str:
        texts = [describe(at, how) for at, how in self.changes]
        more = f" and {len(texts) - 3} more" * (len(texts) > 3)
        return "interventions: " + "; ".join(texts[:3]) + more


def _in_tower(at: At, tower: str) -> At:
    """The address within a tower: a glob may match both."""
    first, dot, rest = at.address.partition(".")
    return At(f"{tower}.{rest}" if dot and "*" in first else at.address, at.tokens, units=at.units)


def _detached(at: At, how: How) -> How:
    """A change with arrays of its own."""
    check_how(at.address, how)
    if callable(how):
        raise ConfigError(
            f"A function was given for {at.address}, and an edit holds what can be stored: give "
            "Zero, a number, Scale, Steer, Mean or Patch, or use clipprobe.intervene."
        )
    if isinstance(how, str):
        return Zero()
    if isinstance(how, Mean):
        values = _array(how.values, at)
        # One input stands for the mean; a place that no input has is left out of it.
        with np.errstate(all="ignore"):
            mean = np.nanmean(values, axis=0, keepdims=True, dtype=np.float64)
        return Mean(floats(mean.astype(np.float32), f"The mean at {at.address}"))
    if isinstance(how, Patch):
        rows = how.rows
        number = rows if rows is None or isinstance(rows, int) else tuple(int(r) for r in rows)
        return Patch(floats(how.values, f"The patch at {at.address}"), number)
    if isinstance(how, Steer):
        return replace(how, values=floats(how.values, f"The direction at {at.address}"))
    return how


def _array(values: Any, at: At) -> npt.NDArray[Any]:
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    if not array.ndim or not len(array) or not np.issubdtype(array.dtype, np.floating):
        raise ConfigError(f"The values of the mean at {at.address} are not floats of inputs.")
    return array


def _fields(how: How) -> tuple[dict[str, Any], npt.NDArray[Any] | None]:
    if isinstance(how, Zero):
        return {"do": "zero"}, None
    if isinstance(how, Real):
        return {"do": "set", "value": float(how)}, None
    if isinstance(how, Scale):
        return {"do": "scale", "factor": float(how.factor)}, None
    if isinstance(how, Steer):
        return {"do": "steer", "strength": float(how.strength)}, how.values
    if isinstance(how, Mean):
        return {"do": "mean"}, how.values
    assert isinstance(how, Patch)
    return {"do": "patch", "rows": how.rows}, how.values


def _how(row: Mapping[str, Any], values: npt.NDArray[Any] | None) -> How:
    if row["do"] in ("steer", "mean", "patch") and values is None:
        raise ConfigError(f"The values of the change at {row['address']} are absent.")
    kinds: dict[str, Callable[[], How]] = {
        "zero": Zero,
        "set": lambda: float(row["value"]),
        "scale": lambda: Scale(float(row["factor"])),
        "steer": lambda: Steer(values, float(row["strength"])),
        "mean": lambda: Mean(values),
        "patch": lambda: Patch(values, row["rows"]),
    }
    return kinds[row["do"]]()
