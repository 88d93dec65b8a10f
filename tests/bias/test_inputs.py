"""Labels, cards, joins and files of embeddings and predictions: what is read, what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attacks.bias.inputs import (
    card_names,
    join,
    read_card,
    read_embeddings,
    read_labels,
    read_predictions,
    write_embeddings,
)
from attacks.bias.inputs.gather import Inputs, gather
from attacks.bias.inputs.labels import fairface_padding, labels_of_images
from clipprobe.data import ImageRecord
from clipprobe.data.choice import Choice
from clipprobe.errors import ClipprobeError, ConfigError, DataError

FAIRFACE = ["file", "age", "gender", "race", "service_test"]


def write(path: Path, head: Sequence[str], *rows: Sequence[object], tab: bool = False) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t" if tab else ",")
        writer.writerows([head, *rows])
    return path


def hugging_face(path: Path, names: dict[str, list[str]] | None) -> Path:
    """A Parquet file as ``datasets`` writes it: integer classes, their names in the metadata."""
    table = pa.table(
        {
            "image": [{"bytes": b"x", "path": None}] * 3,
            "age": [0, 8, 2],
            "gender": [1, 0, 1],
            "race": [0, 6, -1],
            "service_test": [True, False, True],
            "id": ["a", "b", "c"],
        }
    )
    if names is not None:
        features = {name: {"names": known, "_type": "ClassLabel"} for name, known in names.items()}
        info = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": info})
    pq.write_table(table, path)
    return path


NAMES = {
    "age": ["0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"],
    "gender": ["Male", "Female"],
    "race": [
        *("East Asian", "Indian", "Black", "White", "Middle Eastern"),
        *("Latino_Hispanic", "Southeast Asian"),
    ],
}


def test_fairface_is_recognised_and_its_columns_say_perceived(tmp_path: Path) -> None:
    file = write(tmp_path / "l.csv", FAIRFACE, ["val/1.jpg", "3-9", "Male", "East Asian", "False"])
    labels = read_labels(file)
    assert (labels.format, labels.card, labels.ids) == ("fairface", "fairface", ("val/1.jpg",))
    assert labels.columns["perceived_race"] == ("East Asian",)
    assert "race" not in labels.columns and labels.aliases["race"] == "perceived_race"
    assert fairface_padding("faces/fairface-img-margin025-trainval") == "0.25"
    assert fairface_padding("HuggingFaceM4/FairFace 1.25") == "1.25"
    assert fairface_padding("faces/125images").startswith("not stated")


def test_hugging_face_integers_get_the_names_of_their_own_file(tmp_path: Path) -> None:
    labels = read_labels(hugging_face(tmp_path / "l.parquet", NAMES))
    assert labels.columns["perceived_gender"] == ("Female", "Male", "Female")
    assert labels.columns["perceived_race"] == ("East Asian", "Southeast Asian", None)
    assert labels.columns["perceived_age"] == ("0-2", "more than 70", "10-19")
    other = NAMES | {"gender": ["Female", "Male"]}  # as another mirror numbers them
    swapped = read_labels(hugging_face(tmp_path / "m.parquet", other))
    assert swapped.columns["perceived_gender"] == ("Male", "Female", "Male")
    with pytest.raises(DataError, match=r"bare integers in 'age'.*no names for them"):
        read_labels(hugging_face(tmp_path / "n.parquet", None))
    short = NAMES | {"race": ["East Asian"]}
    with pytest.raises(DataError, match="has the class 6 in 'race', but its metadata name only"):
        read_labels(hugging_face(tmp_path / "o.parquet", short))


def test_utkface_names_are_read_and_malformed_ones_listed(tmp_path: Path) -> None:
    names = [
        "61_1_20170109142408075.jpg.chip.jpg",  # as published: the race is missing
        "26_0_2_20170116184024662.jpg.chip.jpg",
        "part1/1_1_4_20161219140623097.jpg",
        "100_0_0_20170112213500903.jpg.chip.jpg",
        "200_0_0_20170112213500903.jpg",
    ]
    file = write(tmp_path / "names.csv", ["file"], *([n] for n in names))
    labels = read_labels(file)
    assert (labels.format, labels.card) == ("utkface", "utkface")
    assert labels.malformed == (names[0], names[4])
    assert labels.columns["perceived_age"] == (None, "20-29", "0-2", "more than 70", None)
    assert labels.columns["perceived_gender"] == (None, "Male", "Female", "Male", None)
    assert labels.columns["perceived_race"] == (None, "Asian", "Others", "White", None)
    images = [ImageRecord(id=name, source=b"") for name in names]
    own = labels_of_images(images, "faces")
    assert own is not None and own.columns == labels.columns
    assert labels_of_images([ImageRecord(id="a.png", source=b"")], "faces") is None


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("Occupation_perceived_gender", ("masculine", "feminine")),
        ("Occupation_Gender", ("man", "woman")),
    ],
)
def test_visogender_of_both_releases(tmp_path: Path, column: str, values: tuple[str, str]) -> None:
    head = ["IDX", "Sector", "Specialisation", "Occupation", "Object", column, "Annotator"]
    rows = [[f"OO_{i}", "office", "legal", "lawyer", "desk", v, "x"] for i, v in enumerate(values)]
    labels = read_labels(write(tmp_path / "v.tsv", head, *rows, tab=True))
    assert (labels.format, labels.by_stem) == ("visogender", True)
    assert labels.columns["perceived_gender"] == ("man", "woman")
    assert labels.columns["occupation"] == ("lawyer", "lawyer")
    rows[0][5] = "neither"
    with pytest.raises(DataError, match=f"'neither' in '{column}'"):
        read_labels(write(tmp_path / "w.tsv", head, *rows, tab=True))


@pytest.mark.parametrize(
    ("head", "rows", "message"),
    [
        (FAIRFACE, [["1.jpg", "3-9", "Mal", "White", "x"]], "gender 'Mal', which FairFace does no"),
        (["who", "gender"], [["a", "m"]], "has none of id, file_name"),
        (["id", "gender"], [["a", "m"], ["a", "f"]], "1 id(s) more than once (the first is 'a')"),
        (["id", "gender"], [["", "m"]], "Row 1 of the table"),
        (["id", "gender"], [], "has no row"),
        (["id", "gender"], [["a", "m", "x"]], "more cells than the header"),
    ],
)
def test_a_wrong_label_table_is_one_sentence(
    tmp_path: Path, head: list[str], rows: list[list[str]], message: str
) -> None:
    file = write(tmp_path / "labels.csv", head, *rows)
    with pytest.raises(ClipprobeError) as caught:
        read_labels(file)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_any_table_will_do_and_an_id_column_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"who": "a", "fitzpatrick": 3}\n{"who": "b", "fitzpatrick": 5.0}\n')
    labels = read_labels(file, id_column="who")
    assert labels.columns == {"fitzpatrick": ("3", "5")} and labels.card is None
    with pytest.raises(DataError, match="no id column 'x'"):
        read_labels(file, id_column="x")
    with pytest.raises(ConfigError, match="no label format 'coco'"):
        read_labels(file, format="coco")
    with pytest.raises(DataError, match="There is no table"):
        read_labels(tmp_path / "absent.csv")


def test_ids_join_exactly_and_the_rest_is_counted() -> None:
    found = join(["b", "a", "x"], ["a", "b", "c", "d"])
    assert (found.left, found.right) == ((0, 1), (1, 0))
    assert (found.left_only, found.right_only) == (("x",), ("c", "d"))
    with pytest.raises(DataError, match=r"'1.jpg' against 'val/1.jpg'.*must be the same"):
        join(["1.jpg"], ["val/1.jpg"])
    stems = join(["d/OO_1.png", "OO_2.jpg"], ["OO_2", "OO_1"], by_stem=True)
    assert stems.right == (1, 0)
    with pytest.raises(DataError, match="differ only in folder or ending"):
        join(["a/1.png", "b/1.png"], ["1"], by_stem=True)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_embeddings_come_back_as_they_went(tmp_path: Path, ending: str) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    ids = ["ü/1.jpg", "b", "=c"]
    file = write_embeddings(tmp_path / f"e.{ending}", ids, vectors, weights_sha256="abc")
    found = read_embeddings(file)
    assert found.ids == tuple(ids) and found.weights_sha256 == "abc"
    assert found.vectors.dtype == np.float32 and np.array_equal(found.vectors, vectors)
    with pytest.raises(DataError, match="more than once"):
        write_embeddings(file, ["a", "a", "b"], vectors)


def test_broken_embeddings_are_one_sentence(tmp_path: Path) -> None:
    vectors, ids = np.ones((2, 3), np.float32), np.array(["a", "b"])
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("noids", {"embeddings": vectors}, "needs 'ids' and 'embeddings'"),
        ("few", {"ids": ids[:1], "embeddings": vectors}, "1 ids for 2 vectors"),
        ("flat", {"ids": ids, "embeddings": vectors[0]}, "shape"),
        ("ints", {"ids": ids, "embeddings": vectors.astype(int)}, "int64 of shape"),
        ("numbers", {"ids": np.arange(2), "embeddings": vectors}, "must be one row of text"),
        ("twice", {"ids": ids[[0, 0]], "embeddings": vectors}, "more than once"),
        ("pickled", {"ids": ids.astype(object), "embeddings": vectors}, "pickled objects"),
    ]
    for name, arrays, message in cases:
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(DataError) as caught:
            read_embeddings(tmp_path / f"{name}.npz")
        assert message in str(caught.value), name
    (tmp_path / "no.npz").write_bytes(b"no zip")
    (tmp_path / "no.safetensors").write_bytes(b"no")
    for file, message in (
        ("no.npz", "could not be read"),
        ("no.safetensors", "could not be read"),
        ("absent.npz", "no embeddings file"),
    ):
        with pytest.raises(DataError, match=message):
            read_embeddings(tmp_path / file)
    (tmp_path / "e.pt").write_bytes(b"")
    with pytest.raises(DataError, match=r"no \.npz or \.safetensors"):
        read_embeddings(tmp_path / "e.pt")


def test_predictions_are_labels_or_scores(tmp_path: Path) -> None:
    labels = write(tmp_path / "p.csv", ["id", "age", "gender_preds"], ["a", "3", "White_Male"])
    found = read_predictions(labels)
    assert found.labels == ("White_Male",) and found.column == "gender_preds"
    scores = write(
        tmp_path / "s.csv", ["id", "who", "a doctor", "a nurse"], ["a", "m", "0.25", "1e-3"]
    )
    table = read_predictions(scores, score_kind="logit")
    assert table.labels is None and table.scores is not None and table.kind == "logit"
    assert {k: v.tolist() for k, v in table.scores.items()} == {
        "a doctor": [0.25],
        "a nurse": [0.001],
    }
    for head, rows, message in (
        (["id", "pred", "prediction"], [["a", "x", "y"]], "several columns that could be"),
        (["id", "who"], [["a", "x"]], "no column of predicted labels and fewer than two"),
        (["id", "prediction"], [["a", ""]], "Row 1 .* has no prediction"),
        (["id", "x", "y"], [["a", "1", "2"], ["b", "1", "2"], ["c", "nan", "2"]], "1 of 3 rows"),
    ):
        with pytest.raises(DataError, match=message):
            read_predictions(write(tmp_path / "x.csv", head, *rows))
    with pytest.raises(ConfigError, match="no score kind"):
        read_predictions(scores, score_kind="odds")
    with pytest.raises(DataError, match="no column 'z' of predictions"):
        read_predictions(scores, prediction_column="z")


def test_every_card_that_ships_is_whole_and_says_how_groups_are_known(tmp_path: Path) -> None:
    assert {"fairface", "utkface", "visogender", "clipprobe-people"} <= set(card_names())
    cards = {name: read_card(name) for name in card_names()}
    assert cards["fairface"].annotation == "annotated"  # not "self-identified", as some wrote
    assert cards["fairface"].licence.startswith("CC BY 4.0")
    assert cards["casual-conversations-v2"].annotation == "self-reported"
    assert cards["facet"].consent == "not stated"
    own = tmp_path / "card.yaml"
    text = "title: T\nannotation: annotated\nannotators: three raters\nlicence: mine\n"
    own.write_text(text)
    assert read_card(own).annotators == "three raters" and read_card(own).link == "not stated"
    for broken, message in (
        (text + "licences: x\n", "unknown field 'licences': did you mean 'licence'"),
        (text.replace("annotators: three raters\n", ""), "says nothing about 'annotators'"),
        (text.replace("annotation: annotated", "annotation: guessed"), "annotation 'guessed'"),
        ("- a\n", "must be a mapping"),
        ("a: [\n", "not valid YAML"),
    ):
        own.write_text(broken)
        with pytest.raises(ClipprobeError, match=message):
            read_card(own)
    with pytest.raises(DataError, match="no card 'absent'"):
        read_card("absent")


def test_one_road_is_taken_and_what_does_not_match_is_told(
    people: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="but got none"):
        gather(Inputs())
    with pytest.raises(ConfigError, match="but got images and predictions"):
        gather(Inputs(images="x", predictions="y"))
    with pytest.raises(ConfigError, match="need a table of labels"):
        gather(Inputs(embeddings="x.npz"))
    folder = people(20)
    rows = [[f"{i:03d}.png", ("low", "high")[i % 2]] for i in range(1, 20)]
    labels = write(tmp_path / "l.csv", ["file", "pitch"], *rows, ["zzz.png", "low"])
    found = gather(Inputs(images=folder, labels=labels), Choice(limit=12))
    assert len(found.dataset) == 12 and found.skipped == 2
    assert {r.attributes["pitch"] for r in found.dataset} == {"low", "high"}
    assert all("perceived_gender" in r.attributes for r in found.dataset)
    assert [f.id for f in found.unmatched] == ["000.png", "zzz.png"]
    assert not any("png" in note for note in found.notes) and len(found.notes) == 2
    assert found.card is None


def test_drawn_people_bring_their_card_and_lookalikes_do_not(tmp_path: Path) -> None:
    from attacks.bias.inputs.gather import Inputs, gather
    from clipprobe.stimuli import people_set
    from clipprobe.stimuli.probe_sets import write_set

    table = write_set(people_set(per_cell=1), tmp_path / "people")
    assert gather(Inputs(images=tmp_path / "people")).card == "clipprobe-people"
    text = table.read_text()
    table.write_text(text.replace("noto/woman/", "a/b/").replace("twemoji/woman/", "a/b/"))
    assert gather(Inputs(images=tmp_path / "people")).card is None
