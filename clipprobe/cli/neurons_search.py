"""``clipprobe neurons search``: units by word, concept, property, label or statistic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from clipprobe.cli.common import JsonOption, group, result, say
from clipprobe.cli.neurons_cmd import DEFAULT_ATLAS, AtlasOption, WithOption, peak_text


def register(app: typer.Typer) -> None:
    """Add the command to the group ``neurons``."""
    group(app, "neurons", "What makes each neuron fire.").command("search")(search)


def search(
    atlas: AtlasOption = DEFAULT_ATLAS,
    kind: Annotated[
        str | None,
        typer.Option(
            "--property",
            help="selective, dead, always-on, constant; multimodal, reads-text (from a run of "
            "`neurons multimodal`). The definition is printed.",
        ),
    ] = None,
    word: Annotated[
        str | None,
        typer.Option("--word", help="Units with this word, as a picture, among their top words."),
    ] = None,
    concept: Annotated[
        str | None,
        typer.Option("--concept", help="Units that a label or a multimodality test ties to it."),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Units whose strongest images have this label.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", help="A condition on a statistic, as 'sparsity>=0.99'; repeat for more."
        ),
    ] = None,
    site: Annotated[str, typer.Option("--sites", help="Only hook points of this glob.")] = "*",
    runs: WithOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most N units.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Units by word, concept, property or statistic, or by what their strongest images show."""
    from clipprobe.neurons import Atlas
    from clipprobe.neurons.atlas.properties import property_of
    from clipprobe.neurons.sheet.evidence import gather
    from clipprobe.neurons.sheet.search import find_units

    loaded = Atlas.load(atlas)
    if kind is not None:
        named = property_of(kind)
        meaning = named.meaning.format(n=f"{loaded.images.n_used:,}", inputs=loaded.inputs)
        say(f"{named.name}: {meaning}.")
    rows = find_units(
        loaded,
        gather(loaded, runs or []),
        word=word,
        concept=concept,
        kind=kind,
        label=label,
        where=where or [],
        site=site,
        limit=limit,
    )
    result(rows, as_json=as_json, text=lambda: rows_text(rows))
    if not rows:
        say("No unit of this atlas is like that.")


def rows_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line per unit of a search."""
    if not rows:
        return ""
    width = max(len(row["name"]) for row in rows)
    lines = []
    for row in rows:
        peak = f"peak {peak_text(row['peak'])}"
        label = f"  {row['purity']:.0%} {row['label']}" if row["label"] else ""
        lines.append(
            f"{row['name']:<{width}}  mean {_short(row['mean'])}  max {_short(row['high'])}  "
            f"{peak}{label}{_evidence(row.get('evidence', {}))}"
        )
    return "\n".join(lines)


def _evidence(found: Mapping[str, Any]) -> str:
    shown = [
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in found.items()
        if value is not None
    ]
    return f"  ({', '.join(shown)})" if shown else ""


def _short(value: float | None) -> str:
    return f"{'undefined':>8}" if value is None else f"{value:>8.4g}"
