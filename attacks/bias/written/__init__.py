"""Typographic x social: does a written word move one group's label rates more than another's?

A word on an image moves what a model answers. :func:`audit_written` writes it on images of
people, with a blank label and a nonsense word in the same place as controls, and compares how far
it moves the rate of a label between perceived or annotated groups.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.bias.written.audit import audit_written as audit_written

__getattr__, __dir__ = later(__name__)
