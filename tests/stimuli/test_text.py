"""Text rendering: the mask is exactly the ink, text fits or is refused, pixels are pinned."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clipprobe.errors import ConfigError, GlyphError, TextFitError
from clipprobe.stimuli.text import MIN_SIZE_PX, draw_text, font_info, font_table, fonts, label

ASSETS = Path(__file__).resolve().parents[2] / "clipprobe" / "assets" / "fonts"


def grey(width: int = 128, height: int = 96) -> Image.Image:
    return Image.new("RGB", (width, height), (90, 120, 160))


def changed(before: Image.Image, after: Image.Image) -> np.ndarray:
    return (np.asarray(before) != np.asarray(after)).any(axis=2)


def test_fonts_are_listed_with_licence_and_style() -> None:
    assert fonts() == sorted(fonts())
    assert {"DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif"} <= set(fonts())
    assert "handwriting" in {info.style for info in font_table().values()}
    for info in font_table().values():
        assert (ASSETS / info.license_file).stat().st_size > 1000
        assert (ASSETS / info.file).is_file()
        assert "Latin" in info.scripts
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < 3_000_000


def test_coverage_table_is_the_character_map_of_the_font() -> None:
    tt_font = pytest.importorskip("fontTools.ttLib").TTFont
    for info in font_table().values():
        with tt_font(ASSETS / info.file) as opened:
            mapped = set(opened.getBestCmap())
        listed = {c for low, high in info.coverage for c in range(low, high + 1)}
        assert listed <= mapped
        assert {*range(0x20, 0x7F), 0xE9, 0xDF, 0xF1} <= listed
        assert 0x0301 not in listed  # combining: the basic layout would misplace it
        assert all(info.covers(chr(c)) == (c in listed) for c in range(0x20, 0x460))


@pytest.mark.parametrize("font", fonts())
def test_mask_is_exactly_what_changed(font: str) -> None:
    image = grey()
    drawn = draw_text(image, "Pizza", font=font, size=24, fill="white")
    assert np.array_equal(drawn.mask, changed(image, drawn.image))
    rows, columns = np.nonzero(drawn.mask)
    tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert drawn.boxes == [tight]
    assert changed(image, grey()).sum() == 0  # the given image is untouched


def test_outline_is_ink_and_background_is_not() -> None:
    image = grey()
    plain = draw_text(image, "dog", size=24)
    outlined = draw_text(image, "dog", size=24, outline=("black", 2))
    assert np.array_equal(outlined.mask, changed(image, outlined.image))
    assert outlined.mask.sum() > plain.mask.sum()
    boxed = draw_text(image, "dog", size=24, fill="black", background="white", padding=4)
    assert np.array_equal(boxed.mask, plain.mask)
    x0, y0, x1, y1 = boxed.boxes[0]
    rows, columns = np.nonzero(changed(image, boxed.image))
    assert (columns.min(), rows.min()) == (x0 - 4, y0 - 4)
    assert (columns.max() + 1, rows.max() + 1) == (x1 + 4, y1 + 4)


def test_opacity_is_of_the_finished_label() -> None:
    image = grey()
    solid = draw_text(image, "dog", size=40, fill=(255, 255, 255), outline=("black", 2))
    half = draw_text(image, "dog", size=40, fill=(255, 255, 255), outline=("black", 2), opacity=0.5)
    inside = (np.asarray(solid.image) == 255).all(axis=2)
    assert inside.sum() > 50
    mean = np.asarray(half.image)[inside].mean(axis=0)
    assert np.allclose(mean, [172.5, 187.5, 207.5], atol=1.0)  # halfway from (90, 120, 160)


def test_size_is_the_line_height_in_every_font() -> None:
    for font in fonts():
        made = label("Hdlpgy", font=font, size=40, room=(999, 999))
        assert abs((made.ink_box[3] - made.ink_box[1]) - 40) <= 3, font


def test_same_pixels_from_any_thread_and_in_any_order() -> None:
    words = [(word, font) for font in fonts() for word in ("dog", "iPod 3", "Käse")]

    def pixels(item: tuple[str, str]) -> bytes:
        image = draw_text(grey(), item[0], font=item[1], size=19.3, rotation=11).image
        return hashlib.sha256(image.tobytes()).digest()

    alone = {item: pixels(item) for item in reversed(words)}
    from clipprobe.stimuli.text import labels

    labels._fitted.cache_clear()
    labels._render_cached.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert dict(zip(words, pool.map(pixels, words), strict=True)) == alone


def test_text_that_is_too_large_shrinks_wraps_or_is_refused() -> None:
    image = grey(100, 60)
    shrunk = draw_text(image, "waste container", size=30)
    assert MIN_SIZE_PX <= shrunk.size_px < 30
    assert shrunk.lines == ("waste container",)
    wrapped = draw_text(image, "waste container", size=30, fit="wrap")
    assert wrapped.lines == ("waste", "container")
    assert wrapped.size_px > shrunk.size_px
    assert len(wrapped.boxes) == 2
    assert wrapped.boxes[0][3] <= wrapped.boxes[1][1] + 1  # one above the other
    with pytest.raises(TextFitError, match="does not fit into 100 x 60 px"):
        draw_text(image, "waste container", size=30, fit="error")
    with pytest.raises(TextFitError, match="does not fit into 1 x 1 px even at 5 px"):
        draw_text(grey(1, 1), "dog", size=10)
    with pytest.raises(TextFitError, match="does not fit into 0 x 60 px"):
        draw_text(image, "dog", size=10, xy=(130, 0))


@settings(max_examples=60, deadline=None)
@given(
    text=st.text("abgjqMW .é", min_size=1, max_size=14).filter(lambda t: t.strip(" .") != ""),
    font=st.sampled_from(fonts()),
    size=st.floats(5, 60),
    rotation=st.sampled_from([0.0, 7.5, 45.0, 90.0, -30.0]),
    outline_px=st.integers(0, 3),
    fit=st.sampled_from(["shrink", "wrap"]),
)
def test_a_label_fits_its_room_or_is_refused(
    text: str, font: str, size: float, rotation: float, outline_px: int, fit: str
) -> None:
    try:
        made = label(
            text, font=font, size=size, room=(90, 70), outline_px=outline_px, padding=2,
            rotation=rotation, fit=fit,
        )  # fmt: skip
    except TextFitError:
        return
    assert made.size[0] <= 90 and made.size[1] <= 70
    assert MIN_SIZE_PX <= made.size_px <= size + 1e-9  # a step that arithmetic missed by a hair
    assert made.ink.any()


def test_missing_glyphs_are_named_with_a_font_that_has_them() -> None:
    with pytest.raises(GlyphError, match=r"Caveat-Bold has no glyph for .а. .*CYRILLIC.*DejaVuSan"):
        draw_text(grey(), "собака", font="Caveat-Bold", size=20)
    assert draw_text(grey(), "собака", size=20).mask.any()
    with pytest.raises(GlyphError, match=r"'犬' \(U\+72AC .*no bundled font can"):
        draw_text(grey(), "犬", size=20)
    composed = draw_text(grey(), "café", size=20)
    assert np.array_equal(draw_text(grey(), "cafe\u0301", size=20).mask, composed.mask)


def test_wrong_arguments_get_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"no bundled font 'DejaVuSansBold': .*DejaVuSans-Bold"):
        font_info("DejaVuSansBold")
    with pytest.raises(ConfigError, match="text to draw is empty"):
        draw_text(grey(), "  ", size=20)
    with pytest.raises(ConfigError, match="colour 'blurple' is unknown"):
        draw_text(grey(), "dog", size=20, fill="blurple")
    with pytest.raises(ConfigError, match=r"colour \(300, 0, 0\)"):
        draw_text(grey(), "dog", size=20, fill=(300, 0, 0))
    with pytest.raises(ConfigError, match="opacity=0 "):
        draw_text(grey(), "dog", size=20, opacity=0)
    with pytest.raises(ConfigError, match="text size is nan"):
        draw_text(grey(), "dog", size=float("nan"))
    with pytest.raises(ConfigError, match="fit='squeeze'"):
        draw_text(grey(), "dog", size=20, fit="squeeze")  # type: ignore[arg-type]


def test_pixels_are_pinned() -> None:
    """The hashes change only with Pillow's FreeType or with the fonts; then say so in the log."""
    pinned = json.loads((Path(__file__).parent / "text_pixels.json").read_text())
    if Image.__version__ != pinned["pillow"]:
        pytest.skip(f"hashes were taken with Pillow {pinned['pillow']}")
    for font in fonts():
        image = draw_text(
            grey(), "Giraffe 27", font=font, size=17, rotation=5, outline=("black", 1)
        ).image
        assert hashlib.sha256(image.tobytes()).hexdigest()[:16] == pinned["pixels"][font], font
