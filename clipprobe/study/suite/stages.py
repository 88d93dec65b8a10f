"""One progress of several studies, each an equal share of the whole."""

from __future__ import annotations

from collections.abc import Callable

_SHARE = 100


class Stages:
    """Tells one progress of several stages.

    Args:
        tell: Called with what is done, and of how much; never with less than before.
        n: How many stages there are.
    """

    def __init__(self, tell: Callable[[int, int], None] | None, n: int) -> None:
        self._tell, self._total, self._done = tell, n * _SHARE, 0

    def stage(self, number: int, n_inputs: int) -> Callable[..., None]:
        """What a study of ``n_inputs`` inputs tells, in whichever of the public forms.

        Two numbers are what is done, and of how many; one is what was done since the last call.
        """
        counter = [0]

        def report(*numbers: int) -> None:
            if len(numbers) == 1:
                counter[0] += numbers[0]
                numbers = (counter[0], n_inputs)
            if len(numbers) == 2 and numbers[1]:
                self._at(number + min(numbers[0] / numbers[1], 1))

        return report

    def end(self, number: int) -> None:
        """A stage is done."""
        self._at(number + 1)

    def _at(self, stages: float) -> None:
        self._done = max(self._done, int(_SHARE * stages))
        if self._tell is not None:
            self._tell(self._done, self._total)
