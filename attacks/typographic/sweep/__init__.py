"""Sweeps: how an attack's effect changes with the way its word is written.

:func:`sweep` runs the same words on the same images through a grid over the settings of
:class:`attacks.typographic.TypographicAttack`, and draws security curves with controls at every
cell. It loads when it is first asked for.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.typographic.sweep.grid import DEFAULT_GRIDS as DEFAULT_GRIDS
    from attacks.typographic.sweep.run import sweep as sweep

__getattr__, __dir__ = later(__name__)
