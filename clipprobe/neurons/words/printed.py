"""What ``neurons words`` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clipprobe.lines import one_line
from clipprobe.report.numbers import decimals, ends

if TYPE_CHECKING:
    from clipprobe.neurons.words.distill import DistillComparison
    from clipprobe.neurons.words.result import UnitWords


def words_text(summary: dict[str, Any]) -> str:
    """The headline of a probe for people."""
    value = summary["headline"][0]["estimate"]["value"]
    median = decimals(value, 2)
    floor = summary["z_floor"]
    chance = decimals(floor, 2)
    return (
        f"{summary['n_words']} words, {summary['n_renderings']} images each, {summary['n_units']} "
        f"units, pooled by {summary['pool']}; {summary['mean_removed']} removed\n"
        f"claim: {summary['claim']} (the word alone)\n"
        f"strongest word: median z {median} over units (a bell-shaped unit has {chance})"
    )


def unit_words_text(unit: UnitWords) -> str:
    """The words of a unit for people."""
    scrambled = (
        f"{unit.n_scrambled} letter strings {unit.scrambled_mean - unit.mean:+.4g} on average, at "
        f"most {unit.scrambled_high - unit.mean:+.4g}"
        if unit.n_scrambled
        else "no letter strings to compare with"
    )
    fonts = f"95 % over {unit.n_fonts} fonts" if unit.n_fonts > 1 else "one font"
    lines = [
        unit.name,
        f"  mean over {unit.n_words} words {unit.mean:.4g} (removed below), standard deviation "
        f"{unit.std:.4g}; by chance the first word has z {unit.z_floor:.2f}",
        f"  without a word {unit.blank - unit.mean:+.4g}; {scrambled}",
    ]
    for end, listed in (("strongest", unit.top), ("weakest", unit.bottom)):
        lines.append(f"  {end} words (value less the mean, {fonts}):")
        lines += [
            f"    {one.centred:>+9.4g} {ends(one.low, one.high, '+.4g')}  z {one.z:>6.2f}  "
            f"n={one.n_renderings}  {one_line(one.word)}"
            for one in listed
        ]
    if unit.reason:
        lines.append(f"  note: {unit.reason}")
    return "\n".join(lines)


def distill_text(compared: DistillComparison) -> str:
    """The comparison with the article for people."""
    lines = [
        f"{compared.site} against the article's lists of {compared.model}, {compared.n_words} words"
    ]
    lines += [
        f"  {row.unit}  overlap@{row.depth} {row.overlap} of {row.n_probed} probed (by chance "
        f"{row.expected:.2f}, p {row.p:.2g})  {one_line(', '.join(row.shared))}"
        for row in compared.rows
    ]
    lines += [
        f"  median overlap@{depth} {compared.median[depth]:g} (by chance "
        f"{compared.expected[depth]:.2f})"
        for depth in compared.median
    ]
    if compared.reason:
        lines.append(f"  note: {compared.reason}")
    return "\n".join(lines)
