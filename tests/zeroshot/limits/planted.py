"""Items of towers whose truth is known: able, absent in one tower, misaligned.

The space has three orthogonal spans: content (which objects), roles, and a spare one. An able pair
of towers writes roles into one span; a misaligned text tower writes them into the spare one. A
random rotation would be no plant: what stays in the content's span keeps the roles aligned.
"""

from __future__ import annotations

import itertools
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
    in_image = 0.0 if kind in ("absent in the image", "absent in both") else 1.0
    in_text = 0.0 if kind in ("absent in the text", "absent in both") else 1.0
    rows = []
    for (a, b), scene in itertools.product(
        itertools.combinations(range(N_OBJECTS), 2), range(scenes)
    ):
        true = int(rng.integers(2))
        claims = [(0, 1), (1, 0)]  # the roles of a and b in each option

        def vector(claim: Any, strength: float, swapped: bool, a: int = a, b: int = b) -> Any:
            told = strength * (roles[a, claim[0]] + roles[b, claim[1]])
            spans = [content[a] + content[b], told, np.zeros(D)]
            if swapped:
                spans[1], spans[2] = spans[2], spans[1]
            own = noise * rng.normal(size=3 * D) / (3 * D) ** 0.5
            return unit(np.concatenate(spans) + own)

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


def counting(
    kind: str, seed: int, *, numbers: int = 6, copies: int = 2, noise: float = 0.6
) -> Items:
    """One object, some of it; held out by object."""
    rng = np.random.default_rng([seed, 2])
    content = unit(rng.normal(size=(N_OBJECTS, D)))
    many = unit(rng.normal(size=(numbers, D)))
    in_image = 0.0 if kind in ("absent in the image", "absent in both") else 1.0
    in_text = 0.0 if kind in ("absent in the text", "absent in both") else 1.0
    rows = []
    for thing, number, _ in itertools.product(range(N_OBJECTS), range(numbers), range(copies)):

        def vector(count: int, strength: float, swapped: bool, thing: int = thing) -> Any:
            spans = [content[thing], strength * many[count], np.zeros(D)]
            if swapped:
                spans[1], spans[2] = spans[2], spans[1]
            own = noise * rng.normal(size=3 * D) / (3 * D) ** 0.5
            return unit(np.concatenate(spans) + own)

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
