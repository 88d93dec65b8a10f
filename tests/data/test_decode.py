"""One encoded image -> RGB, or a reason; every awkward kind of file."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clipprobe.data import ImageRecord, decode_image, to_rgb
from clipprobe.data.decode import MAX_PIXELS
from clipprobe.errors import UnreadableImageError


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reason(data: bytes | Path) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decode_image(data)
    text = str(caught.value)
    assert "0x" not in text and "\n" not in text  # the same on every machine, on one line
    return text


def pixels(data: bytes) -> np.ndarray:
    image = decode_image(data)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = np.zeros((8, 16, 3), np.uint8)
    upright[:4, :8] = 255  # white in the upper left quarter
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(pixels(data), upright)


def test_damaged_exif_does_not_lose_the_pixels() -> None:
    data = encode(Image.new("RGB", (8, 8), "red"), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert (pixels(data) == (255, 0, 0)).all()


def test_cmyk() -> None:
    got = pixels(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert np.abs(got.astype(int) - (255, 0, 0)).max() <= 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(kind: str) -> None:
    steps = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    got = pixels(encode(Image.fromarray(steps), kind))
    np.testing.assert_array_equal(got[0, :, 0], [0, 1, 128, 255])


def test_a_dark_16_bit_picture_stays_dark() -> None:
    got = pixels(encode(Image.fromarray(np.full((4, 4), 257, np.uint16)), "PNG"))
    assert (got == 1).all()


def test_float_and_32_bit_samples() -> None:
    floats = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    np.testing.assert_array_equal(
        pixels(encode(Image.fromarray(floats), "TIFF"))[0, :, 0], [0, 128, 255, 0]
    )
    whole = np.array([[0, 257, 65535]], np.int32)
    np.testing.assert_array_equal(
        pixels(encode(Image.fromarray(whole), "TIFF"))[0, :, 0], [0, 1, 255]
    )


def test_alpha_is_composited_on_white() -> None:
    layer = np.zeros((1, 3, 4), np.uint8)
    layer[0, :, 3] = (0, 128, 255)  # black: clear, half, opaque
    expected = [255, 127, 0]
    assert pixels(encode(Image.fromarray(layer), "PNG"))[0, :, 1].tolist() == expected
    two = Image.merge("LA", (Image.new("L", (2, 1), 0), Image.new("L", (2, 1), 0)))
    assert (pixels(encode(two, "PNG")) == 255).all()


def test_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    got = pixels(encode(image, "PNG", transparency=0))
    assert got[0].tolist() == [[255, 255, 255], [0, 0, 255]]
    got = pixels(encode(image, "GIF"))
    assert got[0].tolist() == [[0, 0, 0], [0, 0, 255]]


@pytest.mark.parametrize(
    "mode",
    ["1", "L", "LA", "P", "RGB", "RGBA", "RGBa", "La", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"],
)
def test_every_mode_in_memory(mode: str) -> None:
    image = Image.new(mode, (3, 2))
    assert to_rgb(image).mode == "RGB" and to_rgb(image).size == (3, 2)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = encode(
        frames[0],
        kind,
        save_all=True,
        append_images=frames[1:],
        **({"lossless": True} if kind == "WEBP" else {}),
    )
    assert (pixels(data) == (255, 0, 0)).all()


@pytest.mark.parametrize("size", [(1, 1), (20000, 20), (20, 20000)])
def test_extreme_sizes(size: tuple[int, int]) -> None:
    assert decode_image(encode(Image.new("RGB", size), "PNG")).size == size


def test_lab_colours() -> None:
    got = pixels(encode(Image.new("LAB", (4, 4), (136, 208, 195)), "TIFF"))  # red
    assert np.abs(got.astype(int) - (255, 0, 0)).max() <= 16


def test_nothing_and_not_an_image() -> None:
    assert reason(b"") == "the file is empty"
    assert reason(b"once upon a time" * 100) == "not an image in a known format"
    assert reason(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "not an image in a known format"
    assert (
        reason(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
        == "not an image in a known format"
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_truncated_files(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encode(Image.fromarray(noise), kind)
    assert reason(data[: len(data) // 2]).startswith(("the file is truncated", "not an image"))


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [9_460, 12_000, 60_000])
@pytest.mark.parametrize("warned", ["error", "ignore"])
def test_decompression_bombs_whatever_the_warning_filter(side: int, warned: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(warned, Image.DecompressionBombWarning)
        assert reason(png_header(side, side)).startswith(f"more than {MAX_PIXELS:,} pixels")


def test_one_pixel_less_is_no_bomb() -> None:
    assert 9_459 * 9_459 <= MAX_PIXELS < 9_460 * 9_460
    assert reason(png_header(9_459, 9_459)).startswith("the file is truncated")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    assert reason(tmp_path / "absent.png") == "no such file"
    assert reason(tmp_path / "a\0b.png") == "no such file"
    assert reason(tmp_path) == "not a regular file"
    os.mkfifo(tmp_path / "pipe.png")
    assert reason(tmp_path / "pipe.png") == "not a regular file"  # and does not wait for a writer
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert "symbolic links" in reason(tmp_path / "loop.png")


def test_a_path_bytes_and_a_record_give_the_same(tmp_path: Path) -> None:
    data = encode(Image.new("RGB", (3, 3), (1, 2, 3)), "PNG")
    path = tmp_path / "image\nwith <script>.png"
    path.write_bytes(data)
    for source in (path, str(path), data, ImageRecord("a", path), ImageRecord("a", data)):
        assert decode_image(source).getpixel((0, 0)) == (1, 2, 3)
    path.unlink()  # the decoded image does not hold on to the file


NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (12, 12, 3), np.uint8))
SAMPLES = [
    encode(NOISE, kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "ICO", "PPM")
]


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_damage_anywhere_gives_a_picture_or_a_reason(sample: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 6))):
        # Not the first 64 bytes: a changed size would make the test decode huge images.
        place = data.draw(st.integers(min(64, len(damaged) - 1), len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(64, len(damaged)))
    try:
        assert decode_image(bytes(damaged[:cut])).mode == "RGB"
    except UnreadableImageError as error:
        assert "0x" not in str(error)
