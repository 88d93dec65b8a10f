"""The protocol of instruments: values load, show one unit, and others can add to the table."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study.making import POST, make
from typer.testing import CliRunner

from clipprobe.cli import app, verbs
from clipprobe.errors import RunFolderError
from clipprobe.neurons import Atlas, scan
from clipprobe.neurons.instruments.registry import INSTRUMENTS, beside_atlas
from clipprobe.neurons.multimodality import Multimodality
from clipprobe.neurons.sheet.sheet import SECTIONS
from clipprobe.runs import load_run
from clipprobe.study import STUDIES
from clipprobe.testing import image_folder

EXTENDING = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
(LOUD,) = re.findall(r"```python\n# mine/loud_units.py\n(.*?)```", EXTENDING, re.S)
(TABLE,) = re.findall(r"```toml\n(.*?)```", EXTENDING, re.S)
OLDER = Path(__file__).parents[1] / "runs" / "runs_of_74780d9.zip"
OF_KIND = {one.kind: one for one in INSTRUMENTS.values()}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("images") / "images", n=12)


@pytest.mark.parametrize("kind", sorted(OF_KIND))
def test_a_value_shows_a_unit_in_memory_and_loaded_alike(
    kind: str, clip: Any, images: Path, tmp_path: Path
) -> None:
    one = OF_KIND[kind]
    more: dict[str, Any] = {"captions": {"units": [POST]}}.get(kind, {})
    held = make(kind, clip, images, None, **more).value
    made = make(kind, clip, images, tmp_path / "run", **more)
    loaded = one.load(tmp_path / "run")
    assert type(loaded) is type(held)
    table = load_run(tmp_path / "run").read_table(one.tables[0]).to_pylist()
    unit = f"{table[0]['site']}:{table[0]['unit']}"
    views = [repr(value.view_of(unit)) for value in (held, made.value, loaded)]
    assert views[0] == views[1] == views[2] == repr(one.view_of(made.run, unit))
    assert "UnitRows" in views[0]
    assert loaded.view_of(f"{POST}:999") == held.view_of(f"{POST}:999") == []


@pytest.mark.parametrize("kind", sorted(OF_KIND))
def test_runs_of_an_earlier_clipprobe_still_show_their_units(kind: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(OLDER) as archive:
        archive.extractall(tmp_path, [n for n in archive.namelist() if n.startswith(f"{kind}/")])
    run = load_run(tmp_path / kind)
    table = run.read_table(OF_KIND[kind].tables[0]).to_pylist()
    (first, *_) = OF_KIND[kind].view_of(run, f"{table[0]['site']}:{table[0]['unit']}")
    assert first.rows


def test_a_run_of_another_kind_is_refused_with_the_verb(tmp_path: Path) -> None:
    with zipfile.ZipFile(OLDER) as archive:
        archive.extractall(tmp_path, [n for n in archive.namelist() if n.startswith("words/")])
    for one in INSTRUMENTS.values():
        if one.kind != "words":
            with pytest.raises(RunFolderError, match=f"`clipprobe {one.verb}`"):
                one.load(tmp_path / "words")


def test_every_instrument_names_a_verb_and_a_study_that_loads() -> None:
    for one in INSTRUMENTS.values():
        assert one.verb in verbs.VERBS and STUDIES[one.kind].load is not None
        assert STUDIES[one.kind].kind == one.kind


def test_tables_stay_on_disk_until_they_are_asked_for(
    clip: Any, images: Path, tmp_path: Path
) -> None:
    make("multimodality", clip, images, tmp_path / "run")
    loaded = Multimodality.load(tmp_path / "run")
    (tmp_path / "run" / "pairs.parquet").unlink()
    assert loaded.view_of(f"{POST}:3") and len(loaded.units) == 64
    with pytest.raises(RunFolderError, match=r"pairs\.parquet"):
        _ = loaded.table


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The instrument of docs/extending.md, as an installer would leave it."""
    place = tmp_path / "site-packages"
    info = place / "loud_units-1.0.dist-info"
    info.mkdir(parents=True)
    (place / "loud_units.py").write_text(LOUD, encoding="utf-8")
    groups = tomllib.loads(TABLE)["project"]["entry-points"]
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud-units\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\nloud = {entries['loud'].removeprefix('mine.')}\n"
            if "loud" in entries
            else f"[{group}]\nneurons loud = loud_units:VERB\n"
            for group, entries in groups.items()
            if "loud" in entries or "neurons loud" in entries
        )
    )
    monkeypatch.syspath_prepend(str(place))
    for table in (INSTRUMENTS, STUDIES):
        monkeypatch.setattr(table, "_outside_read", False)
        monkeypatch.setattr(table, "_places", dict(table._places))
        monkeypatch.setattr(table, "_loaded", dict(table._loaded))
    verbs.all_verbs.cache_clear()
    before = dict(SECTIONS)
    yield
    verbs.all_verbs.cache_clear()
    SECTIONS.clear()
    SECTIONS.update(before)


@pytest.mark.usefixtures("outside")
def test_an_instrument_of_another_package_is_everywhere(
    checkpoint: Any, clip: Any, images: Path, tmp_path: Path
) -> None:
    assert len(LOUD.splitlines()) <= 60
    scan(clip, images, sites=[POST], out=tmp_path / "runs" / "atlas", batch_size=8)
    atlas = Atlas.load(tmp_path / "runs" / "atlas")

    def run(*arguments: object) -> Any:
        done = CliRunner().invoke(app, ["neurons", *map(str, arguments)])
        assert done.exit_code == 0, done.stderr
        return done.stdout

    assert " loud " in run("--help") and "--sites" in run("loud", "--help")
    page = tmp_path / "sheet.html"
    common = ["--atlas", atlas.path]
    run("show", f"{POST}:3", *common, "--out", page)
    assert "clipprobe neurons loud --images IMAGES" in page.read_text()

    out = tmp_path / "runs" / "loud"
    common_of_run = ["--model", checkpoint("clip"), "--images", images, "--sites", POST]
    assert json.loads(run("loud", *common_of_run, "--out", out, "--json"))["n_units"] == 64
    table = load_run(out).read_table("loud.parquet").to_pylist()
    unit = atlas.unit(f"{POST}:3")
    root = np.sqrt(unit.mean**2 + unit.std**2)  # the atlas knows it, too
    assert table[3]["rms"] == pytest.approx(root, rel=1e-5)
    run("show", f"{POST}:3", *common, "--out", page)
    (section,) = re.findall(r'<h2 id="loud".*?</table>', page.read_text(), re.S)
    assert f"{root:.3f}" in section and "Root mean square." in section
    assert beside_atlas()[-1].load(out).view_of(f"{POST}:3")[0].rows == ((table[3]["rms"],),)

    rows = json.loads(run("search", *common, "--property", "loud", "--limit", 99, "--json"))
    loud = sorted((row for row in table if row["rms"] >= 1), key=lambda row: -row["rms"])
    assert 0 < len(loud) < 64 and [row["unit"] for row in rows] == [row["unit"] for row in loud]
    assert rows[0]["evidence"] == {"rms": loud[0]["rms"], "run": "loud"}
