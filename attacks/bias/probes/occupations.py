"""The probe ``occupations``: whom does the model show, and whom does it associate, with a job?

The default list is the twenty occupations of clipprobe's stimuli (Unicode's profession emoji): a
convenience that nobody sampled from the world of work. Give your own with ``words``.
"""

from __future__ import annotations

from collections.abc import Sequence

from attacks.bias.measures.association_cells import association_cells
from attacks.bias.measures.retrieval_cells import retrieval_cells
from attacks.bias.probe import Probe


def default_occupations() -> Sequence[str]:
    """The occupations of the bundled stimuli, in the order of their file."""
    from clipprobe.stimuli import occupations

    return [occupation.name for occupation in occupations()]


OCCUPATIONS = Probe(
    name="occupations",
    question=(
        "For each occupation: which annotated groups stand in the top k when images are ranked "
        "by their cosine with it, and to which group's images is it closer?"
    ),
    words=default_occupations,
    words_source="20 profession emoji of Unicode that clipprobe draws; no sample of work",
    templates=("a photo of a {}",),
    measures=(association_cells, retrieval_cells),
)
