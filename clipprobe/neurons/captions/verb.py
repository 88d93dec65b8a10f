"""``clipprobe neurons captions``: what units have to do with texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.cli.common import load_model, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.lines import count_words, one_line
from clipprobe.neurons.captions.settings import CaptionChoice, CaptionVerb
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.neurons.captions.result import UnitCaptions

_N_UNITS = 20


def captions(
    settings: CaptionVerb, choice: CaptionChoice, model: Model, terminal: Terminal
) -> None:
    """Rank captions for the units that were named, and print both ends."""
    units = [*settings.units, *choice.sites]
    if not units:
        raise ConfigError(
            "No unit was named: give --unit vision.blocks.-1.mlp.post:17, or --sites with a hook "
            "point for all of its units."
        )
    listed = _caption_list(settings.captions, choice)
    clip = load_model(model)
    from clipprobe.neurons.captions.ranking import by_site
    from clipprobe.neurons.captions.run import CAPTIONS, MOST_IMAGES, tower_of

    tower = tower_of(clip, units)
    images: Any = settings.images
    if images is not None:
        from clipprobe.data import as_dataset

        if tower == "text":
            raise ConfigError(
                "--images is for vision units, and text units were named: leave it out."
            )
        images = as_dataset(images, limit=MOST_IMAGES)
    total = sum(len(indices) for _, indices in by_site(clip, units, tower))
    settings = replace(
        settings,
        units=units,
        captions=listed,
        images=images,
        subtract_mean=settings.subtract_mean and not choice.keep_mean,
    )
    rankings = make_run(CAPTIONS, settings, clip, progress("ranking", total)).value
    printed = rankings if len(units) > len(choice.sites) else _clearest(rankings)
    data = {"claim": rankings[0].claim, "units": [one.to_json() for one in printed]}
    result(data, as_json=terminal.as_json, text=lambda: captions_text(printed))
    say(f"The report on {count_words(len(rankings), 'unit')} is {settings.out}/report.html.")


def _caption_list(captions: Any, choice: CaptionChoice) -> Any:
    from clipprobe.neurons.captions.lists import read_captions
    from clipprobe.neurons.words.lists import word_list

    if captions is None and choice.keep_offensive:
        raise ConfigError("--keep-offensive is for your own list: give --captions FILE with it.")
    if captions is None:
        return None
    if isinstance(captions, str | Path):
        return read_captions(captions, keep_offensive=choice.keep_offensive)
    return word_list(captions, name="given captions", keep_offensive=choice.keep_offensive)


def _clearest(units: Sequence[UnitCaptions]) -> list[UnitCaptions]:
    def highest(unit: UnitCaptions) -> float:
        z = unit.top[0].z
        return z if z == z else float("-inf")

    return sorted(units, key=lambda unit: -highest(unit))[:_N_UNITS]


def captions_text(units: Sequence[UnitCaptions]) -> str:
    """Units and their captions for people."""
    lines = [f"claim: {units[0].claim}; {units[0].measure}; n={units[0].n_captions} captions"]
    for unit in units:
        removed = "removed" if unit.mean_subtracted else "kept"
        lines.append(f"{unit.name}  mean {unit.mean:.4g} ({removed})")
        if unit.n_random:
            lines.append(
                f"  linearised at {unit.linearised_at} (agreement {unit.agreement:.3f}); p "
                f"{unit.p:.3g}, q {unit.q:.3g} against {unit.n_random} random directions, whose "
                f"highest z is {unit.chance:.2f}"
            )
        else:
            lines.append(f"  by chance the first caption has z {unit.chance:.2f}")
        for end, listed in (("highest", unit.top), ("lowest", unit.bottom)):
            lines.append(f"  {end}:")
            lines += [
                f"    {one.score:>+8.4f}  z {one.z:>6.2f}  {one_line(one.caption)}"
                for one in listed
            ]
        if unit.reason:
            lines.append(f"  note: {unit.reason}")
    return "\n".join(lines)


CAPTIONS = Verb(captions, (CaptionVerb, CaptionChoice, Model, Terminal))
