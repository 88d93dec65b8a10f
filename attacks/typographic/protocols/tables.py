"""Published rows, in percent, that were read in their source or follow from it by arithmetic.

A model is tied to names that clipprobe loads only where the source says which weights it used.
"""

from __future__ import annotations

from attacks.typographic.protocols.record import Published

_RN50 = ("open_clip:RN50/openai",)
_RN50X4 = ("open_clip:RN50x4/openai",)
_L14 = ("open_clip:ViT-L-14/openai", "openai/clip-vit-large-patch14")
_L14_336 = ("open_clip:ViT-L-14-336/openai", "openai/clip-vit-large-patch14-336")
_B32_LAION = (
    "open_clip:ViT-B-32/laion2b_s34b_b79k",
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
)
_B16_LAION = (
    "open_clip:ViT-B-16/laion2b_s34b_b88k",
    "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
)
_BIGG_LAION = (
    "open_clip:ViT-bigG-14/laion2b_s39b_b160k",
    "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
)


def _scam(model: str, ids: tuple[str, ...], clean: float, attacked: float) -> Published:
    return Published(
        model=model, ids=ids, data="SCAM", n=1161, clean=(clean, clean), value=(attacked, attacked)
    )


SCAM_ROWS = (
    _scam("RN50 openai", _RN50, 97.76, 36.61),
    _scam("ViT-B-32 laion2b_s34b_b79k", _B32_LAION, 98.45, 74.68),
    _scam("ViT-B-16 laion2b", _B16_LAION, 98.71, 69.16),
    _scam("ViT-B-16-SigLIP webli", ("open_clip:ViT-B-16-SigLIP/webli",), 99.22, 81.40),
    _scam("ViT-L-14 commonpool_xl", ("open_clip:ViT-L-14/commonpool_xl_s13b_b90k",), 99.48, 74.68),
    _scam("ViT-L-14 openai", _L14, 99.14, 40.14),
    _scam("ViT-L-14-336 openai", _L14_336, 99.22, 33.85),
    _scam(
        "ViT-L-14-CLIPA-336 datacomp1b",
        ("open_clip:ViT-L-14-CLIPA-336/datacomp1b",),
        99.57,
        74.76,
    ),
    _scam("ViT-g-14 laion2b", (), 99.05, 61.93),
    _scam("ViT-bigG-14 laion2b", _BIGG_LAION, 99.40, 70.89),
)


def _dyslexify(
    model: str, ids: tuple[str, ...], rta: float, disentangling: float, paint: float
) -> tuple[Published, ...]:
    """The undefended models: what is published after the defence minus its gain."""
    sets = (("RTA-100", 1000, rta), ("Disentangling", 180, disentangling), ("PAINT", 110, paint))
    return tuple(
        Published(model=model, ids=ids, data=data, n=n, value=(value, value), tag="S, D")
        for data, n, value in sets
    )


DYSLEXIFY_ROWS = (
    *_dyslexify("ViT-B-16 laion2b", _B16_LAION, 56.30, 53.89, 58.18),
    *_dyslexify("ViT-H-14", (), 53.10, 45.55, 49.09),
    *_dyslexify("ViT-g-14 laion2b", (), 50.00, 57.78, 55.46),
    *_dyslexify("ViT-bigG-14 laion2b", _BIGG_LAION, 61.00, 48.33, 47.27),
)

_GMP = ("zer0int/CLIP-GmP-ViT-L-14",)


def _zer0int(
    model: str,
    ids: tuple[str, ...],
    data: str,
    clean: tuple[float, float] | None,
    value: tuple[float, float],
) -> Published:
    n = 1000 if "RTA" in data else 1162
    return Published(model=model, ids=ids, data=data, n=n, clean=clean, value=value)


ZER0INT_ROWS = (
    _zer0int("ViT-L/14 openai", _L14, "SCAM", (98.97, 99.05), (41.57, 41.91)),
    _zer0int("ViT-L/14 openai", _L14, "SynthSCAM", (98.97, 99.05), (31.50, 32.27)),
    _zer0int("ViT-L/14 openai", _L14, "RTA", (98.80, 98.80), (43.1, 44.0)),
    _zer0int("ViT-L/14 openai", _L14, "SynthRTA", (98.80, 98.80), (38.9, 40.2)),
    _zer0int("CLIP-GmP-L/14", _GMP, "SCAM", (98.80, 98.97), (64.0, 65.2)),
    _zer0int("CLIP-GmP-L/14", _GMP, "SynthSCAM", (98.80, 98.97), (60.7, 61.4)),
    _zer0int("CLIP-GmP-L/14", _GMP, "RTA", (99.2, 99.2), (60.2, 61.4)),
    _zer0int("CLIP-GmP-L/14", _GMP, "SynthRTA", (99.2, 99.2), (59.9, 61.1)),
)

DISTILL_ROWS = (
    Published(
        model="RN50x4 openai, zero-shot", ids=_RN50X4, data="in the wild 2, word is not the object",
        n=34, value=(73.53, 73.53), tag="D",
    ),
    Published(
        model="RN50x4 openai, zero-shot", ids=_RN50X4, data="in the wild 3, word is not the object",
        n=30, value=(50.0, 50.0), tag="D",
    ),
)  # fmt: skip
