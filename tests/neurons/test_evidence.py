"""Runs that the instruments really make, on sheets and in searches."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.data import as_dataset
from clipprobe.errors import RunFolderError
from clipprobe.neurons import Atlas, scan
from clipprobe.neurons.captions import captions_run
from clipprobe.neurons.effects import compare_effects, similar_run
from clipprobe.neurons.instruments.registry import INSTRUMENTS, beside_atlas
from clipprobe.neurons.labels import label_units
from clipprobe.neurons.multimodality import bundled_probes, multimodality
from clipprobe.neurons.sheet.evidence import gather
from clipprobe.neurons.sheet.sheet import unit_sheet
from clipprobe.neurons.words import WordGrid, word_probe
from clipprobe.report import render_html
from clipprobe.report.cells import plain_number
from clipprobe.report.numbers import format_cell, format_number
from clipprobe.runs import Run, list_runs, load_run
from clipprobe.stimuli import concepts

POST = "vision.blocks.1.mlp.post"
WORDS = ("red", "green", "<b>blue</b>", "lion")
CAPTIONS = ("a red thing", "a green thing", "a <i>blue</i> thing")
GRID = WordGrid(sizes=(0.3,), places=("top",))
COLOURS = ["red", "green", "blue"]


@dataclass(frozen=True)
class Asked:
    """An atlas with a run of every instrument beside it, and what the instruments returned."""

    atlas: Atlas
    unit: str
    words: Any
    captions: Any
    multimodal: Any
    labels: Any
    similar: Any


@pytest.fixture(scope="module")
def asked(clip: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("runs")
    scan(clip, pictures, sites=[POST], out=folder / "atlas", batch_size=8)
    words = word_probe(clip, WORDS, sites=[POST], grid=GRID, n_scrambled=3, out=folder / "words")
    captions = captions_run(clip, [POST], CAPTIONS, n_random=9, out=folder / "captions")
    multimodal = multimodality(
        clip,
        bundled_probes(per_concept=4, concepts=concepts()[:4]),
        [POST],
        n_permutations=50,
        n_controls=1,
        out=folder / "multimodal",
    )
    dataset = as_dataset(pictures)
    labels = label_units(
        clip,
        dataset,
        sites=[POST],
        pool="mean",
        concepts=COLOURS,
        judge="labels",
        out=folder / "labels",
    )
    compare_effects(
        clip,
        as_dataset(pictures, limit=4),
        ["a cat", "a dog"],
        [POST],
        folder / "effects",
        per_site=None,
    )
    unit = f"{POST}:{multimodal.units['unit'].iloc[0]}"  # the one with word controls
    similar = similar_run(clip, pictures, unit, k=3, out=folder / "similar")
    return Asked(Atlas.load(folder / "atlas"), unit, words, captions, multimodal, labels, similar)


def text_of(page: str) -> str:
    """What a reader sees."""
    page = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.S).replace("<wbr>", "")
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture(scope="module")
def seen(asked: Asked) -> dict[str, str]:
    """The sheet by anchor of its sections."""
    page = render_html(unit_sheet(asked.atlas, asked.atlas.unit(asked.unit)))
    assert "<b>blue" not in page and "<i>blue" not in page
    parts = re.split(r'<h2 id="([a-z]+)"', page)
    return {name: text_of(part) for name, part in zip(parts[1::2], parts[2::2], strict=True)}


def test_every_instrument_is_on_the_sheet(seen: dict[str, str]) -> None:
    assert [one.name for one in beside_atlas() if one.name not in seen] == []
    assert "unasked" not in seen


def test_words_and_captions(asked: Asked, seen: dict[str, str]) -> None:
    unit = asked.words.unit(asked.unit)
    for one in (*unit.top, *unit.bottom):
        assert one.word in seen["words"]
        assert f"{format_number(one.centred)} [" in seen["words"]
        assert format_number(one.z) in seen["words"]
    for value in (unit.mean, unit.blank, unit.scrambled_mean, unit.scrambled_high):
        assert format_number(value) in seen["words"]
    assert f"has z {unit.z_floor:.2f}" in seen["words"]
    found = next(one for one in asked.captions if one.unit == asked.unit)
    for caption in (*found.top, *found.bottom):
        assert caption.caption in seen["captions"]
        assert format_number(caption.score) in seen["captions"]
    assert f"p {found.p:.2g}, q {found.q:.2g}" in seen["captions"]
    assert found.claim in seen["captions"]


def test_multimodality(asked: Asked, seen: dict[str, str]) -> None:
    row = asked.multimodal.units.iloc[0]
    text = seen["multimodal"]
    n = sum(row[f"n_{name}"] for name in asked.multimodal.modalities)
    shown = [{"value": row["score"], "low": row["low"], "high": row["high"], "n": n}]
    for name in asked.multimodal.modalities:
        keys = {"value": "auroc", "low": "low", "high": "high", "n": "n"}
        shown.append({key: row[f"{column}_{name}"] for key, column in keys.items()})
        assert format_number(row[f"dprime_{name}"]) in text
    assert all(format_cell(one) in text for one in shown)
    assert format_number(row["q"]) in text and asked.multimodal.verdict in text
    assert "q_selected" not in text
    assert str(row["concept"]) in text and f"{row['floor']:.1%}" in text
    for control in asked.multimodal.controls.itertuples():
        assert control.control.removeprefix("jitter of ") in text
        assert format_number(control.value) in text


def test_label_effects_and_similar_units(asked: Asked, seen: dict[str, str]) -> None:
    row = next(one for one in asked.labels.table() if f"{one['site']}:{one['unit']}" == asked.unit)
    q = "< 0.001" if row["q"] < 0.001 else format_number(row["q"])
    for part in (row["candidate"], format_number(row["auroc"]), q):
        assert part in seen["labels"]
    assert (row["label"] or "none") in seen["labels"] and row["judge"] in seen["labels"]
    assert "was pooled by mean, this atlas by max" in seen["labels"]
    assert asked.atlas.path is not None
    effects = load_run(asked.atlas.path.parent / "effects").read_table("effects.parquet")
    mine = [one for one in effects.to_pylist() if f"{one['site']}:{one['unit']}" == asked.unit]
    assert [one["target"] for one in mine] == ["a cat", "a dog"]
    for one in mine:
        for value in (one["predicted"], one["first_order"]):
            assert plain_number(value) in seen["effects"]
        interval = [plain_number(one[name]) for name in ("measured_low", "measured_high")]
        assert f"{plain_number(one['measured'])} [{', '.join(interval)}] n=4" in seen["effects"]
    for other, value in (*asked.similar.similar, *asked.similar.opposed):
        assert other in seen["similar"] and format_cell(value) in seen["similar"]
    for other, value in (*asked.similar.same_output, *asked.similar.opposite_output):
        assert other in seen["similar"] and plain_number(value) in seen["similar"]


def test_a_similar_run_is_read_as_it_was_written(
    asked: Asked, clip: Any, pictures: Path, tmp_path: Path
) -> None:
    assert asked.atlas.path is not None
    folder = asked.atlas.path.parent / "similar"
    again = similar_run(clip, pictures, asked.unit, k=3, out=folder)
    first, second = asked.similar.to_json(), again.to_json()
    for one in (first, second):
        one["provenance"] = one["provenance"]["data"]
    assert second == first and len(again.failures) == 1
    with pytest.raises(RunFolderError, match="k"):
        similar_run(clip, pictures, asked.unit, k=4, out=folder)


def test_a_circular_label_and_abstention_are_said(
    clip: Any, pictures: Path, tmp_path: Path
) -> None:
    scan(clip, pictures, sites=[POST], out=tmp_path / "atlas", batch_size=8)
    dataset = as_dataset(pictures)
    found = label_units(
        clip, dataset, sites=[POST], concepts=COLOURS, threshold=0.999, out=tmp_path / "labels"
    )
    assert found.circular
    atlas = Atlas.load(tmp_path / "atlas")
    row = next(one for one in found.table() if one["label"] is None)
    unit = atlas.unit(f"{row['site']}:{row['unit']}")
    text = text_of(render_html(unit_sheet(atlas, unit)))
    assert "Circular: the judge" in text
    assert f"No label is given: {row['reason']}." in text


def test_a_unit_that_a_run_leaves_out_is_not_asked_yet(clip: Any, asked: Asked) -> None:
    other = f"{POST}:{(int(asked.unit.rpartition(':')[2]) + 1) % 64}"
    text = text_of(render_html(unit_sheet(asked.atlas, asked.atlas.unit(other))))
    assert f"clipprobe neurons similar {other}" in text
    assert "clipprobe neurons words" not in text
    assert "against controls" not in text


def test_other_weights_and_other_runs_are_refused_or_left_out(asked: Asked, tmp_path: Path) -> None:
    import clipprobe
    from clipprobe.testing import checkpoints as tiny

    other = clipprobe.load(tiny.tiny_clip(tmp_path / "model", seed=1))
    word_probe(other, WORDS, sites=[POST], grid=GRID, n_scrambled=0, out=tmp_path / "words")
    with pytest.raises(RunFolderError, match="other weights"):
        gather(asked.atlas, [tmp_path / "words"])
    with pytest.raises(RunFolderError, match="of the kind 'atlas'"):
        gather(asked.atlas, [str(asked.atlas.path)])
    scan(other, [np.zeros((8, 8, 3), np.uint8)], sites=[POST], out=tmp_path / "atlas")
    beside = gather(Atlas.load(tmp_path / "atlas"))
    assert [len(beside.runs[name]) for name in ("words", "captions")] == [1, 0]


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def any_z(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search takes any word of a unit's list, since of four words none lies far out."""
    words = INSTRUMENTS["words"]
    lenient = replace(words, searches={"word": replace(words.searches["word"], least=None)})
    monkeypatch.setitem(INSTRUMENTS._loaded, "words", lenient)


def test_searches_find_what_the_instruments_found(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    base = ("neurons", "search", "--atlas", str(asked.atlas.path), "--limit", "99", "--json")

    def found(*flags: str) -> list[int]:
        done = run(*base, *flags)
        assert done.exit_code == 0, done.stderr
        return [row["unit"] for row in json.loads(done.stdout)]

    values = asked.words.values[POST]
    lion = values.value[asked.words.words.index("lion")]
    ranks = (values.value > lion).sum(axis=0)
    n = len(asked.words.words)
    spread = values.value.std(axis=0)
    z = (lion - values.value.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    assert n < 11 and z.max() < 3 and found("--word", "lion") == []  # of so few none lies far out
    request.getfixturevalue("any_z")
    assert set(found("--word", "LION")) == set(range(64))  # all words are kept of each unit
    assert ranks[found("--word", "lion")].tolist() == sorted(ranks)

    labelled = [row for row in asked.labels.table() if row["label"] == "red"]
    chosen = asked.multimodal.units
    assert labelled
    best = sorted(labelled, key=lambda row: -row["auroc"])
    assert found("--concept", "Red") == [row["unit"] for row in best]

    pairs = asked.multimodal.table
    reads = pairs[pairs["auroc_word"] >= 0.9].sort_values("auroc_word", ascending=False)
    assert 0 < reads["unit"].nunique() < 64
    assert set(found("--property", "reads text")) == set(reads["unit"])

    usual = INSTRUMENTS["multimodal"]
    search = replace(usual.searches["concept"], least=("score", 0.4))
    properties = tuple(replace(one, least=0.4) for one in usual.properties)
    lenient = replace(usual, searches={"concept": search}, properties=properties)
    monkeypatch.setitem(INSTRUMENTS._loaded, "multimodal", lenient)
    good = chosen[chosen["score"] >= 0.4]
    assert 0 < len(good) < 64
    ranked = good.sort_values("score", ascending=False, kind="stable")["unit"].tolist()
    assert set(found("--property", "multimodal")) == set(ranked)
    assert found("--property", "multimodal")[0] == ranked[0]
    concept = str(good["concept"].iloc[0])
    tied = good[good["concept"] == concept]
    assert set(found("--concept", concept)) == set(tied["unit"])

    table = asked.atlas.table(POST)
    expected = np.flatnonzero((table.mean > 0.2) & (table.sparsity >= 0.5))
    assert 0 < len(expected) < 64
    flags = ("--where", "mean>0.2", "--where", "sparsity >= 0.5")
    assert sorted(found(*flags)) == expected.tolist()
    assert set(found("--property", "multimodal", *flags)) == set(ranked) & set(expected)
    assert found("--label", "red") and found("--property", "always-on") is not None


def test_a_search_without_its_run_says_what_makes_one(
    clip: Any, pictures: Path, tmp_path: Path
) -> None:
    scan(clip, pictures, sites=[POST], out=tmp_path / "atlas", batch_size=8)
    base = ("neurons", "search", "--atlas", str(tmp_path / "atlas"))
    for flags, command in (
        (("--word", "lion"), "clipprobe neurons words"),
        (("--concept", "dog"), "clipprobe neurons label"),
        (("--property", "multimodal"), "clipprobe neurons multimodal"),
    ):
        done = run(*base, *flags)
        assert done.exit_code == 2 and f"`{command}`" in done.stderr


def test_runs_anywhere_in_the_folder_of_runs_are_found(
    asked: Asked, tmp_path: Path, any_z: None
) -> None:
    assert asked.atlas.path is not None
    shutil.copytree(asked.atlas.path, tmp_path / "demo" / "atlas")
    shutil.copytree(asked.atlas.path.parent / "words", tmp_path / "words")
    shutil.copytree(asked.atlas.path.parent / "captions", tmp_path / "far" / "off" / "captions")
    atlas = Atlas.load(tmp_path / "demo" / "atlas")
    assert not gather(atlas).runs["words"]
    Run.open(tmp_path / "empty", kind="demo", config={}).finish(counts={"used": 0}, seed=0)
    shutil.copytree(tmp_path / "empty", tmp_path / "demo", dirs_exist_ok=True)
    near = gather(atlas).runs
    # Anywhere below the folder of runs, which is the one around the run that holds the atlas.
    assert [run.path for run in near["words"]] == [tmp_path / "words"]
    assert [run.path for run in near["captions"]] == [tmp_path / "far" / "off" / "captions"]
    deep = tmp_path.joinpath(*"abcd")
    deep.mkdir(parents=True)
    (tmp_path / "far" / "off" / "captions").rename(deep / "captions")
    assert not gather(atlas).runs["captions"]  # five folders down nobody looks
    found = gather(atlas, among=list_runs(tmp_path)).runs
    assert [run.path.name for run in found["words"]] == ["words"]  # once
    assert [run.path.name for run in found["captions"]] == ["captions"]
    result = CliRunner().invoke(
        app, ["neurons", "search", "--atlas", str(atlas.path), "--word", "red", "--json"]
    )
    assert result.exit_code == 0 and json.loads(result.stdout)
