"""Text on images: the one renderer of stimuli and attacks.

The same text, font and size give the same pixels on every machine with the pinned Pillow, in any
order and from any thread. :func:`draw_text` does the usual job; :func:`label` and :func:`stamp`
are its two halves, for callers that place one word many times.
"""

from clipprobe.stimuli.text.draw import Color as Color
from clipprobe.stimuli.text.draw import Drawn as Drawn
from clipprobe.stimuli.text.draw import draw_text as draw_text
from clipprobe.stimuli.text.draw import rgb as rgb
from clipprobe.stimuli.text.draw import shifted as shifted
from clipprobe.stimuli.text.draw import stamp as stamp
from clipprobe.stimuli.text.fonts import DEFAULT_FONT as DEFAULT_FONT
from clipprobe.stimuli.text.fonts import FontInfo as FontInfo
from clipprobe.stimuli.text.fonts import font_info as font_info
from clipprobe.stimuli.text.fonts import font_table as font_table
from clipprobe.stimuli.text.fonts import fonts as fonts
from clipprobe.stimuli.text.fonts import placeholder as placeholder
from clipprobe.stimuli.text.fonts import writable as writable
from clipprobe.stimuli.text.labels import MIN_SIZE_PX as MIN_SIZE_PX
from clipprobe.stimuli.text.labels import Fit as Fit
from clipprobe.stimuli.text.labels import label as label
from clipprobe.stimuli.text.render import Box as Box
from clipprobe.stimuli.text.render import Label as Label
from clipprobe.stimuli.text.warp import distorted as distorted
from clipprobe.stimuli.text.warp import growth as growth
from clipprobe.stimuli.text.warp import warped as warped
