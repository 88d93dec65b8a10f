"""What cannot be written is left out and named; the rest of the audit goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stimuli.fontfiles import bars

from attacks.typographic import TypographicAttack, audit_typographic
from attacks.typographic.rendering.unwritten import require_some, unwritten
from attacks.typographic.search import search_attack
from attacks.typographic.stroop.audit import cards_of
from attacks.typographic.stroop.settings import StroopAudit
from attacks.typographic.sweep import sweep
from clipprobe.data import Dataset
from clipprobe.errors import GlyphError, TextFitError
from clipprobe.stimuli.text.fonts import FOLDER
from clipprobe.testing.toys import NAMES

Toy, Colours = Callable[..., Any], Callable[..., Dataset]
ARABIC, EMOJI = "قطة", "🐱"
SIZE: dict[str, Any] = {"size": 0.2, "position": "center"}


def renamed(data: Dataset, names: dict[str, str]) -> Dataset:
    return replace(
        data, records=tuple(replace(r, label=names.get(r.label or "", r.label)) for r in data)
    )


def test_classes_that_no_font_can_write_stay_answers(
    toy: Toy, colours: Colours, tmp_path: Path
) -> None:
    data = renamed(colours(2), {"dog": ARABIC, "cat": EMOJI})
    run = audit_typographic(toy(reads=True), data, out=tmp_path / "run", **SIZE)
    table = run.read_table("results.parquet").to_pylist()
    assert run.manifest["counts"] == {"used": 12, "skipped": 0, "failed": 0}
    assert {row["label"] for row in table} == {ARABIC, EMOJI, *NAMES[2:]}
    assert {row["word"] for row in table} <= set(NAMES[2:])
    true = {row["label"] for row in table if row["condition"] == "true"}
    assert true == set(NAMES[2:])  # the control with the true word does not exist for the others
    [warning] = [text for text in run.summary["warnings"] if "cannot be written" in text]
    assert warning.startswith("2 words ") and repr(ARABIC) in warning and repr(EMOJI) in warning
    assert "--font FILE.ttf" in warning and warning in (tmp_path / "run/report.md").read_text()


def test_one_writable_class_is_too_few(toy: Toy, colours: Colours, tmp_path: Path) -> None:
    names = dict(zip(NAMES, ["猫", "犬", "馬", "鳥", "魚", "tree"], strict=True))
    with pytest.raises(GlyphError, match=r"Only 1 of the 6 words to write .* no glyph"):
        audit_typographic(toy(reads=True), renamed(colours(1), names), out=tmp_path / "run", **SIZE)
    assert not (tmp_path / "run").exists()


def test_a_font_of_the_user_writes_them(toy: Toy, colours: Colours, tmp_path: Path) -> None:
    names = dict(zip(NAMES, ["猫", "犬", "馬", "鳥", "魚", "木"], strict=True))
    font = bars(tmp_path / "cjk.ttf", {c: 600 for c in [*names.values(), *"一丁七三上下不中丰主"]})
    data = renamed(colours(1), names)
    run = audit_typographic(toy(reads=True), data, out=tmp_path / "a", font=str(font), **SIZE)
    rows = run.read_table("results.parquet").to_pylist()
    assert {row["word"] for row in rows} <= set(names.values())
    nonsense = {row["text"] for row in rows if row["condition"] == "nonsense"}
    assert nonsense and not nonsense & set(names.values())  # a control of the same script
    config = run.manifest["config"]
    assert config["attack"]["font"].startswith("cjk.ttf@") and str(tmp_path) not in str(config)
    (tmp_path / "elsewhere").mkdir()
    moved = Path(font.rename(tmp_path / "elsewhere" / "cjk.ttf"))
    same = audit_typographic(toy(reads=True), data, out=tmp_path / "b", font=moved, **SIZE)
    assert same.manifest["config_sha256"] == run.manifest["config_sha256"]
    for name in ("results.parquet", "summary.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_listed_word_is_left_out(toy: Toy, colours: Colours, tmp_path: Path) -> None:
    words = {"words": ["猫", "ship"]}
    run = audit_typographic(toy(reads=True), colours(1), out=tmp_path / "run", **words, **SIZE)
    assert set(run.read_table("results.parquet")["word"].to_pylist()) == {"ship"}
    assert any("1 word cannot be written" in text for text in run.summary["warnings"])


def test_a_sweep_leaves_out_what_one_cell_cannot_write(
    toy: Toy, colours: Colours, tmp_path: Path
) -> None:
    data = renamed(colours(1), {"dog": "собака"})
    run = sweep(
        toy(reads=True), data, out=tmp_path / "run", size=0.2, position="center",
        factors={"font": ["DejaVuSans-Bold", "Caveat-Bold"]},
    )  # fmt: skip
    assert "собака" not in run.read_table("results.parquet")["word"].to_pylist()
    assert any("'собака'" in text for text in run.summary["warnings"])


def test_a_search_leaves_out_what_it_cannot_write(
    toy: Toy, colours: Colours, tmp_path: Path
) -> None:
    image = str(colours(1).records[0].source)
    label = colours(1).records[0].label
    found = search_attack(
        toy(reads=True), image, label, NAMES, words=["猫", "ship"], queries=20,
        out=tmp_path / "run", sizes=(0.2,),
    )  # fmt: skip
    assert found.candidates == ("ship",) and "'猫'" in found.notes[0]
    assert found.notes[0] in (tmp_path / "run" / "report.md").read_text()
    with pytest.raises(GlyphError, match="None of the 1 words to write"):
        search_attack(
            toy(reads=True), image, label, NAMES, words=["猫"], queries=20, out=tmp_path / "b"
        )


def test_a_colour_that_cannot_be_written_is_left_out() -> None:
    colours = {"red": "#dc1e23", "blue": "#2350d7", "紅": "#961e32"}
    cards = cards_of(StroopAudit(colours=colours, out="unused"))
    assert cards.inks == ["red", "blue"] and "'紅'" in cards.notes[0]
    with pytest.raises(GlyphError, match="Only 1 of the 2 words"):
        cards_of(StroopAudit(colours={"red": "red", "紅": "blue"}, out="unused"))
    own = str(FOLDER / "Caveat-Bold.ttf")
    cards = cards_of(StroopAudit(colours=["red", "blue"], fonts=[own], out="unused"))
    [font] = {card.font for card in cards.cards}
    assert font is not None and font.startswith("Caveat-Bold.ttf@")
    assert all(card.image().size == (224, 224) for card in cards.cards[:3])


def test_the_kind_of_the_error_is_that_of_the_first_word() -> None:
    long, attack = "The letters of a font that has no glyph", TypographicAttack(word="a", size=0.9)
    why = unwritten(attack, [long, "猫"], (64, 64))
    with pytest.raises(TextFitError, match="None of the 2 words"):
        require_some([long, "猫"], why, 1)
    with pytest.raises(GlyphError, match="None of the 2 words"):
        require_some(["猫", long], why, 1)
