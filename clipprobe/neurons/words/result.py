"""What the word probe found: for each unit, the words that it responds to most and least."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import UnknownHookPointError
from clipprobe.hooks.units import Site
from clipprobe.neurons.instruments.store import Store
from clipprobe.neurons.instruments.value import WithSites
from clipprobe.runs.jsonio import AsJson

Floats = NDArray[np.float32]
CLAIM = "image-modality invariance"
CLAIM_TEXT = (
    "bears on image-modality invariance (what one tower does with the image of a word), of which "
    "it tests the word alone; it says nothing on the alignment of the two towers"
)
LEVEL = 0.95
UNIT_ARRAYS = ("mean", "std", "blank", "scrambled_mean", "scrambled_high")
"""What :class:`SiteWords` has once per unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWords:
    """The values of one hook point, ``n`` words and ``u`` units.

    Attributes:
        value: ``(n, u)`` pooled activation of each word: mean over fonts and sizes, maximum over
            places; the mean over words is still in it.
        standard_error: ``(n, u)`` of the value over fonts; NaN for one font.
        mean, std: ``(u,)`` over the words; population standard deviation.
        blank: ``(u,)`` the same for the ground without a word.
        scrambled_mean, scrambled_high: ``(u,)`` mean and largest over the letter strings that are
            not words; NaN where there are none.
    """

    value: Floats
    standard_error: Floats
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    blank: NDArray[np.float64]
    scrambled_mean: NDArray[np.float64]
    scrambled_high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordValue:
    """One word at one end of a unit's range.

    Attributes:
        word: The word.
        value: Pooled activation.
        centred: The value minus the unit's mean over all words.
        z: ``centred`` in standard deviations over words; NaN for a constant unit.
        low, high: 95 % interval of ``centred`` over fonts (Student's t); NaN for one font.
        n_renderings: Images of the word.
    """

    word: str
    value: float
    centred: float
    z: float
    low: float
    high: float
    n_renderings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWords(AsJson):
    """The words of one unit.

    Attributes:
        address: ``<hook point>:<index>``.
        name: Address and pooling.
        claim: Which of the two claims about multimodal units this bears on.
        n_words: Words that entered; the mean and the standard deviation are over them.
        n_left_out: Words that could not be drawn.
        n_fonts: Fonts that the intervals are over.
        mean, std: Over words, of the pooled activation. The mean is removed from ``centred``.
        z_floor: What z the strongest word of a bell-shaped unit would have, that responds to
            nothing in particular.
        blank: Pooled activation of the ground without a word.
        scrambled_mean, scrambled_high: The same over ``n_scrambled`` letter strings.
        n_scrambled: Their number.
        top, bottom: The strongest and weakest words; ties in order of the list.
        reason: Why numbers are undefined; else empty.
    """

    address: str
    name: str
    claim: str
    n_words: int
    n_left_out: int
    n_fonts: int
    mean: float
    std: float
    z_floor: float
    blank: float
    scrambled_mean: float
    scrambled_high: float
    n_scrambled: int
    top: tuple[WordValue, ...]
    bottom: tuple[WordValue, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class WordProbe(WithSites):
    """How the units of a vision tower responded to images of words.

    Attributes:
        sites: Hook points, in the order of a forward pass.
        words: The words that entered, in order of the list.
        left_out: ``(word, reason)`` of those that could not be drawn.
        n_shrunk: ``(n,)`` renderings of each word that were drawn smaller, to fit.
        n_scrambled: Letter strings that served as a control.
        values: Hook point -> its numbers; read from the run folder when asked for.
        config: Everything that determined the numbers.
        versions: Of the libraries that they depend on.
        path: The run folder, where there is one.
        store: The run, or what stands for it in memory.
    """

    instrument: ClassVar[str] = "words"
    noun: ClassVar[str] = "word probe"
    sites: Mapping[str, Site]
    words: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    n_shrunk: NDArray[np.int32]
    n_scrambled: int
    values: Mapping[str, SiteWords]
    config: dict[str, Any]
    versions: dict[str, str]
    path: Path | None = None
    store: Store | None = field(default=None, repr=False, compare=False)

    @property
    def n_renderings(self) -> int:
        """Images of one word."""
        return int(
            np.prod([len(self.config["grid"][name]) for name in ("fonts", "places", "sizes")])
        )

    @property
    def n_fonts(self) -> int:
        """Fonts that each word was drawn in."""
        return len(self.config["grid"]["fonts"])

    @property
    def z_floor(self) -> float:
        """What z the strongest word of a bell-shaped unit would have."""
        return highest_of(len(self.words))

    def unit(self, address: str, *, top: int = 20) -> UnitWords:
        """The words of one unit.

        Args:
            address: ``<hook point>:<index>``; negative block numbers count from the end.
            top: Words at either end.

        Raises:
            UnknownHookPointError: the probe has no such hook point or unit.
        """
        site, index = self.site_and_index(address)
        values = self.values[site.name]
        highest = np.argsort(-values.value[:, index], kind="stable")
        lowest = np.argsort(values.value[:, index], kind="stable")
        return UnitWords(
            address=f"{site.name}:{index}",
            name=f"{site.name}:{index} ({site.pooled(self.pool)})",
            claim=CLAIM,
            n_words=len(self.words),
            n_left_out=len(self.left_out),
            n_fonts=self.n_fonts,
            z_floor=self.z_floor,
            n_scrambled=self.n_scrambled,
            top=self._listed(values, index, highest[:top]),
            bottom=self._listed(values, index, lowest[:top]),
            reason="; ".join(self._reasons(float(values.std[index]))),
            **{name: float(getattr(values, name)[index]) for name in UNIT_ARRAYS},
        )

    def units_of(self, word: str, *, limit: int = 20) -> list[tuple[str, float]]:
        """The units for which a word stands highest above their mean: ``(address, z)``.

        Raises:
            UnknownHookPointError: the word was not probed.
        """
        if word not in self.words:
            raise UnknownHookPointError(
                f"The word {word!r} is not among the {len(self.words)} that were probed: add it to "
                "the list and probe again."
            )
        row = self.words.index(word)
        ranking: list[tuple[str, float]] = []
        for name in self.sites:
            values = self.values[name]
            units = np.arange(len(values.mean))
            scores = word_columns(values, np.full_like(units, row), units, self.n_fonts)["z"]
            best = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")[:limit]
            ranking += [(f"{name}:{i}", float(scores[i])) for i in best if not np.isnan(scores[i])]
        return sorted(ranking, key=lambda one: -one[1])[:limit]

    def _listed(self, site: SiteWords, index: int, rows: NDArray[np.intp]) -> tuple[WordValue, ...]:
        columns = word_columns(site, rows, np.full_like(rows, index), self.n_fonts)
        return tuple(
            WordValue(
                word=self.words[row],
                n_renderings=self.n_renderings,
                **{name: float(column[i]) for name, column in columns.items()},
            )
            for i, row in enumerate(rows)
        )

    def _reasons(self, std: float) -> list[str]:
        reasons = []
        if not std > 0:
            reasons.append("the unit gives every word the same value, so z has no scale")
        if self.n_fonts < 2:
            reasons.append("one font, so there is no interval over fonts")
        if not self.n_scrambled:
            reasons.append("no letter strings were drawn as a control")
        return reasons


load_word_probe = WordProbe.load


def highest_of(n: int) -> float:
    """The expected largest of n draws from a normal distribution (Blom 1958); NaN of one."""
    from scipy.stats import norm

    return float(norm.ppf((n - 0.375) / (n + 0.25))) if n > 1 else math.nan


def word_columns(
    site: SiteWords, rows: NDArray[np.intp], units: NDArray[np.intp], n_fonts: int
) -> dict[str, NDArray[Any]]:
    """Numbers of pairs of a word and a unit, by their names in :class:`WordValue`."""
    from scipy.stats import t

    value, std = site.value[rows, units], site.std[units]
    centred = value - site.mean[units]
    factor = float(t.ppf(0.5 + LEVEL / 2, n_fonts - 1)) if n_fonts > 1 else math.nan
    half = factor * site.standard_error[rows, units].astype(np.float64)
    z = np.where(std > 0, centred / np.where(std > 0, std, 1), np.nan)
    return {
        "value": value,
        "centred": centred,
        "z": z,
        "low": centred - half,
        "high": centred + half,
    }
