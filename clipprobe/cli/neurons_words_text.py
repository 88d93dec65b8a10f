"""What ``neurons captions`` prints for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipprobe.lines import one_line

if TYPE_CHECKING:
    from clipprobe.neurons.captions import UnitCaptions


def captions_text(found: Sequence[UnitCaptions]) -> str:
    """Units and their captions for people."""
    lines = [f"claim: {found[0].claim}; {found[0].measure}; n={found[0].n_captions} captions"]
    for unit in found:
        removed = "removed" if unit.mean_subtracted else "kept"
        lines.append(f"{unit.name}  mean {unit.mean:.4g} ({removed})")
        if unit.n_random:
            lines.append(
                f"  linearised at {unit.linearised_at} (agreement {unit.agreement:.3f}); p "
                f"{unit.p:.3g}, q {unit.q:.3g} against {unit.n_random} random directions, whose "
                f"highest z is {unit.chance:.2f}"
            )
        else:
            lines.append(f"  by chance the first caption has z {unit.chance:.2f}")
        for end, listed in (("highest", unit.top), ("lowest", unit.bottom)):
            lines.append(f"  {end}:")
            lines += [
                f"    {one.score:>+8.4f}  z {one.z:>6.2f}  {one_line(one.caption)}"
                for one in listed
            ]
        if unit.reason:
            lines.append(f"  note: {unit.reason}")
    return "\n".join(lines)
