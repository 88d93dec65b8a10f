"""Font files of the user's: checked, read once, and known by their name and content.

No font is ever loaded but the bundled ones and the files that the user names.
"""

from __future__ import annotations

import hashlib
import stat
from io import BytesIO
from pathlib import Path

from PIL import ImageFont

from clipprobe.errors import ConfigError
from clipprobe.stimuli.text.font import FontInfo, freetype
from clipprobe.stimuli.text.sfnt import NotAFont, read_font

#: A larger file is refused; the largest of Noto has 20 MiB.
MAX_FONT_BYTES = 64 << 20
FONT_SUFFIXES = (".ttf", ".otf", ".ttc")
#: What was read in this process: name and content -> the font, and its bytes.
OWN: dict[str, FontInfo] = {}
OWN_BYTES: dict[str, bytes] = {}


def own_font(path: Path) -> FontInfo:
    """A font file of the user's, known from now on by its name and content.

    Raises:
        ConfigError: it is not there, too large, or not a font whose letters can be drawn.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"The font {path} is not a regular file: give a .ttf or .otf file.")
        if status.st_size > MAX_FONT_BYTES:
            raise ConfigError(
                f"The font {path} is larger than {MAX_FONT_BYTES >> 20} MiB: give a single font, "
                "not a collection of many."
            )
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            f"The font {path} could not be read ({reason}): check the path."
        ) from None
    name = f"{path.name}@{hashlib.sha256(data).hexdigest()[:12]}"
    if name not in OWN:
        try:
            read = read_font(data)
            with freetype():
                ImageFont.truetype(BytesIO(data), 16, layout_engine=ImageFont.Layout.BASIC)
        except (NotAFont, OSError, ValueError) as error:
            raise ConfigError(
                f"The file {path} cannot be used as a font ({error}): give a .ttf or .otf file "
                "with outlines."
            ) from None
        OWN[name] = FontInfo(
            name=name,
            style="of the user",
            license="the user's own",
            license_file="",
            source=path.name,
            scripts=(),
            file=name,
            coverage=read.coverage,
            path=path,
            joins=read.joins,
        )
        OWN_BYTES[name] = data
    return OWN[name]
