"""Which images select and which confirm, and how each hook point is pooled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clipprobe.errors import DataError
from clipprobe.hooks import capture
from clipprobe.neurons.multimodality import Probes, bundled_probes, multimodality
from clipprobe.neurons.multimodality.activations import find_pooled_sites, pooled
from clipprobe.neurons.multimodality.bundled import LOOKS, open_bundled
from clipprobe.neurons.multimodality.probes import CONFIRM, HALF, SELECT, as_probes
from clipprobe.stimuli import concept_set, concepts
from clipprobe.stimuli.splits import UNSEEN_FONTS, UNSEEN_GROUNDS

SITE, LATE = "vision.blocks.1.mlp.post", "vision.blocks.2.mlp.post"
NAMES = [concept.name for concept in concepts()[:5]]


@pytest.fixture(scope="module")
def probes() -> Probes:
    return bundled_probes(per_concept=5, concepts=concepts()[:5], size_px=64)


def changed(probes: Probes, change: Any) -> Probes:
    records = [
        replace(one, attributes={**one.attributes, HALF: change(one.attributes[HALF])})
        for one in probes.dataset
    ]
    return replace(probes, dataset=replace(probes.dataset, records=tuple(records)))


@pytest.mark.parametrize("modality", ["picture", "drawing", "word"])
def test_the_halves_share_no_background_font_size_or_place(modality: str) -> None:
    looks = {}
    for half, look in LOOKS.items():
        items = list(concept_set(modality, per_concept=4, names=concepts()[:8], **look))
        looks[half] = {
            "ground": {one.scene.background.kind for one in items},
            "font": {getattr(one.scene.items[0], "font", half) for one in items},
            "size": {one.scene.items[0].size for one in items},
            "place": [one.scene.items[0].center[0] for one in items],
        }
    first, second = looks[SELECT], looks[CONFIRM]
    for what in ("ground", "font", "size"):
        assert not set(first[what]) & set(second[what]), what
    assert max(first["place"]) <= 0.5 <= min(second["place"])
    assert set(first["ground"]) | set(second["ground"]) == set(UNSEEN_GROUNDS)
    assert set(LOOKS[SELECT]["fonts"]) | set(LOOKS[CONFIRM]["fonts"]) == set(UNSEEN_FONTS)


def test_bundled_images_name_their_half(probes: Probes) -> None:
    for modality in probes.modalities:
        named = [record.attributes[HALF] for record in probes.of(modality)]
        assert named.count(SELECT) == 5 * 2 and named.count(CONFIRM) == 5 * 3
    assert len({record.id for record in probes.dataset}) == 75
    alike = bundled_probes(per_concept=5, concepts=concepts()[:5], size_px=64, fresh=False)
    assert probes.halves and not alike.halves


def test_a_call_of_an_older_version_renders_its_own_images() -> None:
    old = open_bundled(per_concept=2, seed=3, size_px=32, names=NAMES)
    same = bundled_probes(per_concept=2, seed=3, size_px=32, concepts=concepts()[:5], fresh=False)
    assert old.describe() == same.describe()
    new = bundled_probes(per_concept=2, seed=3, size_px=32, concepts=concepts()[:5])
    assert new.origin is not None
    again = open_bundled(**{str(k): v for k, v in new.origin.arguments.items()})
    assert again.describe() == new.describe() != old.describe()


def test_the_named_halves_select_and_confirm(clip: Any, probes: Probes) -> None:
    options: dict[str, Any] = {"sites": [SITE], "controls": []}
    found = multimodality(clip, probes, **options)
    assert set(found.n_images.values()) == {(10, 15)}
    swapped = multimodality(
        clip, changed(probes, lambda half: {SELECT: CONFIRM, CONFIRM: SELECT}[half]), **options
    )
    assert set(swapped.n_images.values()) == {(15, 10)}
    assert np.array_equal(found.table["score"], swapped.table["selection_score"])
    assert np.array_equal(found.table["selection_score"], swapped.table["score"])
    by_unit = (one.units.sort_values("unit") for one in (found, swapped))
    first, second = (np.array(one["p_exact"]) for one in by_unit)
    assert np.array_equal(first, second)  # of all images
    every = multimodality(clip, probes, split_share=0, **options)
    assert set(every.n_images.values()) == {(0, 25)}


def test_a_column_that_does_not_name_every_half_is_refused(probes: Probes) -> None:
    for change, words in (
        (lambda half: "third" if half == SELECT else half, "one says 'third'"),
        (lambda half: SELECT, "with both there"),
    ):
        with pytest.raises(DataError, match=words):
            as_probes(changed(probes, change), min_images=2)


def test_the_class_token_is_read_in_the_last_third(clip: Any, checkpoint: Any) -> None:
    import clipprobe

    patterns = ["vision.blocks.*.mlp.post", "vision.embed", "vision.projected"]
    sites, pools = find_pooled_sites(clip, patterns, "late-cls")
    assert pools == {
        "vision.blocks.0.mlp.post": "max",
        "vision.blocks.1.mlp.post": "max",
        "vision.blocks.2.mlp.post": "cls",
        "vision.embed": "max",
        "vision.projected": "none",
    }
    assert [site.name for site in sites] == list(pools)
    assert set(find_pooled_sites(clip, patterns[:1], "mean")[1].values()) == {"mean"}
    without = clipprobe.load(checkpoint("siglip"))
    assert set(find_pooled_sites(without, None, "late-cls")[1].values()) == {"max"}


def test_each_point_is_pooled_by_its_own_rule(clip: Any, probes: Probes) -> None:
    patterns = ["vision.projected", "vision.blocks.*.mlp.post"]
    sites, pools = find_pooled_sites(clip, patterns, "late-cls")
    tile = tuple((site.name, 0, site.n_units) for site in sites)
    records = probes.of("word")
    seen = pooled([clip], records, tile, pools, batch_size=25, workers=0, progress=None)
    place = 0
    for site in sites:
        with capture(clip, [site.name], pool=pools[site.name]) as alone:
            clip.encode_images(list(seen.records), batch_size=25)
        (values,) = alone.values()
        block = seen.matrices[0][:, place : place + site.n_units]
        assert np.array_equal(block, values.numpy()), site.name
        place += site.n_units


def test_a_result_says_how_each_point_was_pooled(clip: Any, probes: Probes) -> None:
    found = multimodality(clip, probes, controls=["words"], n_controls=1)
    assert found.pool == "late-cls" and "class token" in found.pooling
    assert found.pool_of("vision.blocks.0.mlp.post") == "max"
    assert found.pool_of(LATE) == "cls"
    by_max = multimodality(clip, probes, pool="max", controls=[])
    assert by_max.pool_of(LATE) == by_max.pooling == "max" and "pools" not in by_max.config
    late = found.table["site"] == LATE
    assert found.table["score"][~late].equals(by_max.table["score"][~late])
    assert not found.table["score"][late].equals(by_max.table["score"][late])
