"""Group columns: what is refused, what is left out and counted, and how headings speak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attacks.bias.groups.columns import (
    cluster_ids,
    make_column,
    read_attribute,
    read_columns,
)
from clipprobe.data import ImageRecord
from clipprobe.errors import DataError


def records(values: list[str | None], label: str | None = None) -> list[ImageRecord]:
    return [
        ImageRecord(
            id=f"{i:03d}.png",
            source=Path("nowhere"),
            label=label,
            attributes={} if value is None else {"perceived_gender": value},
        )
        for i, value in enumerate(values)
    ]


def test_small_groups_leave_the_column_and_stay_counted() -> None:
    column = make_column("skin_tone", ["light"] * 40 + ["dark"] * 12 + ["medium"] * 9 + [None, " "])
    assert column.levels == ("dark", "light")
    assert column.sizes == {"dark": 12, "light": 40, "medium": 9}
    assert column.hidden == ("medium",) and int((column.codes < 0).sum()) == 2
    assert np.bincount(column.labels + 1).tolist() == [11, 12, 40]


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("perceived_gender", "perceived gender"),
        ("gender", "annotated gender"),
        ("self_reported_age", "self reported age"),
        ("Annotated race", "Annotated race"),
    ],
)
def test_headings_say_how_the_group_is_known(name: str, heading: str) -> None:
    assert make_column(name, ["a"] * 10 + ["b"] * 10).heading == heading


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None, "", " "], "is empty for all 3 images"),
        (["woman"] * 5, "holds only 'woman'"),
        ([str(i) for i in range(101)], "holds 101 different values"),
    ],
)
def test_a_column_that_cannot_be_compared_is_refused(
    values: list[str | None], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        make_column("perceived_gender", values)


def test_unknown_columns_are_named_beside_those_there_are() -> None:
    some = records(["woman", "man"])
    with pytest.raises(
        DataError, match=r"no group column 'gender'; they have 'perceived_gender'\."
    ):
        read_columns(some, ["gender"])
    with pytest.raises(DataError, match=r"no column at all \(a metadata.csv adds them\)"):
        read_columns(records([None, None]), "gender")
    with pytest.raises(DataError, match="No group column was named"):
        read_columns(some, [])
    with pytest.raises(DataError, match="named twice"):
        read_columns(some, ["perceived_gender", "perceived_gender"])
    assert read_columns(some, "perceived_gender") == {"perceived_gender": ["woman", "man"]}
    assert read_attribute(records([None], label="doctor"), "label", "group") == ["doctor"]


def test_a_mapping_must_name_images_of_the_data_set() -> None:
    some = records(["x", "y"])
    assert read_columns(some, {"000.png": "woman"}) == {"annotated_group": ["woman", None]}
    with pytest.raises(
        DataError,
        match=r"1 of the 2 ids .* 'z.png'; an image of it is '000.png'.*images must match",
    ):
        read_columns(some, {"000.png": "woman", "z.png": "man"})


def test_an_image_without_a_cluster_is_one_of_its_own() -> None:
    ids = cluster_ids(["a", None, "a", None, "b"], "person")
    assert ids[0] == ids[2] and len(set(ids.tolist())) == 4
    with pytest.raises(DataError, match="one cluster"):
        cluster_ids(["a", "a"], "person")


def test_columns_are_crossed_and_a_missing_value_stays_missing() -> None:
    some = [
        ImageRecord(id=str(i), source=Path("nowhere"), attributes=a)
        for i, a in enumerate(
            [{"gender": "m", "race": "w"}, {"gender": "f", "race": "b"}, {"gender": "f"}]
        )
    ]
    assert read_columns(some, ["gender x race"]) == {"gender x race": ["m x w", "f x b", None]}
    odd = [ImageRecord(id="0", source=Path("nowhere"), attributes={" a x b": "1"})]
    assert read_columns(odd, " a x b") == {" a x b": ["1"]}  # its own name, spaces and all
    with pytest.raises(DataError, match="crosses a column with itself"):
        read_columns(some, ["gender x gender"])
    with pytest.raises(DataError, match="'gender x race' was named twice"):
        read_columns(some, ["gender x race", "gender", "race  x gender"])
    with pytest.raises(DataError, match="no group column 'age'"):
        read_columns(some, ["gender x age"])
    many = [f"{i} x {j}" for i in range(40) for j in range(5)]
    assert make_column("a x b", many + ["0 x 0"] * 20).levels == ("0 x 0",)  # 200 values, counted
    with pytest.raises(DataError, match="at most 127 can be compared"):
        make_column("a x b", [f"{i} x 0" for i in range(128)] * 10)


def test_numbers_in_values_are_ordered_by_size() -> None:
    ages = ["more than 70", "10-19", "3-9", "0-2", "20-29"]
    column = make_column("age", [age for age in ages for _ in range(12)] + ["b", "²"] * 12)
    assert column.levels == ("0-2", "3-9", "10-19", "20-29", "b", "more than 70", "²")
    assert [column.levels[i] for i in column.labels[:60:12]] == ages
