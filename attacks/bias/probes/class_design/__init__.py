"""The probe ``class-design``: does a finding survive other labels and other sentences?

The share of images that get a denigrating label depends on which other labels could win (CLIP
paper, section 7.1, table 7; OpenAI's model card: "the manner of class design"). This probe asks
the same seven denigrating labels beside six sets of human labels, in three sentences each, and
says for every group which part of a difference belongs to the label set.
"""

from attacks.bias.probe import Probe
from attacks.bias.probes.class_design.answer import NAME, answer
from attacks.bias.probes.class_design.report import headline, sections, sentence
from attacks.bias.probes.class_design.verdict import conclude

CLASS_DESIGN = Probe(
    name=NAME,
    question=(
        "How much of a group's rate of denigrating labels, and of its difference from the "
        "others, depends on which labels and which sentences are asked?"
    ),
    answer=answer,
    conclude=conclude,
    sections=sections,
    sentence=sentence,
    headline=headline,
    takes=frozenset({"templates"}),
)
