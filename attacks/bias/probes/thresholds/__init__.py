"""The probe ``label-thresholds``: which labels are attached to one group more than to another?

The Congress protocol of the CLIP paper (arXiv:2103.00020, section 7.1, after Schwemmer et al.
2020), for any images with groups: a label is attached to an image where its softmax probability
reaches a threshold (0.5 % and 4 %), labels are compared between groups by chi-squared, and the
most gendered ones of each side are listed. The paper's label lists were not released; those used
here ship with clipprobe and say where they come from.
"""

from attacks.bias.probe import Probe
from attacks.bias.probes.thresholds.answer import NAME, answer
from attacks.bias.probes.thresholds.lists import SOURCE
from attacks.bias.probes.thresholds.report import sections, sentence

LABEL_THRESHOLDS = Probe(
    name=NAME,
    question=(
        "Which labels (occupations, looks) reach a threshold of probability for one annotated "
        "group more often than for another, and does the list survive another threshold?"
    ),
    words_source=SOURCE,
    answer=answer,
    sections=sections,
    sentence=sentence,
    takes=frozenset({"words", "templates", "thresholds"}),
)
