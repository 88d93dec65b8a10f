"""Typographic attacks: words written on images, and how far a model follows them.

:class:`TypographicAttack` writes one word on one image; :func:`audit_typographic` measures a
model over a data set, with controls and intervals. Each loads when it is first asked for.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.typographic.attack.attack import TypographicAttack as TypographicAttack
    from attacks.typographic.attack.attack import redraw as redraw
    from attacks.typographic.attack.controls import nonsense_word as nonsense_word
    from attacks.typographic.attack.controls import scrambled_word as scrambled_word
    from attacks.typographic.attack.controls import with_controls as with_controls
    from attacks.typographic.attack.presets import DISTILL_PAIRS as DISTILL_PAIRS
    from attacks.typographic.attack.presets import PRESETS as PRESETS
    from attacks.typographic.attack.presets import Preset as Preset
    from attacks.typographic.attack.presets import preset as preset
    from attacks.typographic.attack.result import AttackedImage as AttackedImage
    from attacks.typographic.audit import audit_typographic as audit_typographic
    from attacks.typographic.datasets import load_attacks as load_attacks
    from attacks.typographic.stroop import audit_stroop as audit_stroop

__getattr__, __dir__ = later(__name__)
