"""The Stroop audit on toy models whose answer is known, and on the published answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from runs.checks import check_schema
from typer.testing import CliRunner

import attacks.typographic.stroop
from attacks.typographic.published import read_published_stroop
from attacks.typographic.stroop import COLOURS, Deck, audit_stroop, draw_card
from attacks.typographic.stroop.summary import columns_of, summarise_rows
from clipprobe.cli import app
from clipprobe.errors import ConfigError, DataError
from clipprobe.runs.tables import read_parquet
from clipprobe.statistics import wilson
from clipprobe.stimuli.text import rgb
from clipprobe.study import rerun

STROOP = Path(__file__).resolve().parents[3] / "shared/data/distill/stroop_experiment.json"
SCHEMA = Path(attacks.typographic.stroop.__file__).with_name("summary.schema.json")
INKS = ("red", "green", "blue")
SIDE = 64


class Namer:
    """Knows which image is which card, and answers both questions as it was told to.

    Its image vectors are one-hot over (ink, word); ``rule`` gives the answer to the question for
    the ink, the question for the word is always answered right.
    """

    def __init__(self, deck: Deck, rule: Callable[[Any], str]) -> None:
        self.deck, self.rule = deck, rule
        self.preprocess = type("Grid", (), {"size": SIDE})()
        self.names = deck.words()
        self.d_embed = 2 * len(self.names)
        self.seen = 0
        self.stop_after: int | None = None
        self.cards = {draw_card(card, deck.colours, SIDE).tobytes(): card for card in deck.cards()}

    def encode_images(self, images: Iterable[Image.Image], *, batch_size: int = 32) -> np.ndarray:
        vectors = []
        for image in images:
            if self.stop_after is not None and self.seen >= self.stop_after:
                raise KeyboardInterrupt
            self.seen += 1
            card = self.cards[image.tobytes()]
            vector = np.zeros(self.d_embed, np.float32)
            vector[self.names.index(self.rule(card))] = 1
            vector[len(self.names) + self.names.index(card.word)] = 1
            vectors.append(vector)
        return np.stack(vectors)

    def encode_texts(self, texts: Iterable[str], **_: Any) -> np.ndarray:
        rows = []
        for text in texts:
            row = np.zeros(self.d_embed, np.float32)
            question, name = text.split()
            row[self.names.index(name) + len(self.names) * (question == "word")] = 1
            rows.append(row)
        return np.stack(rows)

    def logits(self, images: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return np.float32(10.0) * (images @ texts.T)

    def provenance(self) -> dict[str, Any]:
        return {"model": {"id": "namer", "weights_sha256": "0" * 64}, "versions": {"toy": "1"}}


DECK = Deck(
    colours={name: COLOURS[name] for name in INKS},
    nonsense=1,
    fonts=("DejaVuSans-Bold",),
    sizes=(0.3,),
    variants=2,
)
OPTIONS: dict[str, Any] = {
    "colours": DECK.colours,
    "nonsense": 1,
    "fonts": DECK.fonts,
    "sizes": DECK.sizes,
    "variants": 2,
    "ink_templates": ["ink {}"],
    "word_templates": ["word {}"],
    "batch_size": 4,
}


def of_ink(card: Any) -> str:
    return str(card.ink)


def of_word(card: Any) -> str:
    return str(card.word if card.word in INKS else card.ink)


def headline(summary: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item["estimate"]["value"] for item in summary["headline"]}


def test_a_model_that_names_the_ink(tmp_path: Path) -> None:
    clip = Namer(DECK, of_ink)
    run = audit_stroop(clip, out=tmp_path / "run", **OPTIONS)
    assert headline(run.summary) == {
        "control_ink_accuracy": 1.0,
        "incongruent_word_rate": 0.0,
        "incongruent_ink_rate": 1.0,
        "reading_effect": 0.0,
        "interference": 0.0,
        "word_read": 1.0,
    }
    assert clip.seen == len(DECK.cards()) == 4 * 3 * 5 * 2  # each card once, both questions
    assert run.summary["warnings"] == []


def test_a_model_that_reads_the_word(tmp_path: Path) -> None:
    run = audit_stroop(Namer(DECK, of_word), out=tmp_path / "run", **OPTIONS)
    assert headline(run.summary) == {
        "control_ink_accuracy": 1.0,
        "incongruent_word_rate": 1.0,
        "incongruent_ink_rate": 0.0,
        "reading_effect": 1.0,
        "interference": 1.0,
        "word_read": 1.0,
    }
    upright = run.summary["presentations"]["upright"]
    assert upright["kinds"]["congruent"]["ink"]["value"] == 1.0
    assert upright["kinds"]["incongruent"]["n"] == 3 * 2 * 2
    assert upright["kinds"]["control"]["word"]["value"] is None  # never 0: it cannot be answered
    grid = np.array(upright["matrix"]["says_word"], float)
    assert upright["matrix"]["words"][:3] == list(INKS) and (grid[:, :3] == 1).all()
    page = (run.path / "report.md").read_text()
    assert "turned upside down, by 180 degrees" in page and "Inverted: ink by word" in page


def test_a_model_that_reads_upright_words_only(tmp_path: Path) -> None:
    def rule(card: Any) -> str:
        return of_word(card) if card.presentation == "upright" else of_ink(card)

    shown = audit_stroop(Namer(DECK, rule), out=tmp_path / "run", **OPTIONS).summary[
        "presentations"
    ]
    effects = {name: part["reading_effect_over_control"]["value"] for name, part in shown.items()}
    assert effects == {"upright": 1.0, "mirrored": 0.0, "inverted": 0.0, "negative": 0.0}


def test_a_preference_for_one_colour_is_no_reading(tmp_path: Path) -> None:
    """Always red: a third of incongruent cards "follow the word", and the control says why."""
    summary = audit_stroop(Namer(DECK, lambda card: "red"), out=tmp_path / "run", **OPTIONS).summary
    found = headline(summary)
    assert found["incongruent_word_rate"] == pytest.approx(1 / 3)
    assert found["reading_effect"] == 0.0
    assert "it cannot be shown that the model knows the ink" in summary["warnings"][0]


def test_interrupted_or_in_other_threads_the_bytes_are_the_same(tmp_path: Path) -> None:
    whole = audit_stroop(Namer(DECK, of_word), out=tmp_path / "whole", **OPTIONS)
    clip = Namer(DECK, of_word)
    clip.stop_after = 50
    with pytest.raises(KeyboardInterrupt):
        audit_stroop(clip, out=tmp_path / "part", workers=0, **OPTIONS)
    clip.stop_after = None
    part = audit_stroop(clip, out=tmp_path / "part", workers=4, **OPTIONS)
    assert clip.seen < 50 + len(DECK.cards())  # what was done was not done again
    for name in ("results.parquet", "summary.json", "report.html", "manifest.json"):
        assert (whole.path / name).read_bytes() == (part.path / name).read_bytes(), name


def test_the_call_of_a_run_makes_it_again(tmp_path: Path) -> None:
    """From JSON, in which a ground is a list of numbers."""
    run = audit_stroop(Namer(DECK, of_word), out=tmp_path / "run", **OPTIONS)
    call = json.loads((run.path / "call.json").read_text())
    assert call["give_again"] == ["model"] and call["settings"]["grounds"][1] == [128, 128, 128]
    again = rerun(run.path, tmp_path / "again", clip=Namer(DECK, of_word), workers=0)
    for name in ("results.parquet", "summary.json", "report.html", "manifest.json"):
        assert (run.path / name).read_bytes() == (again.path / name).read_bytes(), name


def test_presentations_are_what_they_say() -> None:
    cards = {
        (c.presentation): c
        for c in DECK.cards()
        if (c.ink, c.word, c.variant) == ("red", "blue", 0)
    }
    drawn = {name: draw_card(card, DECK.colours, SIDE) for name, card in cards.items()}
    upright = np.asarray(drawn["upright"])
    assert (np.asarray(drawn["mirrored"]) == upright[:, ::-1]).all()
    assert (np.asarray(drawn["inverted"]) == upright[::-1, ::-1]).all()
    ink, ground = rgb(COLOURS["red"]), rgb(cards["upright"].ground)
    assert tuple(upright[0, 0]) == ground and tuple(np.asarray(drawn["negative"])[0, 0]) == ink
    inked = (upright != ground).any(axis=2)
    assert ((np.asarray(drawn["negative"]) != ink).any(axis=2) == inked).all()


def test_every_ink_shows_and_words_share_their_design() -> None:
    deck = Deck(colours=COLOURS)
    designs: dict[tuple[str, int], set[Any]] = {}
    for card in deck.cards():
        assert np.abs(np.subtract(rgb(COLOURS[card.ink]), rgb(card.ground))).max() >= 90
        key = (card.ink, card.variant)
        designs.setdefault(key, set()).add((card.font, card.size, card.ground, card.place))
    assert all(len(found) == 1 for found in designs.values())
    assert {c.font for c in deck.cards()} == set(deck.fonts)
    assert {c.size for c in deck.cards()} == set(deck.sizes)


def test_a_folder_of_cards(tmp_path: Path) -> None:
    deck = DECK
    for card in deck.cards():
        folder = {"upright": "stroop", "mirrored": "stroop_mir", "inverted": "stroop_inv"}.get(
            card.presentation
        )
        if folder and card.variant == 0:
            (tmp_path / "cards" / folder).mkdir(parents=True, exist_ok=True)
            picture = draw_card(card, deck.colours, SIDE)
            picture.save(tmp_path / "cards" / folder / f"{card.ink}_{card.word}.png")
    (tmp_path / "cards" / "stroop" / "red.png").write_bytes(b"")
    (tmp_path / "cards" / "stroop" / "red_gone.png").write_bytes(b"broken")
    clip = Namer(deck, of_word)
    clip.names.append("gone")
    clip.d_embed = 2 * len(clip.names)
    run = audit_stroop(
        clip,
        out=tmp_path / "run",
        images=tmp_path / "cards",
        ink_templates=["ink {}"],
        word_templates=["word {}"],
    )
    assert set(run.summary["presentations"]) == {"upright", "mirrored", "inverted"}
    assert headline(run.summary)["reading_effect"] == 1.0
    assert run.manifest["counts"] == {"used": 45, "skipped": 1, "failed": 1}
    kinds = read_parquet(run.path / "results.parquet").column("kind").to_pylist()
    assert (kinds.count("congruent"), kinds.count("control")) == (9, 9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colours": ["red"]}, "at least two colours"),
        ({"colours": ["red", "red"]}, "given twice"),
        ({"colours": ["red", "rde"]}, "'rde' is unknown"),
        ({"control": "Red"}, "is a colour"),
        ({"presentations": ["up"]}, "presentations='up' is unknown: did you mean 'upright'"),
        ({"grounds": ["red"]}, "'red' shows on none of the grounds"),
        ({"sizes": [2.0]}, "sizes=2.0 is out of range"),
        ({"variants": 0}, "variants=0 is out of range"),
        ({"colours": "red"}, "colours='red' is not a list"),
        ({"ink_templates": ["colour"]}, "has no {}"),
    ],
)
def test_wrong_settings_are_said(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        audit_stroop(Namer(DECK, of_ink), out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_folder_with_one_ink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "red_blue.png").write_bytes(b"")
    with pytest.raises(DataError, match="at least two, as in red_blue"):
        audit_stroop(Namer(DECK, of_ink), out=tmp_path / "run", images=tmp_path)


def published_stroop_rows(path: Path) -> list[dict[str, Any]]:
    """A row of our own table for each published card."""
    rows = []
    for answer in read_published_stroop(path):
        p = dict(zip(answer.names, answer.p, strict=True))
        kind = "congruent" if answer.word == answer.thing else "incongruent"
        rows.append(
            {
                "card": f"{answer.thing}_{answer.word}",
                "presentation": "upright",
                "kind": "control" if answer.word == "example" else kind,
                "ink": answer.thing,
                "word": answer.word,
                "variant": 0,
                "ink_answer": answer.names[0],
                "p_ink": p.get(answer.thing),
                "p_word": p.get(answer.word),
                "word_answer": None,
                "p_read": None,
            }
        )
    return rows


@pytest.mark.skipif(not STROOP.is_file(), reason="the distill fixtures are not on this machine")
def test_the_published_experiment() -> None:
    """Goh et al. 2021: 49 of 49 incongruent cards are read, none is named by its ink."""
    rows = published_stroop_rows(STROOP)
    kinds = summarise_rows(columns_of(rows), seed=0)["upright"]["kinds"]
    off = kinds["incongruent"]
    assert (off["word"].value, off["ink"].value, off["n"]) == (1.0, 0.0, 49)
    assert off["word"].to_json() == wilson(49, 49).to_json()
    assert off["word"].low == pytest.approx(0.9273, abs=1e-4)
    assert (round(off["mean_p_word"], 3), round(off["mean_p_ink"], 3)) == (0.912, 0.082)
    assert (kinds["congruent"]["ink"].value, kinds["congruent"]["n"]) == (1.0, 7)
    assert (kinds["control"]["ink"].value, kinds["control"]["n"]) == (1.0, 8)
    effect = summarise_rows(columns_of(rows), seed=0)["upright"]["reading_effect_over_control"]
    assert (effect.value, effect.n) == (1.0, 49)


def test_the_command(checkpoint: Callable[[], Path], tmp_path: Path) -> None:
    arguments = ["audit", "stroop", "--model", str(checkpoint()), "--out", str(tmp_path / "run")]
    few = ["--colour", "red", "--colour", "blue", "--variants", "1", "--nonsense", "0", "--size",
           "0.3", "--presentation", "upright", "--presentation", "mirrored"]  # fmt: skip
    done = CliRunner().invoke(app, [*arguments, *few, "--json"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["n"]["cards"] == 2 * 2 * 3 and summary["kind"] == "stroop"
    check_schema(summary, SCHEMA)
    again = CliRunner().invoke(app, [*arguments, *few])
    assert again.exit_code == 0 and "control ink accuracy" in again.stdout
    assert "report.html" in again.stderr
    wrong = CliRunner().invoke(app, ["audit", "stroop"])
    assert wrong.exit_code == 2 and "needs --out" in wrong.output


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--images", "absent"], "There is nothing at 'absent'"),
        (["--colour", "red"], "at least two colours"),
        (["--size", "2"], "--size 2 is out of range"),
        (["--ink-template", "a colour"], "has no {}"),
    ],
)
def test_mistakes_are_said_before_the_model_is_loaded(
    tmp_path: Path, flags: list[str], said: str
) -> None:
    command = ["audit", "stroop", "--model", "no-model", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, [*command, *flags])
    assert done.exit_code == 2 and said in done.stderr, done.stderr
    assert not (tmp_path / "run").exists()
