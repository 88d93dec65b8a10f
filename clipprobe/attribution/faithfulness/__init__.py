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

__getattr__, __dir__ = later(__name__)
