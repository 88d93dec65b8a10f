"""What a sheet opens with, where it leads, and the maps that it draws."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.data import as_dataset
from clipprobe.errors import ConfigError
from clipprobe.figures.attribution import overlay
from clipprobe.neurons import Atlas, scan, unit_map
from clipprobe.neurons.atlas.showing import model_view, sheet_name
from clipprobe.neurons.labels import label_units
from clipprobe.neurons.sheet.heading import NO_NAME
from clipprobe.neurons.sheet.sheet import unit_sheet
from clipprobe.report import Images, Page, render_html, write_html
from clipprobe.report.numbers import format_cell
from clipprobe.runs import load_run

POST = "vision.blocks.1.mlp.post"
UNIT = f"{POST}:3"
COLOURS = ["red", "green", "blue"]
SIDE = 64


@pytest.fixture(scope="module")
def atlas(clip: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("opening")
    scan(clip, pictures, sites=[POST], out=folder / "atlas", batch_size=8)
    return Atlas.load(folder / "atlas")


def named(clip: Any, pictures: Path, out: Path, threshold: float) -> Any:
    return label_units(
        clip,
        as_dataset(pictures),
        sites=[POST],
        concepts=COLOURS,
        judge="labels",
        threshold=threshold,
        renderings=0,
        out=out,
    )


def figure_of(page: Page) -> Images:
    assert page.lead is not None and isinstance(page.lead.figure, Images)
    return page.lead.figure


def test_the_title_is_what_the_evidence_says(
    clip: Any, atlas: Atlas, pictures: Path, tmp_path: Path
) -> None:
    before = unit_sheet(atlas, atlas.unit(UNIT))
    label = str(atlas.table(POST).label[3])
    assert before.title.startswith(f"{label} · ") and "not tested on others" in before.title
    strict = named(clip, pictures, tmp_path / "strict", 0.999)
    lenient = named(clip, pictures, tmp_path / "lenient", 0.0)
    row = lenient.labelled()[0]
    unit = atlas.unit(row.address)
    assert strict.unit(row.address).label is None
    for runs, title in (
        ([tmp_path / "strict"], f"{row.address} · {NO_NAME}"),
        ([tmp_path / "lenient"], f"{row.label} · AUROC {row.validation.auroc.value:.2f} held out"),
        (
            [tmp_path / "strict", tmp_path / "lenient"],  # the name that holds is the title
            f"{row.label} · AUROC {row.validation.auroc.value:.2f} held out",
        ),
    ):
        page = unit_sheet(atlas, unit, runs=runs)
        assert page.title == title and page.lead is not None and page.lead.verdict == title
        seen = unescape(re.sub(r"<[^>]+>", " ", render_html(page)))
        assert page.sections[0].id == "findings" and page.sections[0].open
        if row.label in title:
            auroc = row.validation.auroc
            assert f"[{auroc.low:.2f}, {auroc.high:.2f}] on {auroc.n:,} images" in seen
            n = f"{lenient.twin_labelled:,} of {lenient.twin_units:,} units get a name"
            assert n in page.lead.evidence
            assert format_cell(auroc)[:5] in seen
        else:
            assert strict.unit(row.address).reason in page.lead.evidence


def test_the_maps_are_those_of_where_on_one_scale(clip: Any, atlas: Atlas) -> None:
    unit = atlas.unit(UNIT)
    shown = figure_of(unit_sheet(atlas, unit, clip=clip, side=SIDE)).items
    maps = [unit_map(clip, atlas.picture(one.image), UNIT).map for one in unit.top]
    reach = max(float(np.abs(one).max()) for one in maps)
    assert len(shown) == 6 and len(maps) == 16
    assert reach == pytest.approx(max(one.value for one in unit.top), rel=1e-5)
    for (drawn, _), firing, values in zip(shown, unit.top, maps, strict=False):
        assert isinstance(drawn, Image.Image) and drawn.size == (SIDE, 2 * SIDE)
        seen = model_view(atlas, atlas.picture(firing.image)).resize((SIDE, SIDE))
        below = np.asarray(drawn.crop((0, SIDE, SIDE, 2 * SIDE))).astype(int)
        colour = below[..., 0] - below[..., 2]
        tint = np.asarray(overlay(seen, values, reach=reach)).astype(int)
        patches = np.kron(values, np.ones((SIDE // values.shape[0], SIDE // values.shape[1])))
        # Grey has no colour: redder where it is above 0, bluer below, by the map alone.
        assert np.allclose(colour, tint[..., 0] - tint[..., 2], atol=2)
        strong = np.abs(patches) > 0.1 * reach
        assert (np.sign(colour[strong]) == np.sign(patches[strong])).all()
    alone = figure_of(unit_sheet(atlas, unit, side=SIDE)).items
    assert {one.size for one, _ in alone if isinstance(one, Image.Image)} == {(SIDE, SIDE)}


def test_another_model_draws_no_map(atlas: Atlas, tmp_path: Path) -> None:
    import clipprobe
    from clipprobe.testing import checkpoints as tiny

    folder = tiny.tiny_clip(tmp_path / "model", seed=1)
    with pytest.raises(ConfigError, match="give the model of the atlas"):
        unit_sheet(atlas, atlas.unit(UNIT), clip=clipprobe.load(folder))
    command = ["neurons", "show", UNIT, "--atlas", str(atlas.path), "--model", str(folder)]
    done = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "sheet.html")])
    assert done.exit_code == 0 and "without activation maps" in done.stderr
    assert "drawn where the model of the atlas is at hand" in (tmp_path / "sheet.html").read_text()


def test_the_command_finds_the_model_and_leads_to_what_is_there(
    clip: Any, atlas: Atlas, pictures: Path, tmp_path: Path
) -> None:
    assert atlas.path is not None
    named(clip, pictures, atlas.path.parent / "below" / "names", 0.0)
    folder = tmp_path / "sheets"
    folder.mkdir()
    other = f"{POST}:5"
    for unit in (other, UNIT):
        out = folder / sheet_name(unit)
        command = ["neurons", "show", unit, "--atlas", str(atlas.path), "--out", str(out)]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0 and "without activation maps" not in done.stderr, done.stderr
    page = (folder / sheet_name(UNIT)).read_text("utf-8")
    assert "full colour at ±" in page
    links = [unescape(one) for one in re.findall(r'href="([^"#:]+)"', page)]
    assert sheet_name(other) in links and sheet_name(UNIT) not in links
    there = [(folder / one).resolve() for one in links]
    assert all(one.is_file() for one in there)
    assert (atlas.path / "report.html").resolve() in there
    assert (atlas.path.parent / "below" / "names" / "report.html").resolve() in there
    anchors = re.findall(r'href="#([^"]+)"', page)
    assert anchors and all(f'id="{one}"' in page for one in anchors)
    text = unescape(re.sub(r"<[^>]+>", "", page))
    assert f"clipprobe neurons scan --images {pictures} " in text
    assert f"clipprobe dashboard --runs {atlas.path.parent}" in text
    assert f"/unit?run=atlas&unit={UNIT}" in text
    write_html(unit_sheet(atlas, atlas.unit(UNIT)), tmp_path / "alone.html")  # nowhere: no links
    assert load_run(atlas.path).kind == "atlas"
