"""The whole test: users' images, mistakes, tiles, run folder, gallery, commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from neurons import planted
from PIL import Image
from runs.checks import check_run, check_tables
from typer.testing import CliRunner

import clipprobe
from clipprobe.cli import app
from clipprobe.errors import ClipprobeError, ConfigError, DataError, RunFolderError
from clipprobe.hooks.units import find_sites
from clipprobe.neurons.multimodality import Multimodality, bundled_probes, multimodality
from clipprobe.neurons.multimodality import trial as trial_module
from clipprobe.neurons.multimodality.activations import tiles
from clipprobe.neurons.multimodality.controls import AGAINST, drawings, word_controls
from clipprobe.neurons.multimodality.gallery.sheet import LARGEST
from clipprobe.neurons.multimodality.gallery.writing import write_gallery
from clipprobe.neurons.multimodality.probes import as_probes, split
from clipprobe.stimuli import concepts

SITE = "vision.blocks.1.mlp.post"
FEW = concepts()[:5]


@pytest.fixture(scope="module")
def probes() -> Any:
    return bundled_probes(per_concept=4, concepts=FEW, size_px=64)


@pytest.fixture(scope="module")
def made(clip: Any, probes: Any, tmp_path_factory: pytest.TempPathFactory) -> Multimodality:
    out = tmp_path_factory.mktemp("multimodal") / "run"
    return multimodality(clip, probes, sites=[SITE], n_controls=2, out=out)


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


def test_tiles_cover_every_unit_once_and_change_nothing(clip: Any, probes: Any) -> None:
    found = find_sites(clip, ["vision.blocks.*.mlp.post"], "max")
    plan = tiles(found, 60, 4 * 60 * 50 / 1e6, 1)
    assert all(sum(stop - start for _, start, stop in tile) <= 50 for tile in plan)
    covered = [(name, unit) for tile in plan for name, a, b in tile for unit in range(a, b)]
    assert covered == [(site.name, unit) for site in found for unit in range(site.n_units)]
    options: dict[str, Any] = {"sites": ["vision.blocks.*.mlp.post"], "controls": []}
    whole = multimodality(clip, probes, **options)
    tiled = multimodality(clip, probes, memory_mb=4 * 60 * 80 / 1e6, workers=0, **options)
    assert whole.table.equals(tiled.table) and whole.units.equals(tiled.units)
    assert whole.top_images.equals(tiled.top_images)
    assert np.array_equal(whole.nulls.best_unit_null, tiled.nulls.best_unit_null)


def test_a_killed_test_goes_on_with_tiles_of_another_size(
    clip: Any, probes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tiles of 70, 70, 52 units are not the three of 90, 90, 12."""
    options: dict[str, Any] = {"sites": ["vision.blocks.*.mlp.post"], "controls": []}
    one_unit = 4 * 60 / 1e6
    whole = multimodality(clip, probes, out=tmp_path / "whole", **options)
    real, calls = trial_module.pooled, []

    def dies(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    monkeypatch.setattr(trial_module, "pooled", dies)
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        multimodality(clip, probes, memory_mb=70.5 * one_unit, out=out, **options)
    assert len(list((out / "parts").glob("*.safetensors"))) == 6
    found = multimodality(clip, probes, memory_mb=90.5 * one_unit, out=out, **options)
    assert len(calls) == 7 + 9  # nothing of the other tiles was taken
    assert found.table.equals(whole.table) and found.units.equals(whole.units)
    for name in whole_files(tmp_path / "whole"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def whole_files(folder: Path) -> list[str]:
    return [*json.loads((folder / "manifest.json").read_text())["files"], "manifest.json"]


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


def test_a_run_is_what_the_page_says_and_reads_back(made: Multimodality) -> None:
    assert made.path is not None
    check_run(made.path)
    check_tables(made.path, "multimodality")
    again = Multimodality.load(made.path)
    assert again.summary() == made.summary() and again.to_json() == made.to_json()
    assert again.table.equals(made.table)
    with pytest.raises(RunFolderError, match="not 'multimodality'"):
        Multimodality.load(_other_run(made.path.parent / "other"))


def _other_run(folder: Path) -> Path:
    from clipprobe.runs import Run

    Run.open(folder, kind="atlas", config={}).finish(counts={}, seed=0)
    return folder


def test_the_report_states_claim_family_floor_and_pooling(made: Multimodality) -> None:
    assert made.path is not None
    page = (made.path / "report.html").read_text("utf-8")
    for words in ("cross-tower alignment", f"{made.family_size:,} pairs", "random weights", "max"):
        assert words in page
    best = made.ranked(1)[0]
    assert best["address"] in page and page.count("data:image/") >= 10 * 3
    assert (made.path / "report.md").read_text("utf-8").startswith("# Multimodal neurons")


def test_the_same_seed_gives_the_same_bytes_also_after_a_kill(
    clip: Any, probes: Any, made: Multimodality, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    real, calls = trial_module.pooled, []

    def dies(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(trial_module, "pooled", dies)
    options: dict[str, Any] = {"sites": [SITE], "n_controls": 2, "out": out}
    with pytest.raises(KeyboardInterrupt):
        multimodality(clip, probes, **options)
    assert not (out / "manifest.json").exists()
    multimodality(clip, probes, workers=0, **options)
    assert len(calls) == 4  # the two finished modalities were not run again
    assert made.path is not None
    names = sorted(path.name for path in made.path.iterdir())
    assert names == sorted(path.name for path in out.iterdir())
    for name in names:
        assert (out / name).read_bytes() == (made.path / name).read_bytes(), name
    multimodality(clip, probes, **options)
    assert len(calls) == 4  # a complete run is read, not made
    with pytest.raises(RunFolderError):
        multimodality(clip, probes, seed=1, **options)


def test_word_controls_share_everything_but_the_word() -> None:
    made = drawings("dog", 0, 64)
    assert {name: len(images) for name, images in made.items()} == dict.fromkeys(made, 24)
    assert set(made) == {"word", *AGAINST}
    for number in range(24):
        blank = np.asarray(made["blank"][number]).astype(int)
        ink = np.abs(np.asarray(made["word"][number]).astype(int) - blank).sum(axis=2) > 0
        # The ground is the same; only letters differ.
        assert 0.005 < ink.mean() < 0.5
    assert len(drawings("oo", 0, 64)["scrambled"]) == 0


def test_word_controls_tell_reading_from_ink(clip: Any) -> None:
    pairs = [(f"{SITE}:3", "dog"), (f"{SITE}:3", "日本")]
    found = word_controls(clip, pairs, pools={SITE: "max"})
    assert set(found[0].against) == set(AGAINST) and found[0].n_word == 24
    for name in AGAINST:
        estimate = found[0].against[name]
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1 and estimate.n == 48
    assert set(found[0].jitter) == {"font", "size", "place"}
    assert all(value >= 0 for value in found[0].jitter.values())
    assert "cannot be drawn" in found[1].reason and not found[1].against["blank"].defined


def test_controls_are_in_the_table_with_n_and_interval(made: Multimodality) -> None:
    assert len(made.controls) == 2 * (4 + 3)
    rates = made.controls[~made.controls["control"].str.startswith("jitter")]
    assert (rates["low"] <= rates["value"]).all() and (rates["n"] == 48).all()


def test_counts_are_those_of_the_tables(clip: Any, probes: Any) -> None:
    count = clipprobe.count_multimodal(clip, probes, sites=[SITE], threshold=0.6)
    found = multimodality(clip, probes, sites=[SITE], controls=["random_weights"])
    units = found.units
    assert count.n_strong == int((units["score"] >= 0.6).sum()) > 0
    assert count.n_units == int(((units["score"] >= 0.6) & (units["q"] <= 0.05)).sum())
    assert found.shuffles is not None
    by_hand = (found.shuffles.one >= np.float32(0.6)).sum(axis=1)
    assert count.one_shuffled.mean == by_hand.mean() and 0 < count.one_shuffled.p <= 1
    assert count.all_shuffled.sd == (found.shuffles.all >= np.float32(0.6)).sum(axis=1).std(ddof=1)
    assert set(count.claims) == {"each", "exact"}  # five concepts are too few for profiles
    exact = count.claims["exact"]
    assert exact.n == int((units["q_exact"] <= 0.05).sum()) and exact.share.n == len(units)
    assert exact.one is not None and exact.one.mean == found.shuffles.counts["exact"][0].mean()
    assert count.units.n == len(units) and count.random_strong.n == len(units)
    assert found.floor is not None
    assert count.random_strong.value == pytest.approx((found.floor.score >= 0.6).mean())
    assert json.loads(json.dumps(count.to_json()))["n_images"] == 60


def test_a_gallery_is_small_pictures_and_an_index(clip: Any, tmp_path: Path) -> None:
    out = tmp_path / "gallery"
    out.mkdir()
    (out / "99-old.webp").write_bytes(b"")
    (out / "notes.md").write_text("kept")
    options: dict[str, Any] = {"top": 2, "sites": [SITE], "per_concept": 4, "names": FEW}
    entries = write_gallery(clip, out, **options)
    assert len(entries) == 2 and len({entry.concept for entry in entries}) == 2
    assert {path.name for path in out.iterdir()} == {
        "README.md", "notes.md", *(entry.file for entry in entries)
    }  # fmt: skip
    index = (out / "README.md").read_text("utf-8")
    for entry in entries:
        path = out / entry.file
        assert path.stat().st_size <= LARGEST
        with Image.open(path) as sheet:
            assert sheet.size == (840, 464)
            assert len(np.unique(np.asarray(sheet.convert("L")))) > 50
        assert f"({entry.file})" in index and entry.unit in index
        assert entry.score.n == 48 and entry.score.value == min(
            one.value for one in entry.aurocs.values()
        )
    assert (
        "random weights" in index
        and "cross-tower" in index
        and "pooled by class token in the last third" in index
    )
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_gallery(clip, out, **options)
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}


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
    assert "1 images were left out" in done.stderr and "cross-tower" in done.stderr
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
