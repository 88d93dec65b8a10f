"""How faithful each attribution method is on a model, measured where the truth is known.

Data are :class:`Case` lists: :func:`scene_cases` (rendered scenes), :func:`coco_cases`,
:func:`segmentation_cases` and :func:`box_cases` (a table).
"""

from clipprobe.attribution.faithfulness.cases import Case
from clipprobe.attribution.faithfulness.loaders import (
    box_cases,
    coco_cases,
    segmentation_cases,
)
from clipprobe.attribution.faithfulness.removal import Protocol
from clipprobe.attribution.faithfulness.result import Faithfulness
from clipprobe.attribution.faithfulness.run import faithfulness
from clipprobe.attribution.faithfulness.scenes import scene_cases

__all__ = [
    "Case",
    "Faithfulness",
    "Protocol",
    "box_cases",
    "coco_cases",
    "faithfulness",
    "scene_cases",
    "segmentation_cases",
]
