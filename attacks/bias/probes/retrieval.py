"""The probe ``retrieval``: who is shown when somebody searches for a kind of person?

The default words are the 29 adjectives that Berg et al. published with their debiasing work; every
text is one query. Skew, MinSkew, MaxSkew@k, NDKL, Bias@k, normalised entropy and C-ASC are all
reported, so that figures of other work can be compared, whichever of them it printed.
"""

from __future__ import annotations

from attacks.bias.measures.composition import composition_cells
from attacks.bias.measures.retrieval_cells import retrieval_cells
from attacks.bias.probe import Probe
from attacks.bias.probes.word_lists import concepts
from attacks.bias.sections.composition import sections, sentence

RETRIEVAL = Probe(
    name="retrieval",
    question=(
        "When images are ranked by their cosine with a description of a person, which "
        "annotated groups stand in the top k, against their share of the images and against "
        "equal shares?"
    ),
    words=lambda: concepts().words,
    words_source=concepts().source,
    templates=("a photo of a {} person",),
    measures=(retrieval_cells, composition_cells),
    sections=sections,
    sentence=sentence,
)
