"""Every instrument takes a direction as it takes a neuron, and never serves another direction's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.errors import RunFolderError
from clipprobe.identity import Identity
from clipprobe.neurons.instruments.registry import INSTRUMENTS
from clipprobe.runs import load_run
from clipprobe.study import rerun
from clipprobe.testing import image_folder

POST = "vision.blocks.1.mlp.post"
SITE = f"{POST}.same"
UNIT = 3
BIN = ("site", "unit", "bin", "low", "high", "n_images", "rank")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


def every_neuron(clip: Any) -> Any:
    """Every neuron of a block once more, as directions."""
    return clipprobe.direction("same", np.eye(clip.anatomy.vision.d_mlp), at=POST)


@pytest.fixture(scope="module")
def named(clip: Any) -> Any:
    return every_neuron(clip).of(clip)


def scan(clip: Any, images: Path, site: str, out: Path, unit: int = UNIT) -> None:
    clipprobe.scan(clip, images, sites=[site], pool="max", top_k=3, out=out)


def multimodal(clip: Any, images: Path, site: str, out: Path, unit: int = UNIT) -> None:
    from clipprobe.neurons.multimodality import bundled_probes
    from clipprobe.stimuli import concepts

    probes = bundled_probes(per_concept=4, concepts=concepts()[:4])
    clipprobe.multimodality(clip, probes, sites=[site], out=out, n_controls=1)


def words(clip: Any, images: Path, site: str, out: Path, unit: int = UNIT) -> None:
    from clipprobe.neurons.words import WordGrid

    grid = WordGrid(sizes=(0.3,), places=("top",))
    clipprobe.word_probe(clip, ["dog", "bird"], sites=[site], grid=grid, top=2, out=out)


def captions(clip: Any, images: Path, site: str, out: Path, unit: int = UNIT) -> None:
    from clipprobe.neurons.captions import captions_run

    captions_run(clip, [f"{site}:{unit}"], ["a dog", "a cat"], n_random=9, out=out)


def labels(clip: Any, images: Path, site: str, out: Path, unit: int = UNIT) -> None:
    concepts = ["cat", "dog"]
    clipprobe.label_units(clip, images, sites=[site], concepts=concepts, judge="labels", out=out)


def effects(clip: Any, images: Path, site: str, out: Path, unit: int = UNIT) -> None:
    from clipprobe.neurons.effects import compare_effects

    compare_effects(clip, images, ["a cat"], [site], out, per_site=None, limit=4)


def similar(clip: Any, images: Path, site: str, out: Path, unit: int = UNIT) -> None:
    from clipprobe.neurons.effects import similar_run

    similar_run(clip, images, f"{site}:{unit}", sites=[site], out=out, k=2)


MAKE: dict[str, Callable[..., None]] = {
    "atlas": scan,
    "captions": captions,
    "effects": effects,
    "labels": labels,
    "multimodal": multimodal,
    "similar": similar,
    "words": words,
}


def test_every_instrument_of_activations_is_tested() -> None:
    assert set(MAKE) == set(INSTRUMENTS)


def tables(run: Path) -> dict[str, list[dict[str, Any]]]:
    """Every table, the direction called as the neuron is.

    Left out: which images were sampled from a bin (the name of the hook point is in their seed) and
    what is alike in output weights, which directions do not have.
    """
    view = load_run(run)
    names = [name for name in view.manifest["files"] if name.endswith(".parquet")]
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        rows = view.read_table(name).to_pylist()
        found[name] = [
            {
                key: value.replace(SITE, POST) if isinstance(value, str) else value
                for key, value in row.items()
                if key != "kind"  # neuron or direction
            }
            for row in rows
            if row.get("measure") != "output"
        ]
    if "bins.parquet" in found:
        found["bins.parquet"] = [{key: row[key] for key in BIN} for row in found["bins.parquet"]]
    return found


def alike(left: Any, right: Any, tolerance: float = 1e-6) -> bool:
    """Numbers to some digits; everything else equal."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            alike(left[key], right[key], tolerance) for key in left
        )
    if isinstance(left, list):
        return len(left) == len(right) and all(
            alike(a, b, tolerance) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, float) and isinstance(right, float):
        return bool(np.isclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True))
    return bool(left == right)


@pytest.mark.parametrize("name", MAKE)
def test_an_instrument_says_of_one_hot_directions_what_it_says_of_neurons(
    name: str, named: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    MAKE[name](named, images, SITE, tmp_path / "directions")
    MAKE[name](clip, images, POST, tmp_path / "neurons")
    found, expected = tables(tmp_path / "directions"), tables(tmp_path / "neurons")
    assert found and found.keys() == expected.keys()
    for table, rows in expected.items():
        assert alike(rows, found[table], 1e-5 if name == "effects" else 1e-6), table
    numbers = [v for rows in found.values() for row in rows for v in row.values()]
    finite = {v for v in numbers if isinstance(v, float) and np.isfinite(v)}
    assert len(finite) > 3  # what is equal is not nothing
    value = INSTRUMENTS[name].load(tmp_path / "directions")
    assert value.view_of(f"{SITE}:{UNIT}")


@pytest.mark.parametrize("name", MAKE)
def test_an_instrument_reads_the_direction_and_not_the_unit_of_its_number(
    name: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    """Direction i is neuron i - 1: what is said of one is what is said of the other."""
    n = clip.anatomy.vision.d_mlp
    turned = clipprobe.direction("same", np.roll(np.eye(n), 1, axis=0), at=POST).of(clip)
    MAKE[name](turned, images, SITE, tmp_path / "directions", unit=UNIT + 1)
    MAKE[name](clip, images, POST, tmp_path / "neurons")
    found, expected = (
        about(tmp_path / folder, f"{site}:{unit}")
        for folder, site, unit in (("directions", SITE, UNIT + 1), ("neurons", POST, UNIT))
    )
    wrong = about(tmp_path / "neurons", f"{POST}:{UNIT + 1}")
    assert found and alike(found, expected, 1e-5)
    assert not alike(found, wrong)


def about(run: Path, address: str) -> list[float]:
    """Every number in the tables that name a unit, of that unit alone, in order."""
    site, _, unit = address.rpartition(":")
    kept = {"value", "score", "auroc", "measured", "attribution", "predicted", "selection_score"}
    rows = [
        row
        for table in tables(run).values()
        for row in table
        if row.get("site") in (site, POST) and row.get("unit") == int(unit)
    ]
    return sorted(row[key] for row in rows for key in kept & row.keys() if row[key] is not None)


@pytest.mark.parametrize("name", MAKE)
def test_another_direction_of_the_same_name_is_never_served(
    name: str, named: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    MAKE[name](named, images, SITE, out)
    assert Identity.stored(load_run(out).manifest["model"]) == named.identity
    before = (out / "manifest.json").read_bytes()
    turned = np.roll(np.eye(clip.anatomy.vision.d_mlp), 1, axis=0)
    steered = every_neuron(clip) + clipprobe.Edit({f"{SITE}:5": clipprobe.Steer(1.0)})
    for other in (
        clipprobe.direction("same", turned, at=POST),
        clipprobe.direction("same", np.eye(len(turned)), at=POST, bias=1e-3),
        steered,
    ):
        with pytest.raises(RunFolderError, match="edits"):
            MAKE[name](other.of(clip), images, SITE, out)
    assert (out / "manifest.json").read_bytes() == before


def test_a_run_is_made_again_from_its_call(clip: Any, images: Path, tmp_path: Path) -> None:
    saved = every_neuron(clip).save(tmp_path / "same.safetensors")
    scan(saved.of(clip), images, SITE, tmp_path / "run")
    again = rerun(tmp_path / "run", tmp_path / "again")
    assert tables(again.path) == tables(tmp_path / "run")
    assert again.read_json("config.json") == load_run(tmp_path / "run").read_json("config.json")


def test_the_commands_take_a_direction(
    clip: Any, checkpoint: Any, images: Path, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from clipprobe.cli import app

    place = tmp_path / "same.safetensors"
    every_neuron(clip).save(place)
    model = ["--model", str(checkpoint("clip")), "--edit", str(place)]
    atlas = str(tmp_path / "atlas")
    shown = ["--images", str(images), "--limit", "6", "--text", "a cat"]
    for command in (
        ["hooks", *model, "--sites", "*.same"],
        ["neurons", "scan", *model, "--images", str(images), "--sites", "*.same", "--out", atlas],
        ["neurons", "show", f"{SITE}:{UNIT}", "--atlas", atlas],
        ["neurons", "effect", *model, *shown, "--unit", f"{SITE}:{UNIT}", "--controls", "3"],
        ["neurons", "predict", *model, *shown, "--sites", "*.same", "--per-site", "4",
         "--out", str(tmp_path / "effects")],
        ["neurons", "similar", f"{SITE}:{UNIT}", *model, "--images", str(images)],
        ["neurons", "where", f"{SITE}:{UNIT}", str(images / "00.png"), *model,
         "--out", str(tmp_path / "map.png")],
    ):  # fmt: skip
        if command[0] == "hooks":
            command[1:3] = [command[2]]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        assert SITE in done.output


def test_a_sheet_asks_with_the_direction(clip: Any, images: Path, tmp_path: Path) -> None:
    from clipprobe.neurons.sheet.commands import ask
    from clipprobe.neurons.sheet.commands import scan as again

    label = INSTRUMENTS["labels"]
    saved = every_neuron(clip).save(tmp_path / "same.safetensors")
    scan(saved.of(clip), images, SITE, tmp_path / "saved")
    atlas = clipprobe.Atlas.load(tmp_path / "saved")
    flag = f"--edit {tmp_path / 'same.safetensors'}"
    assert flag in ask(label, atlas, f"{SITE}:{UNIT}") and flag in again(atlas)
    assert INSTRUMENTS["effects"].knows("vision", SITE, atlas.sites[SITE].unit)
    assert not INSTRUMENTS["effects"].knows("vision", "vision.blocks.1.resid_post", "dimension")
    scan(every_neuron(clip).of(clip), images, SITE, tmp_path / "unsaved")
    unsaved = clipprobe.Atlas.load(tmp_path / "unsaved")
    assert "--edit EDIT.safetensors" in ask(label, unsaved, f"{SITE}:{UNIT}")
    scan(clip, images, POST, tmp_path / "clean")
    assert "--edit" not in ask(label, clipprobe.Atlas.load(tmp_path / "clean"), f"{POST}:{UNIT}")


def test_the_summary_of_an_atlas_of_directions_follows_its_schema(
    named: Any, images: Path, tmp_path: Path
) -> None:
    import json

    import jsonschema

    schema = Path(clipprobe.__file__).parent / "neurons" / "atlas" / "summary.schema.json"
    scan(named, images, SITE, tmp_path / "atlas")
    summary = json.loads((tmp_path / "atlas" / "summary.json").read_text("utf-8"))
    assert summary["sites"][0]["unit"] == "direction"
    jsonschema.validate(summary, json.loads(schema.read_text("utf-8")))


def test_the_sheet_of_a_direction_is_the_sheet_of_the_neuron(
    named: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    from clipprobe.neurons.sheet.sheet import unit_sheet
    from clipprobe.report.markdown import render_markdown

    pages = []
    for model, site in ((named, SITE), (clip, POST)):
        scan(model, images, site, tmp_path / site)
        atlas = clipprobe.Atlas.load(tmp_path / site)
        text = render_markdown(unit_sheet(atlas, atlas.unit(f"{site}:{UNIT}")))
        found = text.replace(SITE, POST).split("## Strongest images")[1]
        pages.append(found.split("## Across the whole range")[0])
    assert "## Numbers" in pages[0] and pages[0] == pages[1]
