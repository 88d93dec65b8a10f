"""What would not fit into memory is refused before it starts, with the number that fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs.kinds import POST

import clipprobe
from clipprobe import memory
from clipprobe.errors import ConfigError
from clipprobe.testing import image_folder

HUGE = 100_000_000


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images"))


def small_budget(patch: pytest.MonkeyPatch, gigabytes: float) -> None:
    patch.setenv(memory.VARIABLE, str(gigabytes))


def test_free_memory_is_the_least_of_machine_and_container(tmp_path: Path) -> None:
    proc, group = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir(), group.mkdir()
    (proc / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    assert memory.free_bytes(proc, group) == 8_192_000
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("100\n")
    assert memory.free_bytes(proc, group) == 8_192_000
    (group / "memory.max").write_text("5000\n")
    (group / "memory.stat").write_text("anon 60\ninactive_file 40\n")
    assert memory.free_bytes(proc, group) == 5000 - 100 + 40
    whole = memory.free_bytes(tmp_path / "no", tmp_path / "nothing")
    assert whole is None or whole > 2**28


def test_the_budget_is_half_of_what_is_free_or_what_the_variable_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(memory.VARIABLE, raising=False)
    assert memory.budget(1000) == (500, "half of what is free")
    monkeypatch.setenv(memory.VARIABLE, "2.5")
    assert memory.budget(1000) == (2.5e9, memory.VARIABLE)
    for bad in ("much", "0", "nan", "-1"):
        monkeypatch.setenv(memory.VARIABLE, bad)
        with pytest.raises(ConfigError, match="not a positive number of gigabytes"):
            memory.budget()


def test_the_number_that_fits_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    small_budget(monkeypatch, 1)
    memory.check_fits("top_k", 70, 10e6, fixed=300e6)
    with pytest.raises(ConfigError, match=r"top_k=71 .* budget is 1\.0 GB .*: at most 70 fit"):
        memory.check_fits("top_k", 71, 10e6, fixed=300e6)
    with pytest.raises(ConfigError, match="not even 1 fits"):
        memory.check_fits("top_k", 1, 2e9)


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2", "chinese_clip"])
def test_the_size_of_an_input_grows_with_the_backward_pass(
    load_tiny: Callable[..., Any], family: str
) -> None:
    clip = load_tiny(family)
    for tower in ("vision", "text"):
        assert 0 < memory.input_bytes(clip, tower) < memory.input_bytes(clip, tower, grad=True)


def test_a_scan_is_bounded_by_its_images(clip: Any, images: Path) -> None:
    big = clipprobe.scan(
        clip, images, sites=POST, limit=5, batch_size=HUGE, top_k=HUGE, per_bin=HUGE
    )
    fits = clipprobe.scan(clip, images, sites=POST, limit=5, batch_size=5, top_k=5, per_bin=5)
    assert big.config == fits.config
    assert big.config["batch_size"] == 5 and big.config["keep"]["top_k"] == 5
    for name, array in fits.statistics[POST].state().items():
        assert np.array_equal(array, big.statistics[POST].state()[name]), name


def test_a_scan_of_texts_is_bounded_by_its_texts(clip: Any) -> None:
    from clipprobe.neurons import scan_texts

    texts = ["a cat", "a dog", "the wide sea"]
    atlas = scan_texts(clip, texts, sites="text.blocks.1.mlp.post", batch_size=HUGE, top_k=HUGE)
    assert atlas.config["batch_size"] == atlas.config["keep"]["top_k"] == 3


def test_shards_of_a_scan_share_a_batch_size(clip: Any, images: Path, tmp_path: Path) -> None:
    from clipprobe.neurons import merge_atlases

    options: dict[str, Any] = {"sites": POST, "limit": 7, "batch_size": HUGE}
    whole = clipprobe.scan(clip, images, **options).save(tmp_path / "whole")
    shards = [clipprobe.scan(clip, images, shard=(i, 3), **options) for i in range(3)]
    merged = merge_atlases(shards).save(tmp_path / "merged")
    for name in ("stats.safetensors", "topk.parquet"):
        assert whole.path and merged.path
        assert (whole.path / name).read_bytes() == (merged.path / name).read_bytes()


def test_the_places_of_an_atlas_have_a_budget(
    clip: Any, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_budget(monkeypatch, 0.0005)
    with pytest.raises(ConfigError, match=r"top_k=49 .* at most \d+ fit") as caught:
        clipprobe.scan(clip, images, sites=POST, top_k=HUGE, batch_size=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    most = int(re.findall(r"at most (\d+) fit", str(caught.value))[0])
    with pytest.raises(ConfigError, match="per_bin=4 would take"):
        clipprobe.scan(clip, images, sites=POST, top_k=most, batch_size=1)
    clipprobe.scan(clip, images, sites=POST, top_k=most, per_bin=0, batch_size=1)


def word_probe(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from clipprobe.neurons.words import WordGrid, word_probe

    grid = WordGrid(sizes=(0.3,), places=("top",))
    word_probe(clip, ["dog", "bird"], sites=POST, grid=grid, batch_size=batch_size, out=out)


def typographic(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.typographic import audit_typographic

    audit_typographic(clip, images, ["cat", "dog"], out=out, batch_size=batch_size)


def sweep(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.typographic.sweep import sweep

    factors = {"size": [0.4, 0.5]}
    sweep(clip, images, ["cat", "dog"], factors=factors, out=out, batch_size=batch_size)


def stroop(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.typographic import audit_stroop

    audit_stroop(clip, out=out, colours=["red", "blue"], sizes=[0.3], batch_size=batch_size)


def search(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.typographic.search import search_attack

    search_attack(clip, images / "00.png", "cat", ["cat", "dog"], out=out, batch_size=batch_size)


def why(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.typographic.reading import explain_reading

    explain_reading(clip, images, ["cat", "dog"], out=out, heads=2, batch_size=batch_size)


def bias(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.bias import audit_bias

    audit_bias(clip, images, "gender", out=out, batch_size=batch_size)


def written(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.bias.written import audit_written

    audit_written(clip, images, "gender", ["thief"], out=out, batch_size=batch_size)


def gap(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.bias.gap import explain_gap

    explain_gap(clip, images, "gender", "doctor", "man", out=out, batch_size=batch_size)


def mitigation(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from attacks.bias.mitigation import mitigate_bias

    mitigate_bias(clip, images, "gender", out=out, batch_size=batch_size)


def scan(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    clipprobe.scan(clip, images, sites=POST, out=out, batch_size=batch_size)


def multimodality(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from clipprobe.neurons.multimodality import bundled_probes
    from clipprobe.stimuli import concepts

    probes = bundled_probes(per_concept=4, concepts=concepts()[:4])
    clipprobe.multimodality(clip, probes, sites=POST, out=out, batch_size=batch_size)


def labels(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from clipprobe.neurons.labels import label_units

    concepts = ["cat", "dog"]
    options: dict[str, Any] = {"concepts": concepts, "judge": "labels", "batch_size": batch_size}
    label_units(clip, images, sites=[POST], **options)


def similar(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from clipprobe.neurons.effects.similar import similar_units

    similar_units(clip, images, f"{POST}:3", batch_size=batch_size)


def effects(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from clipprobe.neurons.effects import total_effects

    paths = sorted(images.glob("[0-9]*.png"))
    total_effects(clip, paths, ["a cat"], [f"{POST}:1"], batch_size=batch_size)


def decomposition(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    from clipprobe.neurons.effects import decompose

    decompose(clip, sorted(images.glob("[0-9]*.png")), ["a cat"], batch_size=batch_size)


def explanation(clip: Any, images: Path, out: Path, batch_size: int) -> None:
    method = "integrated_gradients"
    clipprobe.explain(clip, images / "00.png", "a cat", method=method, batch_size=batch_size)


@pytest.mark.parametrize(
    "ask",
    [scan, word_probe, multimodality, labels, similar, effects, decomposition, explanation,
     typographic, sweep, stroop, search, why, bias, written, gap, mitigation],
)  # fmt: skip
def test_a_batch_that_does_not_fit_is_refused_before_anything_is_written(
    ask: Callable[[Any, Path, Path, int], None],
    clip: Any,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_budget(monkeypatch, 1e-7)
    with pytest.raises(ConfigError, match=r"batch_size=\d+ would take about .* fits?; CLIPPROBE"):
        ask(clip, images, tmp_path / "run", HUGE)
    assert not (tmp_path / "run").exists()


def test_more_steps_than_have_places_are_refused(clip: Any, images: Path) -> None:
    with pytest.raises(ConfigError, match="n_steps=100000 is more than the 4096"):
        clipprobe.explain(
            clip, images / "00.png", "a cat", method="integrated_gradients", n_steps=100_000
        )
