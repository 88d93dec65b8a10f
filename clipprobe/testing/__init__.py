"""What a package that extends clipprobe tests itself with; needs pytest.

``checkpoints`` builds a tiny model of every family on disk, without a download; ``toys`` has models
whose truth is planted; ``Case`` and ``PROMISES`` are the checks that every study of clipprobe's own
passes.
"""

from clipprobe.testing.cases import Case as Case
from clipprobe.testing.cases import Small as Small
from clipprobe.testing.cases import image_folder as image_folder
from clipprobe.testing.promises import PROMISES as PROMISES
from clipprobe.testing.promises import applies as applies
