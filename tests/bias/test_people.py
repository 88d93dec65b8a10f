"""People: images with annotated groups, read once and the same for every audit."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from study.making import MAKE, make

from attacks.bias.inputs import gather, labels
from attacks.bias.people import People, read_people
from attacks.bias.settings import BiasAudit
from clipprobe.data import Failure
from clipprobe.errors import DataError
from clipprobe.testing import image_folder

KINDS = [kind for kind in MAKE if kind.startswith("bias") and MAKE[kind].images]


def entries(run: Callable[[], Any]) -> Counter[str]:
    """How often a call enters these modules from another file, and reads people."""
    files = {one.__file__: one.__name__.rpartition(".")[2] for one in (gather, labels)}
    seen: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or code.co_name.startswith(("<", "__")):
            return
        if code is read_people.__code__:
            seen["people"] += 1
        caller = frame.f_back
        while caller is not None and caller.f_code.co_name.startswith("<"):
            caller = caller.f_back
        outside = caller is None or caller.f_code.co_filename != code.co_filename
        if code.co_filename in files and outside:
            seen[files[code.co_filename]] += 1

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(before)
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_an_audit_reads_its_images_and_labels_once(kind: str, clip: Any, tmp_path: Path) -> None:
    images = image_folder(tmp_path / "images")
    seen = entries(lambda: make(kind, clip, images, tmp_path / "run"))
    assert seen == {"people": 1, "gather": 1, "labels": 1}


@pytest.fixture
def few(people: Callable[..., Path]) -> People:
    """24 images: 12 of each gender, pairs of one person but for the first, of two sources."""
    folder = people(
        24,
        person=["", "", *(f"p{i // 2}" for i in range(22))],
        source=["web", "web", "studio", "studio"] * 6,
    )
    settings = BiasAudit(images=folder, groups="perceived_gender", clusters="person")
    return read_people(settings, settings.groups, controls=["source"])


def test_people_are_columns_clusters_and_strata_over_the_records(few: People) -> None:
    [column] = few.columns
    assert few.clusters is not None and few.strata is not None
    assert len(few.records) == len(column.labels) == len(few.clusters) == len(few.strata) == 24
    assert column.sizes == {"man": 12, "woman": 12}
    assert len(set(few.clusters)) == 2 + 11  # without a value an image is a cluster of its own
    assert [few.cluster_column, few.controls, few.group_config] == [
        "person", ("source",), ["perceived_gender"],
    ]  # fmt: skip
    assert few.counts == {"skipped": 0, "failed": 0, "failures": []}
    assert not few.notes and few.description["fingerprint"]


def test_those_that_can_be_read_keep_their_own_values(few: People) -> None:
    """What is derived of a part is what would be read of that part alone."""
    kept = [record for i, record in enumerate(few.records) if i not in (0, 5, 6)]
    lost, useless = Failure("000.png", "broken"), Failure("005.png", "too small")
    part = few.readable({record.id for record in kept}, [lost], [useless])
    assert part.records == tuple(kept)
    assert part.columns[0].sizes == {"man": 10, "woman": 11}
    values = part.annotations.groups["perceived_gender"]
    assert [part.columns[0].levels[i] for i in part.columns[0].labels] == list(values)
    again = few.annotations.rows([i for i in range(24) if i not in (0, 5, 6)]).parts()
    assert part.clusters is not None and np.array_equal(part.clusters, again["clusters"])
    assert part.counts == {"skipped": 1, "failed": 1, "failures": [lost, useless]}
    assert few.columns[0].sizes == {"man": 12, "woman": 12}  # nothing changed in the whole
    with pytest.raises(DataError, match="holds only 'man'"):
        few.readable({record.id for record in few.records[::2]}, [])


def test_protected_people_say_what_cannot_be_compared_any_more(few: People) -> None:
    hidden = few.readable({record.id for record in few.records[:20]} - {"001.png"}, [])
    [column] = hidden.protected().columns
    assert column.levels == ("man",)  # 9 women are too few to show
    assert any("nothing can be compared" in note for note in hidden.protected().notes)
    assert few.protected().notes == few.notes


def test_decoded_images_stand_in_the_order_of_their_people(few: People, redness: Any) -> None:
    Path(str(few.records[3].source)).write_bytes(b"not an image")
    images, part = few.decode(redness.preprocess, workers=0)
    assert len(images) == len(part.records) == 23
    assert [failure.id for failure in part.failures] == ["003.png"]
    for record in few.records:
        Path(str(record.source)).write_bytes(b"")
    with pytest.raises(DataError, match="None of the 24 files"):
        few.decode(redness.preprocess, workers=0)
