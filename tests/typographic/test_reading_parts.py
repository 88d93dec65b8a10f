"""The parts of an explanation: masks, runs from the middle, the budget, other models, the CLI."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_open_clip
import torch
from PIL import Image
from typer.testing import CliRunner

from attacks.typographic.reading import explain_reading, greedy, why_image
from attacks.typographic.reading.ablation import Outcome, band_sizes, random_heads
from attacks.typographic.reading.measurements import causal, reading
from attacks.typographic.reading.pairs import ink_patches
from attacks.typographic.reading.repair import heads_of
from clipprobe.cli import app
from clipprobe.errors import ConfigError, DataError, UnsupportedHookError
from clipprobe.hooks import At, Patch, capture, intervene
from clipprobe.statistics.halves import permuted, split
from clipprobe.tracing.ranking import rank
from clipprobe.tracing.streams import Streams
from clipprobe.tracing.variants import Variant

NAMES = ["dog", "cat", "ship"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes x two noisy images, and a class file."""
    for i, name in enumerate(NAMES):
        (tmp_path / "images" / name).mkdir(parents=True)
        for j in range(2):
            noise = np.random.default_rng([i, j]).integers(0, 255, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "images" / name / f"{j}.png")
    (tmp_path / "classes.txt").write_text("dog\ncat\nship\n", encoding="utf-8")
    return tmp_path


def test_a_patch_with_any_ink_is_an_ink_patch() -> None:
    mask = np.zeros((64, 64), bool)
    mask[8:16, 15:17] = True  # touches columns 1 and 2 of row 1
    grid = ink_patches(mask, (8, 8)).reshape(8, 8)
    assert sorted(zip(*map(list, np.nonzero(grid)), strict=True)) == [(1, 1), (1, 2)]


@pytest.mark.parametrize("cls", [True, False])
def test_runs_from_the_middle_are_the_models_own(clip: Any, cls: bool) -> None:
    """A head and a neuron replaced in a short run, against a patch in a whole forward pass."""
    pixels = torch.randn(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    streams = Streams(clip, cls=cls)
    own, other = streams.acts(pixels[0]), streams.acts(pixels[1])
    assert streams._short is True  # no whole pass is made for each variant
    variants = [Variant(heads={1: [2]}), Variant(neurons={2: [7]}),
                Variant(heads={0: [0, 3], 2: [1]})]  # fmt: skip
    found = streams.run(own, variants, other.z, other.post)
    streams._short = False
    slow = streams.run(own, variants, other.z, other.post)
    torch.testing.assert_close(found, slow, rtol=0, atol=1e-5)
    sites = [f"vision.blocks.{i}.{site}" for i in range(3) for site in ("attn.z", "mlp.post")]
    with torch.no_grad(), capture(clip, sites) as acts:
        clip.image_embeddings(pixels[1])
    for variant, mine in zip(variants, found, strict=True):
        changes: dict[Any, Any] = {}
        for site, units in (("attn.z", variant.heads), ("mlp.post", variant.neurons)):
            for block, chosen in units.items():
                name = f"vision.blocks.{block}.{site}"
                for unit in chosen:
                    key = At(f"{name}:{unit}", "cls") if cls else f"{name}:{unit}"
                    changes[key] = Patch(acts[name])
        with torch.no_grad(), intervene(clip, changes):
            wanted = clip.image_embeddings(pixels[0])
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-5)
        assert (mine - own.unit).abs().max() > 1e-4  # the change is seen at all


class _Answers:
    """An ablator whose images follow a table: taking head h out changes clean and margin."""

    def __init__(self, clean: dict[tuple[int, int], int], gain: dict[tuple[int, int], float]):
        self.clean, self.gain = clean, gain

    def outcomes(self, sets: Any, *, control: bool = True) -> list[Outcome]:
        found = []
        for heads in sets:
            wrong = sum(self.clean.get(head, 0) for head in heads)
            margin = 10 - sum(self.gain.get(head, 0.0) for head in heads)
            yes = np.ones(200, bool)
            found.append(
                Outcome(
                    right=np.arange(200) >= wrong,
                    attacked_right=yes,
                    hit=yes,
                    control_hit=~yes,
                    margin=np.full(200, margin),
                )
            )
        return found


def test_the_clean_budget_holds_for_what_is_returned() -> None:
    heads = [(0, i) for i in range(5)]
    # The first head costs half a point, the third would break the budget, the second does nothing.
    model: Any = _Answers({heads[0]: 1, heads[2]: 2, heads[3]: 1}, {h: 1.0 for h in heads})
    model.gain[heads[1]] = 0.0
    chosen, tries = greedy.greedy(model, heads, 10.0)
    assert chosen == [heads[0]]
    assert [row["result"] for row in tries] == ["taken", "skipped", "over the clean budget"]
    # Exactly one point is within the budget.
    chosen, _ = greedy.greedy(model, [heads[0], heads[3]], 10.0)
    assert chosen == [heads[0], heads[3]]
    assert greedy.greedy(model, heads, 0.0) == ([], [])


def test_it_ends_after_ten_skips() -> None:
    heads = [(0, i) for i in range(20)]
    model: Any = _Answers({}, {heads[-1]: 5.0})
    chosen, tries = greedy.greedy(model, heads, 10.0)
    assert chosen == [] and len(tries) == greedy.MOST_SKIPS + 1


def test_random_sets_and_halves_depend_on_the_seed_alone() -> None:
    assert band_sizes(1) == [1] and band_sizes(20) == [1, 2, 4, 8, 16, 20]
    sets = random_heads([(1, 0), (2, 1)], 4, 3, 20, seed=0)
    assert sets == random_heads([(1, 0), (2, 1)], 4, 3, 20, seed=0)
    assert all({block for block, _ in heads} <= {1, 2} for heads in sets)
    assert all(len(set(heads)) == 3 for heads in sets)
    images = ["a", "b", "a", "c", "d"]
    chosen = split(images, permuted(np.random.default_rng(1)))
    assert chosen[0] == chosen[2]  # one image is never in both
    assert len({i for i, c in zip(images, chosen, strict=True) if c}) == 2


def test_confirmation_needs_the_word_not_the_clutter() -> None:
    """Two units move the margin alike; one does so for a nonsense word too."""
    rng = np.random.default_rng(0)
    effects = rng.normal(0, 0.05, (40, 2, 2, 12))
    effects[:, 0, :, 3] += 1.0
    effects[:, 0, :, 5] += 1.0
    effects[:, 1, :, 5] += 1.0
    images = [str(i) for i in range(40)]
    found = rank(
        causal(effects), reading(effects), np.full(40, 3.0), images,
        split(images, permuted(np.random.default_rng(0))), k=4, random=None, least_share=0.02,
        seed=0,
    )  # fmt: skip
    assert {unit.column for unit in found.units[:2]} == {3, 5}
    assert {unit.column for unit in found.units if unit.confirmed} == {3}
    assert found.units[0].share.value == pytest.approx(1 / 3, abs=0.02)


def test_without_a_class_token(load_tiny: Callable[..., Any], folder: Path) -> None:
    model = load_tiny("siglip")
    run = explain_reading(
        model, folder / "images", NAMES, out=folder / "run", heads=2, neurons=1, batch_size=6
    )
    assert run.summary["tokens"] == "all" and "no class token" in run.summary["unavailable"][0]
    attention = next(i for i in run.summary["headline"] if i["name"] == "attention_on_ink")
    assert attention["estimate"]["value"] is None and "no class" in attention["estimate"]["reason"]
    assert run.summary["checks"]["direct_gap"] < 1e-4
    assert list(run.summary["curves"]) == ["all"]
    with pytest.raises(ConfigError, match="tokens='all'"):
        why_image(
            model, folder / "images" / "dog" / "0.png", NAMES, label="dog", word="cat", tokens="cls"
        )


def test_command(checkpoint: Callable[[str], Path], folder: Path) -> None:
    arguments = ["audit", "why", "--images", str(folder / "images"), "--out", str(folder / "run"),
                 "--model", str(checkpoint("clip")), "--heads", "2", "--neurons", "1",
                 "--ablation", "mean", "--json"]  # fmt: skip
    done = CliRunner().invoke(app, [*arguments, "--classes", str(folder / "classes.txt")])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["n"]["pairs"] == 6 and len(summary["heads"]) == 2
    assert any("was checked on 3 images" in text for text in summary["warnings"])
    assert (folder / "run" / "report.html").is_file()
    by_labels = CliRunner().invoke(app, [*arguments, "--overwrite"])
    assert by_labels.exit_code == 0, by_labels.output
    assert json.loads(by_labels.stdout)["n"]["pairs"] == 6


def test_mistakes_are_said(clip: Any, folder: Path) -> None:
    images, out = folder / "images", folder / "run"
    with pytest.raises(ConfigError, match="at least 20"):
        explain_reading(clip, images, NAMES, out=out, n_random=5)
    with pytest.raises(ConfigError, match="ablation='half' is unknown: known are zero, mean"):
        explain_reading(clip, images, NAMES, out=out, ablation="half")
    with pytest.raises(DataError, match="carry their words already"):
        explain_reading(
            clip, images, ["0", "1", "x"], out=out, name_pattern="{label}{word}", limit=None
        )
    for words in ("image-similar", "neuron", {"strategy": "runner-up", "listed": ["cat"]}):
        with pytest.raises(ConfigError, match="audit with it first, then explain its run"):
            explain_reading(clip, images, NAMES, out=out, words=words)
    with pytest.raises(DataError, match="needs at least 4"):
        explain_reading(clip, images, NAMES, out=out, words=["zebra"])
    assert not out.exists()


@pytest.mark.parametrize(("name", "why"), [("RN50", "a ResNet"), ("ViT-T", "fuses q, k and v")])
def test_models_without_separate_heads_are_refused(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, why: str
) -> None:
    import clipprobe

    weights = tiny_open_clip.save_weights(folder / "weights", name, True)
    monkeypatch.setitem(sys.modules, "open_clip", tiny_open_clip.library())
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: str(weights))
    model = clipprobe.load(f"open_clip:{name}/openai")
    with pytest.raises(UnsupportedHookError, match=why) as caught:
        explain_reading(model, folder / "images", NAMES, out=folder / "run")
    assert "clipprobe audit typographic" in str(caught.value)  # what is left to do
    with pytest.raises(UnsupportedHookError, match=why):
        why_image(model, folder / "images/dog/0.png", NAMES, label="dog", word="cat")
    with pytest.raises(UnsupportedHookError, match="no heads"):
        heads_of(model)
    assert not (folder / "run").exists()
