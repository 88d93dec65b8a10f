"""Cutting in two: names stay whole, strata are cut by themselves, the order alone decides."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clipprobe.statistics.halves import hashed, permuted, split


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.integers(0, 5))
def test_names_stay_whole_and_half_of_them_are_taken(names: list[int], seed: int) -> None:
    first = split(names, permuted(np.random.default_rng(seed)))
    taken = {name for name, one in zip(names, first, strict=True) if one}
    assert taken.isdisjoint(name for name, one in zip(names, first, strict=True) if not one)
    assert len(taken) == (len(set(names)) + 1) // 2


@given(st.permutations(range(12)), st.integers(0, 5))
def test_the_hash_of_a_name_decides_whatever_stands_beside_it(order: list[int], seed: int) -> None:
    names = [f"image {i}" for i in range(12)]
    first = split(names, hashed(seed), lambda n: n // 3)
    again = split([names[i] for i in order], hashed(seed), lambda n: n // 3)
    assert [first[i] for i in order] == again.tolist()
    by_hash = sorted(names, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).hexdigest())
    assert {name for name, one in zip(names, first, strict=True) if one} == set(by_hash[:4])


def test_each_stratum_is_cut_and_a_name_of_two_stays_where_the_first_put_it() -> None:
    names = ["a", "b", "c", "d", "a", "e", "f", "g"]
    strata = [0, 0, 0, 0, 1, 1, 1, 1]
    first = split(names, lambda members: members, strata=strata)
    # Of a, b, c, d the first two; of e, f, g (a is placed already) the first two.
    assert first.tolist() == [True, True, False, False, True, True, True, False]


def test_seeds_give_other_halves() -> None:
    names = np.arange(40)
    cuts = {split(names, permuted(np.random.default_rng(seed))).tobytes() for seed in range(9)}
    assert len(cuts) == 9
