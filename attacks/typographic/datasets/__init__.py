"""Attack data sets of the field from local paths: images, words, twins, licences, counts.

:func:`load_attacks` reads one; :func:`layouts` lists what is known; every family of layouts has
its own file. Nothing is downloaded, and nothing of an archive is ever written to the disk.
"""

from attacks.typographic.datasets.attack_set import AttackSet
from attacks.typographic.datasets.layout import Layout, Picture, Reading
from attacks.typographic.datasets.multi_image import WordCounts, read_multi_image
from attacks.typographic.datasets.registry import (
    detect_layout,
    find_layout,
    layouts,
    load_attacks,
    register,
)

__all__ = [
    "AttackSet",
    "Layout",
    "Picture",
    "Reading",
    "WordCounts",
    "detect_layout",
    "find_layout",
    "layouts",
    "load_attacks",
    "read_multi_image",
    "register",
]
