"""``clipprobe neurons similar``: what a unit is like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.cli.common import load_model, open_images, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.lines import count_words
from clipprobe.neurons.effects.settings import SimilarTest
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.neurons.effects.similar import SimilarUnits


def similar(settings: SimilarTest, model: Model, terminal: Terminal) -> None:
    """Print the units at either end, and keep them where a folder is given."""
    from clipprobe.hooks.names import parse_unit

    parse_unit(settings.address)  # before a model is loaded
    settings = open_images(settings)
    clip = load_model(model)
    from clipprobe.neurons.effects.similar_store import SIMILAR

    similar = make_run(SIMILAR, settings, clip, progress("images", len(settings.dataset()))).value
    result(similar.to_json(), as_json=terminal.as_json, text=lambda: similar_text(similar))
    if settings.out is not None:
        say(f"The report is {settings.out}/report.html.")


def similar_text(result: SimilarUnits) -> str:
    """Both ends for people."""
    from clipprobe.neurons.effects.similar import NONE_COMPARED
    from clipprobe.report.numbers import ends

    images = count_words(result.n_images, "image")
    if not result.n_units:
        beside = NONE_COMPARED
    elif result.n_images < 4:
        beside = "with fewer than 4 images chance is as good as any unit"
    else:
        beside = f"the best of as many unrelated units exceeds |r| = {result.floor:.3f}"
        beside += " in 5 % of cases"
    lines = [f"{result.name}: {result.n_units} units on {images}; {beside}"]
    for name, pairs in (("most similar", result.similar), ("most opposed", result.opposed)):
        lines.append(f"{name}:" if pairs else f"{name}: none")
        lines += [
            f"  r {r.value:+.3f} {ends(r.low, r.high, '+.3f')} n={r.n}  {other}"
            for other, r in pairs
        ]
    for name, outputs in (
        ("output most alike", result.same_output),
        ("output most opposed", result.opposite_output),
    ):
        lines += [f"{name}:", *(f"  cosine {c:+.3f}  {other}" for other, c in outputs)]
    return "\n".join(lines)


SIMILAR = Verb(similar, (SimilarTest, Model, Terminal))
