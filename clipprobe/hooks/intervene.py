"""Change activations of a model while it runs.

    with intervene(clip, {"vision.blocks.3.mlp.post:17": "zero"}):
        clip.encode_images(images)

Whatever is downstream sees the change, the hidden states that transformers returns included.
Several changes compose: blocks from the outermost to the innermost, addresses of one block in the
order of the mapping, each on the result of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.errors import ConfigError
from clipprobe.hooks.arithmetic import PointChange
from clipprobe.hooks.changes import At, How, check_how, describe
from clipprobe.hooks.derived import DerivedChange, Reading
from clipprobe.hooks.session import Session
from clipprobe.hooks.sites import check_unit, hook_points, match, split_unit

if TYPE_CHECKING:
    from clipprobe.hooks.hooked import Hooked


# A mapping is invariant in its keys, so a plain dict of strings needs a line of its own.
Changes = Mapping[str, How] | Mapping[At, How] | Mapping[str | At, How]


class Intervention(Session):
    """The context manager that :func:`intervene` makes."""

    changes = True

    def __init__(self, clip: Hooked, changes: Changes) -> None:
        self._changes: dict[str, list[PointChange | DerivedChange]] = {}
        known = hook_points(clip)
        points = []
        for address, how in changes.items():
            check_how(address, how)
            at = address if isinstance(address, At) else At(address)
            hook, unit = split_unit(at.address)
            if unit is not None and at.units is not None:
                raise ConfigError(f"{at.address} names a unit already: leave out units=.")
            for point in match(clip, known, hook):
                for one in at.units or (() if unit is None else (unit,)):
                    check_unit(point, one)
                tower = clip.anatomy.tower(point.tower)
                units = unit if at.units is None else at.units
                change = PointChange(point, tower, units, at.tokens, how)
                changes_here = self._changes.setdefault(point.base or point.name, [])
                if point.base is None:
                    changes_here.append(change)
                else:
                    reading = Reading.of(clip.anatomy, point)
                    changes_here.append(DerivedChange(change, reading))
                points.append(point)
        if not points:
            raise ConfigError(
                "No intervention was given: name at least one address and what to do there, as in "
                '{"vision.blocks.3.mlp.post:17": "zero"}.'
            )
        self.edits = tuple(describe(address, how) for address, how in changes.items())
        super().__init__(clip, points)

    def __enter__(self) -> None:
        self.open()

    def edit(self, name: str, value: Tensor) -> Tensor:
        """Run every change of this point, in the order of the mapping."""
        rows, where = context.current_rows(), context.current_positions()
        for one in self._changes[name]:
            value = one.apply(value, rows, where)
        self.fired.update(point.name for point in self.read_at[name])
        return value


def intervene(clip: Hooked, changes: Changes) -> Intervention:
    """Change activations while the block runs; see ``docs/hook-points.md``.

    Args:
        changes: Address -> what to do there. An address is a hook point, a glob or a unit of one
            (``vision.blocks.3.mlp.post:17``), or :class:`At` to name tokens or several units too.
            What to do: ``Zero()`` or ``"zero"``; a number to set; ``Scale(factor)``;
            ``Steer(values)``; ``Mean(values)``; ``Patch(values)``; or a function. All but a
            function can be stored (:class:`clipprobe.Edit`). The function gets the part that the
            address picks: with the axes of
            the table, less the unit axis where a unit is named; with tokens named,
            ``(b, tokens, units, ...)``, again less the unit axis. It returns a tensor of that
            shape.
    Returns:
        A context manager, to be entered once.
    Raises:
        UnknownHookPointError: an address matches nothing; the nearest are in the message.
        UnsupportedHookError: the model lacks the site, or tokens or values do not fit it.
        ConfigError: a change is none of the above.
        HookNeverFiredError: at the end of the block, where a point saw no forward pass.
    """
    return Intervention(clip, changes)
