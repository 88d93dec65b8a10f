"""Every instrument takes a direction as it takes a neuron, and never serves another direction's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.errors import RunFolderError, UnsupportedHookError
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


def test_effects_of_a_direction_are_those_of_the_neuron(named: Any, clip: Any) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(4)]
    texts = ["a dog"]
    methods = ("zero", "mean", "resample", "steer:2")
    units = (f"{SITE}:{UNIT}", f"{POST}:{UNIT}")
    found, expected = (
        clipprobe.total_effects(
            model, images, texts, [unit], methods=methods, n_controls=3, n_boot=50
        )
        for model, unit in ((named, units[0]), (clip, units[1]))
    )
    for one, other in zip(found, expected, strict=True):
        assert one.effect.value == pytest.approx(other.effect.value, abs=1e-5)
        assert one.control_effects == pytest.approx(other.control_effects, abs=1e-5)
        assert one.p == other.p
    predicted = clipprobe.attribution_patching(named, images, texts, sites=[SITE]).mean()[SITE]
    right = clipprobe.attribution_patching(clip, images, texts, sites=[POST]).mean()[POST]
    assert np.allclose(predicted, right, atol=1e-6)
    assert np.abs(right).max() > 1e-4
    for exact in (named, clip):
        assert clipprobe.unit_direction(exact, f"{POST}:{UNIT}").exact is not None
    left = clipprobe.unit_direction(named, units[0])
    assert np.allclose(left.vector, clipprobe.unit_direction(clip, units[1]).vector, atol=1e-6)
    assert left.agreement == pytest.approx(clipprobe.unit_direction(clip, units[1]).agreement)


def test_circuits_and_maps_take_a_direction(named: Any, clip: Any) -> None:
    from clipprobe.neurons.where import unit_map

    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(4)]
    pair: tuple[Any, ...] = (images[:2], images[2:], ["a dog"])
    found, expected = (
        clipprobe.patch_sweep(model, *pair, sites=[f"{site}:{UNIT}"], positions=[0, 3])
        for model, site in ((named, SITE), (clip, POST))
    )
    assert np.allclose(found.effects, expected.effects, atol=1e-5)
    assert np.abs(expected.effects).max() > 1e-4
    path, right = (
        clipprobe.path_patch(
            model, *pair, sender=f"{site}:{UNIT}", receivers="vision.blocks.2.mlp.pre"
        )
        for model, site in ((named, SITE), (clip, POST))
    )
    assert np.allclose(path.effect, right.effect, atol=1e-5)
    assert np.allclose(path.total, right.total, atol=1e-5)
    one, other = (
        unit_map(named, images[0], f"{SITE}:{UNIT}"),
        unit_map(clip, images[0], f"{POST}:{UNIT}"),
    )
    assert np.array_equal(one.map, other.map) and one.class_token == other.class_token
    seen = clipprobe.explain(named, images[0], f"{SITE}:{UNIT}", method="grad_eclip")
    assert np.allclose(
        seen.map,
        clipprobe.explain(clip, images[0], f"{POST}:{UNIT}", method="grad_eclip").map,
        atol=1e-6,
    )


def test_direct_effects_are_those_of_what_a_direction_writes(clip: Any, images: Path) -> None:
    """In the last stream there is no path but the direct one: to first order they are the same."""
    from clipprobe.data import as_dataset
    from clipprobe.neurons.effects import agreements, site_effects

    records = list(as_dataset(images, limit=4).records)
    vectors = np.random.default_rng(2).normal(size=(5, clip.anatomy.vision.d_model))
    last = len(clip.anatomy.vision.blocks) - 1
    for at, same in (
        (f"vision.blocks.{last}.resid_post", True),
        ("vision.blocks.0.resid_post", False),
        ("vision.blocks.0.mlp.out", False),
    ):
        model = clipprobe.direction("wet", vectors, at=at, bias=0.1).of(clip)
        found = site_effects(model, records, ["a cat"], f"{at}.wet", norms=False)
        exact = site_effects(model, records, ["a cat"], f"{at}.wet").attribution
        assert np.allclose(exact, found.measured.mean(axis=0), atol=1e-4) == same
        assert found.kind == "direction" and np.abs(found.first_order).max() > 1e-4
        assert np.allclose(found.first_order, found.attribution, atol=1e-6) == same
        assert np.isfinite(found.predicted).all()
    vectors = vectors[:, : clip.d_embed]
    model = clipprobe.direction("wet", vectors, at="vision.projected").of(clip)
    found = site_effects(model, records, ["a cat"], "vision.projected.wet")
    assert np.isnan(found.predicted).all() and np.isfinite(found.attribution).all()
    (one,) = agreements([found])
    assert not one.spearman.defined and "cannot be told" in one.spearman.reason
    assert one.attribution.value > 0.5


def test_what_cannot_be_taken_out_is_refused_in_one_sentence(clip: Any, images: Path) -> None:
    from clipprobe.neurons.effects import compare_effects

    text = clip.encode_texts(["a dog", "a cat", "the sea"])
    classes = clipprobe.direction("class", text, at="vision.projected", normalised=True).of(clip)
    pictures = [np.zeros((32, 32, 3), np.uint8)] * 2
    site = "vision.projected.class"
    for call in (
        lambda: compare_effects(classes, images, ["a cat"], [site]),
        lambda: clipprobe.attribution_patching(classes, pictures, ["a cat"], sites=[site]),
        lambda: clipprobe.total_effects(classes, pictures, ["a cat"], [f"{site}:0"], n_controls=0),
    ):
        with pytest.raises(UnsupportedHookError, match="unit length") as refused:
            call()
        assert "\n" not in str(refused.value)
    before = classes.encode_images(pictures)
    with clipprobe.intervene(classes, {f"{site}:0": clipprobe.Steer(5.0)}):
        assert (classes.encode_images(pictures) @ text[0] > before @ text[0] + 0.1).all()
    with pytest.raises(UnsupportedHookError, match="nor a direction"):
        compare_effects(clip, images, ["a cat"], ["vision.blocks.1.resid_post"])


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
