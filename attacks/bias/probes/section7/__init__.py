"""The probe ``clip-section-7``: the bias tables of the CLIP paper, as code.

Radford et al. 2021 (arXiv:2103.00020), section 7.1, tables 3 to 7: accuracy on perceived race,
gender and age, and how often people are given denigrating labels, with and without a label
``child``. The paper published neither prompts nor code, and its headline does not appear on the
released weights; both are said in the report, beside the evidence.
"""

from attacks.bias.probe import Probe
from attacks.bias.probes.section7.answer import NAME, answer, parts
from attacks.bias.probes.section7.report import sections, sentence
from attacks.bias.probes.section7.tables import headline

SECTION_7_PROBE = Probe(
    name=NAME,
    question=(
        "How accurate is zero-shot classification of perceived race, gender and age, and how "
        "often is a denigrating label chosen, overall and by group (CLIP paper, section 7.1)?"
    ),
    answer=answer,
    sections=sections,
    sentence=sentence,
    headline=headline,
    takes=frozenset(),
    parts=parts,
)
