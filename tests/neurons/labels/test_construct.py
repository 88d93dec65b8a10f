"""Rates on fresh renderings, counted again by hand; collisions, twins, runs of old versions."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.neurons.labels import Labels, UnitLabel, label_units
from clipprobe.neurons.labels.construct import _FRESH
from clipprobe.stimuli import concept_set, concepts, render

SITE = "vision.blocks.1.mlp.post"
PLAIN: dict[str, Any] = {"sites": [SITE], "judge": "labels", "alpha": 0.5, "threshold": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures each of four concepts."""
    from clipprobe.stimuli import write_set

    out = tmp_path_factory.mktemp("concepts")
    write_set(concept_set("picture", per_concept=60, names=concepts()[:4], size_px=32), out)
    return out


@pytest.fixture(scope="module")
def found(clip: Any, folder: Path) -> Labels:
    return label_units(clip, folder, renderings=5, twins=1, **PLAIN)


def test_rates_are_shares_of_fresh_renderings_above_the_top_1_percent(
    clip: Any, folder: Path, found: Labels
) -> None:
    row = next(row for row in found.rows if row.rendered is not None)
    index = int(row.address.rpartition(":")[2])
    with clipprobe.capture(clip, [SITE], pool="max") as seen:
        clip.encode_images(sorted(folder.glob("*.png")))
    level = np.quantile(seen[SITE][:, index].numpy(), 0.99)
    assert row.rendered.level == pytest.approx(level)
    for modality in ("picture", "drawing", "word"):
        (named,) = [one for one in concepts()[:4] if one.name == row.label]
        scenes = concept_set(modality, per_concept=5, names=concepts()[:4], size_px=32,
                             seed=_FRESH)  # fmt: skip
        labels = sorted({one.label for one in found.rows if one.label})
        place = [one.name for one in concepts() if one.name in labels].index(named.name)
        known = [one for one in concepts() if one.name in labels]
        scenes = concept_set(modality, per_concept=5, names=known, size_px=32, seed=_FRESH)
        mine = [one for one in scenes if one.label == row.label]
        assert len(mine) == 5 and scenes[5 * place].label == row.label
        with clipprobe.capture(clip, [SITE], pool="max") as fresh:
            clip.encode_images([render(one.scene).image for one in mine])
        rate = getattr(row.rendered, modality)
        assert rate.n == 5
        assert rate.value == pytest.approx(float((fresh[SITE][:, index] > level).float().mean()))


def test_unlabelled_units_have_no_rates_and_none_are_rendered_on_request(
    clip: Any, folder: Path, found: Labels
) -> None:
    assert all((row.label is None) == (row.rendered is None) for row in found.rows)
    assert np.isfinite([row["others_rate"] for row in found.table() if row["label"]]).all()
    plain = label_units(clip, folder, renderings=0, twins=0, **PLAIN)
    assert all(row.rendered is None for row in plain.rows)
    assert not plain.rates()["picture"].defined and plain.twin_units == 0


def test_twins_are_labelled_by_the_same_rules(found: Labels, clip: Any, folder: Path) -> None:
    from clipprobe.models import random_twin

    own = label_units(random_twin(clip), folder, renderings=0, twins=0, **PLAIN)
    assert (found.twin_labelled, found.twin_units) == (len(own.labelled()), len(own.rows))
    assert found.summary()["twin"] == {"n_labelled": len(own.labelled()), "n_units": 64}


def test_collisions_are_units_that_share_a_label_in_their_layer(found: Labels) -> None:
    (one, two, three, *_) = found.rows
    rows = [
        dataclasses.replace(one, address=address, label=label)
        for address, label in (
            ("a:0", "x"),
            ("a:1", "x"),
            ("b:0", "x"),
            ("b:1", "y"),
            ("b:2", None),
        )
    ]
    assert dataclasses.replace(found, rows=tuple(rows)).collisions() == 2
    assert two.address != three.address


def test_rows_go_through_json_and_rows_of_earlier_versions_are_read(found: Labels) -> None:
    row = next(row for row in found.rows if row.rendered is not None)
    assert UnitLabel.from_json(row.to_json()) == row
    old = row.to_json()
    for name in ("explanation", "rendered"):
        del old[name]
    for name in ("pearson", "pearson_low_corrected", "auprc", "lift"):
        del old["validation"][name]
    read = UnitLabel.from_json(old)
    assert read.label == row.label and read.validation.auroc == row.validation.auroc
    assert "AUROC alone" in read.validation.pearson.reason and read.rendered is None
    assert dataclasses.replace(found, rows=(read,)).labelled() == [read]
