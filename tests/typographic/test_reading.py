"""Which heads and neurons read: found in a model whose reading circuit was built by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs.checks import check_schema
from typographic import toy_reader as toy

import attacks.typographic.reading
from attacks.typographic import audit_typographic
from attacks.typographic.reading import explain_reading, why_image
from attacks.typographic.reading.measure import head_name, neuron_name
from clipprobe.errors import ConfigError, DataError

SCHEMA = Path(attacks.typographic.reading.__file__).with_name("summary.schema.json")
PLANTED = {head_name(*head) for head in toy.READERS}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.write_pictures(tmp_path_factory.mktemp("why") / "pictures", each=8)


@pytest.fixture(scope="session")
def explained(
    reader: Callable[[bool], Any], pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bool], Any]:
    """The finished run over all images, for the model that reads or does not."""
    runs: dict[bool, Any] = {}

    def run(reads: bool) -> Any:
        if reads not in runs:
            out = tmp_path_factory.mktemp("runs") / "why"
            runs[reads] = explain_reading(
                reader(reads), pictures, toy.NAMES, attack=toy.ATTACK, out=out, neurons=6
            )
        return runs[reads]

    return run


def estimate(view: Any, name: str) -> dict[str, Any]:
    found = next(item for item in view.summary["headline"] if item["name"] == name)
    return found["estimate"]


def test_planted_heads_are_found_exactly(explained: Callable[[bool], Any]) -> None:
    view = explained(True)
    assert estimate(view, "reading_effect")["low"] > 0.5
    heads = view.summary["heads"]
    assert {row["head"] for row in heads[: len(PLANTED)]} == PLANTED
    assert {row["head"] for row in heads if row["confirmed"]} == PLANTED  # precision and recall 1
    greedy = view.summary["greedy"]
    assert {head_name(*head) for head in greedy["heads"]} == PLANTED
    assert greedy["before"]["success"]["value"] > 0.9 > 0.2 > greedy["after"]["success"]["value"]
    assert greedy["after"]["clean_accuracy"]["value"] == 1
    check_schema(view.summary, SCHEMA)


def test_planted_neurons_are_ranked_first(explained: Callable[[bool], Any]) -> None:
    found = {row["neuron"] for row in explained(True).summary["neurons"]}
    assert found == {neuron_name(*unit) for unit in toy.NEURONS}


def test_attention_alone_is_no_proof(explained: Callable[[bool], Any]) -> None:
    table = explained(True).read_table("heads.parquet").to_pydict()
    row = table["head"].index(head_name(*toy.LOOKS))
    assert table["attention_attack"][row] > 0.99
    assert abs(table["causal"][row]) < 0.01 and not table["confirmed"][row]
    everywhere = table["head"].index(head_name(0, 1))  # looks at all patches alike
    ink = np.mean(explained(True).read_table("images.parquet")["ink_patches"].to_pylist())
    assert table["attention_attack"][everywhere] == pytest.approx(ink, abs=0.02)


def test_a_model_that_cannot_read(explained: Callable[[bool], Any]) -> None:
    view = explained(False)
    effect = estimate(view, "reading_effect")
    assert effect["low"] <= 0 <= effect["high"]
    assert not [row for row in view.summary["heads"] + view.summary["neurons"] if row["confirmed"]]
    assert view.summary["greedy"]["heads"] == []
    assert any("hardly show that the model reads" in text for text in view.summary["warnings"])


@pytest.mark.parametrize("reads", [True, False])
def test_identities(explained: Callable[[bool], Any], reads: bool) -> None:
    checks = explained(reads).summary["checks"]
    assert checks["direct_gap"] < 1e-4  # direct effects add up to the logit difference
    assert checks["patch_gap"] < 1e-4  # patching all heads and neurons is the whole change
    direct = explained(reads).summary["direct"]
    if reads:
        assert sum(item["value"] for item in direct.values()) == pytest.approx(1, abs=1e-4)


def test_places_before_the_first_block_hold_everything(explained: Callable[[bool], Any]) -> None:
    places = {(p["block"], p["place"]): p["to"]["value"] for p in explained(True).summary["places"]}
    assert places[0, "class token"] == pytest.approx(0, abs=1e-6)
    assert places[0, "ink"] == pytest.approx(1, abs=1e-4)  # only ink changed
    assert places[0, "other patches"] == pytest.approx(0, abs=1e-6)
    # Two of three readers sit in block 1, so by block 2 the class token holds most of the word.
    assert 0.4 < places[2, "class token"] < 0.95


def test_the_curve_falls_and_random_heads_do_not(explained: Callable[[bool], Any]) -> None:
    summary = explained(True).summary
    for where in ("cls", "all"):
        rows = summary["curves"][where]
        assert [row["k"] for row in rows] == list(range(7))
        assert rows[0]["reading_effect"]["value"] > 0.8 and rows[3]["success"]["value"] < 0.2
        assert rows[3]["attacked_accuracy"]["value"] > 0.8
        random = rows[2]["random"]["success"]
        assert random["n"] == 20 and random["mean"] > rows[2]["success"]["value"]
    # Only the class token is read in this model: where heads are taken out changes nothing.
    values = [[row["success"]["value"] for row in summary["curves"][w]] for w in ("cls", "all")]
    assert values[0] == values[1]


def test_resumed_and_repeated_runs_are_the_same(
    reader: Callable[[bool], Any], pictures: Path, tmp_path: Path
) -> None:
    settings = {"attack": toy.ATTACK, "neurons": 2, "limit": 10, "heads": 2, "batch_size": 4}
    whole = explain_reading(reader(True), pictures, toy.NAMES, out=tmp_path / "a", **settings)

    def stop(step: str, done: int, total: int) -> None:
        if step == "neurons" and done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain_reading(
            reader(True), pictures, toy.NAMES, out=tmp_path / "b", progress=stop, **settings
        )
    steps: list[str] = []
    again = explain_reading(
        reader(True), pictures, toy.NAMES, out=tmp_path / "b",
        progress=lambda step, done, total: steps.append(step), **settings,
    )  # fmt: skip
    for name in ("summary.json", "heads.parquet", "images.parquet", "image_heads.parquet"):
        assert (whole.path / name).read_bytes() == (again.path / name).read_bytes(), name
    page = (again.path / "report.html").read_text(encoding="utf-8")
    assert "Taking heads out" in page and "blocks.1.attn.head_out:1" in page


def test_explaining_a_finished_audit(
    reader: Callable[[bool], Any], pictures: Path, tmp_path: Path
) -> None:
    audit = audit_typographic(
        reader(True), pictures, toy.NAMES, out=tmp_path / "audit", limit=12, seed=4, **toy.ATTACK
    )
    why = explain_reading(
        reader(True), pictures, run=audit.path, out=tmp_path / "why", heads=3, neurons=2, limit=None
    )
    table = audit.read_table("results.parquet").to_pylist()
    wanted = {
        (row["image"], row["word"]): row["predicted"]
        for row in table
        if row["condition"] == "attack"
    }
    rows = why.read_table("images.parquet").to_pylist()
    assert {(row["image"], row["word"]): row["answer_attack"] for row in rows} == wanted
    assert why.summary["checks"]["audit_gap"] < 1e-3
    with pytest.raises(ConfigError, match="other weights"):
        explain_reading(reader(False), pictures, run=audit.path, out=tmp_path / "other")
    with pytest.raises(ConfigError, match="leave classes"):
        explain_reading(reader(True), pictures, toy.NAMES, run=audit.path, out=tmp_path / "other")
    with pytest.raises(DataError, match="kind 'why'"):
        explain_reading(reader(True), pictures, run=why.path, out=tmp_path / "other")


def test_one_picture(reader: Callable[[bool], Any], pictures: Path) -> None:
    found = why_image(
        reader(True), pictures / "dog" / "03.png", toy.NAMES, label="dog", word="ship",
        attack=toy.ATTACK,
    )  # fmt: skip
    assert found.answers == {**found.answers, "clean": "dog", "attack": "ship"}
    assert {name for name, _ in found.strongest_heads(3)} == PLANTED
    assert found.strongest_neurons(1)[0][0] == neuron_name(2, toy.NAMES.index("ship"))
    assert found.gap < 1e-4 and found.change > 0
    head = next(iter(toy.READERS))
    assert found.attention["attack"][head] > 0.99
    assert found.direct_ink[head] == pytest.approx(found.direct[head], rel=0.05)
    assert found.to_json()["target"] == "ship"
    with pytest.raises(DataError, match="means its true label"):
        why_image(reader(True), pictures / "dog" / "03.png", toy.NAMES, label="dog", word="Dog")


def test_no_answer_about_single_people(
    reader: Callable[[bool], Any], pictures: Path, tmp_path: Path
) -> None:
    named = {"ship": ["criminal"]}
    why = explain_reading(
        reader(True), pictures, toy.NAMES, attack=toy.ATTACK, synonyms=named, out=tmp_path / "why",
        heads=3, neurons=2, limit=8,
    )  # fmt: skip
    assert not why.has("images.parquet") and not why.has("image_heads.parquet")
    assert why.has("heads.parquet") and "'criminal'" in why.summary["warnings"][0]
    assert "One image" not in (why.path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="why_image answers for single images"):
        why_image(
            reader(True), pictures / "dog" / "03.png", toy.NAMES, label="dog", word="ship",
            attack=toy.ATTACK, synonyms=named,
        )  # fmt: skip
