"""Every page says what it is of, and what it copies opens or makes the same again."""

from __future__ import annotations

import ast
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipprobe.cli import app as cli

UNIT = "vision.blocks.1.mlp.post:5"
#: View -> the page's name, and what its address says.
PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "overview": ("", {"shown": "demo/atlas"}),
    "units": ("units", {"run": "demo/atlas", "find": "dog"}),
    "unit": ("unit", {"run": "demo/atlas", "unit": UNIT, "part": "Provenance"}),
    "image": ("image", {"concept": "dog"}),
    "explain": ("explain", {"explained": "a red dog", "concept": "dog", "centre": "false"}),
    "similarity": ("similarity", {"similar_texts": "a dog\na cat"}),
    "zeroshot": ("zeroshot", {"concept": "dog", "rival": "wolf"}),
    "typographic": ("typographic", {"word": "cat", "size": "0.4", "place": "top"}),
    "reports": ("reports", {"run": "demo/typographic"}),
}


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Run the lines of a command in an empty folder; what each of clipprobe printed."""
    monkeypatch.chdir(tmp_path)

    def run(text: str) -> list[str]:
        printed = []
        for line in text.splitlines():
            words = shlex.split(line)
            if words[:2] == ["python", "-c"]:
                exec(words[2], {})
                continue
            assert words[0] == "clipprobe", line
            done = CliRunner().invoke(cli, words[1:])
            assert done.exit_code == 0, done.output
            printed.append(done.stdout)
        return printed

    return run


@pytest.mark.parametrize("view", PAGES)
def test_a_copied_link_opens_the_page_as_it_was(
    app: Any, elements: Any, copied: Any, view: str
) -> None:
    name, given = PAGES[view]
    test = app(f"views/{view}.py", **given)
    assert not test.error
    (strip,) = elements(test, "strip")
    chips = dict(strip["chips"])
    assert chips["Model"] and chips["Data"]
    assert {"Copy as Python", "Copy as command", "JSON"} == set(strip["texts"])
    parts = urlsplit(copied(test, "Copy link"))
    assert parts.path == f"/{name}"
    query = parse_qs(parts.query, keep_blank_values=True)
    assert all(query[one] == [value] for one, value in given.items())
    other = app(f"views/{view}.py", **query)
    (again,) = elements(other, "strip")
    again["steps"] = strip["steps"]  # one leads to a random unit
    assert again == strip


def test_no_text_of_a_view_s_source_is_on_its_page() -> None:
    """Streamlit shows every string that stands alone in a file that it runs, but the first."""
    views = Path(__file__).parents[2] / "dashboard" / "views"
    for path in views.glob("*.py"):
        lines = ast.parse(path.read_text(encoding="utf-8")).body[1:]
        assert not [line.lineno for line in lines if isinstance(line, ast.Expr)
                    and isinstance(line.value, ast.Constant)], path.name  # fmt: skip


def test_a_page_without_runs_has_its_strip(
    app: Any, elements: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = app()
    monkeypatch.setenv("CLIPPROBE_RUNS", str(tmp_path))
    for view, (name, _) in PAGES.items():
        test.switch_page(f"views/{view}.py").run()
        (strip,) = elements(test, "strip")
        assert strip["link"].partition("?")[0] == f"/{name}" and dict(strip["chips"])["Model"]


@pytest.mark.parametrize("view", ["overview", "reports"])
def test_a_run_is_read_and_verified(
    app: Any, copied: Any, shell: Any, scenery: Any, view: str, capsys: Any
) -> None:
    test = app(f"views/{view}.py", run="demo/typographic", shown="demo/typographic")
    exec(copied(test), {})
    printed = capsys.readouterr().out
    facts = json.loads(copied(test, "JSON"))
    assert printed.startswith(f"typographic {facts['counts']}")
    assert all(item["name"] in printed for item in facts["headline"]) and facts["headline"]
    (said,) = shell(copied(test, "Copy as command"))
    assert "all as they were written" in said and str(scenery.runs) in said


def test_the_command_explains_the_same(app: Any, copied: Any, shell: Any, elements: Any) -> None:
    test = app("views/explain.py", explained="a red apple", against="a dog\na cat")
    (said,) = shell(copied(test, "Copy as command"))
    first = json.loads(said)
    found = [first, *first["others"]]
    shown = json.loads(copied(test, "JSON"))["maps"]
    assert [one["method"] for one in found] == [one["method"] for one in shown] != []
    for one, other, panel in zip(found, shown, elements(test, "heat")[0]["panels"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)
        values = np.ravel(one["map"]) if "map" in one else None
        assert values is None or np.allclose(values, panel["values"], rtol=1e-3, atol=1e-6)
    unit = app("views/explain.py", explained=UNIT)
    (said,) = shell(copied(unit, "Copy as command"))
    assert json.loads(said)["score"] == pytest.approx(
        json.loads(copied(unit, "JSON"))["maps"][0]["score"]
    )


def test_code_and_command_give_the_matrix(
    app: Any, copied: Any, shell: Any, elements: Any, tmp_path: Path
) -> None:
    Image.radial_gradient("L").resize((90, 60)).convert("RGB").save(tmp_path / "mine.png")
    test = app("views/similarity.py")
    data = (tmp_path / "mine.png").read_bytes()
    test.file_uploader(key="similar_uploads").set_value([("mine.png", data, "image/png")]).run()
    (table,) = elements(test, "table")
    assert table["rows"] == ["apple", "dog", "guitar", "mine.png"]
    space: dict[str, Any] = {}
    exec(copied(test), space)
    cosines = space["clip"].similarity(space["images"], space["texts"])
    assert np.allclose(cosines, table["values"], atol=1e-5)
    (said,) = shell(copied(test, "Copy as command"))
    assert np.allclose(json.loads(said)["cosine"], table["values"], atol=1e-5)
    assert np.allclose(json.loads(copied(test, "JSON"))["cosine"], table["values"], atol=1e-5)


def test_the_command_maps_the_units_that_respond(
    app: Any, copied: Any, shell: Any, elements: Any
) -> None:
    test = app("views/image.py")
    panels = elements(test, "heat")[0]["panels"]
    found = [json.loads(one) for one in shell(copied(test, "Copy as command"))]
    assert [one["address"].removeprefix("vision.blocks.") for one in found] == [
        one["title"] for one in panels
    ]
    for one, panel in zip(found, panels, strict=True):
        assert np.allclose(np.ravel(one["map"]), panel["values"], rtol=1e-3, atol=1e-5)
    units = json.loads(copied(test, "JSON"))["units"]
    assert [one["address"] for one in units] == [one["address"] for one in found]


def test_the_command_scores_every_sentence(app: Any, copied: Any, shell: Any) -> None:
    test = app("views/zeroshot.py", classes="dog\ncat\nwolf", templates="a {}\na photo of a {}")
    (said,) = shell(copied(test, "Copy as command"))
    shown = json.loads(copied(test, "JSON"))
    assert [one["class"] for one in shown["classes"]] == ["dog", "cat", "wolf"]
    cosines = np.reshape(json.loads(said)["cosine"], (3, 2)).T
    assert np.allclose(cosines, shown["with one prompt alone"]["cosine"], atol=1e-5)
    many = app("views/zeroshot.py", classes="\n".join(f"c{i}" for i in range(201)),
               templates="a {}\nthe {}")  # fmt: skip
    assert copied(many, "Copy as command") == ""


def test_the_command_writes_the_word(app: Any, copied: Any, shell: Any, tmp_path: Path) -> None:
    test = app("views/typographic.py", word="cat", place="where the sliders say", across="0.3",
               color="#ff0000", label="none", rotation="-20", opacity="0.7")  # fmt: skip
    space: dict[str, Any] = {}
    exec(copied(test), space)
    _, said = shell(copied(test, "Copy as command"))
    written = np.asarray(Image.open(tmp_path / "attacked.png").convert("RGB"))
    assert np.array_equal(written, np.asarray(space["images"]["attack"].convert("RGB")))
    assert np.shape(json.loads(said)["cosine"])[0] == 2
    shares = json.loads(copied(test, "JSON"))["shares"]
    for row, name in zip(space["probabilities"], space["images"], strict=True):
        assert np.allclose([shares[name][one] for one in space["classes"]], row, atol=1e-6)
