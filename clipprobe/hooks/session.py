"""Install hooks for the length of a ``with`` block, and for the context that opened it only.

Several sessions may be open at once on one model. At every slot the outermost of them does the
work for all, so that changes and captures run in one defined order however they are nested.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor

from clipprobe.anatomy import listening as context
from clipprobe.anatomy.mode import compiled_parts
from clipprobe.errors import ConfigError, HookNeverFiredError
from clipprobe.hooks import wiring
from clipprobe.hooks.derived import Reading
from clipprobe.hooks.sites import HookPoint, hook_points

if TYPE_CHECKING:
    from types import TracebackType

    from torch.utils.hooks import RemovableHandle

    from clipprobe.hooks.hooked import Hooked

# torch numbers hooks with a class attribute that it reads and increments in two steps: two
# threads that register at once would get the same number and overwrite each other's hook.
REGISTRY = threading.Lock()


class Session:
    """What capture and intervene share: points, hooks, the check that every point fired."""

    changes: bool = False
    """Whether it may hand back another tensor than it was shown."""
    edits: tuple[str, ...] = ()
    """What it does to activations, in words."""

    def __init__(self, clip: Hooked, points: Iterable[HookPoint]) -> None:
        self.clip = clip
        self.module = clip.module
        self.points = {point.name: point for point in points}
        self.closed = False
        self.fired: set[str] = set()
        self.read_at: dict[str, list[HookPoint]] = {}
        """Name of a value of the model -> the points that are read from it."""
        for point in self.points.values():
            self.read_at.setdefault(point.base or point.name, []).append(point)
        derived = [point for point in self.points.values() if point.base is not None]
        self.readings = {point.name: Reading.of(clip.anatomy, point) for point in derived}
        own = {name: here[0] for name, here in self.read_at.items() if here[0].base is None}
        if self.readings:
            own |= {point.name: point for point in hook_points(clip) if point.name in self.read_at}
        self._slots = wiring.slots(clip.anatomy, own.values())
        self.slots = frozenset(slot.key for slot in self._slots)
        self._handles: list[RemovableHandle] = []
        self._opened = False

    def wants(self, name: str) -> bool:
        """Whether this point was asked for."""
        return name in self.read_at

    def edit(self, name: str, value: Tensor) -> Tensor:
        """Change nothing, unless a subclass does."""
        return value

    def observe(self, name: str, value: Tensor) -> Tensor:
        """Record nothing, unless a subclass does."""
        return value

    @contextmanager
    def for_one_pass(self) -> Iterator[None]:
        """Open a copy around everything that is open, as a part of the model itself."""
        one = copy.copy(self)
        one.fired, one._handles = set(), []
        one.open(outermost=True)
        try:
            yield
        except BaseException as error:
            one.close(type(error))
            raise
        one.close(None)

    def open(self, *, outermost: bool = False) -> None:
        """Install the hooks and become visible to this context.

        Raises:
            ConfigError: it was open before.
        """
        if self._opened:
            raise ConfigError(
                "This capture or intervention was entered before: make a new one for each block."
            )
        self._opened = True
        try:
            with REGISTRY:
                for slot in self._slots:
                    self._handles.append(self._register(slot))
        except BaseException:
            self._remove()
            raise
        context.open_listener(self, outermost=outermost)

    def close(self, error: type[BaseException] | None) -> None:
        """Remove every hook.

        Raises:
            HookNeverFiredError: a point saw no forward pass, and no exception is on its way.
        """
        context.close_listener(self)
        self._remove()
        wiring.forget(self.clip.anatomy, self.points.values())
        silent = [name for name in self.points if name not in self.fired]
        if silent and error is None:
            listing = ", ".join(silent[:3]) + (f" and {len(silent) - 3} more" * (len(silent) > 3))
            sentence = f"No value passed through {listing} of {self.clip.id}"
            if compiled := compiled_parts(self.module):
                raise HookNeverFiredError(
                    f"{sentence}: torch.compile runs {', '.join(compiled[:3])}, past the hooks. "
                    "Use the model as it was before it was compiled, or run it under "
                    'torch.compiler.set_stance("force_eager").'
                )
            raise HookNeverFiredError(
                f"{sentence}: run images (vision) or texts "
                "(text) through this model inside the with block, in the thread that opened it, "
                "and by its encode or embeddings methods (pooled and projected fire only there)."
            )

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(error)

    def _remove(self) -> None:
        with REGISTRY:
            while self._handles:
                self._handles.pop().remove()

    def _register(self, slot: wiring.Slot) -> RemovableHandle:
        key = slot.key

        def listeners() -> tuple[context.Listener, ...]:
            """Those to serve here: none unless this session is the outermost with this slot."""
            opened = context.listeners(self.module)
            leader = next((one for one in opened if key in one.slots), None)
            return opened if leader is self else ()

        # Another thread may call a hook between its entry into torch's two tables, and so without
        # the keyword arguments: hence the defaults.
        def call(module: Any, arguments: tuple[Any, ...], keywords: Any = None) -> None:
            if listeners():
                slot.run(arguments, keywords)

        def before(module: Any, arguments: tuple[Any, ...], keywords: Any = None) -> Any:
            opened = listeners()
            if not opened:
                return None
            value = arguments[0] if arguments else keywords["hidden_states"]
            new = slot.run(opened, value)
            if new is value:
                return None
            if arguments:
                return (new, *arguments[1:]), keywords
            return arguments, {**keywords, "hidden_states": new}

        def after(module: Any, arguments: tuple[Any, ...], output: Any) -> Any:
            opened = listeners()
            if not opened:
                return None
            value = output[0] if isinstance(output, tuple) else output
            new = slot.run(opened, value)
            if new is value:
                return None
            return (new, *output[1:]) if isinstance(output, tuple) else new

        # In front of the hooks with which transformers collects hidden states: those are never
        # removed, and would otherwise record the value before the change.
        if slot.side == "output":
            return slot.module.register_forward_hook(after, prepend=True)
        return slot.module.register_forward_pre_hook(
            call if slot.side == "call" else before, prepend=True, with_kwargs=True
        )
