"""Which file endings are images, and which are tables."""

from __future__ import annotations

IMAGE_SUFFIXES = frozenset(
    ".avif .bmp .dds .dib .gif .icns .ico .jfif .jp2 .jpe .jpeg .jpg .pbm .pcx .pgm .png .ppm .sgi "
    ".tif .tiff .webp .xbm".split()
)
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
