"""Presets after the field's generators, and a sticky note as in photographed attacks."""

from __future__ import annotations

from attacks.typographic.attack.presets.record import Preset

_COLORS = ("black", "blue", "cyan", "green", "magenta", "red", "white", "yellow")

DEFENSE_PREFIX = Preset(
    name="defense_prefix",
    pixels=224,
    knobs={
        "position": "random",
        "outline": "black",
        "outline_width": 0.03,
        "varies": {
            "font": ("DejaVuSerif", "DejaVuSerif-Bold", "CourierPrime-Bold"),
            "size": tuple(px / 224 for px in range(20, 41)),
            "color": _COLORS,
            "outline": _COLORS,
        },
    },
    source="Azuma and Matsui, ICCV workshops 2023, azuma164/Defense-Prefix (MIT)",
    note="Size 20 to 40 px on 224 px, eight colours for letters and for a stroke of 1 px, random "
    "place, as published. Roman, Courier and Times are replaced by bundled fonts of their kind; "
    "their names of the colours are taken to be the eight basic ones. The word may be hard to read "
    "where letters and stroke draw one colour, as in the original.",
)

DYSLEXIFY = Preset(
    name="dyslexify",
    pixels=224,
    knobs={
        "font": "Arimo-Bold",
        "size": 20 / 224,
        "position": "bottom",
        "color": "white",
        "outline": "black",
        "outline_width": 0.06,
    },
    source="Hufe et al., ICLR 2026, lowlorenz/dyslexify (no licence; nothing copied)",
    note="Text at the bottom centre, within the last two rows of patches (32 of 224 px), is "
    "published; the font is a bundled one of the kind, colours are ours.",
)

MULTI_IMAGE = Preset(
    name="multi_image",
    knobs={
        "font": "OpenSans-Regular",
        "size": 0.06,
        "color": "yellow",
        "outline": None,
        "copies": 8,
        "position": "random",
    },
    source="Wang et al., NAACL 2025, XiaomengWang-AI (MIT)",
    note="Eight yellow copies at random places that do not overlap. The original wrote a Hershey "
    "font of fixed pixels on images of any size; 0.06 is that on a short side of 375 px.",
)

SELF_GENERATED = Preset(
    name="self_generated",
    knobs={
        "font": "OpenSans-Regular",
        "size": 0.09,
        "color": "black",
        "outline": None,
        "copies": 2,
        "band": 0.25,
        "position": "random",
    },
    source="Qraitem et al. 2024, arXiv:2402.00626 (no licence; nothing copied)",
    note="White bands of 25 % above and below and black text are published; 20 px was written on "
    "images of any size, 0.09 is that on 224 px. In an audit the image with its bands gets white "
    "sides too and is shown to the model whole, so the object is smaller: compare with the blank "
    "control, which has the bands.",
)

STICKY_NOTE = Preset(
    name="sticky_note",
    knobs={
        "font": "PermanentMarker-Regular",
        "size": 0.14,
        "color": "#22263a",
        "outline": None,
        "background": "#fde98a",
        "padding": 0.7,
        "shadow": 0.45,
        "rotation": 4.0,
        "perspective": (24.0, 14.0),
        "position": "random",
    },
    source="the kind of real attack in RTA-100, PAINT and SCAM",
    note="A rendering of our own: a yellow note, marker, a tilt of 24 and 14 degrees, a shadow.",
)
