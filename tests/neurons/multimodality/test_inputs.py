"""What users give: images of their own, settings, and the mistakes in both."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from neurons import planted
from PIL import Image
from runs.checks import check_run
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.errors import ClipprobeError, ConfigError, DataError
from clipprobe.neurons.multimodality import Multimodality, multimodality
from clipprobe.neurons.multimodality.probes import as_probes, split

SITE = "vision.blocks.1.mlp.post"


def write_table(folder: Path, rows: list[dict[str, str]]) -> Path:
    table = folder / "metadata.csv"
    with table.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four concepts in two modalities of the user's own, one file damaged."""
    rng = np.random.default_rng(0)
    rows = []
    for concept in ("dog", "cat", "<b>bus</b>", "=sum()"):
        for modality in ("photo", "sketch"):
            for number in range(5):
                name = f"{len(rows):03d}.png"
                pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / name)
                rows.append({"file_name": name, "concept": concept, "modality": modality})
                del number
    (tmp_path / "003.png").write_bytes(b"no image")
    return write_table(tmp_path, rows)


def test_a_table_and_a_mapping_give_the_same_scores(clip: Any, table: Path) -> None:
    with table.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    mapping: dict[str, dict[str, list[Path]]] = {}
    for row in rows:
        place = mapping.setdefault(row["concept"], {}).setdefault(row["modality"], [])
        place.append(table.parent / row["file_name"])
    options: dict[str, Any] = {"sites": [SITE], "controls": [], "split_share": 0}
    first = multimodality(clip, table, **options)
    second = multimodality(clip, mapping, **options)
    assert first.modalities == ("photo", "sketch") and len(first.failures) == 1
    assert first.n_images == {"photo": (0, 19), "sketch": (0, 20)}
    columns = ["unit", "concept", "auroc_photo", "auroc_sketch", "score", "p", "q"]
    assert first.table[columns].equals(second.table[columns])
    assert any("held out" in note for note in first.notes)
    assert any("nothing can be significant" in note for note in first.notes)
    direct = first.table[["auroc_photo", "auroc_sketch"]].min(axis=1)
    assert np.array_equal(direct, first.table["score"])


def test_hostile_names_stay_text(clip: Any, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    found = multimodality(clip, table, sites=[SITE], controls=["words"], n_controls=1, out=out)
    page = (out / "report.html").read_text("utf-8")
    assert "<b>bus" not in page and "&lt;b&gt;bus" in page
    assert set(found.concepts) == {"dog", "cat", "<b>bus</b>", "=sum()"}
    check_run(out)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda rows: [{k: v for k, v in row.items() if k != "modality"} for row in rows],
            "no mod",
        ),
        (
            lambda rows: [{k: v for k, v in row.items() if k != "concept"} for row in rows],
            "no conc",
        ),
        (lambda rows: [{**row, "modality": "photo"} for row in rows], "at least two"),
        (lambda rows: [{**row, "concept": "dog"} for row in rows], "two are needed"),
        (lambda rows: [{**rows[0], "modality": ""}, *rows[1:]], "no modality"),
        (lambda rows: [*rows, rows[0]], "twice"),
    ],
)
def test_bad_tables_are_said(clip: Any, table: Path, change: Any, words: str) -> None:
    with table.open(newline="") as handle:
        rows = change(list(csv.DictReader(handle)))
    write_table(table.parent, rows)
    with pytest.raises(DataError, match=words):
        multimodality(clip, table, sites=[SITE])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"split_share": 1.0}, ConfigError, "split_share"),
        ({"controls": ["wrods"]}, ConfigError, "random_weights, words"),
        ({"controls": "words"}, ConfigError, "list"),
        ({"alpha": 0}, ConfigError, "alpha"),
        ({"n_permutations": 0}, ConfigError, "n_permutations"),
        ({"min_images": 1}, ConfigError, "at least 2"),
        ({"memory_mb": 1e-9}, ConfigError, "memory_mb"),
        ({"pool": "eos"}, ClipprobeError, "eos"),
        ({"sites": ["text.blocks.0.mlp.post"]}, ClipprobeError, "text tower"),
        ({"sites": ["vision.blocks.0.mlp.pots"]}, ClipprobeError, "nearest"),
    ],
)
def test_bad_settings_are_said(
    clip: Any, probes: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        multimodality(clip, probes, **{"sites": [SITE], **options})


def test_concepts_that_lack_images_are_left_out_and_counted(clip: Any) -> None:
    images = planted.planted_images(4)
    del images["ant"]["word"]
    images["bee"]["drawing"] = images["bee"]["drawing"][:1]
    found = multimodality(clip, images, sites=[SITE], controls=[])
    assert found.concepts == planted.CONCEPTS[2:]
    assert len(found.failures) == 8 + 9
    with pytest.raises(DataError, match="modality"):
        multimodality(clip, {"a": images["cat"]["word"]}, sites=[SITE])  # type: ignore[dict-item]
    with pytest.raises(DataError, match="Concepts must be"):
        multimodality(clip, ["a.png"], sites=[SITE])  # type: ignore[arg-type]


def test_the_split_is_even_stable_and_leaves_both_halves_something() -> None:
    ids = [f"{i:03d}" for i in range(23)]
    codes = np.repeat([0, 1, 2], [2, 10, 11])
    first = split(ids, codes, 0.5, 0)
    assert np.bincount(codes[first]).tolist() == [1, 5, 6]
    assert np.array_equal(first, split(ids, codes, 0.5, 0))
    assert not np.array_equal(first, split(ids, codes, 0.5, 1))
    assert np.bincount(codes[split(ids, codes, 0.01, 0)]).tolist() == [1, 1, 1]
    assert np.bincount(codes[split(ids, codes, 0.99, 0)]).tolist() == [1, 9, 10]
    order = np.random.default_rng(0).permutation(23)
    shuffled = split([ids[i] for i in order], codes[order], 0.5, 0)
    assert np.array_equal(shuffled, first[order])


def test_images_left_out_of_given_probes_are_told(table: Path, clip: Any, tmp_path: Path) -> None:
    """The command reads a table before the model, and the test reads the probes again."""
    with table.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    kept = [row for row in rows if (row["concept"], row["modality"]) != ("cat", "sketch")]
    few = as_probes(write_table(table.parent, kept), min_images=4)
    assert len(few.skipped) == 5 and few.concepts == ("<b>bus</b>", "=sum()", "dog")
    found = multimodality(clip, few, sites=[SITE], controls=[])
    direct = multimodality(clip, table, sites=[SITE], controls=[])
    assert found.failures == direct.failures and len(found.failures) == 6
    assert {one.id for one in few.skipped} < {one.id for one in found.failures}


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_ranks_a_users_images(checkpoint: Any, table: Path, tmp_path: Path) -> None:
    common = ["neurons", "multimodal", "--model", checkpoint("clip"), "--images", table]
    common += ["--sites", SITE, "--out", tmp_path / "run", "--top", "3"]
    done = run(*common, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert len(data["units"]) == 3 and data["random_weights"]["n_units"] == 64
    assert data["modalities"] == ["photo", "sketch"]
    assert "1 image was left out" in done.stderr and "cross-tower" in done.stderr
    again = run(*common)
    assert again.exit_code == 0 and data["units"][0]["address"] in again.stdout
    bare = run(*common[:-3], tmp_path / "bare", "--no-random-weights-control", "--no-word-controls")
    assert bare.exit_code == 0 and "random weights:" not in bare.stdout
    assert not len(Multimodality.load(tmp_path / "bare").controls)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("multimodal", "--images", "nowhere.csv"), "no images"),
        (("multimodal", "--sites", "vision.blocks.9.mlp.post", "--per-concept", "4"), "nearest"),
        (("multimodal", "--per-concept", "2"), "4"),
    ],
)
def test_mistakes_get_one_sentence_and_exit_code_2(
    checkpoint: Any, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run("neurons", *arguments, "--model", checkpoint("clip"), "--out", tmp_path / "x")
    assert done.exit_code == 2 and words in done.stderr and "Traceback" not in done.stderr
