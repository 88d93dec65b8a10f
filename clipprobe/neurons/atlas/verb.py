"""``clipprobe neurons scan`` and ``merge``: the atlas of the neurons of either tower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clipprobe.cli.common import load_model, open_images, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.neurons.atlas.settings import AtlasScan, Merge
from clipprobe.neurons.atlas.statistics.floors import twin_of
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.runs import RunView


def scan(settings: AtlasScan, model: Model, terminal: Terminal) -> None:
    """Scan the images or texts that flags and config file name, and print what was found."""
    from clipprobe.neurons.atlas.scanning import ATLAS, inputs_of

    # The data set is opened before the model, so that a wrong path is said at once.
    if settings.images is not None and settings.texts is None:
        settings = open_images(settings)
    tower, dataset = inputs_of(settings)
    opened: Any = {"images" if tower == "vision" else "texts": dataset, "limit": None}
    clip = load_model(model)
    first, step = settings.shard
    total = len(range(first, len(dataset), step))
    settings = replace(settings, **opened)
    run = make_run(ATLAS, settings, clip, progress("scanning", total)).run
    if settings.twin:
        from clipprobe.models import random_twin

        out = twin_of(run.path)
        settings = replace(settings, out=out, thumbnails=False)
        twin = random_twin(clip, seed=settings.seed)
        make_run(ATLAS, settings, twin, progress("scanning at random weights", total))
        say(f"The same network at random weights is {out}.")
    _report(run, as_json=terminal.as_json)


def merge(settings: Merge, terminal: Terminal) -> None:
    """Merge the shards that were named, and print what they hold together."""
    from clipprobe.neurons.atlas.merge import MERGED
    from clipprobe.study import carry_out

    _report(carry_out(MERGED, settings, None).run, as_json=terminal.as_json)


def _report(run: RunView, *, as_json: bool) -> None:
    result(run.summary, as_json=as_json, text=lambda: summary_text(run.summary))
    failed = run.summary["n_failed"]
    left_out = f" {failed} could not be read; {run.path}/manifest.json says why." if failed else ""
    say(f"The report is {run.path}/report.html.{left_out}")


def summary_text(summary: Mapping[str, Any]) -> str:
    """A line per hook point."""
    from clipprobe.neurons.atlas.showing import peak_text

    width = max(len(site["site"]) for site in summary["sites"])
    lines = [
        f"{summary['n_units']} units on {summary['n_images']} "
        f"{'images' if summary['tower'] == 'vision' else 'texts'}, pooled by {summary['pool']}",
        f"{'hook point':<{width}}  {'units':>6} {'dead':>6} {'always on':>10} {'median peak':>12}",
    ]
    lines += [
        f"{site['site']:<{width}}  {site['n_units']:>6} {site['dead']:>6} "
        f"{site['always_on']:>10} {peak_text(site['median_peak']):>12}"
        for site in summary["sites"]
    ]
    return "\n".join(lines)


SCAN = Verb(scan, (AtlasScan, Model, Terminal))
MERGE = Verb(merge, (Merge, Terminal))
