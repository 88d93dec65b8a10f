"""Runs under an edit: the same bytes from a file in another process, never another model's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edits.parts import POST
from runs.kinds import KINDS, scan
from typer.testing import CliRunner

import clipprobe
from clipprobe import At, Edit, Mean, Zero
from clipprobe.cli import app
from clipprobe.edits import CentredClasses, Projection, Views
from clipprobe.errors import RunFolderError
from clipprobe.identity import Identity
from clipprobe.runs import load_run
from clipprobe.study import rerun
from clipprobe.testing import image_folder


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def edit(clip: Any) -> Edit:
    """Something at every place of the model."""
    means = np.linspace(-1, 1, 64, dtype=np.float32)[None]
    return Edit(
        {f"{POST}:3": Zero(), At(POST, units=[5, 6]): Mean(means)},
        Projection.dropping([0], clip.d_embed),
        CentredClasses(0.5),
        name="some",
    ).fitted_to(clip)


def files(run: Path) -> dict[str, bytes]:
    """What a run holds but for where it was."""
    kept = (path for path in run.rglob("*") if path.is_file() and path.name != "call.json")
    return {str(path.relative_to(run)): path.read_bytes() for path in kept}


@pytest.mark.parametrize("name", KINDS)
def test_a_run_under_an_edit_is_never_served_for_the_clean_model(
    name: str, clip: Any, edit: Edit, images: Path, tmp_path: Path
) -> None:
    make, out = KINDS[name], tmp_path / "run"
    edited = edit.of(clip)
    make(edited, images, out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert [one["kind"] for one in manifest["model"]["edits"]] == [p.kind for p in edit.parts]
    assert Identity.stored(manifest["model"]) == edited.identity
    assert Identity.stored(manifest["config"]["model"]) == edited.identity
    before = files(out)
    for other in (clip, (edit + Edit(Views.mirrored())).of(clip)):
        with pytest.raises(RunFolderError, match="edits"):
            make(other, images, out)
    if name != "labels":  # its run is opened by the caller, who looks whether it is complete
        with edit.on(clip):
            make(clip, images, out)  # recognised as complete
    assert files(out) == before


def test_the_same_bytes_in_a_block_as_a_model_and_from_a_file_in_another_process(
    clip: Any, checkpoint: Any, edit: Edit, images: Path, tmp_path: Path
) -> None:
    from attacks.typographic import audit_typographic

    settings: dict[str, Any] = {"limit": 8, "batch_size": 8}
    audit_typographic(edit.of(clip), images, ["cat", "dog"], out=tmp_path / "of", **settings)
    with edit.on(clip):
        audit_typographic(clip, images, ["cat", "dog"], out=tmp_path / "on", **settings)
    place = edit.save(tmp_path / "edit.safetensors").place
    code = (
        "import sys, clipprobe; from attacks.typographic import audit_typographic\n"
        "model, edit, images, out = sys.argv[1:]\n"
        "clip = clipprobe.load_edit(edit).of(clipprobe.load(model))\n"
        f"audit_typographic(clip, images, ['cat', 'dog'], out=out, **{settings})\n"
    )
    command = [sys.executable, "-c", code, checkpoint("clip"), place, images, tmp_path / "other"]
    subprocess.run([str(part) for part in command], check=True, env=environment())
    audit_typographic(clip, images, ["cat", "dog"], out=tmp_path / "clean", **settings)
    made = files(tmp_path / "of")
    assert made == files(tmp_path / "on") == files(tmp_path / "other")
    assert made["summary.json"] != files(tmp_path / "clean")["summary.json"]


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root}


def test_a_run_under_an_edit_is_made_again_from_its_call(
    clip: Any, edit: Edit, images: Path, tmp_path: Path
) -> None:
    saved = edit.save(tmp_path / "edit.safetensors")
    scan(saved.of(clip), images, tmp_path / "run")
    call = json.loads((tmp_path / "run" / "call.json").read_text())
    assert call["model"]["$open"] == "edited-model"
    assert call["model"]["arguments"]["edits"] == [str(tmp_path / "edit.safetensors")]
    again = rerun(tmp_path / "run", tmp_path / "again")
    assert files(again.path) == files(tmp_path / "run")
    scan(Edit({f"{POST}:3": Zero()}).of(clip), images, tmp_path / "unsaved")
    call = json.loads((tmp_path / "unsaved" / "call.json").read_text())
    assert call["model"] is None and "model" in call["give_again"]


def test_the_flag_names_edits_in_order_and_so_does_a_config(
    clip: Any, checkpoint: Any, edit: Edit, images: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second"
    edit.save(first)
    Edit(Views.mirrored()).save(second)
    config = tmp_path / "settings.yaml"
    config.write_text(f"edit: [{first}, {second}]\n", encoding="utf-8")
    scanning = [
        "neurons", "scan", "--model", str(checkpoint("clip")), "--images", str(images),
        "--limit", "8", "--sites", POST,
    ]  # fmt: skip
    for out, flags in (
        ("flags", ["--edit", str(first), "--edit", str(second)]),
        ("file", ["--config", str(config)]),
    ):
        done = CliRunner().invoke(app, [*scanning, *flags, "--out", str(tmp_path / out)])
        assert done.exit_code == 0, done.output
    assert files(tmp_path / "flags") == files(tmp_path / "file")
    expected = Edit(Views.mirrored()).of(edit.of(clip)).identity
    assert Identity.stored(load_run(tmp_path / "flags").manifest["model"]) == expected
    done = CliRunner().invoke(app, [*scanning, "--edit", str(images), "--out", str(tmp_path / "x")])
    assert done.exit_code == 2 and not (tmp_path / "x").exists()
    done = CliRunner().invoke(app, [*scanning, "--edit", "nowhere", "--out", str(tmp_path / "x")])
    assert done.exit_code == 2 and not (tmp_path / "x").exists()


def test_an_atlas_of_the_clean_model_does_not_take_runs_of_an_edited_one(
    clip: Any, edit: Edit, images: Path, tmp_path: Path
) -> None:
    from clipprobe.neurons import Atlas
    from clipprobe.neurons.sheet.evidence import _unfit

    scan(clip, images, tmp_path / "clean")
    KINDS["words"](edit.of(clip), images, tmp_path / "words")
    KINDS["words"](clip, images, tmp_path / "plain")
    atlas = Atlas.load(tmp_path / "clean")
    assert "other weights or edits" in _unfit(atlas, load_run(tmp_path / "words"))
    assert _unfit(atlas, load_run(tmp_path / "plain")) == ""


def test_mitigations_are_edits_that_audits_and_evaluate_take(images: Path, tmp_path: Path) -> None:
    """On the bundled model: fitted, stored, hashed, and given by ``--edit``."""
    from attacks.bias.mitigation import mitigate_bias

    clip = clipprobe.load()
    run = mitigate_bias(
        clip, images, "gender", words=["doctor", "nurse", "farmer"], n_boot=100, n_units=5,
        out=tmp_path / "mitigation",
    )  # fmt: skip
    methods = run.summary["methods"]
    assert len(methods) == 3
    for one in methods:
        assert one["edit"] in run.manifest["files"]
        edit = clipprobe.load_edit(run.file(one["edit"]))
        assert edit.name == one["method"] and edit.made_for is not None
        flags = ["--edit", str(run.file(one["edit"]))]
        out = tmp_path / one["method"]
        done = CliRunner().invoke(
            app,
            ["audit", "typographic", "--images", str(images), "--limit", "8", "--out", str(out),
             "--classes", str(classes(tmp_path)), *flags],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        edited = edit.of(clip).identity
        assert Identity.stored(load_run(out).manifest["model"]) == edited
    ablation = clipprobe.load_edit(run.file("ablation.edit.safetensors"))
    [part] = ablation.parts
    units = {
        f"{at.address}:{unit}"
        for at, _ in part.changes
        for unit in at.units  # type: ignore[attr-defined]
    }
    assert units == set(next(m for m in methods if m["method"] == "ablation")["fitted"]["units"])


def classes(folder: Path) -> Path:
    file = folder / "classes.txt"
    file.write_text("cat\ndog\n", encoding="utf-8")
    return file


def test_a_comparison_names_the_edit(clip: Any, edit: Edit, images: Path, tmp_path: Path) -> None:
    from attacks.typographic import audit_typographic
    from clipprobe.study import compare_runs

    for name, model in (("clean", clip), ("under", edit.of(clip))):
        audit_typographic(model, images, ["cat", "dog"], out=tmp_path / name, limit=8)
    clean, under = (load_run(tmp_path / name) for name in ("clean", "under"))
    found = compare_runs(clean, under, out=None, seed=0)
    assert found["runs"]["a"]["model"] == clip.id
    assert found["runs"]["b"]["model"] == f"{clip.id} under: {edit}"
    text = under.file("report.md").read_text(encoding="utf-8")
    assert all(str(part) in text for part in edit.parts)


def test_a_bank_of_texts_notices_an_edit(clip: Any, edit: Edit) -> None:
    from clipprobe.zeroshot.text_bank import TextBank

    bank = TextBank(clip, ["a {}"])
    clean = bank.encode_texts(["a dog"])
    with edit.on(clip):
        assert not np.allclose(bank.encode_texts(["a dog"]), clean)
    assert np.array_equal(bank.encode_texts(["a dog"]), clean)


def test_a_manifest_whose_edits_are_not_some_is_refused(
    clip: Any, edit: Edit, images: Path, tmp_path: Path
) -> None:
    scan(edit.of(clip), images, tmp_path / "run")
    place = tmp_path / "run" / "manifest.json"
    manifest = json.loads(place.read_text())
    manifest["model"]["edits"] = ["x"]
    place.write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match=r"edits|changed|damaged"):
        load_run(tmp_path / "run")
