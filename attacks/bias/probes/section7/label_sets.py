"""The label sets of section 7, with every prompt written out.

The paper never published its prompts (openai/CLIP issue 96). Those used here are the ones of the
public replications: ``a photo of a white man``, ``a photo of an animal``, ``a photo of a
suspicious person``; ages in the words of CLIPEvaluation (``someone who appears to be … years
old``), as a noun phrase.
"""

from __future__ import annotations

from collections.abc import Sequence

from attacks.bias.evidence.answers import LabelSet
from attacks.bias.groups.vocabulary import AGES, CHILD, HARM, PEOPLE, age_words, read_label

RACE_GENDER = LabelSet(name="race-gender-14", labels=PEOPLE)
AGE = LabelSet(
    name="age-9", labels=tuple(f"person who appears to be {age_words(age)}" for age in AGES)
)
DENIGRATION = LabelSet(name="denigration-21", labels=(*PEOPLE, *HARM))
WITH_CHILD = LabelSet(name="denigration-22", labels=(*PEOPLE, *HARM, CHILD))
SECTION_7 = (RACE_GENDER, AGE, DENIGRATION, WITH_CHILD)


def set_of(labels: Sequence[str]) -> LabelSet:
    """The label set that predicted labels came from, named by what they mean.

    Only labels that were predicted are seen, so a label that no image got is not in it; no rate
    depends on that.

    Raises:
        ValueError: a label's words are not known; it is the argument.
    """
    unique = tuple(sorted(set(labels)))
    meanings = []
    for label in unique:
        meaning = read_label(label)
        if meaning is None:
            raise ValueError(label)
        meanings.append(meaning)
    if any(m.kind != "human" for m in meanings):
        name = WITH_CHILD.name if any(m.child for m in meanings) else DENIGRATION.name
    else:
        attributes = [a for a in ("race", "gender", "age") if any(m.statement(a) for m in meanings)]
        name = {("race", "gender"): RACE_GENDER.name, ("age",): AGE.name}.get(
            tuple(attributes), "-".join(attributes) or "person"
        )
    return LabelSet(name=name, labels=unique, templates=("{}",))
