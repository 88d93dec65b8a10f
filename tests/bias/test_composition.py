"""Bias@k, normalised entropy and C-ASC against their definitions, scipy and the exact floor."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import entropy, hypergeom

from attacks.bias import Settings, audit_bias, evaluate, make_column
from attacks.bias.measures.composition import bias_at, normalised_entropy
from attacks.bias.measures.places import entropy_ends
from clipprobe.statistics import wilson

SETTINGS = Settings(k=20, n_boot=200, n_permutations=4000)


def run(scores: np.ndarray, values: list[str], settings: Settings = SETTINGS):  # type: ignore[no-untyped-def]
    words = [f"w{j}" for j in range(scores.shape[1])]
    return evaluate(
        {"retrieval": (words, scores)}, [make_column("perceived_gender", values)], settings=settings
    )


def test_definitions() -> None:
    assert bias_at(np.array([[0.0, 0.0], [3.0, 1.0], [0.0, 5.0]])).tolist() == [0.0, -0.5, 1.0]
    counts = np.array([[7.0, 2.0, 1.0], [10.0, 0.0, 0.0], [4.0, 4.0, 4.0]])
    expected = [entropy(row) / math.log(3) for row in counts]
    assert normalised_entropy(counts) == pytest.approx(expected)


def test_a_maximally_biased_ranking_and_ties() -> None:
    values = ["man", "woman"] * 50
    women = np.resize([0.0, 1.0], 100)
    scores = np.column_stack([women + 1e-3 * np.arange(100), np.zeros(100)])
    found = run(scores, values)
    bias = {c.item: c for c in found.select("bias@k")}
    assert (bias["w0"].group, bias["w0"].reference) == ("woman", "man")
    assert bias["w0"].value == pytest.approx(1) and bias["w0"].high == pytest.approx(1)
    far = 2 * wilson(20, 20).low - 1  # all places held by one group: a width all the same
    assert bias["w0"].low == pytest.approx(far) and far == pytest.approx(0.678, abs=1e-3)
    assert bias[""].low == pytest.approx((far + bias["w1"].low) / 2)
    assert bias["w1"].value == pytest.approx(0) and bias["w1"].excess == pytest.approx(0)
    assert bias[""].value == pytest.approx(0.5)
    spread = {c.item: c for c in found.select("entropy@k")}
    assert (spread["w0"].low, spread["w0"].high) == pytest.approx(
        (0, entropy([far / 2 + 0.5, 0.5 - far / 2]) / math.log(2))
    )
    assert spread["w0"].value == pytest.approx(0) and spread["w1"].value == pytest.approx(1)
    assert spread["w1"].excess == pytest.approx(0, abs=1e-12)
    skew = {c.item: c for c in found.select("max skew@k", reference="uniform target")}
    assert skew["w0"].value == pytest.approx(math.log(2))
    asc = {(c.item, c.group): c for c in found.select("c-asc")}
    assert math.isnan(asc["w1", "man"].value) and "same cosine" in asc["w1", "man"].reason
    assert all(math.isnan(c.p) for m in ("bias@k", "entropy@k", "c-asc") for c in found.select(m))


def test_entropy_stays_within_its_bounds_for_all_shares_within_theirs() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        middle = rng.dirichlet(np.ones(rng.integers(2, 6)))
        low = middle * rng.random(len(middle))
        high = middle + (1 - middle) * rng.random(len(middle))
        least, most = entropy_ends(low, high)
        # Corners of what is allowed, and points inside: lower ends filled up in random order.
        values = []
        for _ in range(300):
            shares, left = low.copy(), 1 - low.sum()
            part = rng.random(len(low)) < 0.5
            for g in rng.permutation(len(low)):
                more = min(left, (high - low)[g]) * (1 if part[g] else rng.random())
                shares[g] += more
                left -= more
            if left < 1e-12:
                values.append(entropy(shares) / math.log(len(shares)))
        assert values and least - 1e-9 <= min(values) and max(values) <= most + 1e-9
        if len(low) == 2:  # the ends are reached
            ends = [max(low[0], 1 - high[1]), min(high[0], 1 - low[1])]
            assert least <= min(entropy([s, 1 - s]) for s in ends) / math.log(2) + 1e-9
            equal = min(max(0.5, ends[0]), ends[1])
            assert most == pytest.approx(entropy([equal, 1 - equal]) / math.log(2))


def test_floors_are_hypergeometric() -> None:
    values = ["man"] * 130 + ["woman"] * 70
    found = run(np.random.default_rng(0).normal(size=(200, 1)), values)
    women = np.arange(21)
    chance = hypergeom(200, 70, 20).pmf(women)
    counts = np.stack([20.0 - women, women.astype(float)], axis=1)
    [bias] = [c for c in found.select("bias@k") if c.item]
    assert bias.null_mean == pytest.approx(float(chance @ bias_at(counts)), abs=0.01)
    [spread] = found.select("entropy@k")
    assert spread.null_mean == pytest.approx(float(chance @ normalised_entropy(counts)), abs=0.005)
    assert spread.null_mean < 0.95  # an unbalanced data set is not "balanced" before any model


def test_c_asc_is_its_definition_and_d_up_to_ddof() -> None:
    rng = np.random.default_rng(1)
    values = rng.choice(["a", "b", "c"], 150).tolist()
    scores = rng.normal(size=(150, 2)) + 0.5 * (np.array(values) == "b")[:, None]
    found = run(scores, values)
    d = {(c.item, c.group): c.value for c in
         evaluate({"occupations": (["w0", "w1"], scores)},
                  [make_column("perceived_gender", values)], settings=SETTINGS)
         .select("association d")}  # fmt: skip
    for cell in found.select("c-asc"):
        s = scores[:, int(cell.item[1])]
        inside = np.array(values) == cell.group
        expected = (s[inside].mean() - s[~inside].mean()) / s.std()
        assert cell.value == pytest.approx(expected)
        assert cell.value == pytest.approx(d[cell.item, cell.group] * math.sqrt(150 / 149))
        assert cell.low < cell.value < cell.high
    assert not found.select("bias@k")  # of two groups only


def test_the_report_shows_them_by_perceived_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    women = np.resize([0.0, 1.0], 120)
    table = tmp_path / "scores.csv"
    names = ["smart", "kind", "lazy"]
    scores = rng.normal(size=(120, 3)) + np.outer(women, [2.0, 0.0, 0.0])
    lines = [",".join(["file", "perceived_gender", *names])]
    lines += [f"{i},{'mw'[int(w)]},{','.join(map(str, row))}" for i, (w, row) in
              enumerate(zip(women, scores, strict=True))]  # fmt: skip
    table.write_text("\n".join(lines))
    run = audit_bias(
        None, predictions=table, groups="perceived_gender", probes=["retrieval"], words=names,
        out=tmp_path / "run", n_boot=100, n_permutations=999,
    )  # fmt: skip
    text = run.file("report.md").read_text(encoding="utf-8")
    assert "What the top of each ranking holds, by perceived gender" in text
    assert "retrieval: for 1 of 3 texts and columns MaxSkew stands out: smart by perceived" in text
    assert "Mean Bias@12 over the 3 texts" in text and "C-ASC of w" in text
    assert "Association of retrieval" not in text
    assert "29 adjectives" not in text and "debias-vision-lang" in text  # the list's source
