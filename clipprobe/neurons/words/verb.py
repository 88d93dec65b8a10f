"""``clipprobe neurons words``: which written words activate each vision unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.cli.common import load_model, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.neurons.words.settings import GridFlags, WordChoice, WordVerb
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.neurons.words.lists import WordList
    from clipprobe.neurons.words.result import WordProbe
    from clipprobe.runs import RunView


def words(
    settings: WordVerb, choice: WordChoice, flags: GridFlags, model: Model, terminal: Terminal
) -> None:
    """Probe the words that flags and config file name, and print the headline."""
    from clipprobe.neurons.words.probe import WORD_PROBE

    # What can be wrong is read before the model, and before the hours of probing.
    grid = flags.grid()
    if choice.distill is not None:
        from clipprobe.neurons.words.distill import read_published

        read_published(choice.distill)
    listed = _word_list(settings.words, choice)
    sites = _sites(settings.sites, choice.unit)
    clip = load_model(model)
    n = len(listed.words)
    say(
        f"{n} words x {grid.n_renderings} renderings = {n * grid.n_renderings} images; "
        f"{listed.n_blocked} entries were left out as slurs or sexual words."
    )
    settings = replace(settings, words=listed, sites=sites, grid=grid)
    done = make_run(WORD_PROBE, settings, clip, progress("reading", n + settings.n_scrambled + 1))
    _report(done.value, done.run, settings.top, choice, as_json=terminal.as_json)


def _sites(sites: Any, units: Any) -> list[str] | None:
    """The hook points that were named, and those of the units that were."""
    from clipprobe.hooks.names import parse_unit

    names = [sites] if isinstance(sites, str) else sites or ()
    return list(dict.fromkeys([*names, *(parse_unit(unit).hook for unit in units)])) or None


def _word_list(words: Any, choice: WordChoice) -> WordList:
    from clipprobe.neurons.words.lists import read_words, word_list

    if words is None and choice.keep_offensive:
        raise ConfigError("--keep-offensive is for your own list: give --words FILE with it.")
    if choice.keep_offensive:
        say("Content warning: slurs and sexual words of your list stay in and may be printed.")
    options: Any = {"limit": choice.limit, "keep_offensive": choice.keep_offensive}
    if words is None or isinstance(words, str | Path):
        return read_words(words, **options)
    return word_list(words, name="given words", **options)


def _report(probe: WordProbe, run: RunView, top: int, choice: WordChoice, *, as_json: bool) -> None:
    from clipprobe.neurons.words.printed import distill_text, unit_words_text, words_text

    data: dict[str, Any] = dict(run.summary)
    units = [probe.unit(address, top=top) for address in choice.unit]
    parts: list[Callable[[], str]] = [lambda: words_text(data)]
    if units:
        data["units"] = [one.to_json() for one in units]
        parts.append(lambda: "\n".join(unit_words_text(one) for one in units))
    if choice.distill is not None:
        from clipprobe.neurons.words.distill import compare_distill

        compared = compare_distill(probe, choice.distill)
        data["distill"] = compared.to_json()
        parts.append(lambda: distill_text(compared))
    result(data, as_json=as_json, text=lambda: "\n".join(part() for part in parts))
    left_out = f" {len(probe.left_out)} words could not be drawn." if probe.left_out else ""
    say(f"The report is {run.path}/report.html.{left_out}")


WORDS = Verb(words, (WordVerb, WordChoice, GridFlags, Model, Terminal))
