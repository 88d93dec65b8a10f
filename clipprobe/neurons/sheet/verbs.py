"""``clipprobe neurons show`` and ``search``: one unit of an atlas, and units that are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.cli.common import load_model, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ClipprobeError, ConfigError
from clipprobe.lines import one_line
from clipprobe.neurons.sheet.settings import UnitSearch, UnitSheet
from clipprobe.runs.files import check_file
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons import Atlas, Firing, Unit

_N_IMAGES = 8


def show(settings: UnitSheet, model: Model, terminal: Terminal) -> None:
    """Print one unit, or write its sheet."""
    from clipprobe.neurons import Atlas

    out = settings.out
    if out is not None:
        check_file(out)
    atlas = Atlas.load(settings.atlas)
    unit = atlas.unit(settings.unit)
    if out is not None:
        from clipprobe.neurons.sheet.sheet import unit_sheet
        from clipprobe.report import write_html

        runs, side = list(settings.runs), settings.picture_size
        clip = model_for_maps(atlas, model)
        write_html(unit_sheet(atlas, unit, runs=runs, out=out, side=side, clip=clip), out)
        say(f"The sheet of {unit.name} is {out}.")
    elif settings.runs:
        raise ConfigError("--with adds tables to a sheet: say with --out where it goes.")
    result(unit.to_json(), as_json=terminal.as_json, text=lambda: unit_text(unit, atlas.inputs))


def model_for_maps(atlas: Atlas, model: Model) -> Clip | None:
    """The model that draws the maps of a sheet: the one that was named, or that of the atlas.

    None, and a sentence, where the model of the atlas is not at hand.
    """
    from clipprobe.neurons.sheet.maps import model_of

    if atlas.tower != "vision":
        return None
    named = model.model is not None or model.edit
    try:
        clip = load_model(model) if named else model_of(atlas, lambda: load_model(model))
        atlas.refuse_other(clip)
    except ClipprobeError as error:
        say(f"The sheet is without activation maps: {error}")
        return None
    return clip


def unit_text(unit: Unit, inputs: str) -> str:
    """A unit for people."""
    from clipprobe.neurons.atlas.showing import peak_text

    lines = [
        unit.name,
        f"  {unit.n_images} {inputs}: mean {unit.mean:.4g}, standard deviation {unit.std:.4g}, "
        f"{unit.low:.4g} to {unit.high:.4g}",
        f"  above 0 on {unit.share_positive:.1%} of {inputs}, above {unit.threshold:g} on "
        f"{unit.share_above:.1%} (sparsity {unit.sparsity:.3f}); peak {peak_text(unit.peak)} "
        f"(95 % of {unit.peak_floor_of}: below {peak_text(unit.peak_floor)})",
        f"  strongest {inputs}:",
    ]
    lines += [
        f"    {one.value:>9.4g}  {one_line(one.id)}{_where(one)}" for one in unit.top[:_N_IMAGES]
    ]
    lines.append("  along the range:")
    for part in unit.bins:
        names = ", ".join(one_line(one.id) for one in part.firings[:2])
        lines.append(
            f"    {part.low:>9.4g} to {part.high:>9.4g}  {part.n_images:>6} {inputs}  {names}"
        )
    return "\n".join(lines)


def _where(firing: Firing) -> str:
    """The token of a maximum."""
    from clipprobe.neurons.atlas.showing import token_words

    return "" if firing.token is None else f"  ({one_line(token_words(firing))})"


def search(settings: UnitSearch, terminal: Terminal) -> None:
    """Print the units that are searched."""
    from clipprobe.neurons import Atlas
    from clipprobe.neurons.atlas.properties import property_of
    from clipprobe.neurons.sheet.evidence import gather
    from clipprobe.neurons.sheet.search import find_units

    atlas = Atlas.load(settings.atlas)
    if settings.find is not None:
        rows = _matches(atlas, settings)
    else:
        if settings.kind is not None:
            one_property = property_of(settings.kind)
            meaning = one_property.meaning.format(n=f"{atlas.images.n_used:,}", inputs=atlas.inputs)
            say(f"{one_property.name}: {meaning}.")
        rows = find_units(
            atlas,
            gather(atlas, list(settings.runs)),
            word=settings.word,
            concept=settings.concept,
            kind=settings.kind,
            label=settings.label,
            where=settings.where,
            site=settings.sites or "*",
            limit=settings.limit,
        )
    result(rows, as_json=terminal.as_json, text=lambda: rows_text(rows))
    if not rows:
        say("No unit of this atlas is like that.")


def _matches(atlas: Atlas, settings: UnitSearch) -> list[dict[str, Any]]:
    """The units that one line of text asks for."""
    from clipprobe.neurons.atlas.search import rows_of
    from clipprobe.neurons.sheet.evidence import gather
    from clipprobe.neurons.sheet.query import find_by_query

    terms = {"word": settings.word, "concept": settings.concept, "label": settings.label}
    others = [f"--{name}" for name, value in terms.items() if value is not None]
    others += ["--property"] * (settings.kind is not None) + ["--where"] * bool(settings.where)
    if others:
        raise ConfigError(f"--find asks for all in one line: leave out {', '.join(others)}.")
    evidence = gather(atlas, list(settings.runs))
    matches = find_by_query(atlas, evidence, settings.find or "", site=settings.sites or "*")
    matches = matches[: settings.limit]
    rows = rows_of(atlas, [one.address for one in matches])
    return [
        row | {"evidence": {"found": "; ".join(one.why)} if one.why else {}}
        for row, one in zip(rows, matches, strict=True)
    ]


def rows_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line per unit of a search."""
    from clipprobe.neurons.atlas.showing import peak_text
    from clipprobe.neurons.sheet.search import fields_text

    if not rows:
        return ""
    width = max(len(row["name"]) for row in rows)
    lines = []
    for row in rows:
        peak = f"peak {peak_text(row['peak'])} (95 % below {peak_text(row['peak_floor'])})"
        label = f"  {row['purity']:.0%} {row['label']}" if row["label"] else ""
        evidence = fields_text(row.get("evidence", {}))
        lines.append(
            f"{row['name']:<{width}}  mean {_short(row['mean'])}  max {_short(row['high'])}  "
            f"{peak}{label}" + (f"  ({evidence})" if evidence else "")
        )
    compared = " or ".join(dict.fromkeys(row["peak_floor_of"] for row in rows))
    lines.append(f"95 % below: of {compared}.")
    return "\n".join(lines)


def _short(value: float | None) -> str:
    return f"{'undefined':>8}" if value is None else f"{value:>8.4g}"


SHOW = Verb(show, (UnitSheet, Model, Terminal))
SEARCH = Verb(search, (UnitSearch, Terminal))
