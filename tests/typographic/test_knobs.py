"""Every knob: what it does, that the mask is exact, and that a spec draws the same pixels again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attacks.typographic import AttackedImage, TypographicAttack, redraw, with_controls
from attacks.typographic.attack.contrast import color_at, luminance, ratio
from attacks.typographic.attack.lettering import misspell, transliterated, written
from clipprobe.errors import ConfigError, GlyphError, TextFitError

#: Each knob at values that differ from its default.
KNOBS: dict[str, list[dict[str, Any]]] = {
    "word": [{"word": "dog"}, {"word": "$$$"}, {"word": "ice cream"}],
    "size": [{"size": 0.1}, {"size": 0.3}],
    "position": [{"position": "r2c3"}, {"position": "top-left"}, {"position": (0.3, 0.6)}],
    "copies": [{"copies": 2, "size": 0.1}, {"copies": 16, "size": 0.06}],
    "color": [{"color": "red"}, {"color": (0, 0, 255)}],
    "opacity": [{"opacity": 0.2}, {"opacity": 0.6}],
    "contrast": [{"contrast": 1.5}, {"contrast": 4.5}],
    "outline": [{"outline": None}, {"outline": "yellow"}],
    "outline_width": [{"outline_width": 0.15}],
    "background": [{"background": "white", "color": "black"}],
    "padding": [{"background": "white", "padding": 1.0}],
    "shadow": [{"background": "white", "shadow": 0.6}],
    "rotation": [{"rotation": 17.0}, {"rotation": 180.0}],
    "perspective": [{"perspective": 40.0}, {"perspective": (-25.0, 50.0)}],
    "blur": [{"blur": 0.05}, {"blur": 0.2}],
    "downscale": [{"downscale": 0.5}, {"downscale": 0.2}],
    "font": [{"font": "Caveat-Bold"}, {"font": "CourierPrime-Bold"}],
    "case": [{"case": "upper"}, {"case": "title"}],
    "script": [{"script": "cyrillic"}, {"script": "greek"}, {"script": "leetspeak"}],
    "mirrored": [{"mirrored": True}],
    "misspelt": [{"misspelt": 1}, {"misspelt": 3}],
    "repeated": [{"repeated": 2}, {"repeated": 3}],
    "band": [{"band": 0.25, "size": 0.1}, {"band": 0.3, "copies": 4, "size": 0.1}],
    "anchor": [{"anchor": "baseline", "position": (0.1, 0.5)}],
    "fit": [{"fit": "wrap", "word": "great white shark"}],
    "varies": [{"varies": {"font": ["DejaVuSerif", "Arimo-Bold"], "size": [0.1, 0.15]}}],
}
CASES = [(name, knobs) for name, values in KNOBS.items() for knobs in values]
CASES += [
    (
        "all",
        {
            "background": "#fde98a", "shadow": 0.5, "rotation": 8.0, "perspective": (20.0, 10.0),
            "blur": 0.04, "downscale": 0.6, "opacity": 0.8, "contrast": 3.0, "mirrored": True,
            "repeated": 2, "misspelt": 1, "size": 0.12,
        },
    )
]  # fmt: skip


def picture(size: tuple[int, int] = (176, 144)) -> Image.Image:
    low = np.random.default_rng(3).integers(30, 220, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(low).resize(size, Image.Resampling.BILINEAR)


def attack(**knobs: Any) -> TypographicAttack:
    return TypographicAttack(**{"word": "pizza", "size": 0.2, **knobs})


def unbanded(drawn: AttackedImage, image: Image.Image) -> Image.Image:
    """``image`` where it stands in the result, on white."""
    canvas = Image.new("RGB", drawn.image.size, "white")
    canvas.paste(image, (0, (drawn.image.height - image.height) // 2))
    return canvas


def changed(drawn: AttackedImage, image: Image.Image) -> np.ndarray:
    return (np.asarray(unbanded(drawn, image)) != np.asarray(drawn.image)).any(axis=2)


def test_every_knob_is_tried() -> None:
    fields = {field.name for field in dataclasses.fields(TypographicAttack)}
    assert fields - {"seed"} == set(KNOBS)


@pytest.mark.parametrize(("name", "knobs"), CASES, ids=lambda v: v if isinstance(v, str) else None)
def test_attack_and_controls_change_only_what_they_say(name: str, knobs: dict[str, Any]) -> None:
    image = picture()
    described = attack(**knobs)
    base = described(image)
    kinds = []
    for kind, drawn in with_controls(
        described, image, true_word="lamp", known=lambda w: w == "lamp", key=(0,)
    ):
        kinds.append(kind)
        touched = changed(drawn, image)
        assert touched.any() or (described.band and kind == "blank")
        assert not (touched & ~drawn.region).any()
        assert not (drawn.mask & ~drawn.region).any()
        if described.background is None and not described.band and kind != "blank":
            assert not (touched & ~drawn.mask).any()
        boxes = np.zeros_like(drawn.mask)
        for x0, y0, x1, y1 in drawn.boxes:
            boxes[y0:y1, x0:x1] = True
            inside = drawn.mask[y0:y1, x0:x1]  # tight: ink touches all four sides
            assert inside[0].any() and inside[-1].any()
            assert inside[:, 0].any() and inside[:, -1].any()
        assert not (drawn.mask & ~boxes).any()
        assert drawn.image.size == base.image.size
        assert len(drawn.labels) == described.copies == len(drawn.spec["colors"])
        for own, its in zip(base.labels, drawn.labels, strict=True):  # the same place ...
            moved = abs(own[0] + own[2] - its[0] - its[2]) / 2
            at_edge = its[0] <= 6 or its[2] >= image.width - 6  # a wider word is moved inside
            assert moved <= 1 or (at_edge and moved <= (its[2] - its[0]) / 2)
        assert drawn.spec["colors"] == base.spec["colors"]
        assert drawn.spec["size_px"] <= base.spec["size_px"]  # ... and size, or shrunk to fit
        again = redraw(json.loads(json.dumps(drawn.spec)), image)
        assert again.image.tobytes() == drawn.image.tobytes()
        assert np.array_equal(again.mask, drawn.mask) and np.array_equal(again.region, drawn.region)
        assert again.spec == drawn.spec
    assert kinds[:3] == ["attack", "blank", "nonsense"] and kinds[-1] == "true"
    rebuilt = TypographicAttack.from_spec(json.loads(json.dumps(base.spec)))(image)
    assert rebuilt.image.tobytes() == base.image.tobytes()


def test_each_knob_changes_the_pixels() -> None:
    image = picture()
    plain = attack(position="center")(image).image.tobytes()
    for name, values in KNOBS.items():
        if name in ("position", "anchor"):
            continue
        for knobs in values:
            place = {} if {"band", "copies"} & knobs.keys() else {"position": "center"}
            assert attack(**{**place, **knobs})(image).image.tobytes() != plain, (name, knobs)


@pytest.mark.parametrize("color", ["white", "black", "red", "#3070c0"])
@pytest.mark.parametrize("ground", ["#101820", "#808080", "#f4f0e8"])
def test_contrast_asked_for_is_contrast_reached(color: str, ground: str) -> None:
    image = Image.new("RGB", (160, 120), ground)
    for wanted in (1.2, 2.0, 3.0, 4.5):
        drawn = attack(color=color, contrast=wanted, outline=None)(image)
        assert drawn.spec["contrast_measured"][0] == pytest.approx(wanted, rel=0.06)
    faint = attack(color=color, contrast=4.5, outline=None, opacity=0.3)(image)
    assert faint.spec["contrast_measured"][0] < 3.5  # measured on the pixels, not on the wish
    note = attack(color="black", background="white", outline=None)(image)
    assert note.spec["contrast_measured"][0] == pytest.approx(21.0, rel=0.01)


def test_contrast_is_that_of_wcag() -> None:
    assert ratio(float(luminance((255, 255, 255))), float(luminance((0, 0, 0)))) == 21.0
    # #767676 on white is the known border of WCAG's level AA.
    assert ratio(1.0, float(luminance((0x76, 0x76, 0x76)))) == pytest.approx(4.54, abs=0.005)
    assert color_at((255, 255, 255), 0.18, 21.0) in ((255, 255, 255), (0, 0, 0))  # the farthest
    red, green, blue = color_at((200, 0, 0), 0.0, 3.0)
    assert red > green == blue  # its hue stays


def test_a_tilt_makes_the_far_side_smaller() -> None:
    wide = attack(word="HHHHHH", size=0.2, position="center", outline=None)
    image = Image.new("RGB", (300, 300))

    def heights(perspective: Any) -> tuple[int, int]:
        drawn = dataclasses.replace(wide, perspective=perspective)(image)
        x0, _, x1, _ = drawn.boxes[0]
        left, right = drawn.mask[:, x0 + 3 : x0 + 9], drawn.mask[:, x1 - 9 : x1 - 3]
        return int(left.any(axis=1).sum()), int(right.any(axis=1).sum())

    left, right = heights(0.0)
    assert left == right
    left, right = heights(45.0)
    assert right < left
    left, right = heights(-45.0)
    assert left < right
    flat, tilted = wide(image), dataclasses.replace(wide, perspective=(0.0, 60.0))(image)
    height = [d.boxes[0][3] - d.boxes[0][1] for d in (flat, tilted)]
    assert height[1] < 0.65 * height[0]


def test_mirrored_ink_is_the_ink_in_a_mirror() -> None:
    image = Image.new("RGB", (200, 200))
    plain, mirrored = (
        attack(word="pod", position="center", mirrored=m)(image) for m in (False, True)
    )
    (x0, y0, x1, y1), (u0, v0, u1, v1) = plain.boxes[0], mirrored.boxes[0]
    assert np.array_equal(plain.mask[y0:y1, x0:x1][:, ::-1], mirrored.mask[v0:v1, u0:u1])
    assert not np.array_equal(plain.mask, mirrored.mask)


def test_blur_and_distance_lose_detail_and_spread_ink() -> None:
    image = Image.new("RGB", (200, 200), "black")

    def edges(**knobs: Any) -> float:
        drawn = attack(position="center", outline=None, **knobs)(image)
        grey = np.asarray(drawn.image.convert("L"), float)
        return float(np.abs(np.diff(grey, axis=1)).max())

    assert edges() > 200
    assert edges(blur=0.05) > edges(blur=0.15) > edges(blur=0.3)
    assert edges() > edges(downscale=0.4) > edges(downscale=0.15)
    spread = [attack(position="center", blur=b)(image).mask.sum() for b in (0.0, 0.1, 0.3)]
    assert spread[0] < spread[1] < spread[2]


def test_on_and_off_the_object() -> None:
    image = picture((200, 160))
    thing = np.zeros((160, 200), bool)
    thing[40:120, 20:110] = True
    for seed in range(8):
        on = attack(word="dog", size=0.12, position="on", seed=seed)(image, object_mask=thing)
        x0, y0, x1, y1 = on.labels[0]
        assert thing[y0:y1, x0:x1].mean() >= 0.9
        off = attack(word="dog", size=0.12, position="off", copies=3, seed=seed)(
            image, object_mask=thing
        )
        assert not (off.mask & thing).any()
        cover = np.zeros((160, 200), int)
        for x0, y0, x1, y1 in off.labels:
            cover[y0:y1, x0:x1] += 1
        assert cover.max() == 1
        assert redraw(on.spec, image).image.tobytes() == on.image.tobytes()
    with pytest.raises(ConfigError, match="give object_mask"):
        attack(position="on")(image)
    with pytest.raises(ConfigError, match=r"shape \(2, 2\)"):
        attack(position="on")(image, object_mask=np.ones((2, 2)))
    with pytest.raises(ConfigError, match="mask is empty"):
        attack(position="off")(image, object_mask=np.zeros((160, 200)))
    with pytest.raises(TextFitError, match="room beside the object"):
        attack(position="off")(image, object_mask=np.ones((160, 200)))


def test_bands_hide_nothing() -> None:
    image = picture()
    drawn = attack(band=0.25, copies=2, size=0.1, color="black", outline=None)(image)
    assert drawn.image.size == (176, 144 + 2 * 36)
    middle = drawn.image.crop((0, 36, 176, 36 + 144))
    assert middle.tobytes() == image.tobytes()
    assert drawn.boxes[0][3] <= 36 and drawn.boxes[1][1] >= 36 + 144
    blank = attack(band=0.25, copies=2, size=0.1, color="black", outline=None).blank(drawn, image)
    assert np.asarray(blank.image)[:36].min() == 255  # the control is the empty bands
    with pytest.raises(ConfigError, match="contradict"):
        attack(band=0.25, position="center")


def test_scripts() -> None:
    plain = {"case": "as-is", "misspelt": 0, "repeated": 1, "seed": 0}
    assert transliterated("Pizza", "cyrillic") == "Пизза"
    assert transliterated("shark", "cyrillic") == "шарк"
    assert transliterated("dogs", "greek") == "ντογς"
    assert written("TOP", script="greek-lookalikes", **plain) == "ΤΟΡ"
    looks = written("space", script="cyrillic-lookalikes", **plain)
    assert looks == "ѕрасе" and looks.isalpha() and not looks.isascii()
    assert written("leet", script="leetspeak", **plain) == "l337"
    assert attack(word="top", case="upper", script="greek-lookalikes").text == "ΤΟΡ"
    with pytest.raises(GlyphError, match=r"no glyph for .*CYRILLIC.*DejaVuSans"):
        attack(script="cyrillic", font="Caveat-Bold")


def test_misspelt_words_are_near_and_never_the_word() -> None:
    from difflib import SequenceMatcher

    for word in ("pizza", "ox", "a", "great white shark", "$$$", "Käse"):
        for edits in (1, 2, 4):
            made = misspell(word, edits, 0)
            assert made == misspell(word, edits, 0)
            assert made.casefold() != word.casefold()
            assert abs(len(made) - len(word)) <= 2 * edits
            assert made[0] == word[0]
    near = SequenceMatcher(None, "elephant", misspell("elephant", 1, 0)).ratio()
    far = SequenceMatcher(None, "elephant", misspell("elephant", 4, 0)).ratio()
    assert far < near < 1.0


def test_repeated_words_stand_under_each_other() -> None:
    one, three = (attack(size=0.1, repeated=n)(picture()) for n in (1, 3))
    assert three.spec["text"] == "pizza\npizza\npizza"
    assert three.spec["size_px"] == one.spec["size_px"]
    assert three.mask.sum() == pytest.approx(3 * one.mask.sum(), rel=0.05)


def test_varying_knobs_depend_on_the_image_and_controls_inherit_them() -> None:
    described = attack(varies={"size": [0.1, 0.15, 0.2], "color": ["red", "blue", "white"]})
    image = picture()
    drawn = {name: described(image, image_id=name) for name in map(str, range(20))}
    assert len({(d.spec["size"], d.spec["color"]) for d in drawn.values()}) > 4
    again = described(image, image_id="7")
    assert again.spec == drawn["7"].spec
    control = described.with_word("lamp").in_place_of(drawn["7"], image, kind="true")
    assert control.spec["size"] == drawn["7"].spec["size"]
    assert control.spec["color"] == drawn["7"].spec["color"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"contrast": 0.5}, r"contrast=0\.5"),
        ({"contrast": 22}, "contrast=22"),
        ({"blur": -0.1}, r"blur=-0\.1"),
        ({"downscale": 0}, "downscale=0"),
        ({"perspective": 80}, "perspective=80"),
        ({"perspective": (1, 2, 3)}, "is not a tilt"),
        ({"script": "klingon"}, "script='klingon'"),
        ({"mirrored": "yes"}, "mirrored='yes'"),
        ({"misspelt": 9}, "misspelt=9"),
        ({"repeated": 0}, "repeated=0"),
        ({"repeated": True}, "repeated=True"),
        ({"shadow": 0.5}, "give a background"),
        ({"anchor": "middle"}, "anchor='middle'"),
        ({"varies": {"sise": [1]}}, "no knob with 'sise'"),
        ({"varies": {"size": []}}, "at least one value"),
        ({"varies": {"size": [0.1, 7]}}, "size=7"),
        ({"word": 3}, "word=3"),
    ],
)
def test_wrong_knobs_are_refused_at_once(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        attack(**knobs)


def test_a_spec_of_something_else_is_refused() -> None:
    image = picture()
    drawn = attack()(image)
    with pytest.raises(ConfigError, match="lacks"):
        redraw({"word": "pizza"}, image)
    with pytest.raises(ConfigError, match=r"image of \[176, 144\]"):
        redraw(drawn.spec, picture((100, 100)))
    assert drawn.spec["pillow"] == __import__("PIL").__version__


_DIGESTS = """
import hashlib, io, json, sys
sys.path.insert(0, "tests/typographic")
from test_knobs import CASES, attack, picture
order = list(range(len(CASES)))
if sys.argv[1] == "reversed":
    order.reverse()
found = {}
for i in order:
    buffer = io.BytesIO()
    attack(**CASES[i][1])(picture(), image_id="one").image.save(buffer, "PNG")
    found[i] = hashlib.sha256(buffer.getvalue()).hexdigest()
print(json.dumps([found[i] for i in sorted(found)]))
"""


def test_two_processes_in_any_order_write_the_same_png() -> None:
    import io

    runs = [
        subprocess.run(
            [sys.executable, "-c", _DIGESTS, order], capture_output=True, text=True, check=True
        ).stdout
        for order in ("forward", "reversed")
    ]
    assert runs[0] == runs[1]
    own = []
    for _, knobs in CASES:
        buffer = io.BytesIO()
        attack(**knobs)(picture(), image_id="one").image.save(buffer, "PNG")
        own.append(hashlib.sha256(buffer.getvalue()).hexdigest())
    assert json.loads(runs[0]) == own and len(set(own)) == len(own)
