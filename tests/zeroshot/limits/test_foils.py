"""Tables of captions and foils in the layouts of the benchmarks that have them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.errors import DataError
from clipprobe.zeroshot import audit_limits
from clipprobe.zeroshot.limits import matched
from clipprobe.zeroshot.limits.numbers import measure
from clipprobe.zeroshot.limits.pairs import Pairs
from clipprobe.zeroshot.limits.verdict import judge

SCHEMA = Path(__file__).parents[3] / "clipprobe" / "zeroshot" / "limits.summary.schema.json"


def images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(folder / name)


def right(clip: Any, pairs: Pairs, places: list[Path]) -> list[bool]:
    """Zero-shot of every row, computed plainly."""
    found = []
    for row, place in zip(pairs.rows, places, strict=True):
        cosines = clip.similarity([place], list(row.options))[0]
        found.append(bool(cosines.argmax() == 0))
    return found


def check(clip: Any, pairs: Pairs, places: list[Path], n_options: int) -> None:
    items, failures = pairs.encode(clip)
    assert not failures
    assert items.texts.shape[1] == n_options
    assert len(set(items.truth.tolist())) > 1  # the true one has no place of its own
    numbers = measure(items)
    assert numbers.right["zero_shot"].tolist() == right(clip, pairs, places)
    assert not judge(numbers).verdict.startswith("absent")


def test_a_folder_of_sugar_crepe(clip: Any, tmp_path: Path) -> None:
    names = [f"{i:012}.jpg" for i in range(12)]
    images(tmp_path / "val2017", names)
    for kind, half in (("add_att", names[:6]), ("swap_obj", names[6:])):
        entries = {
            str(3 * i): {
                "filename": name,
                "caption": f"a cat {name}",
                "negative_caption": f"a dog {name} {kind}",
            }
            for i, name in enumerate(half)
        }
        (tmp_path / f"{kind}.json").write_text(json.dumps(entries), encoding="utf-8")
    pairs = Pairs.read(tmp_path)
    assert [row.wording for row in pairs.rows] == ["add_att"] * 6 + ["swap_obj"] * 6
    check(clip, pairs, [tmp_path / "val2017" / row.image for row in pairs.rows], 2)
    with pytest.raises(DataError, match="fewer than 10 different images"):
        Pairs.read(tmp_path / "add_att.json")


def test_a_folder_of_winoground_holds_out_whole_examples(clip: Any, tmp_path: Path) -> None:
    images(tmp_path / "images", [f"ex_{i}_img_{k}.png" for i in range(8) for k in (0, 1)])
    lines = [
        json.dumps(
            {"id": i, "image_0": f"ex_{i}_img_0", "image_1": f"ex_{i}_img_1",
             "caption_0": f"a dog beside cat {i}", "caption_1": f"a cat beside dog {i}", "tag": ""}
        )
        for i in range(8)
    ]  # fmt: skip
    (tmp_path / "examples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = Pairs.read(tmp_path)
    assert [row.group for row in pairs.rows[:3]] == ["example 0", "example 0", "example 1"]
    assert pairs.rows[0].options == pairs.rows[1].options[::-1]
    check(clip, pairs, [tmp_path / "images" / f"{row.image}.png" for row in pairs.rows], 2)


def test_group_scores_are_those_of_the_definition_and_chance_is_that_of_four_random_scores() -> (
    None
):
    hand = np.array(
        [
            [[0.9, 0.1], [0.2, 0.8]],  # all right
            [[0.5, 0.4], [0.6, 0.7]],  # each image finds its caption, one caption the other image
            [[0.5, 0.6], [0.4, 0.7]],  # the reverse
            [[0.5, 0.5], [0.5, 0.5]],  # ties are not right
        ]
    )
    found = matched.right(hand)
    assert found["text score"].tolist() == [True, True, False, False]
    assert found["image score"].tolist() == [True, False, True, False]
    assert found["group score"].tolist() == [True, False, False, False]
    drawn = matched.right(np.random.default_rng(0).normal(size=(60_000, 2, 2)))
    for name, one in drawn.items():
        assert one.mean() == pytest.approx(matched.CHANCE[name], abs=0.006)


def test_two_images_with_swapped_captions_get_group_scores(clip: Any, tmp_path: Path) -> None:
    images(tmp_path / "images", [f"{i}-{k}.png" for i in range(8) for k in (0, 1)])
    columns = ["image_0", "image_1", "caption_0", "caption_1"]
    rows = [
        [f"{i}-0.png", f"{i}-1.png", f"a dog by cat {i}", f"a cat by dog {i}"] for i in range(8)
    ]
    text = "\n".join(",".join(row) for row in [columns, *rows]) + "\n"
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
    (tmp_path / "images" / "7-1.png").write_bytes(b"no image")  # half an example is none
    run = audit_limits(clip, foils=tmp_path / "pairs.csv", out=tmp_path / "run")
    expected = []
    for row in rows[:7]:
        first, second = (tmp_path / "images" / name for name in row[:2])
        cosines = clip.similarity([first, second], row[2:])
        text_right = cosines[0, 0] > cosines[0, 1] and cosines[1, 1] > cosines[1, 0]
        image_right = cosines[0, 0] > cosines[1, 0] and cosines[1, 1] > cosines[0, 1]
        expected.append([text_right, image_right, text_right and image_right])
    (one,) = run.summary["tasks"]
    shares = [one["matched"][f"{name} score"] for name in ("text", "image", "group")]
    assert [share["value"] for share in shares] == pytest.approx(np.mean(expected, axis=0))
    assert {share["n"] for share in shares} == {7} and "group score" in one["twin"]
    assert "group score" in [line["name"] for line in run.summary["headline"]]
    with (run.path / "numbers.csv").open(encoding="utf-8") as handle:
        (group,) = [
            row for row in csv.DictReader(handle)
            if row["number"] == "group score" and row["model"] == "model"
        ]  # fmt: skip
    assert float(group["chance"]) == pytest.approx(1 / 6)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(run.summary, schema)


def test_a_table_of_neg_bench_has_four_options(clip: Any, tmp_path: Path) -> None:
    names = [f"{i:012}.jpg" for i in range(12)]
    images(tmp_path / "images", names)
    columns = ["image_path", "correct_answer", "caption_0", "caption_1", "caption_2", "caption_3",
               "correct_answer_template"]  # fmt: skip
    with (tmp_path / "mcq.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        for i, name in enumerate(names):
            kind = ("positive", "negative", "hybrid")[i % 3]
            options = [f"{what} {i}" for what in ("a cat", "no dog", "a bus", "no bus")]
            writer.writerow([f"data/coco/{name}", i % 4, *options, kind])
    pairs = Pairs.read(tmp_path / "mcq.csv")
    assert pairs.rows[1].options[0] == "no dog 1"
    assert {row.wording for row in pairs.rows} == {"positive", "negative", "hybrid"}
    check(clip, pairs, [tmp_path / "images" / Path(row.image).name for row in pairs.rows], 4)
    text = (tmp_path / "mcq.csv").read_text(encoding="utf-8").replace(".jpg,1,", ".jpg,7,")
    (tmp_path / "other.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"Row 3 of other\.csv has the correct_answer '7'"):
        Pairs.read(tmp_path / "other.csv")


def test_images_that_are_left_out_are_counted_but_not_of_the_questions(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(13)]
    images(tmp_path / "images", names)
    (tmp_path / "images" / names[0]).write_bytes(b"not an image")
    entries = {
        str(i): {"filename": name, "caption": f"a cat {i} {k}", "negative_caption": f"a dog {i}"}
        for i, (name, k) in enumerate((name, k) for name in names for k in range(2))
    }
    (tmp_path / "some.json").write_text(json.dumps(entries), encoding="utf-8")
    arguments = ["audit", "limits", "--task", "colour", "--scenes", "1", "--no-twin", "--foils"]
    arguments += [str(tmp_path / "some.json"), "--image-root", str(tmp_path / "images")]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "run"), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "1 image was left out; manifest.json says why." in done.stderr.splitlines()


def test_what_is_none_of_them_has_its_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"caption": "a"}]', encoding="utf-8")
    with pytest.raises(DataError, match=r"Entry 1 of x\.json has no 'filename'"):
        Pairs.read(tmp_path)
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        Pairs.read(tmp_path / "x.json")
    with pytest.raises(DataError, match="is not a file: give a CSV table"):
        Pairs.read(tmp_path / "nowhere.csv")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="and 0 CSV tables: give one"):
        Pairs.read(empty)
