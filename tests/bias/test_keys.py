"""What a cell measures is a typed key; its name in tables is made from it and never read back."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.bias import Evaluation, Settings, evaluate, make_column
from attacks.bias.evidence.answers import FromScores
from attacks.bias.measures.cells import Key, table_columns
from attacks.bias.measures.composition import ENTROPY
from attacks.bias.measures.retrieval_cells import MAX_SKEW, MIN_SKEW, NDKL
from attacks.bias.probe import ProbeOptions, Sample
from attacks.bias.probes.registry import get_probe
from attacks.bias.probes.thresholds.answer import share_key
from attacks.bias.report.differences import _is_extreme

N, WORDS = 90, ("doctor", "nurse", "farmer")


@pytest.fixture(scope="module")
def found() -> Evaluation:
    """Associations, skews, entropy and label shares by two groups and by three."""
    rng = np.random.default_rng(0)
    columns = [
        make_column("perceived_gender", [("man", "woman")[i % 2] for i in range(N)]),
        make_column("perceived_age", [("young", "middle", "old")[i % 3] for i in range(N)]),
    ]
    settings = Settings(n_boot=100, n_permutations=100)
    scores = rng.normal(size=(N, len(WORDS)))
    sample = Sample(columns=tuple(columns), truth={}, clusters=None, settings=settings)
    said = FromScores({word: scores[:, i] for i, word in enumerate(WORDS)}, "cosine", 5.0)
    name = "label-thresholds"
    answer = get_probe(name).answer
    assert answer is not None
    answers = {name: answer(said, sample, ProbeOptions(words=WORDS, thresholds=(0.3,)))}
    asked = {probe: (WORDS, scores) for probe in ("occupations", "retrieval")}
    return evaluate(asked, columns, settings=settings, answers=answers)


def test_a_cell_is_found_by_its_key_and_by_its_name(found: Evaluation) -> None:
    key = share_key("words", 0.04, "gap")
    cells = found.select(key)
    assert cells and cells == found.select("label share gap at 4 %")
    assert {cell.key.at for cell in cells} == {0.04}
    assert {cell.column for cell in cells} == {"perceived_age"}  # two groups have a difference
    assert not found.select(share_key("other words", 0.04, "gap"))
    assert found.select(share_key("words", 0.3)) and not found.select(share_key("words", 0.31))


def test_two_thresholds_are_two_keys_and_a_name_is_no_part_of_one() -> None:
    assert share_key("words", 0.005) != share_key("words", 0.04)
    assert Key("rate", text="a rate") == Key("rate") != Key("rate", scheme="clean")
    assert str(Key("crime rate").against("gap")) == "crime rate gap"
    assert Key("crime rate").against("gap") != Key("crime rate")


def test_a_row_has_the_name_where_the_cell_has_the_key(found: Evaluation) -> None:
    names = list(table_columns())
    assert names[:3] == ["probe", "measure", "item"] and "key" not in names
    for cell in found.cells:
        row = cell.to_row()
        assert list(row) == names and row["measure"] == str(cell.key)


def test_a_stored_row_tells_a_maximum_as_its_key_does(found: Evaluation) -> None:
    """Stored runs hold names only; what resampling shifts must be told from them alike."""
    shifted = {
        cell.key
        for cell in found.cells
        if cell.key.contrast in ("gap", "largest", "smallest", "mean")
        or cell.key in (NDKL, ENTROPY)
    }
    assert {MAX_SKEW, MIN_SKEW, NDKL, ENTROPY, share_key("words", 0.3, "gap")} <= shifted
    shown = [cell for cell in found.cells if cell.reference]
    assert {cell.key for cell in shown if _is_extreme(cell.to_row())} == shifted
