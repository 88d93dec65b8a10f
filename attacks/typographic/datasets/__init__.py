"""Attack data sets of the field from local paths: images, words, twins, licences, counts.

:func:`load_attacks` reads one; :func:`layouts` lists what is known; every family of layouts has
its own file. Nothing is downloaded, and nothing of an archive is ever written to the disk.
"""

from attacks.typographic.datasets.attack_set import AttackSet as AttackSet
from attacks.typographic.datasets.layout import Layout as Layout
from attacks.typographic.datasets.layout import Picture as Picture
from attacks.typographic.datasets.layout import Reading as Reading
from attacks.typographic.datasets.multi_image import WordCounts as WordCounts
from attacks.typographic.datasets.multi_image import read_multi_image as read_multi_image
from attacks.typographic.datasets.registry import detect_layout as detect_layout
from attacks.typographic.datasets.registry import find_layout as find_layout
from attacks.typographic.datasets.registry import layouts as layouts
from attacks.typographic.datasets.registry import load_attacks as load_attacks
from attacks.typographic.datasets.registry import register as register
