"""The Streamlit app: browse runs, neurons and typographic attacks. Only its tests import it.

``__clipprobe__`` marks this package as ours: ``dashboard`` is a common word, and the command line
refuses to run another distribution's package of that name.
"""

from clipprobe import __version__

__clipprobe__ = __version__
