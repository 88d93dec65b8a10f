"""The unit sheet: what it shows, where its tables come from, what it refuses."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.neurons import Atlas, scan, scan_texts
from clipprobe.neurons.atlas.showing import firing_image, model_view
from clipprobe.neurons.instruments.registry import beside_atlas
from clipprobe.neurons.sheet.commands import ask
from clipprobe.neurons.sheet.sheet import SECTIONS, section, unit_sheet
from clipprobe.report import Paragraph, Section, render_html

POST = "vision.blocks.1.mlp.post"
UNIT = f"{POST}:3"


@pytest.fixture
def atlas(clip: Any, pictures: Path, tmp_path: Path) -> Atlas:
    """An atlas in a folder where other runs can lie beside it."""
    scan(clip, pictures, sites=[POST], out=tmp_path / "atlas", batch_size=8)
    return Atlas.load(tmp_path / "atlas")


def text_of(page: str) -> str:
    """What a reader sees."""
    page = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_sheet_holds_every_number_of_the_unit(atlas: Atlas) -> None:
    unit = atlas.unit(UNIT)
    page = render_html(unit_sheet(atlas, unit))
    seen = text_of(page)
    assert f"{UNIT} (max over tokens)" in seen
    for number in (unit.mean, unit.std, unit.high, unit.sparsity):
        assert f"{number:.3f}".replace("-", "−") in seen
    assert unit.sparsity == 1 - unit.share_above
    assert f"bell-shaped units stay below {unit.peak_floor:.1f} σ" in seen
    bars = re.findall(r'<rect class="bar".*?<title>[^<]*: ([\d,]+) images</title>', page)
    assert [int(n.replace(",", "")) for n in bars] == [int(n) for n in unit.histogram if n]
    # Six open the page; the weakest of a maximum are left out.
    n_pictures = 6 + 16 + sum(len(one.firings) for one in unit.bins)
    assert page.count("data:image/") == n_pictures
    for one in unit.bins:
        assert not one.n_images or f"{one.n_images} image" in seen
    assert f"clipprobe neurons show {UNIT} --atlas {atlas.path} --out sheet.html" in seen
    assert f"--sites {POST} --pool max --top-k 16" in seen


def test_the_weakest_are_shown_where_they_mean_something(
    clip: Any, pictures: Path, tmp_path: Path
) -> None:
    for pool, shown in (("mean", True), ("max", False)):
        atlas = scan(clip, pictures, sites=[POST], pool=pool, batch_size=8)
        page = unit_sheet(atlas, atlas.unit(UNIT))
        seen = text_of(render_html(page))
        assert ("weakest" in [one.id for one in page.sections]) is shown
        assert ("The weakest images are not listed" in seen) is not shown


def test_instruments_not_asked_show_their_command(atlas: Atlas) -> None:
    seen = text_of(render_html(unit_sheet(atlas, atlas.unit(UNIT))))
    assert atlas.path is not None
    for one in beside_atlas():
        command = ask(one, atlas, UNIT)
        assert command in seen
        assert f"--out {atlas.path.parent}/" in command and "{" not in command
        assert f"--model {atlas.config['model']['id']}" in command
        words = shlex.split(command)
        help_text = run(*words[1:3], "--help").stdout
        assert all(word in help_text for word in words if word.startswith("--")), command


def test_a_section_can_be_added_in_its_place(atlas: Atlas) -> None:
    before = dict(SECTIONS)
    try:

        @section("mine", before="range")
        def mine(context: Any) -> Section:
            return Section("Mine", [Paragraph(f"About {context.unit.address}.")])

        names = list(SECTIONS)
        assert names.index("mine") + 1 == names.index("range")
        assert [name for name in names if name != "mine"] == list(before)
        page = unit_sheet(atlas, atlas.unit(UNIT))
        assert "Mine" in [one.title for one in page.sections]
    finally:
        SECTIONS.clear()
        SECTIONS.update(before)


def test_the_frame_lies_on_the_patch_that_fired(clip: Any) -> None:
    """On a tall picture with one white patch in its centre square, the frame lies on it."""
    pixels = np.zeros((64, 32, 3), np.uint8)
    pixels[16 + 8 : 16 + 16, 24:32] = 255  # row 1, column 3 of the 4 x 4 patches of the crop
    atlas = scan(clip, [pixels, np.zeros_like(pixels)], sites=["vision.embed"], top_k=1)
    seen = np.asarray(model_view(atlas, Image.fromarray(pixels)))
    assert seen.shape == (32, 32, 3) and seen[8:16, 24:32].min() == 255
    site = atlas.site("vision.embed")
    tops = [atlas.unit(f"vision.embed:{u}").top[0] for u in range(site.n_units)]
    firing = next(one for one in tops if one.image == 0 and one.place == (1, 3))
    drawn = np.asarray(firing_image(atlas, site, firing, side=96)).astype(int)
    orange = (drawn[..., 0] > 200) & (drawn[..., 2] < 60)
    rows, columns = np.nonzero(orange)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (24, 47, 72, 95)


def test_a_sheet_of_a_text_unit_shows_texts(clip: Any, tmp_path: Path) -> None:
    texts = [f"a {word}" for word in ("cat", "dog", "<i>ape</i>", "hen")]
    atlas = scan_texts(clip, texts, pool="max")
    page = render_html(unit_sheet(atlas, atlas.unit("text.blocks.0.mlp.post:1")))
    seen = text_of(page)
    assert "data:image/" not in page and "<i>ape" not in page
    assert "Strongest texts" in seen and "a hen" in seen and "(token " in seen
    assert "clipprobe neurons words" not in seen and "clipprobe neurons captions" in seen


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_definition_is_printed_and_mistakes_are_said(atlas: Atlas) -> None:
    base = ("neurons", "search", "--atlas", str(atlas.path))
    assert "dead: never above 0 on any of the 75 images." in run(*base, "--property", "dead").stderr
    for flags, words in (
        (("--where", "mean=3"), "cannot be read"),
        (("--where", "grumpiness>3"), "sparsity"),
        (("--property", "odd"), "reads-text"),
        (("--with", "nowhere"), "holds no run"),
    ):
        done = run(*base, *flags)
        assert done.exit_code == 2 and words in done.stderr, flags


def test_texts_from_the_command_line(checkpoint: Any, pictures: Path, tmp_path: Path) -> None:
    captions = tmp_path / "captions.txt"
    captions.write_text("a cat\na dog\na cat\nan apple on a table\n")
    common = ["neurons", "scan", "--model", checkpoint("clip"), "--out", tmp_path / "atlas"]
    done = run(*common, "--texts", captions, "--sites", "text.blocks.*.mlp.post", "--json")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["n_images"], summary["tower"], summary["pool"]) == (3, "text", "eos")
    report = text_of((tmp_path / "atlas" / "report.html").read_text("utf-8"))
    assert "on 3 texts of captions.txt, pooled by eos" in report
    unit = "text.blocks.2.mlp.post:5"
    done = run("neurons", "show", unit, "--atlas", tmp_path / "atlas", "--out", tmp_path / "u.html")
    assert done.exit_code == 0 and f"{unit} (end token)" in done.stdout
    assert "strongest texts" in done.stdout
    for wrong in ((), ("--texts", captions, "--images", pictures)):
        done = run(*common, *wrong)
        assert done.exit_code == 2 and "either images or texts" in done.stderr
