"""One line of text finds units: what is recognised, what it is tied to, in which order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.errors import RunFolderError, UnknownHookPointError
from clipprobe.neurons import Atlas, scan
from clipprobe.neurons.captions import captions_run
from clipprobe.neurons.sheet.evidence import Evidence, gather
from clipprobe.neurons.sheet.query import Query, find_by_query, read_query, unasked

POST = "vision.blocks.{}.mlp.post"
SITES = [POST.format(i) for i in range(3)] + ["vision.blocks.1.attn.out"]
NOTHING = Evidence(runs={})


@pytest.fixture(scope="module")
def atlas(clip: Any, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Four hook points over red, green and blue images."""
    out = tmp_path_factory.mktemp("query") / "atlas"
    scan(clip, pictures, sites=SITES, out=out, batch_size=8, top_k=4)
    return Atlas.load(out)


@pytest.mark.parametrize(
    ("line", "query"),
    [
        ("", Query()),
        ("dog", Query(text="dog")),
        ("  a  guide dog ", Query(text="a guide dog")),
        ("dog peak > 5, sparsity>=.9", Query(text="dog", where=("peak>5", "sparsity>=.9"))),
        ("mean<-1e-3", Query(where=("mean<-1e-3",))),
        ("dead", Query(kinds=("dead",))),
        ("Reads Text dog", Query(text="dog", kinds=("reads-text",))),
        ("always_on", Query(kinds=("always-on",))),
        ('"dead"', Query(text="dead")),
        ("deadline", Query(text="deadline")),
        ("post:17", Query(hook="post", index=17)),
        ("blocks.1.mlp.post", Query(hook="blocks.1.mlp.post")),
        ("*.mlp.post:3 red", Query(text="red", hook="*.mlp.post", index=3)),
        ("12:30", Query(text="12:30")),
        ("v1.5", Query(text="v1.5")),
        ("<script>", Query(text="<script>")),
    ],
)  # fmt: skip
def test_a_line_is_taken_apart(line: str, query: Query) -> None:
    assert read_query(line, SITES) == query


def addresses(atlas: Atlas, line: str, evidence: Evidence = NOTHING, **given: Any) -> list[str]:
    return [one.address for one in find_by_query(atlas, evidence, line, **given)]


def test_what_an_atlas_answers_is_what_its_search_finds(atlas: Atlas) -> None:
    def search(**given: Any) -> list[str]:
        return [row["address"] for row in atlas.search(limit=10**6, **given)]

    assert addresses(atlas, "") == search()
    assert addresses(atlas, "dead") == search(kind="dead")
    assert addresses(atlas, "peak>1.2 mean>0") == search(where=["peak>1.2", "mean>0"])
    assert addresses(atlas, "always on std<1") == search(kind="always-on", where=["std<1"])
    assert addresses(atlas, "blocks.1.mlp.post") == search(kind="any", site=POST.format(1))
    assert set(addresses(atlas, "post:17")) == {f"{POST.format(i)}:17" for i in range(3)}
    assert addresses(atlas, "post:17", site=["*.2.*"]) == [f"{POST.format(2)}:17"]
    assert addresses(atlas, "post:17", site=["*.attn.out"]) == []
    assert addresses(atlas, "post:100000") == []
    red = search(label="red")
    assert red and addresses(atlas, "red") == red == addresses(atlas, "RED")
    some = addresses(atlas, "red purity>0.7")
    assert some == [row["address"] for row in atlas.search(label="red", limit=10**6)
                    if row["purity"] > 0.7]  # fmt: skip
    (first, *_) = find_by_query(atlas, NOTHING, "red")
    assert first.why[0].startswith("label of images: red, 100% of its strongest")
    assert addresses(atlas, "yellow") == []


def test_text_is_looked_for_in_the_runs_of_instruments(
    atlas: Atlas, clip: Any, tmp_path: Path
) -> None:
    units = [f"{POST.format(1)}:{i}" for i in (3, 5)]
    run = tmp_path / "captions"
    values = captions_run(clip, units, ["a red thing", "a bird"], n_random=9, out=run)
    evidence = gather(atlas, [run])
    assert "captions" not in [one.name for one in unasked(evidence)]
    assert "captions" in [one.name for one in unasked(NOTHING)]
    found = find_by_query(atlas, evidence, "A bird")
    best = sorted(values, key=lambda one: -next(c.z for c in one.top if c.caption == "a bird"))
    assert [one.address for one in found] == [one.unit for one in best]
    assert all(one.why[0].startswith("caption: caption a bird, z ") for one in found)
    assert addresses(atlas, "a bird :3", evidence) == []  # not an address without a name
    assert addresses(atlas, "post:5 a bird", evidence) == [units[1]]


def test_what_cannot_be_answered_says_why(atlas: Atlas) -> None:
    with pytest.raises(UnknownHookPointError, match=r"ends with 'psot'.*mlp\.post"):
        find_by_query(atlas, NOTHING, "psot:3")
    with pytest.raises(RunFolderError, match="clipprobe neurons multimodal"):
        find_by_query(atlas, NOTHING, "reads text")


def test_the_command_finds_the_same(atlas: Atlas) -> None:
    words = ["neurons", "search", "--atlas", str(atlas.path), "--limit", "3", "--json"]
    done = CliRunner().invoke(app, [*words, "--find", "red peak>0.5"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row["address"] for row in rows] == addresses(atlas, "red peak>0.5")[:3]
    assert rows[0]["evidence"]["found"].startswith("label of images: red")
    refused = CliRunner().invoke(app, [*words, "--find", "red", "--label", "red"])
    assert refused.exit_code == 2 and "leave out --label" in refused.stderr
