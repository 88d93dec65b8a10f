"""What is said of a unit first: its name from a run of labels, and a sentence from the atlas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipprobe.errors import UnknownHookPointError, UnsupportedHookError
from clipprobe.hooks import capture
from clipprobe.neurons import Atlas, scan, text_map
from clipprobe.neurons.labels import label_units
from clipprobe.neurons.labels.naming import unit_names
from clipprobe.neurons.sheet.finding import finding
from clipprobe.runs import load_run

POST = "vision.blocks.1.mlp.post"


@pytest.fixture(scope="module")
def atlas(clip: Any, pictures: Path) -> Atlas:
    return scan(clip, pictures, sites=[POST], batch_size=8, top_k=4)


def test_a_name_is_the_label_of_the_run_with_its_score(
    clip: Any, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    found = label_units(
        clip, pictures, sites=[POST], judge="labels", twins=0, renderings=0, out=out
    )
    names = unit_names([load_run(out)])
    assert len(names) == 64 and {one.run for one in names.values()} == {"labels"}
    assert any(one.label for one in found.rows) and not all(one.label for one in found.rows)
    for row in found.rows:
        name = names[row.address]
        assert (name.label, name.candidate) == (row.label, row.candidate)
        assert (name.auroc.value, name.auroc.n) == pytest.approx(
            (row.validation.auroc.value, row.validation.auroc.n), nan_ok=True
        )
        assert bool(name.reason) == (row.label is None)
        assert not name.circular and name.judge == found.judge
    assert unit_names([]) == {}


def test_the_sentence_has_the_peak_and_the_label_beside_chance(atlas: Atlas) -> None:
    table = atlas.table(POST)
    for index in np.argsort(-np.nan_to_num(table.peak))[:6]:
        unit = atlas.unit(f"{POST}:{index}")
        words = finding(unit, atlas.row(unit.address))
        assert f"{unit.peak:.1f} standard deviations above its mean" in words
        assert f"bell-shaped units stay below {unit.peak_floor:.1f}" in words
        assert words.startswith("It responds to nothing") == (unit.peak <= unit.peak_floor)
        n = round(table.purity[index] * 4)
        assert f"{n} image{'s' if n > 1 else ''} (" in words and table.label[index] in words
        beyond = table.purity[index] >= table.purity_floor
        assert ("which chance can do" in words) == (not beyond and table.purity_floor <= 1)


def test_units_that_do_nothing_are_said_so(atlas: Atlas) -> None:
    unit, row = atlas.unit(f"{POST}:0"), atlas.row(f"{POST}:0")
    yes = np.ones(1, bool)
    assert finding(unit, replace(row, constant=yes)) == "It has the same value on all 75 images."
    dead = finding(unit, replace(row, dead=yes))
    assert dead.startswith("It is never above 0 on any of 75 images. ")
    empty = finding(replace(unit, n_images=0), row)
    assert empty == "Nothing is known of it: no image gave a finite activation."


def test_the_share_below_is_that_of_the_histogram(atlas: Atlas) -> None:
    unit = atlas.unit(f"{POST}:7")
    for place in range(0, len(unit.histogram), 40):
        expected = unit.histogram[:place].sum() + unit.histogram[place] / 2
        for value in (
            unit.histogram_edges[place],
            unit.histogram_edges[place] + unit.bin_width / 3,
        ):
            assert unit.share_below(float(value)) == pytest.approx(expected / unit.n_images)
    assert unit.share_below(unit.low - 1) == 0 and unit.share_below(unit.high + 1) == 1
    median = unit.share_below(unit.quantiles[0.5])
    assert median == pytest.approx(0.5, abs=0.1)


def test_strongest_are_the_first_of_the_unit(atlas: Atlas) -> None:
    assert atlas.strongest(f"{POST}:3", 2) == atlas.unit(f"{POST}:3").top[:2]
    with pytest.raises(UnknownHookPointError, match="numbered 0 to 63"):
        atlas.strongest(f"{POST}:64", 2)


def test_a_text_has_a_value_for_each_token(clip: Any) -> None:
    address = "text.blocks.1.mlp.post:5"
    found = text_map(clip, "a cat", address)
    (ids,) = clip.tokenize(["a cat"])
    with capture(clip, ["text.blocks.1.mlp.post"]) as acts:
        clip.encode_texts(["a cat"])
    assert found.values.tolist() == acts["text.blocks.1.mlp.post"][0, : len(ids), 5].tolist()
    assert found.tokens == tuple(clip.tokens.piece(token) for token in ids)
    assert found.to_json()["address"] == address
    with pytest.raises(UnsupportedHookError, match="per token of a text"):
        text_map(clip, "a cat", f"{POST}:5")
