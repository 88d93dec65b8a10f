"""Presets against what is published, and their controls."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from attacks.typographic import (
    DISTILL_PAIRS,
    PRESETS,
    TypographicAttack,
    audit_typographic,
    preset,
    redraw,
    with_controls,
)
from attacks.typographic.attack.knobs import KNOBS, place
from attacks.typographic.attack.result import letterboxed
from attacks.typographic.settings import Lettering
from clipprobe.cli import app
from clipprobe.errors import ConfigError, TextFitError

DISTILL = Path(__file__).resolve().parents[3] / "shared" / "data" / "distill"
needs_distill = pytest.mark.skipif(
    not (DISTILL / "small_attacks" / "example_before.png").is_file(),
    reason="the published pair of the Distill article is not on this machine",
)
#: Tight ink boxes of the published attack, read off its two PNGs.
PUBLISHED = [
    (x, y, x + 55, y + 23)
    for x, y in ((21, 24), (71, 49), (21, 74), (71, 99), (121, 124), (171, 149), (121, 174),
                 (171, 199))
]  # fmt: skip


def picture(size: tuple[int, int] = (224, 224)) -> Image.Image:
    low = np.random.default_rng(8).integers(30, 220, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(low).resize(size, Image.Resampling.BILINEAR)


def test_distill_boxes_are_the_published_ones() -> None:
    drawn = preset("distill", "pizza")(picture((288, 288)))
    assert np.abs(np.array(drawn.boxes) - PUBLISHED).max() <= 2


@needs_distill
def test_distill_covers_what_the_article_covered() -> None:
    before, after = (
        Image.open(DISTILL / "small_attacks" / f"example_{which}.png").convert("RGB")
        for which in ("before", "after")
    )
    drawn = preset("distill", "pizza")(before)
    changed = (np.asarray(before) != np.asarray(drawn.image)).any(axis=2)
    assert changed.mean() == pytest.approx(0.080, abs=0.003)
    theirs = (np.asarray(before) != np.asarray(after)).any(axis=2)
    assert (changed & theirs).sum() / (changed | theirs).sum() > 0.95  # the letters, too
    for pair in DISTILL_PAIRS:  # the published cover is a mean over 1,000 other images
        cover = preset("distill", pair.word)(before)
        touched = (np.asarray(before) != np.asarray(cover.image)).any(axis=2).mean()
        assert touched == pytest.approx(pair.cover, abs=0.003), pair.word


@needs_distill
def test_the_nine_pairs_are_the_published_ones() -> None:
    results = json.loads((DISTILL / "small_attacks.json").read_text())["linear_probes"]["results"]
    published = {
        (target, word): entry for target, words in results.items() for word, entry in words.items()
    }
    assert {(pair.target, pair.word) for pair in DISTILL_PAIRS} == set(published)
    assert len(DISTILL_PAIRS) == 9
    for pair in DISTILL_PAIRS:
        entry = published[pair.target, pair.word]
        assert pair.success == entry["fraction_changed_to"]
        assert pair.already == entry["fraction_already_equal"]
        assert pair.cover == pytest.approx(entry["avg_img_l0_norm_diff"], abs=6e-5)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_and_their_controls(name: str) -> None:
    image = picture((320, 300))
    described = preset(name, "pizza", seed=3)
    drawn = dict(
        with_controls(
            described, image, true_word="lamp", known=lambda w: w == "lamp", key=(1,), image_id="a"
        )
    )
    assert list(drawn) == ["attack", "blank", "nonsense", "scrambled", "true"]
    attacked = drawn["attack"]
    canvas = Image.new("RGB", attacked.image.size, "white")
    canvas.paste(image, (0, (attacked.image.height - image.height) // 2))
    for kind, other in drawn.items():
        touched = (np.asarray(canvas) != np.asarray(other.image)).any(axis=2)
        assert not (touched & ~other.region).any()
        assert other.image.size == attacked.image.size
        assert other.spec["font"] == attacked.spec["font"]
        assert other.spec["size_px"] == attacked.spec["size_px"]
        assert other.spec["kind"] == kind
        again = redraw(json.loads(json.dumps(other.spec)), image)
        assert again.image.tobytes() == other.image.tobytes()
    assert drawn["blank"].labels == attacked.labels
    assert PRESETS[name].source and PRESETS[name].note


def test_what_each_preset_promises() -> None:
    image = picture((448, 448))
    fonts, sizes, colors = set(), set(), set()
    for i in range(40):
        spec = preset("defense_prefix", "dog")(image, image_id=str(i)).spec
        fonts.add(spec["font"])
        sizes.add(round(spec["size"] * 224))
        colors.add(spec["color"])
    assert len(fonts) == 3 and len(colors) == 8
    assert min(sizes) >= 20 and max(sizes) <= 40 and len(sizes) > 12
    x0, y0, x1, _ = preset("dyslexify", "dog")(image).boxes[0]
    assert y0 >= 448 - 2 * 32 and abs((x0 + x1) / 2 - 224) <= 1  # the last two rows of patches
    assert preset("multi_image", "dog")(image).spec["copies"] == 8
    bands = preset("self_generated", "dog")(image)
    assert bands.image.size == (448, 448 + 2 * 112)
    assert bands.image.crop((0, 112, 448, 112 + 448)).tobytes() == image.tobytes()
    note = preset("sticky_note", "dog")(image)
    assert (note.region & ~note.mask).sum() > 2 * note.mask.sum()


def test_given_knobs_win_over_a_preset() -> None:
    attack = preset("distill", "pizza", copies=3, color="red")
    assert (attack.copies, attack.position, attack.color) == (3, "random", "red")
    assert preset("distill", "pizza", position="center").copies == 1
    assert preset("distill", "x", position=[(0.2, 0.2), (0.8, 0.8)]).copies == 2
    varied = preset("defense_prefix", "pizza", size=0.3)
    assert varied.size == 0.3 and varied.varies is not None and "size" not in varied.varies
    with pytest.raises(ConfigError, match="did you mean 'distill'"):
        preset("destill", "pizza")
    with pytest.raises(ConfigError, match="omit the position"):
        preset("self_generated", "pizza", position="center")


def test_too_small_an_image_is_said() -> None:
    with pytest.raises(TextFitError, match="under 5 px nobody can read it"):
        preset("distill", "pizza")(picture((64, 64)))


def test_the_sides_of_a_banded_picture_are_white() -> None:
    wide = letterboxed(Image.new("RGB", (100, 150)), (100, 100))
    assert wide.size == (150, 150)
    assert np.asarray(wide)[:, :25].min() == 255 and np.asarray(wide)[:, 25:125].max() == 0


@pytest.mark.parametrize("name", ["self_generated", "sticky_note", "defense_prefix"])
def test_an_audit_takes_a_preset(
    toy: Callable[..., Any], colours: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    names = ["dog", "cat", "ship", "lamp", "tree", "fish"]
    clip = toy(reads=False)
    clip.answer = lambda pixels: 0  # its colours are not made for white sides
    run = audit_typographic(clip, colours(1), names, out=tmp_path / "run", preset=name)
    assert run.summary["n"]["images"] == 6 and run.summary["n"]["encoded"] == 36
    written = json.loads((run.path / "config.json").read_text())["config"]["attack"]
    for knob, value in PRESETS[name].knobs.items():
        if knob in ("position", "font", "size", "copies", "band", "shadow"):
            assert written[knob] == pytest.approx(value)
    with pytest.raises(ConfigError, match="no preset 'sticky'"):
        audit_typographic(toy(reads=False), colours(1), names, out=tmp_path / "b", preset="sticky")
    with pytest.raises(ConfigError, match="an audit does not have"):
        audit_typographic(toy(reads=False), colours(1), names, out=tmp_path / "c", position="on")


def test_command_line_has_every_knob_and_writes_controls(tmp_path: Path) -> None:
    knobs = {field.name for field in dataclasses.fields(TypographicAttack)} - {"word", "seed"}
    assert set(KNOBS) == knobs
    source, out, mask = tmp_path / "a.png", tmp_path / "out.png", tmp_path / "mask.png"
    thing = tmp_path / "thing.png"
    picture().save(source)
    Image.new("L", (224, 224), 255).save(thing)
    options = {
        "size": "0.06", "position": "on", "copies": "2", "color": "red", "opacity": "0.9",
        "contrast": "3", "outline": "none", "background": "white", "padding": "0.4",
        "shadow": "0.3", "rotation": "5", "perspective": "20,10", "blur": "0.03",
        "downscale": "0.8", "font": "DejaVuSerif", "case": "upper", "script": "cyrillic",
        "misspelt": "1", "repeated": "2", "fit": "shrink", "anchor": "center",
        "outline_width": "0.1",
    }  # fmt: skip
    flags = [part for k, v in options.items() for part in (f"--{k.replace('_', '-')}", v)]
    done = CliRunner().invoke(
        app,
        ["attack", str(source), "dog", "--out", str(out), "--mask-out", str(mask), "--mirrored",
         "--controls", str(tmp_path / "controls"), "--true-word", "cat", "--object-mask",
         str(thing), "--json", *flags],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert set(data["controls"]) == {"attack", "blank", "nonsense", "scrambled", "true"}
    assert (tmp_path / "controls" / "attack.png").read_bytes() == out.read_bytes()
    for kind, item in data["controls"].items():
        again = redraw(item["spec"], Image.open(source))
        assert again.image.tobytes() == Image.open(item["path"]).tobytes(), kind
    spec = data["spec"]
    assert spec["perspective"] == [20.0, 10.0] and spec["mirrored"] and spec["outline"] is None
    for name in ("blur", "downscale", "contrast", "shadow", "opacity"):
        assert spec[name] == float(options[name])
    done = CliRunner().invoke(
        app, ["attack", str(source), "dog", "--out", str(out), "--preset", "sticky-note", "--json"]
    )
    assert json.loads(done.stdout)["spec"]["background"] == "#fde98a"
    for extra, message in (
        (["--preset", "nope"], "no preset 'nope'"),
        (["--perspective", "x"], "is not an angle"),
        (["--true-word", "cat"], "--controls"),
        (["--position", "off"], "give object_mask"),
    ):
        wrong = CliRunner().invoke(app, ["attack", str(source), "dog", "--out", str(out), *extra])
        assert wrong.exit_code == 2 and message in wrong.output, wrong.output


def test_a_preset_stands_between_what_is_given_and_the_defaults() -> None:
    assert Lettering(preset="distill", copies=8).copies == 8
    kept = Lettering(preset="sticky-note", rotation=0)
    assert kept.rotation == 0 and kept.background == PRESETS["sticky_note"].knobs["background"]
    assert Lettering.from_texts({"preset": "distill"}, {"size": 0.3}).size == 0.3
    assert Lettering().knobs() == {
        field.name: field.default
        for field in dataclasses.fields(TypographicAttack)
        if field.name in KNOBS
    }
    with pytest.raises(ConfigError, match="There is no preset 'distil': did you mean 'distill'"):
        Lettering(preset="distil")


def test_texts_of_options() -> None:
    assert place("0.5,0.25") == (0.5, 0.25)
    assert place("0.1,0.2;0.3,0.4") == [(0.1, 0.2), (0.3, 0.4)]
    assert place("r1c1") == "r1c1" and place("0.5") == "0.5"
    read = Lettering(outline="none", perspective="30")
    assert read.outline is None and read.perspective == 30.0
