"""How faithful each attribution method is on a model, measured where the truth is known.

Data are :class:`Case` lists: :func:`scene_cases` (rendered scenes), :func:`coco_cases`,
:func:`segmentation_cases` and :func:`box_cases` (a table). :func:`audit_faithfulness` makes a run.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.attribution.faithfulness.audit import audit_faithfulness as audit_faithfulness
    from clipprobe.attribution.faithfulness.cases import Case as Case
    from clipprobe.attribution.faithfulness.loaders import box_cases as box_cases
    from clipprobe.attribution.faithfulness.loaders import coco_cases as coco_cases
    from clipprobe.attribution.faithfulness.loaders import segmentation_cases as segmentation_cases
    from clipprobe.attribution.faithfulness.one_image import ImageFaithfulness as ImageFaithfulness
    from clipprobe.attribution.faithfulness.one_image import (
        image_faithfulness as image_faithfulness,
    )
    from clipprobe.attribution.faithfulness.removal import Protocol as Protocol
    from clipprobe.attribution.faithfulness.result import Faithfulness as Faithfulness
    from clipprobe.attribution.faithfulness.run import faithfulness as faithfulness
    from clipprobe.attribution.faithfulness.scenes import scene_cases as scene_cases

__all__ = [
    "Case",
    "Faithfulness",
    "ImageFaithfulness",
    "Protocol",
    "audit_faithfulness",
    "box_cases",
    "coco_cases",
    "faithfulness",
    "image_faithfulness",
    "scene_cases",
    "segmentation_cases",
]

_HERE = "clipprobe.attribution.faithfulness"
_LATER = {
    "Case": f"{_HERE}.cases",
    "Faithfulness": f"{_HERE}.result",
    "ImageFaithfulness": f"{_HERE}.one_image",
    "Protocol": f"{_HERE}.removal",
    "audit_faithfulness": f"{_HERE}.audit",
    "faithfulness": f"{_HERE}.run",
    "image_faithfulness": f"{_HERE}.one_image",
    "scene_cases": f"{_HERE}.scenes",
    **dict.fromkeys(("box_cases", "coco_cases", "segmentation_cases"), f"{_HERE}.loaders"),
}
__getattr__ = later(__name__, _LATER)
