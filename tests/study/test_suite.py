"""A suite: each image once through each tower, killed and resumed, held to a stored run."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import clipprobe
from clipprobe.cli import app
from clipprobe.data import open_dataset
from clipprobe.errors import ConfigError, RunFolderError, ThresholdCrossedError
from clipprobe.runs import RunView, load_run
from clipprobe.runs.verify import verify_run
from clipprobe.stimuli import concept_set, concepts, people_set, write_set
from clipprobe.study import STUDIES, carry_out, compare_runs, rerun
from clipprobe.study.suite.engine import SUITE, audit_all
from clipprobe.study.suite.settings import Suite
from clipprobe.testing.cases import at_pass, contents, stop

N = 200


@pytest.fixture(scope="module")
def model() -> Any:
    return clipprobe.load()


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 images of things, and people."""
    folder = tmp_path_factory.mktemp("stimuli")
    names = concepts()[: N // 2]
    two = (one for seed in (0, 1) for one in concept_set("picture", seed=seed, names=names))
    samples = [replaced(one, i) for i, one in enumerate(two)]
    assert len(samples) == N
    write_set(iter(samples), folder / "things")
    write_set(people_set(per_cell=6, seed=0), folder / "people")
    return folder


def replaced(sample: Any, number: int) -> Any:
    from dataclasses import replace

    return replace(sample, id=f"{number:03}-{sample.id}")


def studies(stimuli: Path) -> list[Any]:
    few = {"n_boot": 100, "n_permutations": 100}
    return [
        "zeroshot",
        {"study": "typographic", "words": ["ipod"], "size": 0.3, "limit": 40},
        {"study": "bias", "images": str(stimuli / "people"), "groups": "perceived_gender", **few},
        {"study": "zeroshot", "name": "other-words", "templates": ["my {}"]},
        {"study": "atlas", "sites": ["vision.blocks.5.mlp.post"], "top_k": 2},
    ]


def suite(stimuli: Path, out: Path, **more: Any) -> Suite:
    classes = sorted({str(one.label) for one in open_dataset(stimuli / "things")})
    given = {"images": stimuli / "things", "shared": {"classes": classes}, **more}
    return Suite(**{"studies": studies(stimuli), **given}, out=out)


@contextmanager
def seen_by(tower: nn.Module) -> Iterator[Counter[str]]:
    """How many passes of a tower each input is in, told by torch itself.

    A scan fills its last batch with copies of its last image, so copies within a pass count once.
    """
    counted: Counter[str] = Counter()

    def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if module is tower:
            inputs = args[0] if args else next(iter(kwargs.values()))
            counted.update({hashlib.sha256(one.numpy().tobytes()).hexdigest() for one in inputs})

    handle = torch.nn.modules.module.register_module_forward_hook(hook, with_kwargs=True)
    try:
        yield counted
    finally:
        handle.remove()


@pytest.fixture(scope="module")
def made(model: Any, stimuli: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished suite, and how often each image went through the vision tower."""
    out = tmp_path_factory.mktemp("suite") / "run"
    with seen_by(model.module.vision_model) as counted:
        run = carry_out(SUITE, suite(stimuli, out), model).run
    return run, counted


def pixels(model: Any, folder: Path) -> list[str]:
    """The images as they reach the tower."""
    from clipprobe.data import decode_image

    ready = model.preprocess([decode_image(one) for one in open_dataset(folder)])
    return [hashlib.sha256(one.numpy().tobytes()).hexdigest() for one in ready]


def test_each_clean_image_goes_through_the_tower_once(made: Any, model: Any, stimuli: Path) -> None:
    _, counted = made
    clean = pixels(model, stimuli / "things") + pixels(model, stimuli / "people")
    assert len(set(clean)) == len(clean) > N
    assert {counted[one] for one in clean} == {1}
    assert max(counted.values()) == 1 and len(counted) > len(clean) + 100  # attacked images, too
    assert model.passes is None


def test_without_a_suite_the_same_studies_encode_it_again(
    model: Any, stimuli: Path, tmp_path: Path
) -> None:
    """The control of the count."""
    with seen_by(model.module.vision_model) as counted:
        for name in ("zeroshot", "other-words"):
            entry = next(one for one in suite(stimuli, tmp_path).studies if one.name == name)
            carry_out(STUDIES["zeroshot"], entry.told(out=tmp_path / name), model)
    assert {counted[one] for one in pixels(model, stimuli / "things")} == {2}


def test_a_run_inside_equals_the_run_alone(
    made: Any, model: Any, stimuli: Path, tmp_path: Path
) -> None:
    run, _ = made
    for name in ("zeroshot", "bias"):
        entry = next(one for one in suite(stimuli, tmp_path).studies if one.name == name)
        carry_out(entry.made_by, entry.told(out=tmp_path / name), model)
        inside = {k: v for k, v in contents(run.path / name).items() if k != "manifest.json"}
        alone = {k: v for k, v in contents(tmp_path / name).items() if k != "manifest.json"}
        assert inside == alone


@pytest.mark.parametrize("at", [2, 12])
def test_killed_and_resumed_it_has_the_same_bytes(
    made: Any, model: Any, stimuli: Path, tmp_path: Path, at: int
) -> None:
    with at_pass(at, stop), pytest.raises(KeyboardInterrupt):
        carry_out(SUITE, suite(stimuli, tmp_path), model)
    whole = [one for one in tmp_path.iterdir() if (one / "manifest.json").exists()]
    before = {one: (one / "manifest.json").stat().st_mtime_ns for one in whole}
    assert whole or at == 2
    carry_out(SUITE, suite(stimuli, tmp_path), model)
    assert contents(tmp_path) == contents(made[0].path)
    assert all((one / "manifest.json").stat().st_mtime_ns == t for one, t in before.items())


def test_a_torn_store_of_passes_is_made_good(model: Any, stimuli: Path, tmp_path: Path) -> None:
    """A process that is killed while it writes leaves half a vector; it is never read."""
    from clipprobe.models.passes import Passes

    images = list(open_dataset(stimuli / "people"))
    plain = model.encode_images(images)
    with Passes(tmp_path, model).of(model, "a"):
        model.encode_images(images)
    store = tmp_path / "a.vision"
    data = store.read_bytes()
    store.write_bytes(data[: len(data) // 2] + b"\0" * 50)
    passes = Passes(tmp_path, model)
    with passes.of(model, "a"):
        pass
    with passes.of(model, "b"), seen_by(model.module.vision_model) as counted:
        again = model.encode_images(images)
    assert (again == plain).all() and 0 < sum(counted.values()) < len(images)
    assert len(store.read_bytes()) < len(data)


def test_passes_under_an_intervention_are_neither_kept_nor_served(
    model: Any, stimuli: Path, tmp_path: Path
) -> None:
    from clipprobe.models.passes import Passes

    images = list(open_dataset(stimuli / "people"))[:4]
    edit = {"vision.blocks.0.mlp.post": "zero"}
    plain = model.encode_images(images)
    with clipprobe.intervene(model, edit):
        edited = model.encode_images(images)
    assert (plain != edited).any()
    passes = Passes(tmp_path, model)
    with passes.of(model, "a"), clipprobe.intervene(model, edit):
        model.encode_images(images)
    with passes.of(model, "b"):
        assert (model.encode_images(images) == plain).all()
    with passes.of(model, "c"), clipprobe.intervene(model, edit):
        assert (model.encode_images(images) == edited).all()
    weight = model.module.vision_model.encoder.layers[0].mlp.fc1.weight
    before = weight.clone()
    with passes.of(model, "d"):
        with torch.no_grad():
            weight.zero_()
        assert (model.encode_images(images) != plain).any()
        with torch.no_grad():
            weight.copy_(before)


def test_verification_goes_down_and_sees_another_run(made: Any, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made[0].path, tmp_path / "run"))
    names = {one.name for one in verify_run(run)}
    assert names == {".", "zeroshot", "typographic", "bias", "other-words", "atlas"}
    assert all(one.sound for one in verify_run(run))
    (run / "bias" / "cells.parquet").write_bytes(b"")
    wrong = {one.name for one in verify_run(run) if not one.sound}
    assert wrong == {"bias"}
    shutil.rmtree(run / "bias")
    shutil.copytree(made[0].path / "bias", run / "bias")
    shutil.rmtree(run / "other-words")
    shutil.copytree(run / "zeroshot", run / "other-words")
    assert SUITE.load is not None
    with pytest.raises(RunFolderError, match="not the one that the suite"):
        SUITE.load(load_run(run))
    shutil.rmtree(run / "bias")
    problems = {one.name: one.problem for one in verify_run(run) if not one.sound}
    assert problems == {
        "bias": "it is missing",
        "other-words": "it is not the run that the suite made",
    }


def test_the_page_links_every_report_and_holds_a_model_card(made: Any) -> None:
    run: RunView = made[0]
    page = (run.path / "report.html").read_text(encoding="utf-8")
    for one in run.summary["runs"]:
        assert f'href="{one["name"]}/report.html"' in page
        assert load_run(run.path / one["name"]).kind == one["kind"]
    figures = {one["name"]: one["figure"] for one in run.summary["runs"]}
    assert figures["typographic"] == "attacked_accuracy" and figures["zeroshot"] == "zero_shot"
    rows = [line for line in run.summary["model_card"].split("\n") if line.startswith("| ")]
    assert len(rows) == 1 + len(figures)
    assert all(len(row.replace("\\|", "").split("|")) == 7 for row in rows)


def test_it_is_made_again_from_its_folder(made: Any, tmp_path: Path) -> None:
    again = rerun(made[0].path, tmp_path / "again")
    assert contents(again.path) == contents(made[0].path)


@pytest.fixture(scope="module")
def worse(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the model with noise on its weights, as a checkpoint folder."""
    from clipprobe.models.checkpoints.bundled import bundled_folder

    folder = Path(shutil.copytree(bundled_folder(), tmp_path_factory.mktemp("worse") / "model"))
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    noise = torch.Generator().manual_seed(0)
    noisy = {
        name: one + 0.6 * one.float().std() * torch.randn(one.shape, generator=noise)
        if one.ndim == 2 and "vision" in name
        else one
        for name, one in weights.items()
    }
    save_file({k: v.to(weights[k].dtype) for k, v in noisy.items()}, folder / "model.safetensors")
    return folder


def command(stimuli: Path, out: Path, *more: str) -> Any:
    classes = sorted({str(one.label) for one in open_dataset(stimuli / "things")})
    file = out.parent / f"{out.name}.yaml"
    few = {"n_boot": 100, "n_permutations": 100, "groups": "perceived_gender"}
    listed = [
        "zeroshot",
        {"study": "typographic", "words": ["ipod"], "size": 0.3},
        {"study": "bias", "images": str(stimuli / "people"), **few},
    ]
    file.write_text(json.dumps({"studies": listed, "shared": {"classes": classes}}))
    images = ("--images", str(stimuli / "things"), "--limit", "60")
    return CliRunner().invoke(
        app, ["audit", "all", "--config", str(file), *images, "--out", str(out), *more]
    )


def test_a_worse_model_fails_and_an_equal_one_passes(
    stimuli: Path, worse: Path, tmp_path: Path
) -> None:
    first = command(stimuli, tmp_path / "first")
    assert first.exit_code == 0, first.output
    gate = ("--baseline", str(tmp_path / "first"), "--fail-if-worse")
    same = command(stimuli, tmp_path / "same", *gate, "--json")
    assert same.exit_code == 0, same.output
    found = json.loads(same.stdout)["baseline"]
    assert found["worse"] == []
    judged = {study["name"]: study["changes"] for study in found["studies"]}
    assert all(judged.values()) and len(judged["bias"]) > 10
    assert {c["difference"]["value"] for changes in judged.values() for c in changes} == {0.0}
    other = command(stimuli, tmp_path / "other", *gate, "--model", str(worse))
    assert other.exit_code == 1
    (line,) = other.stderr.strip().split("\n")[-1:]
    assert "zeroshot: zero_shot (" in line and "accuracy, clean (" in line
    back = ("--baseline", str(tmp_path / "other"), "--fail-if-worse")
    better = command(stimuli, tmp_path / "back", *back)
    assert better.exit_code in (0, 1) and "zero_shot (" not in better.stderr
    summary = compare_runs(load_run(tmp_path / "first"), load_run(tmp_path / "other"))
    accuracy = next(s for s in summary["studies"] if s["name"] == "zeroshot")["changes"][0]
    assert accuracy["worse"] and accuracy["difference"]["high"] < 0
    assert accuracy["difference"]["n"] == 60
    shown = CliRunner().invoke(app, ["compare", *(str(tmp_path / n) for n in ("first", "other"))])
    assert shown.exit_code == 0 and "  worse: zero_shot" in shown.stdout


def test_what_cannot_be_held_to_a_baseline_is_refused(
    made: Any, model: Any, stimuli: Path, tmp_path: Path
) -> None:
    from clipprobe.study.suite.comparison import against_baseline, refuse_worse

    only = ["other"]
    views = []
    for name in ("a", "b"):
        atlas = {"study": "atlas", "name": "other", "limit": 8}
        atlas["sites"] = ["vision.blocks.0.mlp.post"]
        settings = suite(stimuli, tmp_path / name, studies=[atlas], shared=None)
        views.append(carry_out(SUITE, settings, model).run)
    found = against_baseline(views[1], views[0].path, seed=0)
    assert [one["name"] for one in found["studies"]] == only
    with pytest.raises(ConfigError, match="No study has a figure that can be held"):
        refuse_worse(found, views[0].path)
    with pytest.raises(RunFolderError, match="have no study in common"):
        against_baseline(views[1], made[0].path, seed=0)
    zero = [{"study": "zeroshot", "name": "typographic"}]
    settings = suite(stimuli, tmp_path / "c", studies=zero, limit=20)
    mixed = carry_out(SUITE, settings, model).run
    with pytest.raises(ConfigError, match="'typographic' cannot be held to the baseline"):
        refuse_worse(against_baseline(mixed, made[0].path, seed=0), made[0].path)


def test_a_threshold_of_a_study_is_kept_by_the_suite(
    model: Any, stimuli: Path, tmp_path: Path
) -> None:
    held = {"study": "zeroshot", "fail_under": {"zero_shot": 0.2}}
    crossed = {"study": "zeroshot", "name": "strict", "fail_under": {"zero_shot": 1.0}}
    settings = suite(stimuli, tmp_path / "run", studies=[held, crossed], limit=40)
    with pytest.raises(ThresholdCrossedError, match=r"^strict: zero_shot is"):
        audit_all(model, settings)
    rows = load_run(tmp_path / "run").summary["model_card"]
    assert "kept: zero_shot at least 0.2" in rows and "| crossed: zero_shot is" in rows


def test_a_gate_without_a_baseline_is_refused(stimuli: Path, tmp_path: Path) -> None:
    done = command(stimuli, tmp_path / "run", "--fail-if-worse")
    assert done.exit_code == 2 and "--baseline" in done.stderr


def test_images_of_the_suite_go_to_studies_of_images_alone(stimuli: Path, tmp_path: Path) -> None:
    few = {"study": "few-shot", "images": None}
    captions = {"study": "captions", "units": ["vision.blocks.0.mlp.post:0"]}
    made = suite(stimuli, tmp_path, studies=["stroop", "zeroshot", few, captions, "limits"])
    images = {one.name: getattr(one.settings, "images", None) for one in made.studies}
    assert images["zeroshot"] == stimuli / "things" and len(images) == 5
    assert {name for name, value in images.items() if value is not None} == {"zeroshot"}
