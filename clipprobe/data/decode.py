"""One encoded image -> one RGB image, or a short reason why not.

Choices, the same for every format:

* the orientation in the EXIF data is applied;
* transparency is composited on white, which is what a viewer shows on a page (dropping it would
  show the model hidden pixels);
* of an animation the first frame is taken;
* 16-bit and float samples are scaled to 8 bits, never clipped;
* colour profiles are ignored, as in the data that CLIP models were trained on;
* more than 89,478,485 pixels (Pillow's own limit for decompression bombs) is refused before a
  single pixel is decoded.
"""

from __future__ import annotations

import io
import re
import stat
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from clipprobe.data.records import MAX_FILE_BYTES, ImageRecord, Readable, Source
from clipprobe.errors import UnreadableImageError

MAX_PIXELS = 89_478_485

# Formats that describe pixels. EPS and the like run a program to be drawn; TGA has no signature and
# would take any file for an image.
_FORMATS = (
    "AVIF BMP DDS DIB GIF ICNS ICO JPEG JPEG2000 MPO PCX PNG PPM SGI SUN TIFF WEBP XBM".split()
)

_BOMB = f"more than {MAX_PIXELS:,} pixels (a decompression bomb?)"
_UNKNOWN = "not an image in a known format"
_TRUNCATED = "the file is truncated or damaged"
_ADDRESS = re.compile(r"\s*<[^>]*\bat 0x[0-9a-fA-F]+>")


def decode_image(
    source: Source | ImageRecord | str, *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decode one image.

    Args:
        source: A path, the encoded bytes, a record, or anything with ``read() -> bytes``.
        max_pixels: More are refused before any is decoded.

    Returns:
        A loaded PIL image of mode ``RGB``, independent of the file.

    Raises:
        UnreadableImageError: the message is the reason alone (``"the file is empty"``), without
            the file's name, and is the same on every machine.
    """
    if isinstance(source, ImageRecord):
        source = source.source
    data = read_source(source)
    if not data:
        raise UnreadableImageError("the file is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise UnreadableImageError(
                    _BOMB if max_pixels == MAX_PIXELS else f"more than {max_pixels:,} pixels"
                )
            image.load()
            return to_rgb(_upright(image))
    except UnreadableImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        # The warning arrives as an exception where warnings are errors.
        raise UnreadableImageError(_BOMB) from None
    except UnidentifiedImageError:
        raise UnreadableImageError(_UNKNOWN) from None
    except MemoryError:
        raise UnreadableImageError("not enough memory to decode it") from None
    except Exception as error:  # decoders of damaged files raise nearly everything
        raise UnreadableImageError(_reason(error)) from None


def to_rgb(image: Image.Image) -> Image.Image:
    """``image`` in mode ``RGB``: transparency on white, deep samples scaled to 8 bits."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image.copy()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        if image.mode == "La":  # premultiplied alpha: Pillow converts it only to LA
            image = image.convert("LA")
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def read_source(source: Source | str) -> bytes:
    """The encoded bytes of a source; ``UnreadableImageError`` with the reason if there are none."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, Path)):
        path = Path(source)
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # reading a named pipe would wait for ever
                raise UnreadableImageError("not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise UnreadableImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
            return path.read_bytes()
        except FileNotFoundError:
            raise UnreadableImageError("no such file") from None
        except ValueError:  # a NUL character in the name
            raise UnreadableImageError("no such file") from None
        except OSError as error:
            raise UnreadableImageError(error.strerror or type(error).__name__) from None
    if isinstance(source, Readable):
        return source.read()
    raise UnreadableImageError(f"a {type(source).__name__} is not an image source")


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _upright(image: Image.Image) -> Image.Image:
    if ExifTags.Base.Orientation not in _exif(image):
        return image
    try:
        turned: Image.Image = ImageOps.exif_transpose(image)
        return turned
    except Exception:  # damaged EXIF data says nothing about the pixels, which are fine
        return image


def _exif(image: Image.Image) -> Any:
    try:
        return image.getexif()
    except Exception:  # see _upright
        return {}


def _to_8_bits(samples: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale deep samples: the full range is that of the smallest usual depth that holds them.

    16-bit files span 0..65535 whatever is in them; for 32-bit integers and floats, whose range no
    file declares, it is 0..1 (floats), 0..255 or 0..65535, and beyond that the data's own maximum.
    """
    values = np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    values = np.clip(values, 0.0, None)
    top = float(values.max())
    if samples.dtype.itemsize == 2:
        full = 65535.0
    else:
        steps = [1.0] if samples.dtype.kind == "f" else []
        full = next((step for step in [*steps, 255.0, 65535.0] if top <= step), top)
    return np.rint(values * (255.0 / full)).astype(np.uint8)


def _reason(error: Exception) -> str:
    text = _ADDRESS.sub("", " ".join(str(error).split()))
    if "truncated" in text.lower() or isinstance(error, (EOFError, SyntaxError)):
        return _TRUNCATED
    return f"{_TRUNCATED} ({type(error).__name__}: {text})" if text else _TRUNCATED
