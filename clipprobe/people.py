"""The rule for single people: no demographic and no denigrating answer about one person's image.

What a person is cannot be read off an image, and an answer for one image is an answer about
whoever is in it. So whatever shows one image's answer asks :func:`refuse_person_groups` first, and
an audit over many images whose classes name groups of people writes totals only
(:func:`withheld_because`). ``Clip.encode_images``, ``similarity`` and ``logits`` stay open: they
return numbers, and bias audits are made of them.

The words are in ``assets/people/terms.yaml``, and only there. A list of words is a speed bump, not
a wall: it says what the tool is not for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from clipprobe.blocked import is_blocked
from clipprobe.errors import ConfigError

TERMS = Path(__file__).resolve().parent / "assets" / "people" / "terms.yaml"
#: A whole word with its hyphens and apostrophes, or a mark that ends a phrase.
_TOKEN = re.compile(r"[^\W_]+(?:['+-](?:[^\W_]+|(?=\W|$)))*|[,;.:!?()/|]")
_PAUSES = frozenset(",;.:!?()/|")
#: Words after which nothing is named by the adjective before them: "an Asian with a hat".
_NO_THING = _PAUSES | frozenset(
    "in on at with without and or but who whose that which is are was were be from of by near to "
    "for as than behind beside looking wearing holding standing sitting smiling walking running "
    "eating drinking praying playing working riding posing".split()
)
_ALWAYS_PERSONS = frozenset(("person", "people", "individual", "somebody", "someone", "couple"))
_HUMANS = _ALWAYS_PERSONS | {"human", "humans"}
_CLOTHES = frozenset(("in", "wearing", "dressed"))
_SUFFIXES = ("-looking", "-skinned", "-faced", "-born")
_YEARS = re.compile(r"\b(\d+|more than \d+)( ?(-|to|or more) ?\d*)?[ -]years?[ -]old\b")
_ONLY_YEARS = re.compile(r"(a |an |the )?[\d to-]+[ -]years?[ -]old( of age)?")


@dataclass(frozen=True, slots=True)
class PersonTerm:
    """A word that says what a person is.

    Attributes:
        text: The text that holds it.
        term: The word or phrase, as it is in the list.
        group: What it says: ``gender``, ``religion``, ..., or ``denigration``.
    """

    text: str
    term: str
    group: str


def refuse_person_groups(texts: Iterable[str], subject: str = "This") -> None:
    """Refuse texts that would sort or denigrate the person in one image.

    Args:
        texts: All that one image is asked: a text, several, or the names of classes.
        subject: What answers for single images, as the subject of a sentence.
    Raises:
        ConfigError: one of the texts names a group of people, or denigrates them.
    Example:
        >>> refuse_person_groups(["a black cat", "an old car"])
    """
    term = find_person_term(texts)
    if term is not None:
        raise ConfigError(
            f"{term.text!r} {_why(term)}, and {subject} answers for single images: no such answer "
            "is given about one person. Ask about things or actions, or compare groups of "
            "annotated images with clipprobe audit bias."
        )


def withheld_because(texts: Iterable[str]) -> str | None:
    """Why an audit over many images may give totals alone; None where it need not hold back."""
    term = find_person_term(texts)
    if term is None:
        return None
    return f"{term.text!r} {_why(term)}: totals alone are given, and no answer for a single image."


def find_person_term(texts: Iterable[str]) -> PersonTerm | None:
    """The first term that says what a person is, among texts that are asked together."""
    listed = list(texts)
    terms = _terms()
    animals: list[PersonTerm] = []
    people, ordinary = False, False
    for text in listed:
        tokens = _tokens(text)
        term = _own_term(text, tokens, terms)
        if term is not None:
            return term
        ape = next((t for t, _ in _phrases(tokens, terms.apes)), None)
        beside = next((t for t, _ in _phrases(tokens, terms.beside)), None)
        human = not _HUMANS.isdisjoint(tokens)
        people, ordinary = people or human, ordinary or not (ape or beside or human)
        if ape or beside:
            animals.append(PersonTerm(text, ape or str(beside), "denigration"))
    for one in animals:
        if people or (not ordinary and tuple(one.term.split(" ")) in terms.apes):
            return one
    return None


def in_sentences(classes: Sequence[str], templates: Sequence[str]) -> Iterator[str]:
    """Class names, and their sentences where a template names a person: ``a {} person``."""
    yield from classes
    persons = _terms().persons
    for template in templates:
        if any(_phrases(_tokens(template.replace("{}", "thing")), persons)):
            yield from (template.replace("{}", name) for name in classes)


def _why(term: PersonTerm) -> str:
    if term.group == "denigration":
        return f"denigrates people ({term.term!r})"
    return f"names a group of people ({term.term!r}, {term.group})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """Phrases, as tuples of tokens -> group, by how they are refused."""

    nouns: Mapping[tuple[str, ...], str]
    peoples: Mapping[tuple[str, ...], str]
    singular: frozenset[str]
    """Peoples in the singular, which can be adjectives."""
    adjectives: Mapping[tuple[str, ...], str]
    persons: Mapping[tuple[str, ...], str]
    apes: Mapping[tuple[str, ...], str]
    beside: Mapping[tuple[str, ...], str]
    things: Mapping[tuple[str, ...], str]


def _own_term(text: str, tokens: list[str], terms: _Terms) -> PersonTerm | None:
    """A term that is refused whatever else is asked."""
    tokens = _without_things(tokens, terms)
    for term, _ in _phrases(tokens, terms.nouns):
        return PersonTerm(text, term, terms.nouns[tuple(term.split(" "))])
    for place, token in enumerate(tokens):  # "a woman's face", but not "women's shoes"
        owner = (token.removesuffix("'s"),)
        if token.endswith("'s") and owner in terms.nouns and _of_person(tokens, place + 1, terms):
            return PersonTerm(text, owner[0], terms.nouns[owner])
    for term, (start, end) in _phrases(tokens, terms.peoples):
        plural = term not in terms.singular
        if plural or _of_person(tokens, end, terms) or _alone(tokens, start, end):
            return PersonTerm(text, term, terms.peoples[tuple(term.split(" "))])
    for term, (start, end) in _phrases(tokens, terms.adjectives):
        if _of_person(tokens, end, terms) or _said_of_person(tokens, start, end, terms):
            return PersonTerm(text, term, terms.adjectives[(term,)])
    if is_blocked(text):
        return PersonTerm(text, "a slur or sexual word", "denigration")
    plain = " ".join(tokens)
    if _ONLY_YEARS.fullmatch(plain) or (
        _YEARS.search(plain) and any(_phrases(tokens, terms.persons))
    ):
        return PersonTerm(text, "years old", "age")
    return None


def _of_person(tokens: list[str], place: int, terms: _Terms) -> bool:
    """Whether a word for a person stands at ``place``, after other adjectives at most."""
    while place < len(tokens):
        if _at(tokens, place, terms.nouns) or tokens[place] in _ALWAYS_PERSONS:
            return True
        if length := _at(tokens, place, terms.persons):
            after = tokens[place + length : place + length + 1]  # not "an old police car"
            return not after or after[0] in _NO_THING or after[0].endswith("ing")
        step = _at(tokens, place, terms.adjectives) or _at(tokens, place, terms.peoples)
        if step == 0 and tokens[place] not in ("and", "or", "very", ","):
            return False
        place += step or 1
    return False


def _alone(tokens: list[str], start: int, end: int) -> bool:
    """Whether nothing is named by the adjective: the text ends there, or goes on otherwise."""
    language = start > 0 and tokens[start - 1] == "in"  # "a sign in Chinese"
    return not language and (end == len(tokens) or tokens[end] in _NO_THING)


def _said_of_person(tokens: list[str], start: int, end: int, terms: _Terms) -> bool:
    """Whether an adjective is said of a person before it: "a person who is black"."""
    if end < len(tokens) and tokens[end] not in _NO_THING:
        return False
    if start > 0 and tokens[start - 1] in _CLOTHES:
        return False
    return any(where[1] <= start for _, where in _phrases(tokens, terms.persons))


def _without_things(tokens: list[str], terms: _Terms) -> list[str]:
    """The tokens without the names of things that hold a term: "lady's slipper"."""
    left, place = [], 0
    while place < len(tokens):
        length = _at(tokens, place, terms.things)
        left += ["thing"] if length else [tokens[place]]
        place += length or 1
    return left


def _phrases(
    tokens: list[str], known: Mapping[tuple[str, ...], str]
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every phrase of the list in the tokens, the longest at each place, with its span."""
    for place in range(len(tokens)):
        if length := _at(tokens, place, known):
            yield " ".join(tokens[place : place + length]), (place, place + length)


def _at(tokens: list[str], place: int, known: Mapping[tuple[str, ...], str]) -> int:
    """How many tokens at a place are a phrase of the list; 0 for none."""
    for length in range(min(4, len(tokens) - place), 0, -1):
        if tuple(tokens[place : place + length]) in known:
            return length
    return 0


def _tokens(text: str) -> list[str]:
    """Words and pauses, in one spelling; "Asian-looking" is "asian looking"."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("_", " ")
    words: list[str] = []
    for token in _TOKEN.findall(plain):
        for suffix in _SUFFIXES:
            if token.endswith(suffix) and (token,) not in _terms().nouns:
                words += [token.removesuffix(suffix), "looking"]
                break
        else:
            words.append(token)
    return words


@cache
def _terms() -> _Terms:
    import yaml

    data = yaml.safe_load(TERMS.read_text(encoding="utf-8"))

    def grouped(section: str, *, plurals: bool = True) -> dict[tuple[str, ...], str]:
        return {
            tuple(form.split(" ")): group
            for group, rows in data[section].items()
            for term in chain.from_iterable(rows)
            for form in (_forms(term) if plurals else (term,))
        }

    def plain(section: str) -> dict[tuple[str, ...], str]:
        terms = chain.from_iterable(data[section])
        return {tuple(form.split(" ")): section for term in terms for form in _forms(term)}

    return _Terms(
        nouns=grouped("nouns"),
        peoples=grouped("peoples"),
        singular=frozenset(" ".join(term) for term in grouped("peoples", plurals=False)),
        adjectives=grouped("adjectives", plurals=False),
        persons=plain("persons"),
        apes=plain("apes"),
        beside=plain("beside people"),
        things=plain("things"),
    )


def _forms(term: str) -> tuple[str, ...]:
    """A term and its plural, by rule."""
    for single, plural in (("man", "men"), ("child", "children"), ("thief", "thieves"),
                           ("wife", "wives"), ("person", "people")):  # fmt: skip
        if term.endswith(single) and term != "roman":
            return term, term.removesuffix(single) + plural
    if term.endswith("y") and term[-2] not in "aeiou":
        return term, term[:-1] + "ies"
    ending = "es" if term.endswith(("s", "x", "ch", "sh")) else "s"
    return term, term + ending
