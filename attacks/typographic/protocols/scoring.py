"""A protocol on the images of a run: from stored vectors to its number and the published one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attacks.typographic.protocols.record import Protocol, Published
from attacks.typographic.protocols.rule import Answers, answer
from attacks.typographic.rendering.render import Encoder
from attacks.typographic.rendering.stored import VectorStore
from attacks.typographic.scoring.candidate_sets import union_names
from attacks.typographic.scoring.metrics import Outcomes, distill_fractions, paired, rate
from attacks.typographic.scoring.pairs import Pairs
from clipprobe.runs import Run
from clipprobe.statistics import Estimate, cluster_bootstrap, undefined
from clipprobe.zeroshot.classifier import class_vectors
from clipprobe.zeroshot.text_bank import TextBank

NO_ROW = "no published row for this model"


def protocol_section(
    run: Run,
    protocol: Protocol,
    pairs: Pairs,
    *,
    clip: Encoder,
    bank: TextBank,
    classes: Sequence[str],
    templates: Sequence[str],
    model_id: str,
    seed: int,
) -> dict[str, Any]:
    """The section ``protocol`` of ``summary.json``.

    Args:
        classes, templates: The class list and the sentences of the audit, for a protocol that
            needs the one or does not state the other.
    """
    used = protocol.templates or tuple(templates)
    answers, n_candidates = score(run, protocol, pairs, clip, bank, classes, used)
    outcomes = pairs.outcomes(answers.correct, answers.hit, -answers.margin)
    attack, clean = outcomes.get("attack"), outcomes.get("clean")
    numbers = {
        "clean": _accuracy(clean, seed, "there is no clean image"),
        "attacked": _accuracy(attack, seed, "no image carries an attack word"),
        "targeted_success": _success(attack, clean, seed),
        "margin": _margin(attack, seed),
    }
    ours = numbers["attacked" if protocol.measure == "accuracy" else "targeted_success"]
    rows = protocol.rows_for(model_id)
    return {
        **protocol.to_json(),
        "templates": list(used),
        "n_candidates": n_candidates,
        **numbers,
        "fractions": distill_fractions(attack, clean) if attack and clean else None,
        "published": [beside(protocol, row, ours) for row in rows],
        "published_note": "" if rows else NO_ROW,
    }


def score(
    run: Run,
    protocol: Protocol,
    pairs: Pairs,
    clip: Encoder,
    bank: TextBank,
    classes: Sequence[str],
    templates: Sequence[str],
) -> tuple[Answers, int]:
    """The protocol's answers for all pairs, and how many candidates each had."""
    size = len(pairs.pair)
    correct, hit = np.zeros(size, bool), np.zeros(size, bool)
    margin = np.full(size, np.nan)
    full = protocol.candidates == "full"
    names = list(dict.fromkeys(classes) if full else union_names(pairs))
    if protocol.candidates == "captions":
        texts, columns = captions(templates, pairs)
        vectors = bank.encode_texts(texts)
    else:
        vectors = class_vectors(bank, names, templates, averaging=protocol.averaging)
        place = {name: i for i, name in enumerate(names)}
        columns = np.array(
            [[place[a], place.get(b, -1)] for a, b in zip(pairs.label, pairs.word, strict=True)]
        ).reshape(-1, 2)
    for rows, places, images in VectorStore(run, pairs.pixels):
        logits = clip.logits(images, vectors)
        if protocol.candidates in ("union", "full"):
            label, word = columns[rows].T
            answers = answer(protocol, logits[places], label=label, word=word)
        else:
            answers = answer(protocol, logits[places[:, None], columns[rows]])
        correct[rows], hit[rows], margin[rows] = answers.correct, answers.hit, answers.margin
    n = {"pairwise": 2, "captions": 4}.get(protocol.candidates, len(names))
    return Answers(correct=correct, hit=hit, margin=margin), n


def captions(templates: Sequence[str], pairs: Pairs) -> tuple[list[str], Any]:
    """The distinct captions, and for each pair the places of its four, ``(n, 4)``."""
    place: dict[str, int] = {}
    columns = [
        [
            place.setdefault(text.replace("{word}", word).replace("{}", label), len(place))
            for text in templates
        ]
        for label, word in zip(pairs.label, pairs.word, strict=True)
    ]
    return list(place), np.array(columns, int).reshape(-1, len(templates))


def beside(protocol: Protocol, row: Published, ours: Estimate) -> dict[str, Any]:
    """A published row, and whether our number agrees with it.

    ``agrees`` is None where the two cannot be compared: another number of images, or none.
    """
    low, high = row.value
    comparable = ours.defined and abs(ours.n - row.n) <= protocol.slack
    gap = max(low - 100 * ours.value, 100 * ours.value - high, 0.0) if ours.defined else None
    inside = None if np.isnan(ours.low) else bool(100 * ours.low <= high and low <= 100 * ours.high)
    return {
        "model": row.model,
        "data": row.data,
        "n": row.n,
        "clean_percent": None if row.clean is None else list(row.clean),
        "percent": [low, high],
        "tag": row.tag,
        "comparable": comparable,
        "gap_points": gap if comparable else None,
        "agrees": bool(gap is not None and gap <= protocol.tolerance) if comparable else None,
        "inside_interval": inside if comparable else None,
        "why": "" if comparable else f"published for n={row.n}, here n={ours.n}: other images",
    }


def _accuracy(outcomes: Outcomes | None, seed: int, missing: str) -> Estimate:
    if outcomes is None:
        return undefined(missing)
    return rate(outcomes.correct, outcomes.cluster, seed=seed)


def _success(attack: Outcomes | None, clean: Outcomes | None, seed: int) -> Estimate:
    """Share that becomes the word; where there is a clean image, it was not the word then."""
    if attack is None:
        return undefined("no image carries an attack word")
    hits, cluster = attack.hit, attack.cluster
    if clean is not None:
        now, before = paired(attack, clean)
        hits, cluster = now.hit & ~before.hit, now.cluster
    return rate(hits, cluster, seed=seed)


def _margin(attack: Outcomes | None, seed: int) -> Estimate:
    if attack is None:
        return undefined("no image carries an attack word")
    return cluster_bootstrap(-attack.margin, clusters=attack.cluster, seed=seed)


def published_line(section: Mapping[str, Any]) -> str:
    """One line about the published rows."""
    if not section["published"]:
        return str(section["published_note"])
    parts = []
    for row in section["published"]:
        low, high = row["percent"]
        value = f"{low:g} %" if low == high else f"{low:g} to {high:g} %"
        verdict = {True: "agrees", False: "differs", None: row["why"]}[row["agrees"]]
        parts.append(f"{row['model']} on {row['data']}: {value} ({verdict})")
    return "; ".join(parts)
