"""Change activations of a model while it runs.

    with intervene(clip, {"vision.blocks.3.mlp.post:17": "zero"}):
        clip.encode_images(images)

Whatever is downstream sees the change, the hidden states that transformers returns included.
Several changes compose: blocks from the outermost to the innermost, addresses of one block in the
order of the mapping, each on the result of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.errors import ConfigError
from clipprobe.hooks.changes import At, How, check_how, describe
from clipprobe.hooks.edits import Edit
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
        self._edits: dict[str, list[Edit]] = {}
        known = hook_points(clip)
        points = []
        for address, how in changes.items():
            check_how(address, how)
            tokens = address.tokens if isinstance(address, At) else None
            hook, unit = split_unit(address.address if isinstance(address, At) else address)
            for point in match(clip, known, hook):
                if unit is not None:
                    check_unit(point, unit)
                tower = clip.anatomy.vision if point.tower == "vision" else clip.anatomy.text
                edit = Edit(point, tower, unit, tokens, how)
                self._edits.setdefault(point.name, []).append(edit)
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

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(error)

    def edit(self, name: str, value: Tensor) -> Tensor:
        """Run every change of this point, in the order of the mapping."""
        rows, where = context.current_rows(), context.current_positions()
        for one in self._edits[name]:
            value = one.apply(value, rows, where)
        self.fired.add(name)
        return value


def intervene(clip: Hooked, changes: Changes) -> Intervention:
    """Change activations while the block runs; see ``docs/hook-points.md``.

    Args:
        changes: Address -> what to do there. An address is a hook point, a glob or a unit of one
            (``vision.blocks.3.mlp.post:17``), or :class:`At` to name tokens too. What to do:
            ``"zero"``; a number to set; ``Scale(factor)``; ``Mean(values)``; ``Patch(values)``;
            or a function. The function gets the part that the address picks: with the axes of
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
