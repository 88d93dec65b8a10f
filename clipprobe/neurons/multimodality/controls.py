"""Does the unit read the word, or something that looks like it?

For a unit and its concept, the word is written in several fonts, sizes and places, and compared
with things that share all of that but the meaning: other concepts' words, strings of random
letters, the same letters in another order, and the bare ground. Each control is an AUROC: 1 where
the word always excites the unit more. Jitter says how much the response to the word itself moves
with font, size and place, in standard deviations of the response to other words.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipprobe.errors import ClipprobeError
from clipprobe.hooks import capture
from clipprobe.statistics import Estimate, auroc_estimate, undefined
from clipprobe.stimuli import Background, Scene, Word, concepts, render
from clipprobe.stimuli.splits import UNSEEN_FONTS, UNSEEN_GROUNDS

if TYPE_CHECKING:
    from clipprobe.models import Clip

SIZES = (0.22, 0.3, 0.38)
PLACES = ((0.5, 0.25), (0.5, 0.75))
AGAINST = ("wrong words", "nonsense", "scrambled", "blank")
N_DRAWINGS = len(UNSEEN_FONTS) * len(SIZES) * len(PLACES) * (1 + len(AGAINST))
"""Most images of one word and its controls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordControls:
    """What one unit responds to a word and to its controls.

    Attributes:
        unit, concept: The pair.
        against: Control -> AUROC of the word over it, with DeLong's interval.
        jitter: ``font``, ``size``, ``place`` -> standard deviation of the mean response over the
            fonts (sizes, places), in standard deviations of the response to wrong words.
        n_word: Images of the word.
        reason: Why nothing was measured; else empty.
    """

    unit: str
    concept: str
    against: dict[str, Estimate]
    jitter: dict[str, float]
    n_word: int
    reason: str = ""


def word_controls(
    clip: Clip,
    pairs: Sequence[tuple[str, str]],
    *,
    pools: Mapping[str, str],
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> list[WordControls]:
    """Run the controls for pairs of unit and concept.

    Args:
        pairs: ``("vision.blocks.3.mlp.post:17", "dog")``; the concept's name is the word.
        pools: Hook point -> how its tokens become one number.
        progress: Called with the number of pairs finished.
    """
    controls = []
    for unit, concept in pairs:
        pool = pools[unit.rpartition(":")[0]]
        controls.append(_controls(clip, unit, concept, pool, seed, batch_size))
        if progress is not None:
            progress(1)
    return controls


def drawings(word: str, seed: int, size_px: int) -> dict[str, list[Image.Image]]:
    """The word and its controls as images; all kinds share fonts, sizes, places and grounds.

    Raises:
        ClipprobeError: the word cannot be written.
    """
    rng = np.random.default_rng([seed, *word.encode()])
    others = [concept.name for concept in concepts() if concept.name != word]
    images: dict[str, list[Image.Image]] = {"word": [], **{name: [] for name in AGAINST}}
    for font in UNSEEN_FONTS:
        for size in SIZES:
            for place in PLACES:
                shade = [int(v) for v in rng.integers(215, 256, 6)]
                ground = Background(
                    kind=UNSEEN_GROUNDS[int(rng.integers(len(UNSEEN_GROUNDS)))],
                    color=(shade[0], shade[1], shade[2]),
                    second=(shade[3], shade[4], shade[5]),
                    seed=int(rng.integers(1 << 31)),
                )
                texts = {
                    "word": word,
                    "wrong words": str(rng.choice(others)),
                    "nonsense": _nonsense(word, rng),
                    "scrambled": _scrambled(word, rng),
                    "blank": "",
                }
                for name, text in texts.items():
                    if text is None:
                        continue
                    item = Word(text=text, font=font, size=size, center=place)
                    scene = Scene(items=(item,) if text else (), background=ground, size_px=size_px)
                    images[name].append(render(scene).image)
    return images


def _nonsense(word: str, rng: np.random.Generator) -> str:
    """Random letters of the same length, which are not a concept's word."""
    known = {concept.name for concept in concepts()} | {word}
    while True:
        text = "".join(rng.choice(list(string.ascii_lowercase), size=max(len(word), 1)))
        if text not in known:
            return text


def _scrambled(word: str, rng: np.random.Generator) -> str | None:
    """The same letters in another order; None where there is no other."""
    if len(set(word)) < 2:
        return None
    while True:
        text = "".join(rng.permutation(list(word)))
        if text != word and text.strip() == text:
            return text


def _controls(
    clip: Clip, unit: str, concept: str, pool: str, seed: int, batch_size: int
) -> WordControls:
    try:
        drawings_by_kind = drawings(concept, seed, max(64, clip.image_size))
    except ClipprobeError as error:
        reason = f"the word {concept!r} cannot be drawn: {error}"
        return WordControls(
            unit=unit,
            concept=concept,
            against={name: undefined(reason) for name in AGAINST},
            jitter={},
            n_word=0,
            reason=reason,
        )
    images = [image for kind in drawings_by_kind.values() for image in kind]
    with capture(clip, [unit], pool=pool) as acts:
        clip.encode_images(images, batch_size=batch_size)
    values = next(iter(acts.values())).double().cpu().numpy()
    cuts = np.cumsum([len(kind) for kind in drawings_by_kind.values()])[:-1]
    kinds = dict(zip(drawings_by_kind, np.split(values, cuts), strict=True))
    against = {
        name: auroc_estimate(
            np.concatenate([kinds["word"], kinds[name]]),
            np.arange(len(kinds["word"]) + len(kinds[name])) < len(kinds["word"]),
        )
        if len(kinds[name])
        else undefined("the letters of this word have no other order")
        for name in AGAINST
    }
    return WordControls(
        unit=unit,
        concept=concept,
        against=against,
        jitter=_jitter(kinds),
        n_word=len(kinds["word"]),
    )


def _jitter(kinds: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    unit = float(kinds["wrong words"].std(ddof=1))
    grid = kinds["word"].reshape(len(UNSEEN_FONTS), len(SIZES), len(PLACES))
    spread = {}
    for axis, name in enumerate(("font", "size", "place")):
        rest = tuple(other for other in range(3) if other != axis)
        spread[name] = float(grid.mean(axis=rest).std(ddof=1)) / unit if unit else float("nan")
    return spread
