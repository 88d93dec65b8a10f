"""Small font files whose glyphs are bars of known heights, so that pixels say what was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

BEH = "\u0628"
JOINING = """
languagesystem arab dflt;
feature init { sub beh by beh.init; } init;
feature medi { sub beh by beh.medi; } medi;
feature fina { sub beh by beh.fina; } fina;
"""
#: Heights of the bars of the four forms of one Arabic letter.
FORMS = {"beh": 200, "beh.init": 400, "beh.medi": 600, "beh.fina": 800}


def bars(path: Path, characters: Mapping[str, int], *, features: str = "", more=()) -> Path:  # type: ignore[no-untyped-def]
    """A font in which each character is a bar of its height, 500 of 600 units wide."""
    glyphs = {f"c{ord(c):04X}": height for c, height in characters.items()}
    codes = {ord(c): f"c{ord(c):04X}" for c in characters}
    for code, name, height in more:
        glyphs[name] = height
        if code is not None:
            codes[code] = name
    order = [".notdef", *glyphs]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(codes)
    drawn = {".notdef": TTGlyphPen(None).glyph()}
    for name, height in glyphs.items():
        pen = TTGlyphPen(None)
        if height:
            pen.moveTo((50, 0))
            for point in ((50, height), (550, height), (550, 0)):
                pen.lineTo(point)
            pen.closePath()
        drawn[name] = pen.glyph()
    builder.setupGlyf(drawn)
    builder.setupHorizontalMetrics({name: (600, 50) for name in order})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Bars", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    if features:
        addOpenTypeFeaturesFromString(builder.font, features)
    builder.save(path)
    return path


def arabic(path: Path, *, joins: bool = True) -> Path:
    """A font with one Arabic letter, in four forms where it joins."""
    codes = {"beh": ord(BEH)}
    more = [(codes.get(name), name, height) for name, height in FORMS.items()]
    return bars(path, {}, more=more, features=JOINING if joins else "")
