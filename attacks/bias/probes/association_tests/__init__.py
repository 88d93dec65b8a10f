"""The probe ``association``: WEAT, SEAT and iEAT with words, images, or one against the other."""

from attacks.bias.probe import Probe
from attacks.bias.probes.association_tests.answer import NAME, answer
from attacks.bias.probes.association_tests.effect import Association as Association
from attacks.bias.probes.association_tests.effect import association_test as association_test
from attacks.bias.probes.association_tests.report import sections, sentence

ASSOCIATION_TESTS = Probe(
    name=NAME,
    question=(
        "Do two opposed sets of words (pleasant and unpleasant, career and family, ...) lean "
        "to one annotated group's images more than to another's, and what do words and images "
        "each associate by themselves?"
    ),
    words_source="published word sets; each with its source, licence and caveat in the report",
    answer=answer,
    sections=sections,
    sentence=sentence,
    takes=frozenset({"templates"}),
)
