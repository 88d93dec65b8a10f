"""Items of towers whose truth is known: able, absent in one tower, misaligned.

The space has three orthogonal spans: content (which objects), roles, and a spare one. An able pair
of towers writes roles into one span; a misaligned text tower writes them into the spare one. A
random rotation would be no plant: what stays in the content's span keeps the roles aligned.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from clipprobe.zeroshot.limits.items import Items

KINDS = ("able", "absent in the image", "absent in the text", "absent in both", "misaligned")
D = 64
N_OBJECTS = 12


def unit(x: Any) -> Any:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def relation(kind: str, seed: int, *, scenes: int = 4, noise: float = 0.6) -> Items:
    """Two objects with two roles: left and right, above and below, colours, sizes."""
    rng = np.random.default_rng([seed, 1])
    content = unit(rng.normal(size=(N_OBJECTS, D)))
    roles = unit(rng.normal(size=(N_OBJECTS, 2, D)))
    in_image, in_text = strengths(kind)
    rows = []
    for (a, b), scene in itertools.product(
        itertools.combinations(range(N_OBJECTS), 2), range(scenes)
    ):
        true = int(rng.integers(2))
        claims = [(0, 1), (1, 0)]  # the roles of a and b in each option

        def vector(claim: Any, strength: float, swapped: bool, a: int = a, b: int = b) -> Any:
            told = strength * (roles[a, claim[0]] + roles[b, claim[1]])
            return spans(content[a] + content[b], told, swapped, noise, rng)

        code = np.zeros((2, 2 * N_OBJECTS))
        for option, claim in enumerate(claims):
            code[option, 2 * a + claim[0]] = code[option, 2 * b + claim[1]] = 1
        order = rng.permutation(2)
        texts = [vector(claims[option], in_text, kind == "misaligned") for option in order]
        rows.append(
            (
                vector(claims[true], in_image, False),
                np.stack(texts),
                int(np.flatnonzero(order == true)[0]),
                code[order],
                f"{a}-{b}",
                f"wording {scene % 2}",
            )
        )
    return stacked(rows)


def binding(kind: str, seed: int, *, scenes: int = 4, noise: float = 0.6) -> Items:
    """Two of twelve objects in two of four colours: which has which."""
    rng = np.random.default_rng([seed, 3])
    n = 4
    content = unit(rng.normal(size=(N_OBJECTS, D)))
    colours = unit(rng.normal(size=(n, D)))
    bound = unit(rng.normal(size=(N_OBJECTS, n, D)))
    in_image, in_text = strengths(kind)
    rows = []
    for (a, b), scene in itertools.product(
        itertools.combinations(range(N_OBJECTS), 2), range(scenes)
    ):
        i, j = rng.permutation(n)[:2]
        claims = [(i, j), (j, i)]

        def vector(claim: Any, strength: float, swapped: bool, a: int = a, b: int = b) -> Any:
            told = strength * (bound[a, claim[0]] + bound[b, claim[1]])
            what = content[a] + content[b] + colours[claim[0]] + colours[claim[1]]
            return spans(what, told, swapped, noise, rng)

        code = np.zeros((2, n * N_OBJECTS))
        for option, claim in enumerate(claims):
            code[option, n * a + claim[0]] = code[option, n * b + claim[1]] = 1
        order = rng.permutation(2)
        texts = [vector(claims[option], in_text, kind == "misaligned") for option in order]
        place = int(np.flatnonzero(order == 0)[0])
        image = vector(claims[0], in_image, False)
        rows.append((image, np.stack(texts), place, code[order], f"{a}-{b}", f"{scene % 2}"))
    return stacked(rows)


def naming(kind: str, seed: int, *, copies: int = 12, noise: float = 0.6) -> Items:
    """Which of four things: what is degraded is the image, so the text tower always has it."""
    rng = np.random.default_rng([seed, 4])
    content = unit(rng.normal(size=(N_OBJECTS, D)))
    sentences = unit(rng.normal(size=(copies, D)))
    in_image, in_text = strengths(kind)
    rows = []
    for copy, thing in itertools.product(range(copies), range(N_OBJECTS)):
        others = rng.permutation([i for i in range(N_OBJECTS) if i != thing])[:3]
        options = rng.permutation([thing, *others])
        image = spans(np.zeros(D), in_image * content[thing], False, noise, rng)
        texts = [
            spans(sentences[copy], in_text * content[i], False, noise / 4, rng) for i in options
        ]
        rows.append(
            (image, np.stack(texts), int(np.flatnonzero(options == thing)[0]),
             np.eye(N_OBJECTS)[options], f"copy {copy}", "name")
        )  # fmt: skip
    clusters = np.array([str(i % N_OBJECTS) for i in range(len(rows))])
    return replace(stacked(rows), clusters=clusters)


def strengths(kind: str) -> tuple[float, float]:
    """How strongly the image and the text tower say it."""
    return (
        0.0 if kind in ("absent in the image", "absent in both") else 1.0,
        0.0 if kind in ("absent in the text", "absent in both") else 1.0,
    )


def spans(what: Any, told: Any, swapped: bool, noise: float, rng: np.random.Generator) -> Any:
    """Content, role and spare span with noise; swapped: the role stands in the spare one."""
    parts = [what, np.zeros(D), told] if swapped else [what, told, np.zeros(D)]
    return unit(np.concatenate(parts) + noise * rng.normal(size=3 * D) / (3 * D) ** 0.5)


def counting(
    kind: str, seed: int, *, numbers: int = 6, copies: int = 2, noise: float = 0.6
) -> Items:
    """One object, some of it; held out by object."""
    rng = np.random.default_rng([seed, 2])
    content = unit(rng.normal(size=(N_OBJECTS, D)))
    many = unit(rng.normal(size=(numbers, D)))
    in_image, in_text = strengths(kind)
    rows = []
    for thing, number, _ in itertools.product(range(N_OBJECTS), range(numbers), range(copies)):

        def vector(count: int, strength: float, swapped: bool, thing: int = thing) -> Any:
            return spans(content[thing], strength * many[count], swapped, noise, rng)

        order = rng.permutation(numbers)
        texts = np.stack([vector(count, in_text, kind == "misaligned") for count in order])
        rows.append(
            (
                vector(number, in_image, False),
                texts,
                int(np.flatnonzero(order == number)[0]),
                np.eye(numbers)[order],
                f"{thing}",
                "n things",
            )
        )
    return stacked(rows)


def stacked(rows: list[Any]) -> Items:
    images, texts, truth, codes, groups, wordings = zip(*rows, strict=True)
    return Items(
        images=np.stack(images), texts=np.stack(texts), truth=np.array(truth),
        codes=np.stack(codes), groups=np.array(groups), wordings=np.array(wordings),
    )  # fmt: skip
