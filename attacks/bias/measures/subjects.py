"""Whom a figure is about: a group, a group against others, or all groups; and its cells.

A subject knows the sides of a figure, what may be said about them, and how its numbers are judged,
so that a measure computes values and draws and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.bias.measures.cells import Cell, Key, Status
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame, comparisons
from attacks.bias.measures.inference import Settings
from clipprobe.statistics import Estimate, permutation_p


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The sides of one figure.

    ``groups``, ``others``: levels of each side; no others where there is one side.
    ``group``, ``reference``, ``n``, ``n_reference``, ``status``, ``reason``: as cells have them.
    """

    frame: Frame
    probe: str
    settings: Settings
    groups: list[int]
    others: list[int]
    group: str
    reference: str
    n: int
    n_reference: int
    status: Status
    reason: str

    @property
    def inferred(self) -> bool:
        """Whether it may have an interval and a test."""
        return self.status == "inferred"

    @property
    def shares(self) -> Floats:
        """Of the images of the other side, each of its groups, ``(len(others),)``."""
        sizes = np.array([self.frame.sizes[level] for level in self.others], dtype=np.float64)
        result: Floats = sizes / sizes.sum()
        return result

    def cell(self, key: Key, item: str, *, why: str = "", **fields: Any) -> Cell:
        """A cell about it.

        Args:
            why: The reason where the sizes give none. given: further fields, or others than its
                own.
        """
        own: dict[str, Any] = {
            "group": self.group, "reference": self.reference, "n": self.n,
            "n_reference": self.n_reference, "status": self.status, "reason": self.reason or why,
        }  # fmt: skip
        column = self.frame.column.name
        return Cell(probe=self.probe, key=key, item=item, column=column, **(own | fields))

    def judged(
        self,
        value: float,
        interval: tuple[float, float],
        null: Floats,
        *,
        how: str = "bootstrap within groups",
        resampled: bool = True,
        two_sided: bool = False,
        test: bool = True,
    ) -> dict[str, Any]:
        """Value, interval, null floor and p, as far as the status allows them.

        A two-sided p is about the distance from the mean of the permutations, which is not 0 where
        labels are permuted within strata that differ. ``resampled``: whether the interval is made
        of ``n_boot`` draws.
        """
        if math.isnan(value):
            return {"method": "none"}
        fields: dict[str, Any] = {
            "value": float(value),
            **floor(value, null),
            "method": "value only",
        }
        if not self.inferred:
            return fields
        settings = self.settings
        draws = f"{settings.n_boot} draws, " if resampled else ""
        fields |= {
            "low": interval[0],
            "high": interval[1],
            "method": f"{how} ({draws}{100 * settings.level:g} %), {len(null)} "
            f"{self.frame.permuted}",
        }
        if test:
            fields["p"] = self.p(value, null) if two_sided else permutation_p(value, null)
        return fields

    def of_estimate(self, estimate: Estimate, how: str = "") -> dict[str, Any]:
        """Value and interval, as far as the status allows them; ``how`` opens the method."""
        if not self.inferred:
            return {"value": estimate.value, "method": "value only"}
        method = how + estimate.method
        ends = {"low": estimate.low, "high": estimate.high}
        return {"value": estimate.value, **ends, "method": method}

    def p(self, value: float, null: Floats) -> float:
        """Two-sided p of a difference; where strata differ permuted ones are not centred on 0."""
        centre = null.mean() if self.frame.strata is not None else 0.0
        return permutation_p(value - centre, null - centre, "two-sided")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """All that the figures of one probe in one frame can be about."""

    frame: Frame
    probe: str
    settings: Settings

    def hidden(self, key: Key, items: Sequence[str]) -> list[Cell]:
        """Cells of groups that are not shown: named, without a number and without their size."""
        column = self.frame.column
        return [
            Cell(
                probe=self.probe,
                key=key,
                item=item,
                column=column.name,
                group=level,
                reference="",
                n=0,
                n_reference=0,
                status="insufficient",
                method="none",
                reason=column.why_hidden(level),
            )
            for level in column.hidden
            for item in items
        ]

    def each(self, reference: str = "") -> list[Subject]:
        """Every group by itself."""
        return [
            self._of([g], [], level, reference) for g, level in enumerate(self.frame.column.levels)
        ]

    def whole(self, reference: str = "") -> Subject:
        """All groups, each a side of its own where it comes to their sizes."""
        groups = list(range(len(self.frame.sizes)))
        return self._of(groups, [], "", reference, sides=[[g] for g in groups])

    def together(self) -> Subject:
        """All groups as one side."""
        return self._of(list(range(len(self.frame.sizes))), [], "", "")

    def compared(self, *, mirrored: bool = False) -> list[Subject]:
        """Each group against the rest; of two groups the later against the earlier.

        Args:
            mirrored: Each against the rest, also of two.
        """
        levels = self.frame.column.levels
        two = len(levels) == 2 and not mirrored
        return [
            self._of([g], others, levels[g], levels[0] if two else "rest")
            for g, others in comparisons(len(levels), mirrored=mirrored)
        ]

    def _of(
        self,
        groups: list[int],
        others: list[int],
        group: str,
        reference: str,
        sides: Sequence[list[int]] = (),
    ) -> Subject:
        status, reason = self.frame.judge(*(sides or ([groups, others] if others else [groups])))
        n, n_reference = (sum(self.frame.sizes[g] for g in side) for side in (groups, others))
        return Subject(
            frame=self.frame, probe=self.probe, settings=self.settings, groups=groups,
            others=others, group=group, reference=reference, n=n, n_reference=n_reference,
            status=status, reason=reason,
        )  # fmt: skip


def percentile_interval(
    draws: Floats, level: float, *, least_defined: float = 1.0
) -> tuple[float, float]:
    """The middle ``level`` of bootstrap draws ``(b,)`` that are defined.

    Args:
        least_defined: Share of the draws; NaN where fewer are.
    """
    finite = draws[np.isfinite(draws)]
    if len(finite) < least_defined * len(draws):
        return math.nan, math.nan
    tail = 50 * (1 - level)
    low, high = np.percentile(finite, [tail, 100 - tail])
    return float(low), float(high)


def floor(value: float, null: Floats) -> dict[str, float]:
    """The null floor (mean, 5th and 95th percentile) and the value's excess over its mean."""
    low, high = np.percentile(null, [5, 95])
    mean = float(null.mean())
    excess = float(value) - mean
    if abs(excess) < 1e-12 * max(1.0, abs(mean)):  # rounding dust, where all draws are the value
        excess = 0.0
    return {
        "null_mean": mean,
        "null_low": float(low),
        "null_high": float(high),
        "excess": excess,
    }
