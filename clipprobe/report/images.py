"""Images as data addresses: a page that holds its images cannot lose them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, features

from clipprobe.data import decode_image, to_rgb
from clipprobe.errors import UnreadableImageError

THUMBNAIL = 256  # longest side in pixels; sharp on a dense screen at the width it is shown


def data_uri(
    image: Image.Image | str | Path, *, longest: int = THUMBNAIL, exact: bool = True
) -> str:
    """``image`` as a ``data:`` address: WebP where Pillow can write it, else PNG.

    Args:
        image: A PIL image of any mode, or a path. An image smaller than ``longest`` keeps its
            pixels, without loss.
        longest: Longest side of the thumbnail in pixels.
        exact: Whether a small image keeps its pixels; if not, all are compressed.

    Raises:
        UnreadableImageError: the file cannot be decoded.
    """
    pixels = to_rgb(image) if isinstance(image, Image.Image) else decode_image(Path(image))
    if pixels.width * pixels.height == 0:
        raise UnreadableImageError("the image has no pixels")
    small = max(pixels.size) <= longest
    if not small:
        factor = longest / max(pixels.size)
        size = (max(1, round(pixels.width * factor)), max(1, round(pixels.height * factor)))
        pixels = pixels.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    kind = "webp" if features.check("webp") else "png"
    if kind == "webp":
        # Without loss, quality is effort: more than 20 takes twice as long for 5 % fewer bytes.
        lossless = small and exact
        pixels.save(buffer, "WEBP", lossless=lossless, quality=20 if lossless else 82, method=4)
    else:
        pixels.save(buffer, "PNG", optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
