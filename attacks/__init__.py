"""What breaks a CLIP model: attacks and audits. Stands on :mod:`clipprobe`, never the reverse.

``__clipprobe__`` marks this package as ours: ``attacks`` is a common word, and the command line
refuses to run another distribution's package of that name.
"""

from clipprobe import __version__

__clipprobe__ = __version__
