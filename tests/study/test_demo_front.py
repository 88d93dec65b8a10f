"""The demo's front page: what it says stands in its runs, and where it leads is there."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report.conftest import browser  # noqa: F401
from report.shell import check_opening, look, too_wide

from attacks.demo.choosing import N_FRESH, example_attack, names_to_check, shown_units
from attacks.demo.front import (
    SHEETS,
    attack_sentence,
    bias_sentence,
    forest_rows,
    label_row,
    map_sentence,
    unit_sentence,
)
from attacks.demo.scene import pair_of, scene_of, two_things
from attacks.demo.settings import Demo
from attacks.demo.study import DEMO, entries_of
from attacks.typographic.rendering.render import digest
from clipprobe.attribution import explain
from clipprobe.data import decode_image, open_dataset
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.search import of_one_label
from clipprobe.neurons.atlas.showing import sheet_name
from clipprobe.runs import RunView, load_run
from clipprobe.stimuli import concept, concept_set, concepts
from clipprobe.study import carry_out

N_CONCEPTS = 8


@pytest.fixture(scope="module")
def demo(clip: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("front") / "run"
    settings = Demo(out=out, concepts=N_CONCEPTS, people_per_cell=2)
    return carry_out(DEMO, settings, clip).run.path


@pytest.fixture(scope="module")
def page(demo: Path) -> str:
    return (demo / "index.html").read_text(encoding="utf-8")


def inner(demo: Path, name: str) -> RunView:
    return load_run(demo / name)


def said(page: str) -> str:
    text = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_every_link_leads_to_a_file_or_an_anchor(demo: Path, page: str) -> None:
    links = {unescape(one) for one in re.findall(r'href="([^"]+)"', page)} - {"data:,"}
    anchors = {one[1:] for one in links if one.startswith("#")}
    assert "commands" in anchors and "limits" in anchors
    assert all(f'id="{one}"' in page for one in anchors)
    files = [one for one in links if not one.startswith("#")]
    assert [one for one in files if not (demo / one).is_file()] == []
    units = [one.address for one in shown_units(Atlas.load(demo / "atlas"))]
    assert len(units) == 3
    assert {f"{SHEETS}/{sheet_name(unit)}" for unit in units} <= set(files)
    assert not any("://" in one for one in links)


def test_the_report_of_the_atlas_leads_to_the_sheets(demo: Path) -> None:
    report = (demo / "atlas" / "report.html").read_text("utf-8")
    links = [unescape(one) for one in re.findall(r'href="(\.\./[^"]+)"', report)]
    assert {(demo / "atlas" / one).resolve() for one in links} == {
        one.resolve() for one in (demo / SHEETS).glob("*.html")
    }
    for one in shown_units(Atlas.load(demo / "atlas")):
        assert f"{one.address} (max over tokens): {one.label}, in places" in said(report)


def test_the_sheets_lead_back_and_to_each_other(demo: Path) -> None:
    sheets = sorted((demo / SHEETS).glob("*.html"))
    assert len(sheets) == 3
    for sheet in sheets:
        links = re.findall(r'href="([^"#:]+)"', sheet.read_text("utf-8"))
        there = [(sheet.parent / unescape(one)).resolve() for one in links]
        assert all(one.is_file() for one in there)
        others = set(sheets) - {sheet}
        reports = {demo / "atlas" / "report.html", demo / "labels" / "report.html"}
        assert {one.resolve() for one in others | reports} <= set(there)


def test_what_is_said_of_units_is_what_the_run_of_names_holds(demo: Path, page: str) -> None:
    atlas, names = Atlas.load(demo / "atlas"), inner(demo, "labels")
    table = names.read_table("labels.parquet").to_pylist()
    twin = names.summary["twin"]
    for one in shown_units(atlas):
        site, _, index = one.address.rpartition(":")
        row = next(r for r in table if r["site"] == site and r["unit"] == int(index))
        assert str(label_row(names, one.address)) == str(row)  # NaN is not equal to itself
        sentence = unit_sentence(names, one.address)
        assert sentence in said(page)
        if row["label"]:
            assert f"{row['label']}: AUROC {row['auroc']:.2f} [" in sentence
            assert f"on {row['n']:,} images" in sentence
            assert f"{twin['n_labelled']:,} of {twin['n_units']:,} units" in sentence
        else:
            assert row["reason"] in sentence and row["candidate"] in sentence


def test_names_are_tested_on_images_that_the_atlas_does_not_have(demo: Path) -> None:
    atlas, names = Atlas.load(demo / "atlas"), inner(demo, "labels")
    wanted = names_to_check(atlas, [one.name for one in concepts()[:N_CONCEPTS]])
    fresh = open_dataset(demo / "stimuli" / "fresh")
    assert {one.label for one in fresh.records} == set(wanted)
    assert len(fresh) == len(wanted) * 3 * N_FRESH == names.manifest["counts"]["used"]
    seen = {decode_image(one).tobytes() for one in atlas.images.records}
    assert not any(decode_image(one).tobytes() in seen for one in fresh.records)


def test_units_of_one_label_are_those_of_a_plain_search(demo: Path) -> None:
    atlas = Atlas.load(demo / "atlas")
    of_label: dict[str, set[str]] = {}
    for record in atlas.images.records:
        of_label.setdefault(str(record.label), set()).add(record.id)
    expected = []
    for name, site in atlas.sites.items():
        for index in range(site.n_units):
            top = [one.id for one in atlas.unit(f"{name}:{index}").top]
            for label, ids in of_label.items():
                if ids <= set(top):
                    places = sorted(top.index(one) + 1 for one in ids)
                    expected.append(
                        (places[0] > 1, float(np.mean(places)), f"{name}:{index}", label)
                    )
    expected.sort()
    best = of_one_label(atlas, limit=99)
    assert best[0].address == expected[0][2] and best[0].label == expected[0][3]
    keys = {(unit, label): (first, mean) for first, mean, unit, label in expected}
    assert [one.order for one in best] == [keys[one.address, one.label] for one in best]
    assert [one.order for one in best] == sorted(one.order for one in best)
    assert len({one.label for one in best}) == len(best) == len({one.address for one in best})


def test_attack_and_associations_say_the_numbers_of_their_runs(demo: Path, page: str) -> None:
    summary = inner(demo, "typographic").summary
    success = summary["conditions"]["attack"]["targeted_success"]["all"]
    count = f"{round(success['value'] * success['n'])} of {success['n']}"
    assert count in attack_sentence(summary) and attack_sentence(summary) in said(page)
    bias = inner(demo, "bias").summary
    assert bias_sentence(bias) in said(page)
    rows = forest_rows(bias)
    planted = {one["item"]: one["estimate"] for one in bias["planted"]}
    assert all(one["estimate"] == planted[one["item"]] for one in rows)


def test_the_attack_is_drawn_as_the_audit_drew_it(clip: Any, demo: Path) -> None:
    """Pixel by pixel, of an image that the controls leave right; the answers made up for that."""
    names = [one.name for one in concepts()[:N_CONCEPTS]]
    settings = Demo(out=demo, concepts=N_CONCEPTS, people_per_cell=2)
    things = open_dataset(demo / "stimuli" / "concepts")
    entries = entries_of(settings, names, things, open_dataset(demo / "stimuli" / "people"))
    audit = next(one.settings for one in entries if one.name == "typographic")
    run = inner(demo, "typographic")
    table = run.read_table("results.parquet").to_pylist()

    class Right(RunView):
        """The audit's own table, in which the word alone turns every answer."""

        def read_table(self, name: str) -> Any:
            import pyarrow as pa

            rows = [
                row | {"correct": row["condition"] != "attack", "hit": row["condition"] == "attack"}
                for row in table
            ]
            return pa.Table.from_pylist(rows)

    samples = concept_set("picture", seed=0, names=[concept(name) for name in names])
    changed = Right(path=run.path, manifest=run.manifest, summary=run.summary)
    found = example_attack(changed, audit, clip, samples)
    assert found is not None and 0 <= found.covered <= 1
    by_condition = {
        row["condition"]: row["pixels"]
        for row in table
        if row["image"] == found.image and row["word"] in ("", found.word)
    }
    grid = clip.preprocess.to_grid
    for condition, image in found.images.items():
        assert digest(image) == by_condition[condition] == digest(grid(image)), condition


def test_the_map_is_the_explanation_of_the_scene(clip: Any, demo: Path, page: str) -> None:
    stored = load_run(demo).read_json("explanation.json")
    pair = (stored["names"][0], stored["names"][1])
    scene = decode_image(demo / "stimuli" / "scene.png")
    assert scene.tobytes() == scene_of(pair).tobytes()
    things = two_things(clip, pair)
    assert map_sentence(things) in said(page)
    for place, text in enumerate(stored["texts"]):
        fresh = explain(clip, scene, text, stored["method"])
        assert np.allclose(fresh.patches, stored["maps"][text], atol=1e-6)
        assert stored["scores"][text] == pytest.approx(fresh.score, abs=1e-6)
        raised = np.maximum(fresh.patches, 0)
        half = raised.shape[1] // 2
        own = raised[:, half:] if place else raised[:, :half]
        assert stored["on_own_half"][text] == pytest.approx(own.sum() / raised.sum(), abs=1e-5)
    assert pair_of(["nothing such"], ["dog"]) is None


def test_the_page_opens_with_its_findings(page: str) -> None:
    assert check_opening(page).evidence
    assert "e-04" not in said(page)  # plain numbers


@pytest.mark.browser
def test_page_and_sheets_fit_wide_and_narrow_screens(
    demo: Path,
    browser: Any,  # noqa: F811
) -> None:
    assert look(browser, demo / "index.html", 1280)[0] <= 900
    for file in (demo / "index.html", *sorted((demo / SHEETS).glob("*.html"))):
        for width in (1280, 390):
            assert too_wide(browser, file, width) == [], file.name
