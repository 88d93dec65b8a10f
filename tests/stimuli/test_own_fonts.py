"""Fonts of the user: any script can be written, and nothing is drawn wrong in silence."""

from __future__ import annotations

import importlib
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, features
from stimuli.fontfiles import BEH, FORMS, arabic, bars

from attacks.typographic import TypographicAttack
from clipprobe.errors import ConfigError, GlyphError
from clipprobe.stimuli.text import draw_text, font_info, writable
from clipprobe.stimuli.text.fonts import FOLDER
from clipprobe.stimuli.text.sfnt import read_font
from clipprobe.stimuli.text.shaping import needs_joining, needs_shaping

fonts = importlib.import_module("clipprobe.stimuli.text.fonts")  # a function has this name too
CJK = {"猫": 700, "犬": 350, "𠮷": 500}
needs_raqm = pytest.mark.skipif(not features.check("raqm"), reason="this Pillow has no libraqm")


def heights(text: str, font: Path) -> list[int]:
    """Heights of the bars from left to right, as parts of a thousand of the em."""
    drawn = draw_text(Image.new("RGB", (400, 200)), text, font=str(font), size=100, fill="white")
    ink = np.asarray(drawn.image.convert("L")) > 127
    columns = np.flatnonzero(ink.any(axis=0))
    runs = np.split(columns, np.flatnonzero(np.diff(columns) > 2) + 1)
    return [round(int(ink[:, run[len(run) // 2]].sum()) / 100, 1) for run in runs]


@pytest.mark.parametrize("name", ["DejaVuSans-Bold.ttf", "CaveatBrush-Regular.ttf", None])
def test_coverage_is_that_of_another_library(tmp_path: Path, name: str | None) -> None:
    files = sorted(p for p in FOLDER.iterdir() if p.suffix in (".ttf", ".otf"))
    path = next((p for p in files if p.name == name), files[0])
    if name is None:
        path = bars(tmp_path / "cjk.ttf", CJK)
    ranges = read_font(path.read_bytes()).coverage
    codes = {code for first, last in ranges for code in range(first, last + 1)}
    assert codes == set(TTFont(path).getBestCmap())


def test_chinese_is_written(tmp_path: Path) -> None:
    font = bars(tmp_path / "cjk.ttf", CJK)
    assert heights("猫犬𠮷", font) == pytest.approx([0.7, 0.35, 0.5], abs=0.06)
    attacked = TypographicAttack(word="猫", font=str(font), size=0.4)(Image.new("RGB", (64, 64)))
    assert attacked.mask.any() and attacked.spec["font"] == font_info(str(font)).name
    with pytest.raises(GlyphError, match=r"cjk\.ttf@.* has no glyph for '馬'"):
        writable("馬", str(font))
    with pytest.raises(GlyphError, match=r"no bundled font can; give one of your own \(--font"):
        writable("猫", "DejaVuSans-Bold")


@needs_raqm
def test_arabic_letters_join_and_run_from_right_to_left(tmp_path: Path) -> None:
    font = arabic(tmp_path / "arabic.ttf")
    forms = {name: height / 1000 for name, height in FORMS.items()}
    assert heights(BEH, font) == [forms["beh"]]
    # The first letter stands on the right.
    assert heights(BEH * 2, font) == [forms["beh.fina"], forms["beh.init"]]
    assert heights(BEH * 3, font) == [forms["beh.fina"], forms["beh.medi"], forms["beh.init"]]


def test_what_cannot_be_joined_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apart = arabic(tmp_path / "apart.ttf", joins=False)
    if features.check("raqm"):
        with pytest.raises(GlyphError, match="has no rules for that, so they would be drawn apart"):
            writable(BEH * 2, str(apart))
    joined = arabic(tmp_path / "joined.ttf")
    monkeypatch.setattr(fonts, "can_shape", lambda: False)
    with pytest.raises(GlyphError, match="without libraqm, so they would be drawn wrong"):
        writable(BEH * 4, str(joined))


def test_which_texts_need_shaping() -> None:
    assert not any(map(needs_shaping, ["cat", "猫", "кот", "γάτα", "ねこ", "고양이", "🐱", "Ä$9"]))
    assert all(map(needs_joining, ["قطة", "बिल्ली", "ဆို"]))
    assert all(map(needs_shaping, ["חתול", "แมว", "e\u0301"])) and not needs_joining("חתול")


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    one = bars(tmp_path / "one.ttf", CJK)
    (tmp_path / "two").mkdir()
    same = Path(shutil.copy(one, tmp_path / "two" / "one.ttf"))
    assert font_info(str(one)).name == font_info(str(same)).name
    assert font_info(font_info(str(one)).name).path == one
    other = bars(tmp_path / "two" / "one.ttf", {"猫": 100})
    assert font_info(str(other)).name != font_info(str(one)).name
    with pytest.raises(ConfigError, match=r"a run does not hold: give the same file again"):
        font_info("one.ttf@000000000000")


def test_files_that_are_not_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"could not be read \(No such file"):
        font_info(str(tmp_path / "absent.ttf"))
    (tmp_path / "folder.ttf").mkdir()
    with pytest.raises(ConfigError, match="not a regular file"):
        font_info(str(tmp_path / "folder.ttf"))
    good = bars(tmp_path / "good.ttf", CJK).read_bytes()
    bitmap = TTFont(tmp_path / "good.ttf")
    del bitmap["glyf"], bitmap["loca"]
    bitmap.save(tmp_path / "bitmap.ttf")
    with pytest.raises(ConfigError, match="no outlines: bitmap and colour fonts"):
        font_info(str(tmp_path / "bitmap.ttf"))
    bad = {"text": b"not a font at all", "empty": b"", "cut": good[:200], "zip": b"PK\3\4" + good}
    for name, data in bad.items():
        (tmp_path / f"{name}.otf").write_bytes(data)
        with pytest.raises(ConfigError, match="cannot be used as a font"):
            font_info(str(tmp_path / f"{name}.otf"))
    (tmp_path / "large.ttf").write_bytes(good)
    monkeypatch.setattr("clipprobe.stimuli.text.own_fonts.MAX_FONT_BYTES", 100)
    with pytest.raises(ConfigError, match="larger than 0 MiB"):
        font_info(str(tmp_path / "large.ttf"))


def test_damage_anywhere_is_an_error_and_never_a_crash(tmp_path: Path) -> None:
    data = bytearray(bars(tmp_path / "good.ttf", CJK).read_bytes())
    source = np.random.default_rng(0)
    for i in range(150):
        broken = bytearray(data)
        for place in source.integers(0, len(broken), 8):
            broken[int(place)] = int(source.integers(256))
        struct.pack_into(">H", broken, 4, int(source.integers(64)))
        (tmp_path / f"{i}.ttf").write_bytes(bytes(broken))
        try:
            font_info(str(tmp_path / f"{i}.ttf"))
        except ConfigError:
            pass
