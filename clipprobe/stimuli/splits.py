"""What the bundled model was trained on, and what it never saw.

Evaluations draw from the unseen side, so that what they measure is not what was memorised.
"""

from __future__ import annotations

from clipprobe.stimuli.backgrounds import Kind

TRAINED_STYLES = ("noto", "twemoji")
UNSEEN_STYLES = ("fluent",)

TRAINED_GROUNDS: tuple[Kind, ...] = ("plain", "gradient", "blobs")
UNSEEN_GROUNDS: tuple[Kind, ...] = ("stripes", "checks")

TRAINED_FONTS = (
    "DejaVuSansMono",
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSerif",
    "Anton-Regular",
    "Caveat-Bold",
    "Pacifico-Regular",
    "PermanentMarker-Regular",
    "PixelifySans-Bold",
)
UNSEEN_FONTS = ("Arimo-Bold", "ComicNeue-Bold", "DejaVuSerif-Bold", "SpecialElite-Regular")
