"""Finding units by one line of text: a word, a concept, an address, a statistic, a property.

    find_by_query(atlas, gather(atlas), "dog peak>5")

Conditions on statistics (``peak>5``), properties (``dead``, ``reads text``) and addresses
(``post:17``, ``blocks.3.mlp.post``) are recognised, and all must hold; what is left is text, looked
for in every table of text that an instrument searches and among the labels of the atlas's images.
Text between double quotes is taken as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from clipprobe.errors import UnknownHookPointError
from clipprobe.hooks.names import nearest
from clipprobe.neurons.atlas.atlas import Atlas
from clipprobe.neurons.atlas.properties import STATISTICS, properties
from clipprobe.neurons.atlas.search import matching
from clipprobe.neurons.instruments.instrument import Instrument
from clipprobe.neurons.instruments.registry import beside_atlas
from clipprobe.neurons.sheet.evidence import Evidence
from clipprobe.neurons.sheet.search import fields_text, find_with_property, find_with_text

_CONDITION = re.compile(rf"\b(?:{'|'.join(STATISTICS)})\s*(?:>=|<=|>|<)\s*[-+]?[0-9.]+(?:e-?\d+)?")
_QUOTED = re.compile(r'"([^"]*)"')
_PLACE = re.compile(r"([\w.*-]*[a-z][\w.*-]*)(?::(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a line of text asks for; all of it must hold.

    Attributes:
        text: A word, concept, label or caption; empty for none.
        where: Conditions on statistics.
        kinds: Properties by name.
        hook: The end of a hook point's name, or a glob; empty for any.
        index: Number of the unit; None for any.
    """

    text: str = ""
    where: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    hook: str = ""
    index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A unit that was found.

    Attributes:
        address: ``<hook point>:<index>``.
        why: What ties it to the text, source by source; empty where no text was asked for.
    """

    address: str
    why: tuple[str, ...] = ()


def read_query(line: str, hooks: Sequence[str] = ()) -> Query:
    """Take a line apart.

    Args:
        hooks: Names of the hook points that there are.
    """
    quoted = [text.strip() for text in _QUOTED.findall(line)]
    rest = _QUOTED.sub(" ", line)
    where = tuple(re.sub(r"\s", "", one) for one in _CONDITION.findall(rest))
    rest = _CONDITION.sub(" ", rest)
    kinds = []
    for name in properties():
        phrase = re.compile(rf"(?<!\S){name.replace('-', '[-_ ]+')}(?!\S)", re.IGNORECASE)
        if phrase.search(rest):
            kinds.append(name)
            rest = phrase.sub(" ", rest)
    hook, index, words = "", None, []
    for word in rest.replace(",", " ").split():
        place = _PLACE.fullmatch(word)
        if place is not None and (place[2] is not None or hooks_like(word, hooks)):
            hook, index = place[1], None if place[2] is None else int(place[2])
        else:
            words.append(word)
    text = " ".join(filter(None, [*words, *quoted]))
    return Query(text=text, where=where, kinds=tuple(kinds), hook=hook, index=index)


def hooks_like(end: str, hooks: Sequence[str]) -> list[str]:
    """The hook points whose name is ``end``, ends with it after a dot, or fits it as a glob."""
    return [name for name in hooks if f".{name}".endswith(f".{end}") or fnmatchcase(name, end)]


def find_by_query(
    atlas: Atlas, evidence: Evidence, line: str, *, site: str | Sequence[str] = "*"
) -> list[Match]:
    """All units that a line asks for, best first; an empty line finds all, by peak.

    Args:
        site: Only hook points that this glob means, or one of several.
    Raises:
        UnknownHookPointError: the line names a hook point that the atlas does not have.
        RunFolderError: a property needs a run that is not at hand; says what makes one.
    """
    globs = [site] if isinstance(site, str) else list(site)
    hooks = [name for name in atlas.sites if any(fnmatchcase(name, glob) for glob in globs)]
    query = read_query(line, list(atlas.sites))
    if query.hook:
        known = hooks_like(query.hook, list(atlas.sites))
        if not known:
            raise UnknownHookPointError(
                f"This atlas has no hook point that ends with {query.hook!r}; the nearest of its "
                f"{len(atlas.sites)} are {', '.join(nearest(query.hook, atlas.sites))}."
            )
        hooks = [name for name in hooks if name in known]
    if not hooks:
        return []
    lists: list[list[str]] = []
    reasons: dict[str, list[str]] = {}
    if query.text:
        reasons = _by_text(atlas, evidence, query.text, hooks)
        lists.append(list(reasons))
    of_atlas: list[str | None] = []
    for kind in query.kinds:
        if properties()[kind].table:
            tied = find_with_property(evidence, properties()[kind])
            for address, fields in tied.items():
                reasons.setdefault(address, []).append(f"{kind}: {fields_text(fields)}")
            lists.append(list(tied))
        else:
            of_atlas.append(kind)
    # Without a question all units that have a peak are listed; with one, those without it too.
    for one in of_atlas or (["any"] if query != Query() else [None]):
        _, units = matching(atlas, kind=one, where=query.where, site=hooks)
        lists.append([f"{name}:{index}" for name, index in units])
    allowed = [set(one) for one in lists[1:]]
    return [
        Match(address=address, why=tuple(reasons.get(address, ())))
        for address in lists[0]
        if all(address in one for one in allowed)
        and (query.index is None or address.endswith(f":{query.index}"))
    ]


def _by_text(
    atlas: Atlas, evidence: Evidence, text: str, hooks: Sequence[str]
) -> dict[str, list[str]]:
    """Address -> what ties the unit to the text, source by source, each best first."""
    reasons: dict[str, list[str]] = {}
    for one in beside_atlas():
        if not evidence.runs.get(one.name):
            continue
        for question in one.searches:
            for address, fields in find_with_text(evidence, question, text, [one]).items():
                reasons.setdefault(address, []).append(f"{question}: {fields_text(fields)}")
    for label in labels_like(atlas, text):
        tables, units = matching(atlas, label=label, site=hooks)
        for name, index in units:
            purity, floor = float(tables[name].purity[index]), tables[name].purity_floor
            chance = "beyond chance" if purity >= floor else "chance can do that"
            share = f"{label}, {purity:.0%} of its strongest ({chance})"
            reasons.setdefault(f"{name}:{index}", []).append(f"label of images: {share}")
    return reasons


def labels_like(atlas: Atlas, text: str) -> list[str]:
    """The labels of the atlas's images that are the text, else those that hold it as words."""
    labels = atlas.images.labels.names
    same = [label for label in labels if label.casefold() == text.casefold()]
    phrase = re.compile(rf"\b{re.escape(text)}\b", re.IGNORECASE)
    return same or [label for label in labels if phrase.search(label)]


def unasked(evidence: Evidence) -> list[Instrument]:
    """The instruments that a text could be looked for in, and that no run of is at hand."""
    return [one for one in beside_atlas() if one.searches and not evidence.runs.get(one.name)]
