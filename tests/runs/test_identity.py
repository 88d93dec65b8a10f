"""A run of a changed model is never served for the clean one, whatever makes the run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runs.kinds import KINDS, POST, scan

import clipprobe
from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.neurons import Atlas
from clipprobe.runs import Run, jsonio
from clipprobe.testing import image_folder

CHANGE = {"vision.blocks.0.mlp.post:1": "zero"}


@pytest.fixture(scope="module")
def own(checkpoint: Callable[[str], Path]) -> Any:
    """A model that a test may edit, if it puts back what it took."""
    return clipprobe.load(checkpoint("clip"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


@pytest.fixture
def edit(own: Any) -> Any:
    """Nudge one weight of each tower through ``.data``, which no version counter sees."""
    tensors = [
        own.module.vision_model.encoder.layers[0].mlp.fc1.weight.data,
        own.module.text_model.encoder.layers[0].mlp.fc1.weight.data,
    ]
    before = [tensor.clone() for tensor in tensors]

    def restore() -> None:
        for tensor, old in zip(tensors, before, strict=True):
            tensor.copy_(old)

    def change() -> Callable[[], None]:
        for tensor in tensors:
            tensor[0, 0] += 1e-4
        return restore

    yield change
    restore()


@pytest.mark.parametrize("name", KINDS)
def test_a_changed_model_neither_writes_nor_reads_the_run_of_the_clean_one(
    name: str, own: Any, edit: Any, images: Path, tmp_path: Path
) -> None:
    make, out = KINDS[name], tmp_path / "run"
    with (
        pytest.raises(ConfigError, match=r"changed by vision\.blocks\.0\.mlp\.post:1 zero"),
        clipprobe.intervene(own, CHANGE),
    ):
        make(own, images, out)
    assert not out.exists()
    make(own, images, out)
    manifest = (out / "manifest.json").read_bytes()
    with (
        pytest.raises(ConfigError, match="leave the intervene block"),
        clipprobe.intervene(own, CHANGE),
    ):
        make(own, images, out)
    restore = edit()
    with pytest.raises(RunFolderError, match="weights_sha256"):
        make(own, images, out)
    restore()
    if name != "labels":  # its run is opened by the caller, who looks whether it is complete
        make(own, images, out)
    assert (out / "manifest.json").read_bytes() == manifest


def test_inside_an_intervention_results_stay_in_memory_and_say_so(
    own: Any, images: Path, tmp_path: Path
) -> None:
    clean = clipprobe.scan(own, images, sites=POST, limit=8)
    with clipprobe.intervene(own, CHANGE):
        changed = clipprobe.scan(own, images, sites=POST, limit=8)
    assert changed.unit(f"{POST}:3").mean != clean.unit(f"{POST}:3").mean
    assert changed.provenance["model"]["interventions"] == ["vision.blocks.0.mlp.post:1 zero"]
    assert "interventions" not in clean.provenance["model"]
    with pytest.raises(ConfigError, match="while the model is changed by"):
        changed.save(tmp_path / "later")
    assert not (tmp_path / "later").exists()
    assert clean.save(tmp_path / "clean").provenance["model"] == clean.provenance["model"]


def test_a_word_probe_in_memory_may_run_inside_an_intervention(own: Any) -> None:
    from clipprobe.neurons.words import WordGrid, word_probe

    grid = WordGrid(sizes=(0.3,), places=("top",))
    clean = word_probe(own, ["dog", "bird"], sites=POST, grid=grid, top=2)
    with clipprobe.intervene(own, CHANGE):
        changed = word_probe(own, ["dog", "bird"], sites=POST, grid=grid, top=2)
    assert changed.config["model"]["interventions"] == ["vision.blocks.0.mlp.post:1 zero"]
    assert (changed.values[POST].value != clean.values[POST].value).any()


def test_an_intervention_bars_its_own_thread_and_its_own_model_only(
    own: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    with clipprobe.intervene(own, CHANGE):
        own.encode_images([images / "00.png"])
        thread = threading.Thread(target=scan, args=(own, images, tmp_path / "thread"))
        thread.start()
        thread.join()
        scan(clip, images, tmp_path / "other")
    left, right = Atlas.load(tmp_path / "thread"), Atlas.load(tmp_path / "other")
    assert left.unit(f"{POST}:3").mean == right.unit(f"{POST}:3").mean
    scan(own, images, tmp_path / "thread")  # recognised as complete


def test_a_hook_of_the_users_own_bars_writing_too(own: Any, images: Path, tmp_path: Path) -> None:
    layer = own.module.vision_model.encoder.layers[0]

    def double(module: Any, arguments: Any, output: Any) -> Any:
        return output * 2

    handle = layer.mlp.register_forward_hook(double)
    try:
        with pytest.raises(ConfigError, match=r"hook .*double on vision_model\.encoder\.layers\.0"):
            scan(own, images, tmp_path / "run")
        clipprobe.scan(own, images, sites=POST, limit=4)
    finally:
        handle.remove()
    assert not (tmp_path / "run").exists()
    layer.mlp.forward = lambda x: x
    try:
        with pytest.raises(ConfigError, match=r"another forward \(.*lambda"):
            scan(own, images, tmp_path / "run")
    finally:
        del layer.mlp.forward
    scan(own, images, tmp_path / "run")


def test_a_model_that_changes_during_a_run_leaves_no_run(
    own: Any, edit: Any, images: Path, tmp_path: Path
) -> None:
    from clipprobe.neurons.effects import compare_effects

    asked = (own, clipprobe.data.as_dataset(images, limit=3), ["a cat"], [POST], tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"not the one that the run was opened with \(edited"):
        compare_effects(*asked, per_site=3, progress=lambda n: edit())
    assert not (tmp_path / "run").exists()


def test_a_run_cannot_be_finished_with_another_model(tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", kind="atlas", config={"model": {"id": "a", "n": 1}})
    other = {"model": {"id": "b", "n": 1}}
    with pytest.raises(RunFolderError, match=r"opened with \(id\), so the run was removed"):
        run.finish(provenance=other, counts={}, seed=0)
    run = Run.open(tmp_path / "run", kind="atlas", config={"model": {"id": "b", "n": 1}})
    run.finish(provenance=other, counts={}, seed=0)
    manifest = jsonio.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["model"] == other["model"]
