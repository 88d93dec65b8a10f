"""One attacked image: its place, its mask, its controls, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from attacks.typographic import AttackedImage, TypographicAttack
from clipprobe.errors import ConfigError, GlyphError, TextFitError


def picture(seed: int = 0, size: tuple[int, int] = (128, 96)) -> Image.Image:
    low = np.random.default_rng(seed).integers(40, 200, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(low).resize(size, Image.Resampling.BILINEAR)


def changed(before: Image.Image, attacked: AttackedImage) -> np.ndarray:
    return (np.asarray(before) != np.asarray(attacked.image)).any(axis=2)


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"copies": 4, "size": 0.12},
        {"rotation": 30},
        {"opacity": 0.3},
        {"outline": None, "color": "black"},
        {"font": "Caveat-Bold", "case": "upper"},
        {"position": [(0.2, 0.2), (0.8, 0.8)], "copies": 2},
    ],
)
def test_pixels_change_only_inside_the_mask(knobs: dict[str, object]) -> None:
    image = picture()
    attacked = TypographicAttack(word="ipod", **knobs)(image)  # type: ignore[arg-type]
    touched = changed(image, attacked)
    assert touched.any()
    assert not (touched & ~attacked.mask).any()
    assert len(attacked.boxes) == attacked.spec["copies"]
    boxes = np.zeros_like(attacked.mask)
    for x0, y0, x1, y1 in attacked.boxes:
        boxes[y0:y1, x0:x1] = True
    assert not (attacked.mask & ~boxes).any()


def test_a_background_changes_pixels_only_inside_the_label() -> None:
    image = picture()
    paper = TypographicAttack(word="ipod", background="white", color="black", outline=None)
    attacked = paper(image)
    x0, y0, x1, y1 = attacked.labels[0]
    outside = changed(image, attacked)
    outside[y0:y1, x0:x1] = False
    assert not outside.any()
    assert (attacked.labels[0][2] - attacked.labels[0][0]) > (
        attacked.boxes[0][2] - attacked.boxes[0][0]
    )


def test_same_spec_seed_and_id_give_the_same_pixels() -> None:
    images = {f"image {i}": picture(i) for i in range(12)}
    attack = TypographicAttack(word="ipod", copies=2, seed=5)

    def pixels(name: str) -> bytes:
        return attack(images[name], image_id=name).image.tobytes()

    alone = {name: pixels(name) for name in images}
    with ThreadPoolExecutor(4) as pool:
        names = list(reversed(images))
        assert dict(zip(names, pool.map(pixels, names), strict=True)) == alone
    places = {str(attack(images["image 0"], image_id=name).boxes) for name in images}
    assert len(places) > 6  # the id decides the place
    other = TypographicAttack(word="ipod", copies=2, seed=6)
    assert other(images["image 0"], image_id="image 0").image.tobytes() != alone["image 0"]


def test_positions() -> None:
    image = picture(size=(160, 160))

    def box(position: object) -> tuple[int, int, int, int]:
        return TypographicAttack(word="on", size=0.1, position=position)(image).labels[0]  # type: ignore[arg-type]

    x0, y0, x1, y1 = box("center")
    assert abs((x0 + x1) / 2 - 80) <= 1 and abs((y0 + y1) / 2 - 80) <= 1
    assert box((0.5, 0.5)) == box("center")
    edge = 5  # 3 % of the short side, rounded up
    assert box("top-left")[:2] == (edge, edge)
    assert box("bottom-right")[2:] == (160 - edge, 160 - edge)
    x0, y0, x1, y1 = box("r2c3")
    assert abs((x0 + x1) / 2 - 100) <= 1 and abs((y0 + y1) / 2 - 60) <= 1
    cells = {box(f"r{row}c{column}") for row in range(1, 5) for column in range(1, 5)}
    assert len(cells) == 16
    half = np.float32(0.5)  # numbers of numpy are numbers
    assert box((half, half)) == box("center")
    tilted = TypographicAttack(word="on", perspective=np.float32(30))
    assert tilted(image).boxes == TypographicAttack(word="on", perspective=30.0)(image).boxes


def test_copies_do_not_overlap() -> None:
    image = picture(size=(200, 200))
    attacked = TypographicAttack(word="go", size=0.1, copies=16)(image)
    cover = np.zeros((200, 200), dtype=int)
    for x0, y0, x1, y1 in attacked.labels:
        cover[y0:y1, x0:x1] += 1
    assert cover.max() == 1
    with pytest.raises(TextFitError, match="of 16 copies"):
        TypographicAttack(word="elephant", size=0.3, copies=16)(image)


def test_controls_take_the_place_of_the_attack() -> None:
    image = picture()
    attack = TypographicAttack(word="ipod", size=0.2)
    attacked = attack(image)
    other = attack.with_word("opid").in_place_of(attacked, image, kind="scrambled")
    centre, again = (np.array(a.labels[0]).reshape(2, 2).mean(axis=0) for a in (attacked, other))
    assert np.allclose(centre, again, atol=1.0)
    assert other.spec["size_px"] == attacked.spec["size_px"]
    assert other.spec["kind"] == "scrambled"

    blank = attack.blank(attacked, image)
    assert blank.labels == attacked.labels
    assert blank.spec["text"] == ""
    x0, y0, x1, y1 = blank.labels[0]
    inside = np.asarray(blank.image)[y0:y1, x0:x1].reshape(-1, 3)
    assert (inside == 255).all()  # the colour of the letters, over the box of their ink
    assert blank.mask.sum() == (x1 - x0) * (y1 - y0) >= attacked.mask.sum()

    noted = TypographicAttack(word="ipod", background="#ffee88", color="black")
    paper = noted.blank(noted(image), image)
    x0, y0, x1, y1 = paper.labels[0]
    colours = np.unique(np.asarray(paper.image)[y0:y1, x0:x1].reshape(-1, 3), axis=0)
    assert colours.tolist() == [[255, 238, 136]]


def test_size_is_the_line_height_of_the_short_side() -> None:
    tall = TypographicAttack(word="dp", size=0.25, outline=None)(picture(size=(200, 400)))
    _, y0, _, y1 = tall.boxes[0]
    assert abs((y1 - y0) - 50) <= 2
    assert tall.spec["size_px"] == 50.0


def test_case_is_applied_to_what_is_written() -> None:
    assert TypographicAttack(word="iPod", case="upper").text == "IPOD"
    assert TypographicAttack(word="ice cream", case="title").text == "Ice Cream"
    assert TypographicAttack(word="iPod").text == "iPod"


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"size": 0}, "size=0 "),
        ({"size": 1.5}, r"size=1\.5 "),
        ({"copies": 17}, "copies=17"),
        ({"copies": 2, "position": "center"}, "2 copies were asked for and 1 places"),
        ({"position": "midle"}, "position 'midle' is unknown"),
        ({"position": (10, 20)}, r"\(10, 20\) is not a place"),
        ({"position": (0.5, float("nan"))}, "is not a place"),
        ({"opacity": 0}, "opacity=0"),
        ({"color": "blurple"}, "colour 'blurple'"),
        ({"case": "camel"}, "case='camel'"),
        ({"font": "Comic Sans"}, "no bundled font 'Comic Sans'"),
        ({"word": " "}, "text to draw is empty"),
        ({"rotation": float("inf")}, "rotation=inf"),
    ],
)
def test_wrong_settings_are_refused_at_once(knobs: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TypographicAttack(**{"word": "ipod", **knobs})  # type: ignore[arg-type]


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(GlyphError, match="'猫'"):
        TypographicAttack(word="猫")
    with pytest.raises(TextFitError, match="does not fit"):
        TypographicAttack(word="ipod")(Image.new("RGB", (4, 4)))
    with pytest.raises(TextFitError, match="does not fit"):
        TypographicAttack(word="hippopotamus", size=0.4, fit="error")(picture())
