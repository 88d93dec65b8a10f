"""The rendered-word probe: brute force, a planted reader, resuming, the filter, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import clipprobe
from clipprobe.errors import ConfigError, DataError, RunFolderError, UnknownHookPointError
from clipprobe.neurons.words import (
    WordGrid,
    WordProbe,
    bundled_words,
    is_blocked,
    load_word_probe,
    sweep,
    word_list,
    word_probe,
)
from clipprobe.neurons.words.grid import draw_word, scrambled
from clipprobe.neurons.words.printed import unit_words_text
from clipprobe.neurons.words.sweep import reduce_word

POST = "vision.blocks.1.mlp.post"
WORDS = ["dog", "cat", "pig", "cow", "ant", "bee", "owl", "fox", "hen", "elk", "emu", "rat"]
GRID = WordGrid(
    fonts=("DejaVuSans-Bold", "DejaVuSerif-Bold"), sizes=(0.3, 0.4), places=("top", "bottom")
)
LONG = "rindfleischetikettierung" * 3


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def reference(clip: Any, site: str, text: str, grid: WordGrid, pool: str) -> np.ndarray:
    """One word the long way: one image at a time, loops for the mean and the maximum."""
    drawn = iter(draw_word(text, grid, clip.image_size).images)
    tables = []
    for _ in grid.fonts:
        places = []
        for _ in grid.places:
            sizes = []
            for _ in grid.sizes:
                with clipprobe.capture(clip, [site]) as seen:
                    clip.encode_images([next(drawn)])
                tokens = seen[site][0].numpy()
                sizes.append({"max": tokens.max(0), "mean": tokens.mean(0)}[pool])
            places.append(sum(sizes) / len(sizes))
        tables.append(places)
    by_place = [
        sum(table[place] for table in tables) / len(tables) for place in range(len(grid.places))
    ]
    return np.maximum.reduce(by_place)


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_values_are_means_over_sizes_and_fonts_and_maxima_over_places(clip: Any, pool: str) -> None:
    probe = word_probe(
        clip, WORDS[:4], sites=[POST], pool=pool, grid=GRID, n_scrambled=0, batch_size=5
    )
    held = probe.values[POST]
    expected = np.stack([reference(clip, POST, word, GRID, pool) for word in WORDS[:4]])
    np.testing.assert_allclose(held.value, expected, atol=2e-6)
    np.testing.assert_allclose(held.mean, expected.mean(0), atol=2e-6)
    np.testing.assert_allclose(held.blank, reference(clip, POST, "", GRID, pool), atol=2e-6)
    unit = probe.unit(f"{POST}:7", top=4)
    order = np.argsort(-expected[:, 7], kind="stable")
    assert [one.word for one in unit.top] == [WORDS[i] for i in order]
    centred = expected[order, 7] - expected[:, 7].mean()
    np.testing.assert_allclose([one.centred for one in unit.top], centred, atol=4e-6)
    np.testing.assert_allclose(
        [one.z for one in unit.top], centred / expected[:, 7].std(), rtol=1e-3
    )
    assert sum(one.centred for one in unit.top) == pytest.approx(0, abs=1e-5)


def test_one_word_is_reduced_as_by_hand() -> None:
    # font, place, size, unit: the first place wins on average, the second has the largest value.
    values = np.array([[[[2.0], [4.0]], [[7.0], [0.0]]], [[[4.0], [6.0]], [[1.0], [0.0]]]])
    value, error = reduce_word(values)
    assert value.tolist() == [4.0]  # mean of 2, 4, 4, 6, not 7
    assert error.tolist() == pytest.approx([1.0])  # fonts give 3 and 5
    assert np.isnan(reduce_word(values[:1])[1]).all()


def test_one_font_and_no_letter_strings_print_no_nan(clip: Any) -> None:
    grid = WordGrid(fonts=("DejaVuSans-Bold",), sizes=(0.3,), places=("top",))
    probe = word_probe(clip, ["ox", "ax"], sites="vision.blocks.-1.mlp.post", grid=grid)
    text = unit_words_text(probe.unit("vision.blocks.-1.mlp.post:7"))
    assert "nan" not in text and "one font):" in text and "[no interval]" in text
    assert "no letter strings" in text


def planted(clip: Any, word: str) -> Any:
    """A copy whose first joint dimension is a linear read-out that knows one written word."""
    copied = clip.running(clip.network.copied())
    pooled = []
    for text in WORDS:
        with clipprobe.capture(copied, ["vision.pooled"]) as seen:
            copied.encode_images(draw_word(text, GRID, copied.image_size).images)
        by_place = seen["vision.pooled"].reshape(2, 2, 2, -1).mean(dim=(0, 2))
        pooled.append(by_place)
    rows = torch.cat(pooled).double()
    wanted = torch.tensor([float(text == word) for text in WORDS for _ in GRID.places])
    weights = torch.linalg.lstsq(rows, wanted.double()[:, None], driver="gelsd").solution[:, 0]
    with torch.no_grad():
        copied.adapter._m.visual_projection.weight[0] = weights.float()
    return copied


@pytest.mark.parametrize("word", ["owl", "rat"])
def test_a_planted_linear_unit_retrieves_its_own_word_first(clip: Any, word: str) -> None:
    probe = word_probe(
        planted(clip, word), WORDS, sites=["vision.projected"], pool="none", grid=GRID
    )
    unit = probe.unit("vision.projected:0", top=3)
    assert unit.top[0].word == word
    assert unit.top[0].z > 3 > unit.top[1].z
    assert probe.units_of(word, limit=1)[0][0] == "vision.projected:0"
    assert unit.claim == "image-modality invariance"
    # A control: before it was planted the unit did not do this.
    assert word_probe(clip, WORDS, sites=["vision.projected"], pool="none", grid=GRID).unit(
        "vision.projected:0", top=1
    ).top[0].z < 3  # fmt: skip


def small(clip: Any, out: Path, **more: Any) -> WordProbe:
    options: dict[str, Any] = {"grid": GRID, "sites": [POST], "n_scrambled": 3, "top": 4, **more}
    return word_probe(clip, [*WORDS, LONG], out=out, **options)


def test_a_killed_probe_goes_on_and_ends_in_the_same_bytes(
    clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "CHUNK_IMAGES", 24)
    small(clip, tmp_path / "whole")
    finished: list[int] = []

    def kill(n: int) -> None:
        finished.append(n)
        if sum(finished) >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(clip, tmp_path / "killed", progress=kill)
    assert not (tmp_path / "killed" / "manifest.json").exists()
    parts = list((tmp_path / "killed" / "parts").glob("*.safetensors"))
    before = {part.name: part.stat().st_mtime_ns for part in parts}
    assert len(before) == 2
    seen: dict[str, int] = {}
    original = sweep.run_chunk
    monkeypatch.setattr(
        "clipprobe.neurons.words.probe.run_chunk",
        lambda *a: seen.update(n=seen.get("n", 0) + 1) or original(*a),
    )
    small(clip, tmp_path / "killed")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert seen["n"] == 5 - 2  # what was done was not done again
    small(clip, tmp_path / "killed")
    assert seen["n"] == 3  # a complete run is recognised
    with pytest.raises(RunFolderError, match="seed"):
        small(clip, tmp_path / "killed", seed=1)


def test_reading_a_run_gives_what_memory_holds(clip: Any, tmp_path: Path) -> None:
    kept = small(clip, tmp_path / "run")
    loaded = load_word_probe(tmp_path / "run")
    held = word_probe(clip, [*WORDS, LONG], grid=GRID, sites=[POST], n_scrambled=3, top=4)
    assert held.path is None and loaded.path == tmp_path / "run"
    for address in (f"{POST}:0", f"{POST}:63"):
        assert repr(kept.unit(address)) == repr(loaded.unit(address)) == repr(held.unit(address))
    with pytest.raises(UnknownHookPointError, match="holds no hook point"):
        loaded.unit("vision.blocks.0.mlp.post:1")
    table = (tmp_path / "run" / "topwords.parquet", loaded.unit(f"{POST}:5", top=4))
    import pyarrow.parquet as pq

    rows = [
        row
        for row in pq.read_table(table[0]).to_pylist()
        if row["unit"] == 5 and row["end"] == "top"
    ]
    assert [row["word"] for row in rows] == [one.word for one in table[1].top]
    assert [row["low"] for row in rows] == pytest.approx([one.low for one in table[1].top])


def test_words_that_do_not_fit_are_named_with_a_reason(clip: Any, tmp_path: Path) -> None:
    probe = small(clip, tmp_path / "run")
    assert [word for word, _ in probe.left_out] == [LONG]
    assert "does not fit" in probe.left_out[0][1]
    assert probe.words == tuple(WORDS) and probe.values[POST].value.shape[0] == len(WORDS)
    assert not np.isnan(probe.values[POST].value).any()
    manifest = (tmp_path / "run" / "manifest.json").read_text(encoding="utf-8")
    assert LONG in manifest and LONG in (tmp_path / "run" / "report.md").read_text("utf-8")
    with pytest.raises(DataError, match="None of the 1 words"):
        word_probe(clip, [LONG], grid=GRID, sites=[POST], out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_letter_without_a_glyph_is_a_reason(clip: Any) -> None:
    probe = word_probe(clip, ["dog", "犬"], grid=GRID, sites=[POST], n_scrambled=0)
    assert probe.words == ("dog",) and "glyph" in probe.left_out[0][1]
    assert np.isnan(probe.unit(f"{POST}:0").top[0].z)
    assert "no scale" in probe.unit(f"{POST}:0").reason


def test_a_drawn_word_is_where_and_as_large_as_asked() -> None:
    grid = WordGrid(fonts=("DejaVuSans",), sizes=(0.2, 0.4), places=("top-left", "bottom-right"))
    images = draw_word("dog", grid, 64).images
    assert len(images) == grid.n_renderings == 4
    ink = [np.argwhere(np.asarray(image.convert("L")) < 128) for image in images]
    assert all(image.size == (64, 64) for image in images)
    assert ink[0].max() < 40 and ink[3].min() > 15  # one corner, the other
    height = [int(np.ptp(one[:, 0])) for one in ink]
    assert height[1] > 1.5 * height[0] and height[3] > 1.5 * height[2]
    assert draw_word("hippopotamus", grid, 64).n_shrunk == 4
    blank = draw_word("", grid, 64).images
    assert len(blank) == 4 and (np.asarray(blank[0]) == 255).all()


def test_scrambled_strings_are_no_words_of_the_list() -> None:
    words = ["stop", "spot", "pots", "tops", "elephant", "aaaa", "cat"]
    found = scrambled(words, 10, 0)
    assert found == scrambled(words, 10, 0) and not set(found) & set(words)
    assert {"".join(sorted(text)) for text in found} <= {"".join(sorted(word)) for word in words}


def test_slurs_are_left_out_of_both_lists_by_default() -> None:
    words = bundled_words().words
    assert len(words) == len(set(words)) == 10_000 and not any(map(is_blocked, words))
    assert {"dog", "pizza", "zimbabwe", "january", "welfare"} <= set(words)
    assert bundled_words(10).words == words[:10]
    mild = "erotic"  # the mildest entry of the list, so that this file holds no slur
    assert all(map(is_blocked, (mild, mild.upper(), f"an {mild} film", f"{mild}s")))
    assert not is_blocked(mild + "ism") and not is_blocked("classic")
    mine = word_list(["dog", mild], name="mine")
    assert mine.words == ("dog",) and mine.n_blocked == 1 and mine.filtered
    kept = word_list(["dog", mild], name="mine", keep_offensive=True)
    assert kept.words == ("dog", mild) and not kept.filtered
    with pytest.raises(DataError, match="No word of mine is left"):
        word_list([mild], name="mine")


def test_the_package_holds_no_readable_slur() -> None:
    from clipprobe.neurons.words.lists import FOLDER

    lines = (FOLDER / "blocked.txt").read_text(encoding="ascii").split()
    assert len(lines) > 1000 and all(len(line) == 16 and int(line, 16) >= 0 for line in lines)
    named = (FOLDER / "SOURCES.md").read_text(encoding="utf-8")
    for licence in FOLDER.glob("LICENSE-*"):
        assert licence.name in named


@pytest.mark.parametrize(
    ("words", "match"),
    [("dog", "single text"), (["dog", "dog"], "twice"), (["a\nb"], "line"), ([" "], "No word"),
     (["dog", "a\ud800"], "half a character")],
)  # fmt: skip
def test_wrong_lists_are_refused(words: Any, match: str) -> None:
    with pytest.raises(DataError, match=match):
        word_list(words, name="mine")


@pytest.mark.parametrize(
    "wrong",
    [
        {"fonts": ()},
        {"fonts": ("NoSuchFont",)},
        {"sizes": (0.0,)},
        {"sizes": (0.2, 0.2)},
        {"places": ("nowhere",)},
        {"ink": "white"},
    ],
)
def test_wrong_grids_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        WordGrid(**wrong)


def test_what_does_not_fit_in_memory_is_refused_before_the_work(
    clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipprobe.neurons.words.probe.MAX_SITE_BYTES", 64 * 8 * 20)
    with pytest.raises(ConfigError, match="give out="):
        word_probe(clip, WORDS, grid=GRID)
    with pytest.raises(ConfigError, match="fewer words"):
        word_probe(clip, [f"w{i}" for i in range(21)], grid=GRID, sites=[POST])


def test_a_model_of_any_shape_of_image(load_tiny: Any) -> None:
    probe = word_probe(load_tiny("siglip2"), WORDS[:3], grid=GRID, n_scrambled=0, pool="mean")
    assert len(probe.sites) == 3 and probe.unit("vision.blocks.-1.mlp.post:1").n_words == 3
