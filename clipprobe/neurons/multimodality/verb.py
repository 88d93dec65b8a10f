"""``clipprobe neurons multimodal``: one concept in picture, drawing and word?"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from clipprobe.cli.boundary import one_line
from clipprobe.cli.common import load_model, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.neurons.multimodality.settings import ConceptFlags, ConceptVerb
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.neurons.multimodality.result import Multimodality


def multimodal(
    settings: ConceptVerb, flags: ConceptFlags, model: Model, terminal: Terminal
) -> None:
    """Test the images that flags and config file name, and print the best units."""
    from clipprobe.neurons.multimodality.bundled import bundled_probes
    from clipprobe.neurons.multimodality.probes import as_probes
    from clipprobe.neurons.multimodality.run import MULTIMODALITY

    # A table is read before the model, so that a wrong one is said at once.
    own_probes = (
        None if flags.images is None else as_probes(flags.images, min_images=settings.min_images)
    )
    clip = load_model(model)
    probes = own_probes or bundled_probes(
        per_concept=flags.per_concept, seed=settings.seed, size_px=max(64, clip.image_size)
    )
    options = (("random_weights", flags.random_weights), ("words", flags.words))
    controls = tuple(name for name, on in options if on)
    record = replace(settings, concepts=probes, controls=controls, n_controls=flags.top)
    done = make_run(MULTIMODALITY, record, clip, progress("testing", len(probes.dataset)))
    value = done.value
    data = {**value.summary(), "units": value.ranked(flags.top)}
    result(data, as_json=terminal.as_json, text=lambda: ranking_text(value, flags.top))
    for note in value.notes:
        say(note)
    n = len(value.failures)
    left_out = f" {n} {'image was' if n == 1 else 'images were'} left out." if n else ""
    say(f"{value.claim}\nThe report is {done.run.path}/report.html.{left_out}")


def ranking_text(result: Multimodality, top: int) -> str:
    """The headline and a line for each of the best units."""
    lines = [
        f"{len(result.units):,} units, {len(result.concepts)} concepts in "
        f"{', '.join(result.modalities)}, pooled by {result.pooling}; family of "
        f"{result.family_size:,}",
        result.verdict,
        "",
        *_counts(result),
        "",
    ]
    rows = result.ranked(top)
    unit = max(len(row["address"]) for row in rows)
    concept = max(len(one_line(str(row["concept"]))) for row in rows)
    head = "  ".join(f"{one_line(name):>8}" for name in result.modalities)
    lines.append(
        f"{'unit':<{unit}}  {'concept':<{concept}}  {'score':<24}  {head}  {'concept q':>9}  "
        f"{'profile q':>9}  floor"
    )
    for row in rows:
        each = "  ".join(f"{_short(row[f'auroc_{name}']):>8}" for name in result.modalities)
        score = f"{_short(row['score'])} [{_short(row['low'])}, {_short(row['high'])}]"
        n = sum(row[f"n_{name}"] for name in result.modalities)
        lines.append(
            f"{row['address']:<{unit}}  {one_line(str(row['concept'])):<{concept}}  "
            f"{f'{score} n={n}':<24}  {each}  {_q(row.get('q_each', math.nan)):>9}  "
            f"{_q(row['q_profile']):>9}  "
            + ("–" if math.isnan(row["floor"]) else f"{row['floor']:.2%}")
        )
    return "\n".join(lines)


def _short(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _q(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2g}"


def _counts(result: Multimodality) -> list[str]:
    """Every count beside its controls, in columns."""
    from clipprobe.neurons.multimodality.claims import claim_table

    columns, rows = claim_table(result)
    text = [columns, *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in text) for place in range(len(columns))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in text
    ]


def _cell(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:.2g}"
    return "–" if value is None else value


MULTIMODAL = Verb(multimodal, (ConceptVerb, ConceptFlags, Model, Terminal))
