"""Why a typographic attack works: the heads and neurons that carry the written word.

:func:`explain_reading` explains a whole audit, :func:`why_image` one image. Both load torch when
they are first asked for.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.typographic.reading.run import explain_reading as explain_reading
    from attacks.typographic.reading.single import WhyImage as WhyImage
    from attacks.typographic.reading.single import why_image as why_image

__getattr__, __dir__ = later(__name__)
